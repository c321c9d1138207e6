"""The calling half of the engine: races at openers, and what becomes of them (rules 9 to 14)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bridge.core.conversation import Tool
from bridge.core.parsing.attempt import Attempt, State
from bridge.core.parsing.names import Streaming, Toolbox
from bridge.core.parsing.race import Race, RawLog
from bridge.core.parsing.scanner import Scanner
from bridge.core.parsing.spec import ParserSpec
from bridge.core.parsing.tables import Entry, Mode
from bridge.core.parsing.tentative import Tentative
from bridge.core.parsing.trace import Trace

NATIVE = Mode("native", "reasoning")


class SpanReader(Scanner):
    """Reads calls. ``_log`` keeps the characters of what may still turn out to be text."""

    def __init__(
        self,
        specs: Sequence[ParserSpec],
        tools: Sequence[Tool],
        new_id: Callable[[], str],
        *,
        streaming: Streaming = "complete",
        starts_open: bool | None = None,
        thinking: bool = True,
        trace: Trace | None = None,
    ) -> None:
        self._race: Race | None = None
        self._log: RawLog | None = None
        self._reread_to = 0
        self._eager = streaming != "complete"
        super().__init__(
            specs, Toolbox(tools, streaming), new_id, starts_open=starts_open, thinking=thinking, trace=trace
        )

    def _read(self, piece: str) -> None:
        self._buffer += piece
        if self._log is not None:
            self._log.append(piece)

    def _refill(self) -> bool:
        intake = self._intake
        if len(intake) <= self._floor:
            return False
        if intake.at_switch:
            intake.take()
            self._leave_native()
            return True
        self._read(intake.take())
        return True

    def _settle(self) -> None:
        """The text so far ends here, though the message does not: what is held back is text."""
        floor, ended = self._floor, self._ended
        self._floor, self._ended = len(self._intake), True
        if self._race is not None and self._race.owner is None:
            self._calls_from = self._reread_to = self._base + 1
            self._fail(self._race.start, self._race.read_to)
        self._push("")
        self._floor, self._ended = floor, ended

    def _leave_native(self) -> None:
        """From the reasoning field to the answer's text."""
        self._settle()
        if self._tentative is not None:
            self._tentative.native_end = self._base
            self._tentative.answer_from = self._base
        else:
            self._out.boundary()
        self._modes = self._modes[: self._modes.index(NATIVE)]
        self._refresh()

    def _start_race(self, entries: Sequence[Entry]) -> None:
        start, mode = self._base, self._modes[-1]
        eager = self._eager and self._tentative is None and not self._needs_end(mode)
        attempts = []
        for entry in entries:
            assert entry.call is not None
            attempts.append(
                Attempt(
                    entry.spec,
                    entry.call,
                    start,
                    self._toolbox,
                    eager=eager and not entry.call.pattern.alone,
                    in_section=entry.in_section,
                    opener=entry.marker if entry.skipped else None,
                )
            )
        if self._log is None:
            self._log = RawLog(start)
            self._log.append(self._buffer)
        if self._trace:
            self._trace.tried(attempts, start)
        self._race = Race(attempts, start)
        self._racing = True
        self._unmarked = self._quiet = None

    def _needs_end(self, mode: Mode) -> bool:
        """Whether a call here counts only if nothing but calls follows to the end."""
        mode = mode.outer or mode
        if mode.kind == "native":
            return True
        return mode.kind == "reasoning" and self._set.specs[mode.spec].spec.reasoning.calls == "final"

    def _run_race(self) -> bool:
        race = self._race
        assert race is not None
        text, self._buffer = self._buffer, ""
        self._base += len(text)
        race.push(text, self._eof, self._cut)
        owner = race.owner
        if owner is not None:
            self._take(owner)
        if not race.over:
            return False
        if self._trace:
            self._trace.over(race)
        if owner is not None:
            self._end_owner(owner)
        elif (ended := race.ended()) is not None:
            self._end_unaccepted(race, ended)
        elif self._eof and race.cut_off():
            self._drop()
        else:
            self._fail(race.start, race.read_to)
        return True

    def _take(self, owner: Attempt) -> None:
        """What the winner has read."""
        assert self._log is not None
        mode = self._modes[-1]
        if self._trace:
            self._trace.took(owner)
        if self._tentative is None and (owner.call.pattern.alone or self._needs_end(mode)):
            alone = owner.call.pattern.alone
            separators = owner.call.pattern.separators
            self._tentative = Tentative(self._race_start, tuple(self._modes), alone, separators)
        if self._tentative is not None:
            self._tentative.items += owner.sink.items
        else:
            self._out.items(owner.sink.items, self._log.slice)
            self._log.trim(owner.sink.keep_from)
        owner.sink.items = []

    @property
    def _race_start(self) -> int:
        return self._race.start if self._race is not None else self._base

    def _end_owner(self, owner: Attempt) -> None:
        for repair in owner.sink.repairs:
            self._out.count(f"repair:{repair}")
        if self._tentative is None:
            self._out.boundary()
        committed = owner.sink.committed
        if owner.state is State.DONE:
            self._resume(owner.cursor.pos)
            self._enter_section(owner, accepted=True)
        elif owner.state is State.CUT and not owner.sink.named_unknown:
            owner.sink.fail()
            self._take(owner)
            if self._tentative is not None and owner.call.pattern.codec == "python":
                # a list without its end is no expression
                self._tentative.items.clear()
            self._drop()
        else:
            owner.sink.fail()
            self._take(owner)
            if committed:
                self._resume(owner.cursor.pos)
            else:
                self._fail(owner.sink.element, owner.cursor.pos)
            self._enter_section(owner, accepted=True)

    def _end_unaccepted(self, race: Race, ended: Attempt) -> None:
        """A span that was read to its end and held no call: an empty section, or undeclared tools."""
        assert self._log is not None
        text = "" if ended.empty else self._log.slice(race.start, ended.cursor.pos)
        if text and self._tentative is not None:
            self._revert(race.start)
            return
        self._resume(ended.cursor.pos)
        if text:
            self._out.count("unknown_name")
            if self._modes[-1].to == "reasoning":
                self._out.reasoning(text)
            elif self._modes[-1].to == "text":
                self._out.text(text)
            self._enter_section(ended, accepted=False)

    def _enter_section(self, attempt: Attempt, *, accepted: bool) -> None:
        spec, mode = self._set.specs.index(attempt.spec), self._modes[-1]
        if mode.kind == "section" and not mode.accepted and (attempt.in_section or accepted):
            self._modes.pop()
            spec = spec if attempt.in_section else mode.spec
        elif not attempt.in_section:
            self._refresh()
            return
        outer = self._modes[-1]
        self._modes.append(Mode("section", outer.to, spec, accepted=accepted, outer=outer))
        self._refresh()

    def _resume(self, pos: int) -> None:
        """Scanning goes on at ``pos``."""
        assert self._log is not None
        self._intake.put(self._log.cut(pos))
        self._buffer = ""
        self._base = pos
        self._race = None
        self._racing = False
        if self._tentative is None:
            self._log = None
        self._refresh()

    def _drop(self) -> None:
        """The end of the message cut a call off: it goes with its markup."""
        self._out.count("dropped")
        if self._trace:
            start = self._race.owner.sink.element if self._race and self._race.owner else self._race_start
            self._trace.add("dropped", start, self._base, "a call that was cut off goes with its markup")
        self._out.boundary()
        self._resume(self._base)
        self._buffer = ""

    def _fail(self, start: int, end: int) -> None:
        """What began at ``start`` and was read to ``end`` is no call: its characters are read again."""
        self._calls_from = max(self._calls_from, start + 1, min(self._reread_to, end))
        self._reread_to = max(self._reread_to, end)
        self._verbatim_to = max(self._verbatim_to, end)
        failed = self._race
        if self._tentative is not None:
            self._revert(start)
            return
        self._resume(start)
        if failed is not None and failed.owner is None:
            self._open_section(failed)

    def _open_section(self, failed: Race) -> None:
        """A section stands although its first call failed: later ones count."""
        for attempt in failed.attempts:
            section = attempt.spec.spec.section
            if attempt.in_section and attempt.entered and section is not None and not section.optional:
                while len(self._buffer) < attempt.entered - failed.start:
                    self._refill()
                self._release(self._buffer[: attempt.entered - failed.start])
                self._enter_section(attempt, accepted=False)
                return

    def _accept_tentative(self) -> None:
        if self._tentative is not None and self._log is not None:
            if self._trace:
                self._trace.add("stands", self._tentative.start, self._base, "nothing but calls follows to the end")
            self._out.items(self._tentative.items, self._log.slice)
            self._tentative = None

    def _revert(self, pos: int) -> None:
        """Something else followed, at ``pos``: the calls were drafts."""
        tentative, log = self._tentative, self._log
        assert tentative is not None
        assert log is not None
        if self._trace:
            self._trace.add("draft", tentative.start, pos, f"something else follows at {pos}, so these are no calls")
        self._tentative = None
        self._race = None
        self._racing = False
        self._modes = list(tentative.modes)
        if tentative.alone:
            self._fail(tentative.start, pos)
            return
        drafts_to = pos if tentative.answer_from is None else tentative.answer_from
        self._calls_from = max(self._calls_from, drafts_to)
        if tentative.native_end is not None:
            self._intake.put(log.cut(tentative.native_end))
            self._intake.put_switch()
        self._resume(tentative.start)
