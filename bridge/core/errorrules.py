"""What an upstream's failure means, declared as data: which words and statuses, and what the client gets for them.

A rule's text is literal, ignoring case and how blanks are laid out, with three holes: ``{n}`` and
``{m}`` are numbers, ``{_}`` is anything up to ``GAP`` characters; ``{{`` and ``}}`` are braces. It is
found anywhere. Time is linear in what the upstream sent, whatever the rule and whatever was sent.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.core.events import FaultKind

GAP = 120
"""Characters that ``{_}`` can stand for."""
SEARCHED = 4000
"""Characters of an upstream's words that are looked at."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
_NUMBER = re.compile(r"[0-9]+(?:[,_][0-9]{3})*(?![0-9])")
_LONGEST_NUMBER = 20
_HOLES = ("n", "m", "_")

Values = Mapping[str, str]
"""What the numbers were, by hole."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """One step of a text: ``literal``, or a number for ``hole``, perhaps behind a gap."""

    literal: str = ""
    hole: str = ""
    gap: int = 0


@dataclass(frozen=True, slots=True)
class Wording:
    """The text of a rule, compiled."""

    pieces: tuple[_Piece, ...]

    @property
    def holes(self) -> frozenset[str]:
        """The numbers that it finds."""
        return frozenset(piece.hole for piece in self.pieces if piece.hole)

    def find(self, said: Said) -> Values | None:
        """The numbers of its first occurrence in ``said``, None if there is none."""
        first, *rest = self.pieces
        found = [(end, {first.hole: value}) for _, end, value in said.occurrences(first)]
        for piece in rest:
            if not found:
                return None
            ends = [end for end, _ in found]
            following = []
            for start, end, value in said.occurrences(piece):
                before = bisect_right(ends, start) - 1
                if before >= 0 and start - ends[before] <= piece.gap:
                    following.append((end, {**found[before][1], piece.hole: value}))
            found = following
        return found[0][1] if found else None


class Said:
    """The words of an upstream, made ready to be searched."""

    def __init__(self, text: str) -> None:
        self.text = " ".join(text[:SEARCHED].lower().split())
        self._numbers: list[tuple[int, int, str]] | None = None

    def occurrences(self, piece: _Piece) -> list[tuple[int, int, str]]:
        """Start, end and value of every place where ``piece`` matches, in order."""
        if piece.hole:
            if self._numbers is None:
                self._numbers = [
                    (found.start(), found.end(), re.sub("[,_]", "", found[0]))
                    for found in _NUMBER.finditer(self.text)
                    if len(found[0]) <= _LONGEST_NUMBER
                ]
            return self._numbers
        places, literal = [], piece.literal
        at = self.text.find(literal)
        while at >= 0:
            places.append((at, at + len(literal), ""))
            at = self.text.find(literal, at + 1)
        return places


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """A failure with one of ``status`` (any, if empty) in these words (any, if None), and what it means.

    ``kind`` None leaves it what it is. Of ``messages`` the first one counts whose holes are filled; without
    any the client gets what the upstream said. ``retry`` None: as the status is retried, but never what is
    the fault of the request or the account.
    """

    wording: Wording | None = None
    status: frozenset[int] = frozenset()
    kind: FaultKind | None = None
    messages: tuple[str, ...] = ()
    retry: bool | None = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the first matching rule says; ``message`` is "" where it leaves the upstream's own."""

    rule: ErrorRule
    message: str


def compile_wording(text: str) -> Wording:
    """The text of a rule. Raises ValueError with a sentence about what is wrong with it."""
    pieces: list[_Piece] = []
    gap, last = 0, ""
    for kind, value in _tokens(text.strip().lower()):
        if kind == "literal":
            # Blanks are one character in what is searched.
            value = re.sub(r"\s+", " ", value)
            pieces.append(_Piece(literal=value, gap=gap))
            gap = 0
        elif value == "_":
            gap = GAP
        else:
            if last == "number" and not gap:
                raise ValueError("two numbers need text between them")
            if any(piece.hole == value for piece in pieces):
                raise ValueError(f"`{{{value}}}` is there twice")
            pieces.append(_Piece(hole=value, gap=gap))
            gap = 0
        last = "literal" if kind == "literal" else "gap" if value == "_" else "number"
    if not any(piece.literal.strip() for piece in pieces):
        raise ValueError("needs some text beside the holes")
    if gap or pieces[0].gap:
        raise ValueError("`{_}` says nothing at the beginning or the end; leave it out")
    return Wording(tuple(pieces))


def message_holes(message: str) -> frozenset[str]:
    """The numbers that a message wants. Raises ValueError for a hole that it cannot have."""
    holes = frozenset(value for kind, value in _tokens(message) if kind == "hole")
    if "_" in holes:
        raise ValueError("`{_}` stands for what was skipped; a message cannot repeat it")
    return holes


def meaning_of(status: int, said: Said, counted: Values, rules: Iterable[ErrorRule]) -> Meaning | None:
    """What the first rule for this failure says. ``counted``: numbers that the upstream gave beside its words."""
    for rule in rules:
        if rule.status and status not in rule.status:
            continue
        values = rule.wording.find(said) if rule.wording is not None else {}
        if values is not None:
            return Meaning(rule, _filled(rule.messages, {**counted, **values}))
    return None


def _filled(messages: Sequence[str], values: Values) -> str:
    for message in messages:
        tokens = list(_tokens(message))
        if all(kind == "literal" or value in values for kind, value in tokens):
            return "".join(value if kind == "literal" else values[value] for kind, value in tokens)
    return ""


def _tokens(text: str) -> Iterable[tuple[Literal["literal", "hole"], str]]:
    """Literal text and the names of holes, in turn."""
    literal = ""
    for found in _TOKEN.finditer(text):
        token = found[0]
        if found[1] is None:
            if token in ("{", "}"):
                raise ValueError(f"a single `{token}`; write `{token * 2}` for the character")
            literal += token[:1] if token in ("{{", "}}") else token
            continue
        if found[1] not in _HOLES:
            known = ", ".join(f"`{{{hole}}}`" for hole in _HOLES)
            raise ValueError(f"unknown hole `{token}`; there are {known}, and `{{{{` for a brace")
        if literal:
            yield "literal", literal
            literal = ""
        yield "hole", found[1]
    if literal:
        yield "literal", literal
