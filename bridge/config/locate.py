"""Where a key and its value stand in TOML text.

``tomllib`` gives values without places. ``locate`` reads the same text again, after
``tomllib`` accepted it, and gives a place for every key path, so that a message
about a value can name its line.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import NamedTuple

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """1-based line and column of a key, and of its value."""

    line: int
    column: int
    value_line: int
    value_column: int


_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[^\s.=\]\"',{}#]+")
_SCALAR = re.compile(r"[^,\]}#\r\n]*")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


def locate(text: str) -> dict[Path, Place]:
    """The place of every key path of ``text``, which ``tomllib`` must accept; array items have their index."""
    return _Locator(text).run()


def syntax_error(text: str, message: str) -> tuple[str, int, int]:
    """Message, line and column out of the text of a ``tomllib`` error."""
    found = re.search(r"^(.*?) \(at (?:line (\d+), column (\d+)|end of document)\)$", message, re.DOTALL)
    if found is None:
        return message, 1, 1
    if found[2] is None:
        lines = text.rstrip("\n").split("\n")
        return f"{found[1]} at the end of the file", len(lines), len(lines[-1]) + 1
    line, column = int(found[2]), int(found[3])
    if found[1].startswith("Cannot"):  # tomllib noticed it only after the statement
        source = text.split("\n")[line - 1]
        column = len(source) - len(source.lstrip()) + 1
    return found[1], line, column


class _Locator:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: dict[Path, Place] = {}
        self.array_lengths: dict[Path, int] = {}  # of arrays of tables
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def run(self) -> dict[Path, Place]:
        table: Path = ()
        while self.skip(_BLANK) < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
        return self.places

    def skip(self, what: re.Pattern[str]) -> int:
        match = what.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    def position(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def keys(self) -> list[tuple[str, int]]:
        """A dotted key: its parts with their offsets."""
        parts = []
        while True:
            start = self.skip(_SPACE)
            if self.text[start] in "\"'":
                self.skip(_STRING)
                name = tomllib.loads("k=" + self.text[start : self.at])["k"]
            else:
                self.skip(_BARE_KEY)
                name = self.text[start : self.at]
            parts.append((name, start))
            if self.skip(_SPACE) >= len(self.text) or self.text[self.at] != ".":
                return parts
            self.at += 1

    def record(self, path: Path, key: int, value: int, *, implied: bool = False) -> None:
        if not (implied and path in self.places):
            self.places[path] = Place(*self.position(key), *self.position(value))

    def into(self, base: Path, parts: list[tuple[str, int]]) -> Path:
        """``base`` extended by ``parts``; tables that they imply are recorded, the last array item is meant."""
        for name, offset in parts:
            base = (*base, name)
            self.record(base, offset, offset, implied=True)
            if base in self.array_lengths:
                base = (*base, self.array_lengths[base] - 1)
        return base

    def header(self) -> Path:
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        *parents, (name, offset) = self.keys()
        path: Path = (*self.into((), parents), name)
        if is_array:
            count = self.array_lengths.get(path, 0)
            self.array_lengths[path] = count + 1
            self.record(path, offset, offset, implied=True)
            path = (*path, count)
        self.record(path, offset, offset)
        self.at += 2 if is_array else 1
        return path

    def pair(self, table: Path) -> None:
        *parents, (name, offset) = self.keys()
        path = (*self.into(table, parents), name)
        self.at += 1  # the equals sign
        self.value(path, offset)

    def value(self, path: Path, key: int | None = None) -> None:
        start = self.skip(_BLANK) if key is None else self.skip(_SPACE)
        self.record(path, start if key is None else key, start)
        match self.text[start]:
            case "[":
                self.at += 1
                index = 0
                while self.text[self.skip(_BLANK)] != "]":
                    self.value((*path, index))
                    index += 1
                    self.comma()
                self.at += 1
            case "{":
                self.at += 1
                while self.text[self.skip(_BLANK)] != "}":
                    self.pair(path)
                    self.comma()
                self.at += 1
            case '"' | "'":
                self.skip(_STRING)
            case _:
                self.skip(_SCALAR)

    def comma(self) -> None:
        if self.text[self.skip(_BLANK)] == ",":
            self.at += 1
