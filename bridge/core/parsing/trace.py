"""Why each span of an answer was or was not a call: what ``toolbridge parse --trace`` shows.

An engine that is given a ``Trace`` tells it what it decides. Positions count the characters
of the message; the trace keeps none of them, so that a ``Decision`` quotes from the text itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from bridge.core.jsontext import dumps_text
from bridge.core.parsing.attempt import Attempt, State
from bridge.core.parsing.race import Race
from bridge.core.parsing.sink import Started, Verbatim
from bridge.core.parsing.tables import Entry, Kind

What = Literal[
    "tried", "rejected", "call", "repaired", "unknown", "dropped", "draft", "stands", "marker", "ignored", "held"
]

_QUOTED = 24

_MARKERS = {
    Kind.REASONING_OPEN: "reasoning begins",
    Kind.REASONING_CLOSE: "reasoning ends",
    Kind.CHANNEL_OPEN: "a channel begins",
    Kind.CHANNEL_CLOSE: "the channel ends",
    Kind.SECTION_CLOSE: "the section ends",
    Kind.NOISE: "noise, or markup that closes nothing: removed",
}
_REPAIRS = {
    "name_prefix": "the tool's name was written with a prefix",
    "name_case": "the tool's name was written in another case",
    "name_separators": "the tool's name was written with other separators",
    "arguments_string": "the arguments were written as a JSON string",
    "json_in_tags": "the arguments were written as an object, not as parameters",
    "missing_closer": "the closer of the call was missing",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """``start`` and ``end`` delimit what it is about; ``parser`` names the file that it comes from, if one does.

    A ``rejected`` span begins at ``start``; ``end`` is where it stopped being right.
    """

    what: What
    start: int
    end: int
    why: str
    parser: str = ""

    def line(self, text: str) -> str:
        """One line of plain text, with a short quotation from the message's ``text``."""
        subject = f"{self.parser}: " if self.parser else ""
        if self.what == "rejected":
            rest = text[self.end : self.end + _QUOTED]
            found = f"found {dumps_text(rest)}" if rest else "the text ends there"
            return f"{self.start:>6}  {self.what:<8}  {subject}{self.why}; at {self.end}, {found}"
        return f"{self.start:>6}  {self.what:<8}  {subject}{self.why}: {_quoted(text[self.start : self.end])}"


def _quoted(text: str) -> str:
    if len(text) > 2 * _QUOTED:
        return f"{dumps_text(text[:_QUOTED])} ... {dumps_text(text[-_QUOTED:])}"
    return dumps_text(text)


class Trace:
    """Collects the ``decisions`` of one engine, in the order in which they were made."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self._names: list[str] = []
        self._held = -1

    def add(self, what: What, start: int, end: int, why: str, parser: str = "") -> None:
        """One decision. What goes on where the last one ended, for the same reason, makes that one longer."""
        last = self.decisions[-1] if self.decisions else None
        if last and (last.what, last.end, last.why, last.parser) == (what, start, why, parser):
            self.decisions[-1] = replace(last, end=end)
        elif last != (new := Decision(what, start, end, why, parser)):
            self.decisions.append(new)

    def tried(self, attempts: Iterable[Attempt], start: int) -> None:
        """Calls may begin at ``start``, in these ways."""
        self._names = []
        for attempt in attempts:
            spec, call = attempt.spec, attempt.call
            number = f"[[call]] {spec.calls.index(call) + 1}, " if len(spec.calls) > 1 else ""
            where = "its section may begin" if attempt.in_section else "a call may begin"
            literal = (spec.section_open if attempt.in_section else call.open) or call.open
            end = start + max(map(len, literal.literals), default=0)
            self.add("tried", start, end, f"{number}{where}, codec {call.pattern.codec}", spec.spec.name)

    def mismatched(self, entry: Entry, text: str, start: int) -> None:
        """The marker begins like ``text``, at ``start``, but does not match."""
        found = max((len(one) for one in entry.marker.literals if text.startswith(one)), default=0)
        if entry.kind is Kind.CALL and found:
            self.add("rejected", start, start + found, "`open` does not match", entry.spec.spec.name)

    def took(self, owner: Attempt) -> None:
        """The attempt that won has read more."""
        for item in owner.sink.items:
            match item:
                case Started(name):
                    self._names.append(name)
                case Verbatim(start, end):
                    self.add("unknown", start, end, "no call to a declared tool: stays text", owner.spec.spec.name)

    def over(self, race: Race) -> None:
        """Nothing of the span is being read any more."""
        ended = race.owner or race.ended()
        for attempt in race.attempts:
            name, end = attempt.spec.spec.name, attempt.cursor.pos
            if attempt.state in (State.MALFORMED, State.CUT):
                self.add("rejected", race.start, end, attempt.why, name)
            elif attempt is not ended:
                self.add("rejected", race.start, end, "another one was certain first", name)
        if ended is None:
            return
        name, end = ended.spec.spec.name, ended.cursor.pos
        if race.owner is not None:
            for repair in ended.sink.repairs:
                self.add("repaired", race.start, end, _REPAIRS.get(repair, repair), name)
            self.add("call", race.start, end, ", ".join(self._names) or "to an undeclared tool: removed", name)
        elif ended.empty:
            self.add("dropped", race.start, end, "an empty section", name)
        else:
            why = f"no declared tool is called {ended.sink.written!r:.80}, so this stays text"
            self.add("unknown", race.start, end, why, name)

    def applied(self, entry: Entry, start: int, end: int) -> None:
        """A marker that is no call counted."""
        self.add("marker", start, end, _MARKERS[entry.kind], entry.spec.spec.name)

    def ignored(self, entries: Iterable[Entry], text: str, start: int, why: str) -> None:
        """Calls were not looked for where ``text`` begins, although their openers stand there."""
        for entry in entries:
            name = entry.spec.spec.name
            known = any(one.start == start and one.parser == name for one in self.decisions)
            if entry.kind is Kind.CALL and not known and entry.marker.match(text, 0, True) is not None:
                end = start + max(map(len, entry.marker.literals), default=0)
                self.add("ignored", start, end, why, name)

    def held(self, start: int, end: int, why: str) -> None:
        """A piece of the answer ended here, and what stands from ``start`` on did not come out yet."""
        if start != self._held:
            self._held = start
            self.add("held", start, end, why)
