"""One answer's text in, events out: the engine that runs parser files.

The engine is in a ``Mode`` (text, reasoning, a channel, a section) and looks for the
markers that are legal in it. At an opener of calls every pattern that may begin there
is tried in step (``Race``); the first one to be certain wins. What fails costs nothing:
its characters come back as text, and are read again once, never twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from bridge.core.conversation import Tool
from bridge.core.events import ParserEvent
from bridge.core.parsing.attempt import Attempt, State
from bridge.core.parsing.markers import MORE, Match
from bridge.core.parsing.names import Toolbox
from bridge.core.parsing.output import Output
from bridge.core.parsing.race import Race, RawLog
from bridge.core.parsing.spec import ParserSpec
from bridge.core.parsing.tables import Entry, Kind, Mode, compile_set
from bridge.core.parsing.tentative import Tentative

FinishReason = Literal["stop", "length", "cut"]

_TEXT = Mode("text", "text")
_NATIVE = Mode("native", "reasoning")
_CLOSERS = frozenset({Kind.CHANNEL_CLOSE, Kind.SECTION_CLOSE, Kind.REASONING_CLOSE})


class ParserEngine:
    """Reads one answer. Text in, events out; the same events for every way of splitting the text.

    ``specs`` are armed at once, in order. ``tools`` are what the request declares: nothing
    else is ever a call. ``new_id`` gives tool call ids. ``starts_open`` overrides the first
    file's ``[reasoning] start``. ``thinking`` False leaves reasoning tags in the text.

    ``counters`` says what happened, for metrics: "calls", "dropped" (cut by the end),
    "repair:NAME".
    """

    def __init__(
        self,
        specs: Sequence[ParserSpec],
        tools: Sequence[Tool],
        new_id: Callable[[], str],
        *,
        streaming: Literal["complete", "eager"] = "complete",
        starts_open: bool | None = None,
        thinking: bool = True,
    ) -> None:
        self.counters: dict[str, int] = {}
        self._set = compile_set(specs)
        self._out = Output(self._set, new_id, self.counters)
        self._toolbox = Toolbox(tools)
        self._armed = bool(self._toolbox)
        self._eager = streaming == "eager"
        self._thinking = thinking
        self._modes = [_TEXT]
        self._buffer = ""
        self._base = 0
        self._race: Race | None = None
        self._tentative: Tentative | None = None
        self._log: RawLog | None = None
        self._calls_from = 0
        self._reread_to = 0
        self._verbatim_to = 0
        self._eof = False
        self._cut = False
        self._at_zero = bool(self._set.prefilled)
        reasoning = self._set.reasoning
        opens = reasoning is not None and reasoning.reasoning.start == "open"
        if reasoning is not None and thinking and (opens if starts_open is None else starts_open):
            self._modes.append(Mode("reasoning", "reasoning", self._set.reasoning_index))
        self._refresh()

    def feed(self, text: str) -> list[ParserEvent]:
        """More of the answer's text."""
        if not text:
            return []
        if self._quick and not self._buffer and self._quiet(text) and self._out.plain(text):
            self._base += len(text)
            return self._out.take()
        if self._modes[-1] is _NATIVE:
            self._leave_native()
        self._push(text)
        return self._out.take()

    def feed_reasoning(self, text: str) -> list[ParserEvent]:
        """More of the reasoning that the upstream sends in a field of its own (calls may hide in it)."""
        if not text:
            return []
        if self._modes[-1] is not _NATIVE:
            self._settle()
            self._at_zero = False
            self._modes.append(_NATIVE)
            self._refresh()
        self._push(text)
        return self._out.take()

    def disarm(self) -> None:
        """The upstream sends structured calls: from here on only noise, channels and reasoning are handled."""
        if self._armed:
            self._armed = False
            self._settle()
            self._refresh()

    def finish(self, reason: FinishReason) -> list[ParserEvent]:
        """The end: "stop" as the model ended, "length" when cut by max_tokens, "cut" when the upstream died."""
        self._eof = True
        self._cut = reason != "stop"
        self._push("")
        self._accept_tentative()
        self._out.finish()
        return self._out.take()

    # -- scanning

    def _refresh(self) -> None:
        """The markers that are legal from here on."""
        mode, out = self._modes[-1], self._out
        self._table = self._set.table(
            mode, calls=self._armed, thinking=self._thinking, start=out.start, trailing=out.trailing
        )
        self._quiet = self._table.quiet
        self._quick = mode.to == "text" and mode.kind != "section" and self._race is None
        self._quick = self._quick and not (out.start or out.trailing or self._tentative or self._at_zero)

    def _push(self, text: str) -> None:
        self._buffer += text
        if self._log is not None:
            self._log.append(text)
        while self._step():
            pass

    def _step(self) -> bool:
        """One step; False when more text is needed."""
        if self._race is not None:
            return self._run_race()
        buffer = self._buffer
        if not buffer:
            return False
        if self._at_zero:
            return self._begin()
        found = self._table.literals.search(buffer)
        if found is not None:
            end = found.start()
        else:
            end = len(buffer) if self._eof else self._table.literals.tail(buffer, 0)
        if end:
            self._release(buffer[:end])
            return True
        return found is not None and self._at_marker(self._table.at(buffer, 0))

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
        match mode.to:
            case "text":
                flags = self._out.start, self._out.trailing
                if not self._is_junk(mode, base):
                    self._out.text(text)
                if flags != (self._out.start, self._out.trailing):
                    self._refresh()
            case "reasoning":
                self._out.reasoning(text)

    def _is_junk(self, mode: Mode, base: int) -> bool:
        if mode.kind != "section" or not mode.accepted or base < self._verbatim_to:
            return False
        section = self._set.specs[mode.spec].spec.section
        return section is not None and section.junk == "drop"

    def _begin(self) -> bool:
        """The start of the answer, where the prompt may hold the beginning of a marker."""
        self._at_zero = False
        prefilled = [e for e in self._set.prefilled if self._armed or e.kind is not Kind.CALL]
        if self._at_marker(prefilled, start=True):
            return True
        if self._race is None and self._modes[-1] is _TEXT and self._base == 0 and self._undecided:
            self._at_zero = True
            return False
        self._refresh()
        return True

    def _at_marker(self, entries: Sequence[Entry], *, start: bool = False) -> bool:
        """Something may begin here; False when more text must decide."""
        text, eof, out = self._buffer, self._eof, self._out
        if self._modes[-1].to == "text" and self._set.fences and not start and out.fences.inside:
            entries = [entry for entry in entries if entry.kind in _CLOSERS]
        best: tuple[Entry, Match] | None = None
        calls: list[Entry] = []
        self._undecided = False
        for entry in entries:
            if entry.marker.at == "line" and not out.fences.line_start:
                continue
            if entry.kind is Kind.CALL and self._base < self._calls_from:
                continue
            found = entry.marker.match(text, 0, eof)
            if found is None:
                continue
            if entry.kind is Kind.CALL:
                calls.append(entry)
            elif found is MORE:
                self._undecided = True
            elif isinstance(found, Match) and (best is None or found.end > best[1].end):
                best = (entry, found)
        if calls:
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

    # -- markers

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
        if entry.kind is Kind.NOISE:
            return
        if self._tentative is None and entry.kind is not Kind.SECTION_CLOSE:
            self._out.boundary()
        if opens:
            while self._modes[-1].kind in ("reasoning", "channel"):
                self._modes.pop()
        if entry.kind is Kind.REASONING_OPEN:
            self._modes.append(Mode("reasoning", "reasoning", spec))
        elif entry.kind is Kind.CHANNEL_OPEN:
            channel = entry.spec.channels[entry.channel][0]
            self._modes.append(Mode("channel", channel.to, spec, entry.channel))
        elif len(self._modes) > 1:
            self._modes.pop()
        self._refresh()

    def _settle(self) -> None:
        """The text so far ends here, though the message does not: what is held back is text."""
        if self._race is not None and self._race.owner is None:
            self._calls_from = self._reread_to = self._base + len(self._race.attempts[0].rest) + 1
            self._fail(self._race.start, self._race.read_to)
        eof, self._eof = self._eof, True
        self._push("")
        self._eof = eof

    def _leave_native(self) -> None:
        """From the reasoning field to the answer's text."""
        self._settle()
        if self._tentative is not None:
            self._tentative.native_end = self._base
        else:
            self._out.boundary()
        self._modes = [mode for mode in self._modes if mode is not _NATIVE]
        self._refresh()

    # -- calls

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
        self._race = Race(attempts, start)
        self._quick = False

    def _needs_end(self, mode: Mode) -> bool:
        """Whether a call here counts only if nothing but calls follows to the end."""
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
        if owner is not None:
            self._end_owner(owner)
        elif (ended := race.ended()) is not None:
            self._end_unaccepted(race, ended)
        elif self._eof and race.cut_off():
            self._drop(race.start)
        else:
            self._fail(race.start, race.read_to)
        return True

    def _take(self, owner: Attempt) -> None:
        """What the winner has read."""
        assert self._log is not None
        mode = self._modes[-1]
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
        committed = owner.sink.committed
        if owner.state is State.DONE:
            self._resume(owner.cursor.pos)
            self._enter_section(owner, accepted=True)
        elif owner.state is State.CUT and not owner.sink.named_unknown:
            owner.sink.fail()
            self._take(owner)
            self._drop(owner.sink.element)
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
        if attempt.in_section:
            spec = self._set.specs.index(attempt.spec)
            self._modes.append(Mode("section", self._modes[-1].to, spec, accepted=accepted))
        elif accepted and self._modes[-1].kind == "section" and not self._modes[-1].accepted:
            mode = self._modes.pop()
            self._modes.append(Mode("section", mode.to, mode.spec))
        self._refresh()

    def _resume(self, pos: int) -> None:
        """Scanning goes on at ``pos``."""
        assert self._log is not None
        self._buffer = self._log.slice(pos)
        self._base = pos
        self._race = None
        if self._tentative is None:
            self._log = None
        self._refresh()

    def _drop(self, start: int) -> None:
        """The end of the message cut a call off: it goes with its markup."""
        self._out.count("dropped")
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
                self._release(self._buffer[: attempt.entered - failed.start])
                self._enter_section(attempt, accepted=False)
                return

    # -- calls that count only if nothing but calls follows

    def _accept_tentative(self) -> None:
        if self._tentative is not None and self._log is not None:
            self._out.items(self._tentative.items, self._log.slice)
            self._tentative = None

    def _revert(self, pos: int) -> None:
        """Something else followed, at ``pos``: the calls were drafts."""
        tentative, log = self._tentative, self._log
        assert tentative is not None and log is not None
        self._tentative = None
        self._race = None
        self._modes = list(tentative.modes)
        if tentative.alone:
            self._fail(tentative.start, pos)
            return
        self._calls_from = max(self._calls_from, pos)
        self._resume(tentative.start)
        if tentative.native_end is not None:
            behind = self._buffer[tentative.native_end - tentative.start :]
            self._buffer = self._buffer[: tentative.native_end - tentative.start]
            self._leave_native()
            self._buffer += behind
