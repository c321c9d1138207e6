"""Which markers are legal in which state, compiled once per set of parser files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Literal

from bridge.core.parsing.compiled import CompiledCall, CompiledSpec
from bridge.core.parsing.literals import Literals
from bridge.core.parsing.markers import CompiledMarker
from bridge.core.parsing.spec import Marker, ParserSpec


class Kind(Enum):
    """What a marker does when it is found."""

    CALL = auto()
    REASONING_OPEN = auto()
    REASONING_CLOSE = auto()
    CHANNEL_OPEN = auto()
    CHANNEL_CLOSE = auto()
    SECTION_CLOSE = auto()
    NOISE = auto()


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A marker and what it does. A ``CALL`` entry names the pattern and whether a section opens first."""

    kind: Kind
    marker: CompiledMarker
    spec: CompiledSpec
    call: CompiledCall | None = None
    in_section: bool = False
    channel: int = -1
    skipped: bool = False


Destination = Literal["text", "reasoning", "drop"]


@dataclass(frozen=True, slots=True, eq=False)
class Mode:
    """Where the answer is: ``to`` says where its characters go.

    ``spec`` and ``channel`` tell what opened it; ``accepted`` whether a section has had a call, ``outer``
    where the section stands, ``implied`` that no marker opened the reasoning: any file's closer ends it.
    ``key`` is equal for modes in which the same is legal.
    """

    kind: Literal["text", "reasoning", "channel", "section", "native"]
    to: Destination
    spec: int = -1
    channel: int = -1
    accepted: bool = True
    outer: Mode | None = None
    implied: bool = False
    key: tuple[object, ...] = field(init=False)

    def __post_init__(self) -> None:
        outer = self.outer.key if self.outer else ()
        key = (self.kind, self.to, self.spec, self.channel, self.accepted, self.implied, outer)
        object.__setattr__(self, "key", key)


Test = Callable[[str], bool]
_SHORT = 16


def _holds(text: str, chars: str) -> bool:
    """Whether one of ``chars`` is in ``text``. They are few, and each is found faster than a regex finds any."""
    for char in chars:  # noqa: SIM110 - half the price of any()
        if char in text:
            return True
    return False


class Table:
    """The entries that are legal in one state, found by their first literals."""

    def __init__(self, entries: Iterable[Entry], fences: bool) -> None:
        self.entries = tuple(entries)
        self.literals = Literals(literal for entry in self.entries for literal in entry.marker.literals)
        self._by_char: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
        self._by_literal: dict[str, list[int]] = {}
        for index, entry in enumerate(self.entries):
            for literal in dict.fromkeys(entry.marker.literals):
                self._by_literal.setdefault(literal, []).append(index)
            for char in dict.fromkeys(literal[0] for literal in entry.marker.literals):
                self._by_char.setdefault(char, []).append((index, entry.marker.literals))
        self._lengths = {
            char: sorted({len(literal) for literal in self._by_literal if literal[0] == char}) for char in self._by_char
        }
        lines = fences or any(entry.marker.at == "line" for entry in self.entries)
        self._firsts = "".join(sorted(self._by_char))
        self._marks = "`~\n" if lines else ""
        self._apart = frozenset(self._firsts + self._marks).isdisjoint

    def unmarked(self, text: str) -> bool:
        """Whether no entry begins in ``text``, nor may with more of it."""
        if len(text) >= _SHORT and not _holds(text, self._firsts):
            return True
        return self.literals.begins(text) is None

    def quiet(self, text: str) -> bool:
        """Whether ``text`` is unmarked and says nothing of code or lines either."""
        if len(text) < _SHORT and self._apart(text):
            return True
        return not _holds(text, self._marks) and self.unmarked(text)

    def at(self, text: str, pos: int) -> list[Entry]:
        """The entries that may begin at ``pos``."""
        lengths = self._lengths.get(text[pos])
        if lengths is None:
            return []
        if pos + lengths[-1] > len(text):
            return self._at_end(text[pos:])
        found: list[int] = []
        for length in lengths:
            found += self._by_literal.get(text[pos : pos + length], ())
        return [self.entries[index] for index in sorted(set(found))]

    def _at_end(self, rest: str) -> list[Entry]:
        """The same where the text may end inside a literal."""
        return [
            self.entries[index]
            for index, literals in self._by_char[rest[0]]
            if any(rest.startswith(lit) or lit.startswith(rest) for lit in literals)
        ]


class CompiledSet:
    """Parser files that are armed together, in order."""

    def __init__(self, specs: Sequence[ParserSpec]) -> None:
        self.specs = tuple(CompiledSpec(spec) for spec in specs)
        first = specs[0] if specs else ParserSpec("none")
        self.text = first.text
        self.fences = first.text.fences == "protect"
        self.reasoning = next((s for s in specs if s.reasoning.close is not None), None)
        self.reasoning_index = specs.index(self.reasoning) if self.reasoning else -1
        self.reasoning_trim = self.reasoning.reasoning.trim if self.reasoning else "both"
        self.prefilled = tuple(self._prefilled())
        patterns = [pattern for entry in self.prefilled for pattern in entry.marker.patterns]
        self.may_be_prefilled = re.compile("|".join(dict.fromkeys(p.beginning for p in patterns)) or r"(?!)").match
        self._tables: dict[tuple[object, ...], Table] = {}

    def table(self, mode: Mode, calls: bool, thinking: bool, start: bool, trailing: bool) -> Table:
        """What is legal in ``mode``: ``start`` before any text, ``trailing`` right behind a call."""
        key = (mode.key, calls, thinking, start, trailing)
        table = self._tables.get(key)
        if table is None:
            entries = self._entries(mode, calls, thinking, start, trailing)
            entries = [entry for entry in entries if start or entry.marker.at != "start"]
            table = self._tables[key] = Table(entries, self.fences and mode.to == "text")
        return table

    def _entries(self, mode: Mode, calls: bool, thinking: bool, start: bool, trailing: bool) -> list[Entry]:
        entries: list[Entry] = []
        if mode.kind == "channel":
            close = self.specs[mode.spec].channels[mode.channel][2]
            if close:
                entries.append(Entry(Kind.CHANNEL_CLOSE, close, self.specs[mode.spec]))
        elif mode.kind == "section":
            around = self._entries(mode.outer or Mode("text", mode.to), calls, thinking, start, trailing)
            if mode.accepted:
                around = [entry for entry in around if entry.kind in (Kind.REASONING_CLOSE, Kind.CHANNEL_CLOSE)]
            return self._section(self.specs[mode.spec], mode) + around
        if mode.kind in ("reasoning", "native"):
            return entries + self._reasoning(mode, calls, thinking)
        if mode.to == "drop":
            return entries + [e for spec in self.specs for e in self._channels(spec)]
        for spec in self.specs:
            if calls:
                entries += self._calls(spec)
                entries += self._closers(spec) if trailing else []
            entries += self._openers(spec, start, thinking)
        return entries

    def _section(self, spec: CompiledSpec, mode: Mode) -> list[Entry]:
        entries = [Entry(Kind.CALL, call.open, spec, call) for call in spec.calls]
        if spec.section_close:
            entries.append(Entry(Kind.SECTION_CLOSE, spec.section_close, spec))
        if mode.accepted:
            if spec.section_open:
                entries.append(Entry(Kind.NOISE, spec.section_open, spec))
            entries += self._closers(spec)
            entries += _noise(spec)
        return entries

    def _calls(self, spec: CompiledSpec) -> list[Entry]:
        entries: list[Entry] = []
        optional = spec.spec.section is None or spec.spec.section.optional
        for call in spec.calls:
            if spec.section_open:
                entries.append(Entry(Kind.CALL, spec.section_open, spec, call, in_section=True))
            if optional:
                entries.append(Entry(Kind.CALL, call.open, spec, call))
        return entries

    def _closers(self, spec: CompiledSpec) -> list[Entry]:
        """A stray closer right behind a call is dropped."""
        closers = [call.close for call in spec.calls] + [spec.section_close]
        return [Entry(Kind.NOISE, closer, spec) for closer in closers if closer is not None]

    def _openers(self, spec: CompiledSpec, start: bool, thinking: bool) -> list[Entry]:
        entries: list[Entry] = []
        if thinking and spec.reasoning_open:
            entries.append(Entry(Kind.REASONING_OPEN, spec.reasoning_open, spec))
        if thinking and start and spec.reasoning_close:
            # a closer at the very start of the answer: the prompt opened and the model closed at once
            entries.append(Entry(Kind.NOISE, spec.reasoning_close, spec))
        return entries + self._channels(spec) + _noise(spec)

    def _channels(self, spec: CompiledSpec) -> list[Entry]:
        return [
            Entry(Kind.CHANNEL_OPEN, opener, spec, channel=index) for index, (_, opener, _) in enumerate(spec.channels)
        ]

    def _reasoning(self, mode: Mode, calls: bool, thinking: bool) -> list[Entry]:
        entries: list[Entry] = []
        owner = self.specs[mode.spec] if mode.spec >= 0 else None
        for spec in self.specs:
            if mode.kind == "reasoning" and (mode.implied or owner is spec or _same_opening(owner, spec)):
                if spec.reasoning_close:
                    entries.append(Entry(Kind.REASONING_CLOSE, spec.reasoning_close, spec))
                if spec.reasoning_open:
                    entries.append(Entry(Kind.NOISE, spec.reasoning_open, spec))
            if calls and spec.spec.reasoning.calls != "never":
                entries += [e for e in self._calls(spec) if e.marker.at != "start"]
            if mode.kind == "reasoning" and thinking:
                entries += self._channels(spec)
            entries += _noise(spec)
        return entries

    def _prefilled(self) -> Iterable[Entry]:
        """Entries whose markers the prompt has begun: legal at the very start only."""
        for spec in self.specs:
            prefill = spec.spec.text.prefill
            if not prefill:
                continue
            for call in spec.calls:
                marker = CompiledMarker(call.pattern.open, prefill)
                yield Entry(Kind.CALL, marker, spec, call, skipped=True)
            if spec.spec.reasoning.open:
                marker = CompiledMarker(spec.spec.reasoning.open, prefill)
                yield Entry(Kind.REASONING_OPEN, marker, spec, skipped=True)
            for index, (channel, _, _) in enumerate(spec.channels):
                marker = CompiledMarker(channel.open, prefill)
                yield Entry(Kind.CHANNEL_OPEN, marker, spec, channel=index, skipped=True)


def _noise(spec: CompiledSpec) -> list[Entry]:
    rules = spec.spec.noise
    entries: list[Entry] = []
    if rules.anywhere:
        entries.append(Entry(Kind.NOISE, CompiledMarker(Marker(rules.anywhere)), spec))
    if rules.tail:
        follow = (*rules.tail, *rules.anywhere, "$")
        entries.append(Entry(Kind.NOISE, CompiledMarker(Marker(rules.tail, then=follow)), spec))
    return entries


def _same_opening(one: CompiledSpec | None, other: CompiledSpec) -> bool:
    if one is None or one.reasoning_open is None or other.reasoning_open is None:
        return False
    return bool(set(one.reasoning_open.literals) & set(other.reasoning_open.literals))


_MEMO_LIMIT = 256
_memo: dict[tuple[int, ...], CompiledSet] = {}


def compile_set(specs: Sequence[ParserSpec]) -> CompiledSet:
    """The compiled form of ``specs``; the same values are compiled once."""
    key = tuple(map(id, specs))
    compiled = _memo.get(key)
    if compiled is None:
        if len(_memo) >= _MEMO_LIMIT:
            _memo.pop(next(iter(_memo)))
        # the compiled set keeps the values alive, so that their ids stay theirs
        compiled = _memo[key] = CompiledSet(specs)
    return compiled
