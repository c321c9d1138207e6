"""How long an answer may be: what the client asks, what the route allows, what its window has room for."""

from __future__ import annotations

from collections.abc import Callable

from bridge.core.conversation import Conversation
from bridge.core.losses import Loss
from bridge.core.route import Route

LEAST = 1_024
"""No answer is made shorter than this: a prompt that leaves less room is the upstream's to refuse."""

# Hardly any text has more tokens than half its bytes: below that nothing needs to be estimated.
_BYTES_PER_TOKEN = 2
# An estimate is within 15 %.
_MARGIN = 8
_LEAST_MARGIN = 256


def allowed(conversation: Conversation, route: Route, warnings: list[Loss]) -> int:
    """What the client asks for, or the route's limit if that is lower; 0 for none."""
    asked, cap = conversation.max_tokens, route.max_output_tokens
    if cap is not None and asked > cap:
        warnings.append(Loss("max_tokens", f"{asked} is lowered to {cap}", "adjusted"))
        return cap
    return asked


def room(limit: int, window: int | None, size: int, estimate: Callable[[], int]) -> int:
    """``limit``, or what a prompt of ``size`` bytes leaves of ``window``; ``estimate`` gives its tokens.

    ``estimate`` is slow and only asked where the answer may not fit. A prompt that fills the window by
    itself changes nothing: clients shorten it when the upstream says so, and only then.
    """
    if not limit or window is None or size // _BYTES_PER_TOKEN + limit <= window:
        return limit
    prompt = estimate()
    if prompt >= window or prompt + limit <= window:
        return limit
    left = window - prompt - max(_LEAST_MARGIN, prompt // _MARGIN)
    return max(left, min(limit, LEAST))
