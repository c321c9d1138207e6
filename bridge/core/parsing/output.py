"""What the engine says: text and reasoning in blocks, calls with indices and ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bridge.core.events import (
    ParserEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallAbort,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from bridge.core.parsing.blocks import BlockWriter, FenceTracker
from bridge.core.parsing.sink import Aborted, Arguments, Ended, Item, Started
from bridge.core.parsing.tables import CompiledSet


class Output:
    """The engine's output side. ``start``: no text yet; ``trailing``: right behind a call."""

    def __init__(self, rules: CompiledSet, new_id: Callable[[], str], counters: dict[str, int]) -> None:
        self.start = True
        self.trailing = False
        self.fences = FenceTracker()
        self._writer = BlockWriter(rules.text.trim, rules.reasoning_trim)
        self._drop_after = rules.text.after_calls == "drop"
        self._new_id = new_id
        self._counters = counters
        self._index = -1
        self._thought = False

    def plain(self, text: str) -> list[ParserEvent] | None:
        """The events of text without markers, fences or line breaks; None leaves it to ``text``."""
        if self._drop_after:
            return None
        events = self._writer.plain(text)
        if events is not None:
            self.fences.pass_words(text)
        return events

    def text(self, text: str) -> None:
        """More of the answer's text."""
        if self._drop_after and self._index >= 0:
            return
        self.fences.feed(text)
        self._writer.write(text, reasoning=False)
        if (self.start or self.trailing) and not text.isspace():
            self.start = self.trailing = False

    def reasoning(self, text: str) -> None:
        """More of the reasoning."""
        if self._drop_after and self._index >= 0:
            return
        self._thought = True
        self.fences.pass_reasoning(text)
        self._writer.write(text, reasoning=True)

    def boundary(self) -> None:
        """Something else begins."""
        if self._thought:
            self._thought = False
            self.fences.begin_line()
        self._writer.boundary()

    def items(self, items: Sequence[Item], verbatim: Callable[[int, int], str]) -> None:
        """What a span held; ``verbatim`` gives the characters between two positions."""
        out = self._writer.out
        for item in items:
            if isinstance(item, Arguments):
                out.append(ToolCallDelta(self._index, item.json))
            elif isinstance(item, Started):
                self._writer.boundary()
                self._index += 1
                self.trailing = True
                self.start = False
                self.count("calls")
                out.append(ToolCallStart(self._index, self._new_id(), item.name))
            elif isinstance(item, Ended):
                out.append(ToolCallEnd(self._index))
            elif isinstance(item, Aborted):
                out.append(ToolCallAbort(self._index))
            else:
                self.text(verbatim(item.start, item.end))

    def count(self, what: str) -> None:
        """Counts something that happened."""
        self._counters[what] = self._counters.get(what, 0) + 1

    def finish(self) -> None:
        """The end of the message."""
        self._writer.finish()

    def take(self) -> list[ParserEvent]:
        """What was said since the last time, neighbouring deltas joined."""
        out = self._writer.out
        if not out:
            return []
        self._writer.out = []
        return _joined(out) if len(out) > 1 else out


def _joined(events: Sequence[ParserEvent]) -> list[ParserEvent]:
    joined: list[ParserEvent] = []
    last: ParserEvent | None = None
    for event in events:
        if isinstance(event, ToolCallDelta) and isinstance(last, ToolCallDelta):
            joined[-1] = last = ToolCallDelta(last.index, last.json + event.json)
        elif isinstance(event, TextDelta) and isinstance(last, TextDelta):
            joined[-1] = last = TextDelta(last.text + event.text)
        elif isinstance(event, ThinkingDelta) and isinstance(last, ThinkingDelta):
            joined[-1] = last = ThinkingDelta(last.text + event.text)
        else:
            joined.append(event)
            last = event
    return joined
