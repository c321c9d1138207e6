"""What a client says about reasoning -> the fields that the route declares for it."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.core.conversation import Conversation, Json
from bridge.core.losses import Loss
from bridge.core.route import Path, Reasoning, Route

SCALE = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# Budgets below these are an effort; Claude Code's own "think" asks for 4,000, its default for 31,999.
_BY_BUDGET = ((4_096, "low"), (16_384, "medium"))

# Where the table `reasoning` declares nothing, a key in `request.default` still says that it is understood.
EFFORT = "reasoning_effort"


def reasoning_fields(
    conversation: Conversation, route: Route, limit: int, warnings: list[Loss]
) -> Iterator[tuple[Path, object]]:
    """Where in the body to put what. ``limit`` is the answer's, 0 for none: a budget stays below it.

    A model that does not reason answers 400 to an effort, and a strict cloud to any unknown key: nothing is
    sent that the route does not declare, and ``warnings`` says what to declare. An effort becomes the nearest
    declared one; a budget without a field of its own becomes an effort, never the other way round.
    """
    if EFFORT in conversation.extra and not _mapped(conversation, route):
        return
    declared = route.reasoning
    mode, budget = conversation.thinking.mode, conversation.thinking.budget_tokens
    wanted = mode in ("enabled", "adaptive")
    if declared.switch and mode != "unset":
        yield declared.switch, declared.on if wanted else declared.off
    if declared.budget and wanted and budget and limit != 1:
        yield declared.budget, min(budget, limit - 1) if limit else budget
    effort = _effort(conversation, declared)
    if effort and declared.effort:
        yield declared.effort, effort
    elif conversation.effort:
        yield from _undeclared_effort(conversation.effort, route, warnings)
    if mode != "unset" and not _honoured(wanted, declared):
        words = "`reasoning.switch`, `budget` or `effort`" if wanted else "`reasoning.switch`"
        said_in = EFFORT if EFFORT in conversation.extra else "thinking"
        warnings.append(Loss(said_in, f"not sent, the route declares no {words} for it"))


def as_said(conversation: Conversation, route: Route) -> Json:
    """What goes upstream in the words of a chat completions client; of its effort, if the route has no field for it."""
    extra = conversation.extra
    if EFFORT in extra and _mapped(conversation, route):
        return {key: value for key, value in extra.items() if key != EFFORT}
    return extra


def _mapped(conversation: Conversation, route: Route) -> bool:
    """Whether the route has a field for what the client says about its effort, in words that are known here."""
    declared = route.reasoning
    if conversation.thinking.mode == "disabled":
        return bool(declared.effort or declared.switch)
    return bool(declared.effort and conversation.effort)


def _effort(conversation: Conversation, declared: Reasoning) -> str:
    """The declared effort that says what the client wants; "" if it wants none in particular."""
    thinking = conversation.thinking
    if thinking.mode == "disabled" and not declared.switch and "none" in declared.efforts:
        return "none"
    effort = conversation.effort
    if not effort and thinking.budget_tokens and not declared.budget:
        effort = next((word for below, word in _BY_BUDGET if thinking.budget_tokens < below), "high")
    return nearest(effort, declared.efforts) if effort else ""


def nearest(effort: str, known: tuple[str, ...]) -> str:
    """The one of ``known`` that is closest to ``effort``, of two the lower one; "none" only if there is no other."""
    place = SCALE.index(effort)
    some = [word for word in known if word != "none"] or list(known)
    return min(some, key=lambda word: (abs(SCALE.index(word) - place), SCALE.index(word)))


def _undeclared_effort(effort: str, route: Route, warnings: list[Loss]) -> Iterator[tuple[Path, object]]:
    if EFFORT in route.request.default:
        yield (EFFORT,), "high" if effort == "max" else effort
    elif EFFORT not in route.request.set:
        warnings.append(Loss("output_config.effort", "not sent, the route declares no `reasoning.effort` for it"))


def _honoured(wanted: bool, declared: Reasoning) -> bool:
    if wanted:
        return bool(declared.switch or declared.budget or declared.effort)
    return bool(declared.switch) or (bool(declared.effort) and "none" in declared.efforts)
