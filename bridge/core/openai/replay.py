"""Earlier reasoning on its way back to the model that wrote it, spelt as its upstream wants it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bridge.core.conversation import Part, Thinking
from bridge.core.losses import Loss
from bridge.core.route import Route
from bridge.core.signature import PREFIX, Signer

TAGS = "tags"
_DETAILS = "reasoning_details"
_OWN_KEYS = frozenset({"role", "content", "name", "refusal", "tool_calls", "tool_call_id", "function_call"})
_BREAK = "\n\n"
_LARGEST = 32 * 2**20
"""Bytes of reasoning that one request may unpack from its signatures."""


def check_spelling(replay: str) -> str:
    """``replay`` if a route may name it. Raises ValueError for a key that a message needs itself."""
    if replay in _OWN_KEYS:
        raise ValueError(f"`{replay}` is a key that messages have anyway")
    return replay


class Replay:
    """Puts the reasoning of one request's turns into its messages; give it the turns in order.

    Only reasoning that the route's model wrote, as it wrote it, goes back; ``warnings`` says what
    does not. Reasoning of a protocol without signatures is taken as it is.
    """

    def __init__(self, route: Route) -> None:
        self._spelling = route.reasoning.replay
        self._model = route.model
        self._signer = Signer(route.upstream.signing_key, route.model)
        self._tags = _tags(route) if self._spelling == TAGS else ("", "")
        self._left = _LARGEST
        self._dropped: dict[str, list[int]] = {}

    def write(self, message: dict[str, object], parts: Sequence[Part], index: int) -> None:
        """Complete the assistant's ``message`` with the reasoning in ``parts``, which is turn ``index``."""
        if not self._spelling:
            return
        thoughts = [text for part in parts if isinstance(part, Thinking) and (text := self._read(part, index))]
        if self._spelling == _DETAILS:
            if thoughts:
                message[_DETAILS] = [{"type": "reasoning.text", "text": text} for text in thoughts]
        elif self._spelling != TAGS:
            # Upstreams that want their reasoning back want the key even where there was none.
            message[self._spelling] = _BREAK.join(thoughts)
        elif thoughts:
            # Chat templates look for reasoning at the beginning, between these line breaks.
            begin, end = self._tags
            inside = f"{begin}\n{_BREAK.join(thoughts)}\n{end}"
            message["content"] = f"{inside}{_BREAK}{message['content']}" if message["content"] else inside

    def warnings(self) -> list[Loss]:
        """What did not go back, and why."""
        found = []
        for why, turns in self._dropped.items():
            more = f" ({len(turns)} messages)" if len(turns) > 1 else ""
            found.append(Loss(f"messages.{turns[0]}", f"thinking is not sent back, {why}{more}", "adjusted"))
        return found

    def _read(self, part: Thinking, index: int) -> str:
        signature = part.redacted or part.signature
        if signature is None:
            return part.text
        try:
            text = self._signer.read(part.text, signature, self._left)
        except ValueError:
            # The limit is spent on it, or every further block could cost as much again.
            text, self._left = None, 0
        if text is None:
            turns = self._dropped.setdefault(self._reason(signature), [])
            if turns[-1:] != [index]:
                turns.append(index)
            return ""
        if not part.text:
            self._left -= len(text.encode("utf-8", "surrogatepass"))
        return text

    def _reason(self, signature: str) -> str:
        if not signature:
            return "it is not signed"
        if signature.startswith(PREFIX):
            return f"it was changed or is not by model `{self._model}`"
        return "its signature is not of this proxy"


def _tags(route: Route) -> tuple[str, str]:
    """The marks in which most of the route's parsers find reasoning: an unknown model has many armed."""
    marks = Counter(
        (begin.lit[0], end.lit[0])
        for parser in route.parsers
        if (begin := parser.reasoning.open) and (end := parser.reasoning.close)
    )
    return next((pair for pair, _ in marks.most_common() if "{" not in "".join(pair)), ("<think>", "</think>"))
