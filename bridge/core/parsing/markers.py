"""Markers with holes, matched against text that may not have arrived whole.

A match at a position has three outcomes: a ``Match``, ``None`` (no match, whatever
follows) and ``MORE`` (undecided: more text may make it one). Every hole is bounded,
so that ``MORE`` never holds back more than ``HEADER_LIMIT`` characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from html import unescape

from bridge.core.jsontext import Record
from bridge.core.parsing.literals import overlap
from bridge.core.parsing.spec import Marker

HEADER_LIMIT = 512
"""No header is longer; a longer one is text."""

FOLLOW_LIMIT = 1024
"""White space between a closer and what confirms it; a longer run confirms nothing."""


class Undecided(Enum):
    """The type of ``MORE``."""

    MORE = "more"


MORE = Undecided.MORE


class Match(Record, frozen=True):
    """``end`` is the position behind the marker (its start, if the marker only peeks)."""

    end: int
    holes: Mapping[str, str] = {}
    attrs: Mapping[str, str] = {}
    self_closing: bool = False


Outcome = Match | Undecided | None

_PARTS = re.compile(r"\{(name|key|id|type|attrs|ws|_)\}")
_SPACE = re.compile(r"\s{0,1024}")
_LONGEST = 256
_SHORT_SPACE = re.compile(r"\s{0,256}")
_WORDS = {
    "name": re.compile(r"[ \t]*([\"']?)([\w.\-/]{1,128})\1[ \t]*"),
    "id": re.compile(r"[ \t]*()([\w.:\-]{1,128})"),
    "type": re.compile(r"[ \t]*()([\w.+\-/]{1,64})"),
    "key": re.compile(r"[ \t]*([\"']?)([^\s<>\"']{1,256})\1"),
}
_BEFORE_LITERAL = {"": "", "ws": r"\s*+", "name": r"[ \t]*+[\"']?+[^\s<>\"']*+[\"']?+[ \t]*+"}
"""What may stand before the literal behind such a hole, or more than that."""
_WORD_STARTS = re.compile(r"[ \t]*[\"']?")
_ATTR = re.compile(r"\s+([\w:.\-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'<>/]+))")
_ATTR_BEGUN = re.compile(r"\s+(?:[\w:.\-]+\s*(?:=\s*(?:\"[^\"]*|'[^']*|[^\s\"'<>/]*)?)?)?\Z")
_NOT_IN_KEY = re.compile(r"[<>\n]")


@dataclass(frozen=True, slots=True)
class _Part:
    """A literal (``hole`` empty), or a hole followed by the literal ``text``; ``tag`` if it stands behind a ``<``."""

    hole: str
    text: str
    tag: bool = False


class _State:
    """The position and captures of one attempt."""

    __slots__ = ("attrs", "eof", "holes", "pos", "self_closing", "text")

    def __init__(self, text: str, pos: int, eof: bool) -> None:
        self.text = text
        self.pos = pos
        self.eof = eof
        self.holes: dict[str, str] = {}
        self.attrs: dict[str, str] = {}
        self.self_closing = False


def literal_at(text: str, pos: int, literal: str, eof: bool) -> bool | Undecided:
    """Whether ``literal`` stands at ``pos``, as far as the text tells."""
    if text.startswith(literal, pos):
        return True
    if not eof and len(text) - pos < len(literal) and literal.startswith(text[pos:]):
        return MORE
    return False


class Pattern:
    """One alternative of a marker, compiled."""

    __slots__ = ("first", "last", "parts", "source")

    def __init__(self, source: str, skip: str = "") -> None:
        self.source = source
        pieces = _PARTS.split(source[len(skip) :])
        self.parts: list[_Part] = [_Part("", pieces[0])] if pieces[0] else []
        for before, hole, text in zip(pieces[0::2], pieces[1::2], pieces[2::2], strict=False):
            self.parts.append(_Part(hole, text, tag=before.endswith("<")))
        literals = [part.text for part in self.parts if part.text]
        self.first = literals[0] if pieces[0] else ""
        self.last = literals[-1] if literals else ""

    @property
    def beginning(self) -> str:
        """A regular expression that finds the beginning of all that this matches, or may match with more text."""
        part = self.parts[0] if self.parts else _Part("", "")
        before = _BEFORE_LITERAL.get(part.hole)
        return rf"{before}(?:{re.escape(part.text[0])}|\Z)" if part.text and before is not None else ""

    def match(self, text: str, pos: int, eof: bool) -> Outcome:
        """Matches at ``pos``."""
        state = _State(text, pos, eof)
        for part in self.parts:
            if part.tag and text.startswith("/", state.pos):
                return None  # a closing tag
            matched = self._hole(state, part) if part.hole else True
            if matched is not True:
                return MORE if matched is MORE and len(text) - pos <= HEADER_LIMIT else None
            if part.text and part.hole not in _LOOKS_AHEAD:
                matched = literal_at(text, state.pos, part.text, eof)
                if matched is not True:
                    return MORE if matched is MORE else None
                state.pos += len(part.text)
        if state.pos - pos > HEADER_LIMIT:
            return None
        return Match(state.pos, state.holes, state.attrs, state.self_closing)

    def _hole(self, state: _State, part: _Part) -> bool | Undecided:
        match part.hole:
            case "ws":
                return self._space(state)
            case "attrs":
                return self._attrs(state, part.text)
            case "_":
                return self._anything(state, part.text)
            case "key" if part.text:
                return self._key(state, part.text)
            case _:
                return self._word(state, part.hole)

    def _space(self, state: _State) -> bool | Undecided:
        found = _SHORT_SPACE.match(state.text, state.pos)
        end = found.end() if found else state.pos
        if end == len(state.text) and not state.eof and end - state.pos < _LONGEST:
            return MORE
        state.pos = end
        return True

    def _word(self, state: _State, hole: str) -> bool | Undecided:
        found = _WORDS[hole].match(state.text, state.pos)
        if found is None:
            begun = _WORD_STARTS.match(state.text, state.pos)
            rest = begun.end() if begun else state.pos
            if state.eof:
                return False
            # an opening quote without its closing one yet
            tail = state.text[rest:]
            open_word = hole in ("name", "key") and len(tail) <= 256 and not re.search(r"[\s<>\"']", tail)
            return MORE if rest == len(state.text) or open_word else False
        if found.end() == len(state.text) and not state.eof:
            return MORE
        state.holes[hole] = found.group(2)
        state.pos = found.end()
        return True

    def _key(self, state: _State, literal: str) -> bool | Undecided:
        text, pos = state.text, state.pos
        end, key = _up_to(literal, text, pos)
        if _NOT_IN_KEY.search(key):
            return False
        if end < 0:
            return False if state.eof or len(text) - pos >= _LONGEST + len(literal) else MORE
        key = key.strip()
        if len(key) > 1 and key[0] == key[-1] and key[0] in "\"'":
            key = key[1:-1]
        state.holes["key"] = key
        state.pos = end + len(literal)
        return bool(key)

    def _anything(self, state: _State, literal: str) -> bool | Undecided:
        text, pos = state.text, state.pos
        end, between = _up_to(literal, text, pos)
        if "\n" in between or (self.first and self.first in between) or (self.last and self.last in between):
            return False
        if end < 0:
            return False if state.eof or len(text) - pos >= _LONGEST + len(literal) else MORE
        state.pos = end + len(literal)
        return True

    def _attrs(self, state: _State, literal: str) -> bool | Undecided:
        text, pos, eof = state.text, state.pos, state.eof
        while True:
            found = _ATTR.match(text, pos)
            if found:
                if found.end() == len(text) and found.group(4) is not None and not eof:
                    return MORE
                value = found.group(2) or found.group(3) or found.group(4) or ""
                state.attrs.setdefault(found.group(1), unescape(value) if "&" in value else value)
                pos = found.end()
                continue
            space = _SPACE.match(text, pos)
            end = space.end() if space else pos
            if text.startswith("/", end):
                end += 1
                state.self_closing = True
            ends = literal_at(text, end, literal, eof)
            if ends is True:
                state.pos = end + len(literal)
                return True
            if eof:
                return False
            return MORE if ends is MORE or _ATTR_BEGUN.match(text, pos) else False


def _up_to(literal: str, text: str, pos: int) -> tuple[int, str]:
    """Where ``literal`` comes (-1: not yet) and what stands before it, or before what may begin it."""
    end = text.find(literal, pos, pos + _LONGEST + len(literal))
    return end, text[pos : len(text) - overlap(text, pos, literal) if end < 0 else end]


_LOOKS_AHEAD = frozenset({"attrs", "_", "key"})
"""Holes that consume the literal behind them."""


class CompiledMarker:
    """A marker, ready to match; ``literals`` are what its alternatives begin with."""

    __slots__ = ("at", "literals", "patterns", "peek", "then")

    def __init__(self, marker: Marker, skip: str = "") -> None:
        self.patterns = [Pattern(source, skip) for source in marker.lit if source.startswith(skip)]
        self.literals = tuple(dict.fromkeys(p.first for p in self.patterns if p.first))
        self.at = marker.at
        self.then = marker.then
        self.peek = marker.peek

    def match(self, text: str, pos: int, eof: bool) -> Outcome:
        """The longest alternative at ``pos``, followed as ``then`` asks."""
        best: Match | None = None
        for pattern in self.patterns:
            found = pattern.match(text, pos, eof)
            if found is MORE:
                return MORE
            if isinstance(found, Match) and (best is None or found.end > best.end):
                best = found
        if best is None:
            return None
        if self.then:
            followed = self._followed(text, best.end, eof)
            if followed is not True:
                return MORE if followed is MORE else None
        return Match(pos, best.holes, best.attrs) if self.peek else best

    def _followed(self, text: str, pos: int, eof: bool) -> bool | Undecided:
        space = _SPACE.match(text, pos)
        end = space.end() if space else pos
        if end == len(text):
            return "$" in self.then if eof else MORE
        outcomes = [literal_at(text, end, literal, eof) for literal in self.then if literal != "$"]
        if True in outcomes:
            return True
        return MORE if MORE in outcomes else False


def compile_marker(marker: Marker | None) -> CompiledMarker | None:
    """``None`` stays ``None``."""
    return CompiledMarker(marker) if marker is not None else None


def first_match(markers: tuple[CompiledMarker, ...], text: str, pos: int, eof: bool) -> Outcome:
    """The first of ``markers`` that matches at ``pos``; ``MORE`` while one is undecided and none matches."""
    undecided = False
    for marker in markers:
        found = marker.match(text, pos, eof)
        if isinstance(found, Match):
            return found
        undecided = undecided or found is MORE
    return MORE if undecided else None


def followed_by(markers: tuple[CompiledMarker, ...], text: str, pos: int, eof: bool) -> bool | Undecided:
    """Whether, after optional white space, one of ``markers`` or the end of the message comes."""
    space = _SPACE.match(text, pos)
    end = space.end() if space else pos
    if end == len(text):
        return True if eof else (MORE if end - pos < FOLLOW_LIMIT else False)
    found = first_match(markers, text, end, eof)
    return True if isinstance(found, Match) else (MORE if found is MORE else False)


def begun(markers: tuple[CompiledMarker | None, ...], text: str, pos: int) -> bool:
    """Whether one of ``markers`` has begun at ``pos`` and the text ended inside it."""
    return any(marker is not None and marker.match(text, pos, False) is MORE for marker in markers)
