"""Characters that an upstream sends in two pieces: one half of a surrogate pair in each of two chunks."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.core.events import Event, TextDelta, ThinkingDelta, ToolCallDelta
from bridge.core.jsontext import without_halves

_Words = TextDelta | ThinkingDelta | ToolCallDelta


def may_hold(data: bytes) -> bool:
    """Whether this JSON may hold a half: only an escape can."""
    return b"\\" in data and b"\\u" in data and (b"\\ud" in data or b"\\uD" in data)


class Halves:
    """Makes whole characters of what one answer says; a half that finds no other becomes U+FFFD.

    ``held`` is a first half that waits for what follows.
    """

    def __init__(self) -> None:
        self.held: _Words | None = None

    def joined(self, events: Iterable[Event], *, last: bool) -> list[Event]:
        """``events`` with whole characters; ``last``: nothing that is said follows them."""
        out: list[Event] = []
        for event in events:
            if not isinstance(event, _Words):
                out += [*self._alone(), event]
                continue
            text = _text(event)
            if type(self.held) is type(event):
                text, self.held = _text(self.held) + text, None
            out += self._alone()
            if "\ud800" <= text[-1:] <= "\udbff":
                self.held = _saying(event, text[-1])
                text = text[:-1]
            if text:
                out.append(_saying(event, without_halves(text)))
        return [*out, *self._alone()] if last else out

    def _alone(self) -> list[Event]:
        held, self.held = self.held, None
        return [_saying(held, "\ufffd")] if held is not None else []


def _text(event: _Words) -> str:
    return event.json if isinstance(event, ToolCallDelta) else event.text


def _saying(event: _Words, text: str) -> _Words:
    return ToolCallDelta(event.index, text) if isinstance(event, ToolCallDelta) else type(event)(text)
