"""The scanning half of the engine: modes, the markers that are legal in them, text and framing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from bridge.core.parsing.intake import PIECE, Intake
from bridge.core.parsing.markers import MORE, Match
from bridge.core.parsing.names import Toolbox
from bridge.core.parsing.output import Output
from bridge.core.parsing.spec import ParserSpec
from bridge.core.parsing.tables import Entry, Kind, Mode, Test, compile_set
from bridge.core.parsing.tentative import Tentative
from bridge.core.parsing.trace import Trace

_TEXT = Mode("text", "text")
_CLOSERS = frozenset({Kind.CHANNEL_CLOSE, Kind.SECTION_CLOSE, Kind.REASONING_CLOSE})


class Scanner(ABC):
    """Reads what is no call. ``_buffer`` is unread; ``_base`` is its position in the message;
    ``_intake`` holds what comes behind it.

    Where calls may begin it hands over to ``_start_race``, and reads on when that is over.
    """

    def __init__(
        self,
        specs: Sequence[ParserSpec],
        toolbox: Toolbox,
        new_id: Callable[[], str],
        *,
        starts_open: bool | None,
        thinking: bool,
        trace: Trace | None,
    ) -> None:
        self.counters: dict[str, int] = {}
        self._trace = trace
        self._set = compile_set(specs)
        self._out = Output(self._set, new_id, self.counters)
        self._toolbox = toolbox
        self._armed = bool(toolbox)
        self._thinking = thinking
        self._modes = [_TEXT]
        self._intake = Intake()
        self._floor = 0
        self._buffer = ""
        self._base = 0
        self._racing = False
        self._tentative: Tentative | None = None
        self._calls_from = 0
        self._verbatim_to = 0
        self._ended = False
        self._cut = False
        self._undecided = False
        self._at_zero = bool(self._set.prefilled)
        self._unmarked: Test | None
        self._quiet: Test | None
        reasoning = self._set.reasoning
        opens = reasoning is not None and reasoning.reasoning.start == "open"
        if reasoning is not None and thinking and (opens if starts_open is None else starts_open):
            self._modes.append(Mode("reasoning", "reasoning", self._set.reasoning_index, implied=not opens))
        self._refresh()

    @abstractmethod
    def _read(self, piece: str) -> None:
        """Takes a piece into the buffer."""

    @abstractmethod
    def _refill(self) -> bool:
        """Reads the next piece of what waits; False when there is none."""

    @abstractmethod
    def _start_race(self, entries: Sequence[Entry]) -> None:
        """Calls may begin at ``_base``, in the ways that ``entries`` name."""

    @abstractmethod
    def _run_race(self) -> bool:
        """Lets the race read ``_buffer``; False when more text is needed."""

    @abstractmethod
    def _revert(self, pos: int) -> None:
        """What came at ``pos`` shows that the tentative calls were none."""

    def _refresh(self) -> None:
        """The markers that are legal from here on, and what tells text that needs no closer look.

        In what is ``_unmarked`` no marker can begin; what is ``_quiet`` goes on with the text of the answer.
        """
        mode, start, trailing = self._modes[-1], self._out.start, self._out.trailing
        self._table = table = self._set.table(mode, self._armed, self._thinking, start, trailing)
        self._unmarked = self._quiet = None
        if not (self._racing or self._tentative is not None or self._at_zero):
            self._unmarked = table.unmarked
            if mode.to == "text" and mode.kind != "section" and not (start or trailing):
                self._quiet = table.quiet

    @property
    def _eof(self) -> bool:
        """Whether nothing comes behind the buffer."""
        return self._ended and len(self._intake) <= self._floor

    def _push(self, text: str) -> None:
        if text and not self._buffer and self._unmarked is not None and self._unmarked(text):
            self._release(text)
            return
        if len(text) <= PIECE:
            self._read(text)
        else:
            self._intake.put(text)
        while self._step() or self._refill():
            pass

    def _step(self) -> bool:
        """One step; False when more text is needed."""
        if self._racing:
            return self._run_race()
        buffer = self._buffer
        if not buffer:
            return False
        if self._at_zero:
            return self._begin()
        found = self._table.literals.search(buffer)
        end = found.start() if found else self._quiet_end()
        if found and end:
            # a longer marker may have begun before the one that is whole
            end = min(end, self._quiet_end())
        if not end and not found and self._eof:
            self._drop_half_marker()
        elif end:
            self._release(buffer[:end])
            return True
        return found is not None and self._at_marker(self._table.at(buffer, 0))

    def _quiet_end(self) -> int:
        """How much of the buffer is no part of a marker, given that it holds no whole one."""
        if self._eof and not self._half_marker_is_markup:
            return len(self._buffer)
        return self._table.literals.tail(self._buffer, 0)

    @property
    def _half_marker_is_markup(self) -> bool:
        """Whether half a marker, at the end of a message that was cut off, belongs to a call before it."""
        return self._cut and (self._out.trailing or self._modes[-1].kind == "section")

    def _drop_half_marker(self) -> None:
        half = self._buffer
        self._advance(len(half))
        if any(e.kind is Kind.CALL for e in self._table.at(half, 0)):
            self._out.count("dropped")
        if self._trace:
            self._trace.add("dropped", self._base - len(half), self._base, "half a marker, cut off behind a call")

    def _advance(self, count: int) -> None:
        self._buffer = self._buffer[count:]
        self._base += count

    def _release(self, text: str) -> None:
        """These characters are no marker."""
        if self._tentative is not None:
            harmless = self._tentative.harmless(text)
            if harmless < len(text):
                self._revert(self._base + harmless)
            else:
                self._advance(len(text))
            return
        mode, base = self._modes[-1], self._base
        self._advance(len(text))
        to, out = mode.to, self._out
        if to == "text":
            fresh = out.start or out.trailing
            if mode.kind == "section" and self._drops_junk(mode):
                # a call that failed comes back as text; what stood beside it is junk
                kept = max(0, self._verbatim_to - base)
                if self._trace and text[kept:].strip():
                    self._trace.add("dropped", base + kept, self._base, "junk in the section")
                text = text[:kept]
            if text:
                out.text(text)
            if fresh and not (out.start or out.trailing):
                self._refresh()
        elif to == "reasoning":
            out.reasoning(text)
        elif self._trace:
            self._trace.add("dropped", base, self._base, "what this channel holds is not shown")

    def _drops_junk(self, mode: Mode) -> bool:
        if not mode.accepted:
            return False
        section = self._set.specs[mode.spec].spec.section
        return section is not None and section.junk == "drop"

    def _begin(self) -> bool:
        """The start of the answer, where the prompt may hold the beginning of a marker."""
        if self._base == 0 and (self._trace or self._set.may_be_prefilled(self._buffer)):
            prefilled = [e for e in self._set.prefilled if self._armed or e.kind is not Kind.CALL]
            if self._at_marker([*prefilled, *self._table.at(self._buffer, 0)], start=True):
                return True
            if self._undecided:
                return False
        self._at_zero = False
        self._refresh()
        return True

    def _at_marker(self, entries: Sequence[Entry], *, start: bool = False) -> bool:
        """Something may begin here; False when more text must decide."""
        text, eof = self._buffer, self._eof
        best: tuple[Entry, Match] | None = None
        calls: list[Entry] = []
        opened = self._undecided = False
        for entry in self._legal(entries, start):
            found = entry.marker.match(text, 0, eof)
            if found is None:
                if self._trace:
                    self._trace.mismatched(entry, text, self._base)
                continue
            if entry.kind is Kind.CALL:
                calls.append(entry)
                opened = opened or found is not MORE
            elif found is MORE:
                self._undecided = True
            elif isinstance(found, Match) and (best is None or found.end > best[1].end):
                best = (entry, found)
        if calls and (opened or not self._undecided):
            self._start_race(calls)
        elif self._undecided:
            return False
        elif best is not None:
            self._apply(*best)
        elif start:
            return False
        else:
            self._release(text[0])
        return True

    def _legal(self, entries: Sequence[Entry], start: bool) -> Sequence[Entry]:
        """Those of ``entries`` that count at this place."""
        out, why = self._out, ""
        legal = entries
        if self._modes[-1].to == "text" and self._set.fences and not start and out.fences.inside:
            legal, why = [entry for entry in entries if entry.kind in _CLOSERS], "inside code"
        if not out.fences.line_start and any(entry.marker.at == "line" for entry in legal):
            legal, why = [entry for entry in legal if entry.marker.at != "line"], why or "not at the start of a line"
        if self._base < self._calls_from:
            legal, why = [entry for entry in legal if entry.kind is not Kind.CALL], why or "read before, and no call"
        if why and self._trace:
            self._trace.ignored([entry for entry in entries if entry not in legal], self._buffer, self._base, why)
        return legal

    def _apply(self, entry: Entry, found: Match) -> None:
        """A marker that is no call."""
        spec = self._set.specs.index(entry.spec)
        opens = entry.kind in (Kind.REASONING_OPEN, Kind.CHANNEL_OPEN)
        if self._tentative is not None and opens:
            self._revert(self._base)
            return
        mode = self._modes[-1]
        if entry.kind is Kind.SECTION_CLOSE and not mode.accepted:
            self._modes.pop()
            self._refresh()
            self._release(self._buffer[: found.end])
            return
        self._advance(found.end)
        if self._trace:
            self._trace.applied(entry, self._base - found.end, self._base)
        if entry.kind is Kind.NOISE:
            if entry.marker is entry.spec.reasoning_close:
                self._out.boundary()
            self._pass_peeked(found)
            return
        if self._tentative is not None:
            if entry.kind is Kind.REASONING_CLOSE and self._tentative.answer_from is None:
                self._tentative.answer_from = self._base
        elif entry.kind is not Kind.SECTION_CLOSE:
            self._out.boundary()
        if opens:
            self._leave()
        elif entry.kind is not Kind.SECTION_CLOSE and self._modes[-1].kind == "section":
            self._modes.pop()
        if entry.kind is Kind.REASONING_OPEN:
            self._modes.append(Mode("reasoning", "reasoning", spec))
        elif entry.kind is Kind.CHANNEL_OPEN:
            channel = entry.spec.channels[entry.channel][0]
            self._modes.append(Mode("channel", channel.to, spec, entry.channel))
        elif len(self._modes) > 1:
            self._modes.pop()
        self._refresh()
        if opens:
            self._pass_peeked(found)

    def _leave(self) -> None:
        """Out of reasoning and channels, and of a section that stands in one."""
        while True:
            mode = self._modes[-1]
            where = mode.outer if mode.kind == "section" else mode
            if where is None or where.kind not in ("reasoning", "channel"):
                return
            self._modes.pop()

    def _pass_peeked(self, found: Match) -> None:
        """A marker that was not consumed belongs to what it opens; it is not found a second time."""
        if not found.end:
            self._release(self._buffer[0])
