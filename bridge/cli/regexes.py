"""Regular expressions as markers with holes, as far as a marker can say the same (``parsers import``)."""

from __future__ import annotations

import re
from itertools import product

from bridge.core.openai import words

_HOLES = {
    "name": "name",
    "key": "key",
    "id": "id",
    words.CALL_ID: "id",
    "call_id": "id",
    "value": "value",
    "": "value",
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_SPACE = re.compile(r"(?:\\[nrts]|\s)+")
_MOST = 32
_GROUP = re.compile(r"\((?:\?P?<(\w+)>|(\?:)|(\?))?")
_CLASS = re.compile(r"\[(\^?)((?:\\.|[^\]\\])+)\]")
_QUANTIFIER = re.compile(r"(?:([*+?])|\{\d*,?\d*\})\??")

Part = tuple[str, str]
"""("text", literal), ("hole", name), ("edge", "^" or "$")."""
Sequence = tuple[Part, ...]


class NoMarker(Exception):
    """The expression says something that no marker can say; the message names it."""


def sequences(regex: str) -> list[Sequence]:
    """The alternatives that ``regex`` matches, each as literals and holes. Raises NoMarker.

    A named group becomes the hole of its name, ``value`` and groups without a name the hole
    "value", white space "ws", and any other run of characters "_".
    """
    reader = _Reader(regex)
    found = reader.alternation()
    if reader.rest:
        raise NoMarker(f"`{reader.rest[0]}` closes nothing")
    return list(dict.fromkeys(found))


def marker_text(sequence: Sequence) -> str:
    """A marker's text, without white space at its ends; "" if nothing else is left. Raises NoMarker."""
    parts: list[str] = []
    for kind, what in sequence:
        if kind == "edge":
            raise NoMarker(f"`{what}` in the middle")
        parts.append(what if kind == "text" else f"{{{what}}}")
    fixed = "".join(what if kind == "text" else "\0" for kind, what in sequence)
    if found := re.search(r"\{(name|key|id|type|attrs|ws|_)\}", fixed):
        raise NoMarker(f"`{found[0]}` would be read as a hole")
    text = re.sub(r"(\{ws\})+", "{ws}", "".join(parts))
    text = re.sub(r"\A(\s|\{ws\})+|(\s|\{ws\})+\Z", "", text)
    if text.startswith("{"):
        raise NoMarker("begins with something else than fixed text")
    return text


class _Reader:
    def __init__(self, regex: str) -> None:
        self.rest = regex

    def alternation(self) -> list[Sequence]:
        found = self._sequence()
        while self.rest.startswith("|"):
            self.rest = self.rest[1:]
            found += self._sequence()
        return found

    def _sequence(self) -> list[Sequence]:
        found: list[Sequence] = [()]
        while self.rest and self.rest[0] not in "|)":
            found = [before + after for before, after in product(found, self._quantified())]
            if len(found) > _MOST:
                raise NoMarker(f"more than {_MOST} alternatives")
        return found

    def _quantified(self) -> list[Sequence]:
        before = self.rest
        atom = self._atom()
        found = _QUANTIFIER.match(self.rest)
        written = before[: len(before) - len(self.rest)]
        if found is None:
            if atom in ([(("hole", "_"),)], [(("hole", "ws"),)]):
                raise NoMarker(f"`{written}` without a quantifier")
            return atom
        self.rest = self.rest[found.end() :]
        if atom in ([(("hole", "_"),)], [(("hole", "ws"),)]):
            return atom
        if all(kind == "text" and not what.strip() for sequence in atom for kind, what in sequence):
            return [(("hole", "ws"),)]
        if found[1] == "?":
            return [*atom, ()]
        raise NoMarker(f"`{written}{found[0]}` repeats")

    def _atom(self) -> list[Sequence]:
        char = self.rest[0]
        if char == "(":
            return self._group()
        if char == "[":
            return [(("hole", self._class()),)]
        self.rest = self.rest[1:]
        if char == ".":
            return [(("hole", "_"),)]
        if char in "^$":
            return [(("edge", char),)]
        if char == "\\":
            return self._escape()
        if char in "*+?{":
            raise NoMarker(f"`{char}` repeats nothing")
        return [(("text", char),)]

    def _escape(self) -> list[Sequence]:
        char, self.rest = self.rest[:1], self.rest[1:]
        if char == "s":
            return [(("hole", "ws"),)]
        if char in ("w", "S", "d"):
            return [(("hole", "_"),)]
        if char in _ESCAPES:
            return [(("text", _ESCAPES[char]),)]
        if not char or char.isalnum():
            raise NoMarker(f"`\\{char}`")
        return [(("text", char),)]

    def _class(self) -> str:
        found = _CLASS.match(self.rest)
        if found is None:
            raise NoMarker("`[` without `]`")
        self.rest = self.rest[found.end() :]
        return "ws" if not found[1] and _SPACE.fullmatch(found[2]) else "_"

    def _group(self) -> list[Sequence]:
        found = _GROUP.match(self.rest)
        assert found is not None
        if found[3]:
            raise NoMarker(f"`{self.rest[:4]}`: looking ahead or behind")
        self.rest = self.rest[found.end() :]
        inside = self.alternation()
        if not self.rest.startswith(")"):
            raise NoMarker("`(` without `)`")
        self.rest = self.rest[1:]
        if found[2]:
            return inside
        name = _HOLES.get(found[1] or "")
        if name is None:
            raise NoMarker(f"the group `{found[1]}`: no hole means that")
        if any(kind != "hole" for sequence in inside for kind, _ in sequence):
            raise NoMarker(f"the group `{found[1] or '()'}` holds more than a run of characters")
        return [(("hole", name),)]
