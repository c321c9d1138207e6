"""Files merged into one tree of plain values in which every value knows its place."""

from __future__ import annotations

import os
import tomllib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from bridge.config import locate
from bridge.config.diagnose import Diagnostic, Severity, key_path, masked
from bridge.config.inputs import Inputs

KeyPath = tuple[str | int, ...]
Tree = dict[str, Any]
_MAX_DEPTH = 100


class Origin(NamedTuple):
    """The file that said it, and where there the key and the value stand."""

    file: str
    place: locate.Place


@dataclass(slots=True)
class Source:
    """A file that was read: its folder, and its lines for messages."""

    path: Path
    lines: list[str]
    order: int
    secrets: bool


@dataclass(slots=True)
class Problems:
    """Collects diagnostics while going on."""

    sources: dict[str, Source] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)

    def add(
        self,
        code: str,
        origin: Origin | None,
        path: KeyPath | str,
        message: str,
        *,
        hint: str = "",
        severity: Severity = "error",
        at_key: bool = False,
    ) -> None:
        """Note a problem at ``origin``'s value, or at its key; without origin it lies in no file."""
        text = path if isinstance(path, str) else key_path(path)
        if origin is None:
            self.found.append(Diagnostic(code, severity, "", 0, 0, text, message, hint))
            return
        place = origin.place
        line, column = (place.line, place.column) if at_key else (place.value_line, place.value_column)
        source = self.sources.get(origin.file)
        shown = ""
        if source and 0 < line <= len(source.lines):
            shown = source.lines[line - 1].rstrip("\r")
            shown = masked(shown) if source.secrets else shown
        self.found.append(Diagnostic(code, severity, origin.file, line, column, text, message, hint, shown))

    def ordered(self) -> tuple[Diagnostic, ...]:
        """All of them, once each, in the order of files as they were read and of lines in them."""

        def place(item: Diagnostic) -> tuple[int, int, int]:
            source = self.sources.get(item.file)
            return (source.order if source else -1, item.line, item.column)

        return tuple(dict.fromkeys(sorted(self.found, key=place)))

    @property
    def failed(self) -> bool:
        return any(item.severity == "error" for item in self.found)


class Origins(Mapping[KeyPath, Origin]):
    """The places of a file's values, looked for when the first of them is asked for: mostly by a problem."""

    def __init__(self, find: Callable[[], Mapping[KeyPath, Origin]]) -> None:
        self._find = find

    @cached_property
    def _found(self) -> Mapping[KeyPath, Origin]:
        return self._find()

    def __getitem__(self, path: KeyPath) -> Origin:
        return self._found[path]

    def __iter__(self) -> Iterator[KeyPath]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


@dataclass(slots=True)
class Document:
    """Merged values and the origin of each of them."""

    values: Tree = field(default_factory=dict)
    origins: Mapping[KeyPath, Origin] = field(default_factory=dict)

    def origin(self, path: KeyPath) -> Origin | None:
        """Of ``path``, else of the nearest table above it, in the end of the file."""
        while path and path not in self.origins:
            path = path[:-1]
        return self.origins.get(path)

    def under(self, base: Document) -> Document:
        """``base`` changed by this one: tables merge by key, scalars and arrays replace."""
        replaced: set[KeyPath] = set()
        values = merge(base.values, self.values, replaced)

        def origins() -> Mapping[KeyPath, Origin]:
            kept = {
                path: origin
                for path, origin in base.origins.items()
                if not any(path[:depth] in replaced for depth in range(1, len(path) + 1))
            }
            return {**kept, **self.origins}

        return Document(values, Origins(origins))


def merge(base: Tree, over: Mapping[str, Any], replaced: set[KeyPath] | None = None, at: KeyPath = ()) -> Tree:
    """``base`` changed by ``over``, as a new tree; paths of values that gave way are added to ``replaced``."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = merge(old, value, replaced, (*at, key))
        else:
            if replaced is not None and key in merged:
                replaced.add((*at, key))
            merged[key] = value
    return merged


def loses(before: object, after: object) -> bool:
    """Whether ``after`` lacks a key or a table of ``before``, as the first half of a file does."""
    match before, after:
        case dict(), dict():
            return any(key not in after or loses(value, after[key]) for key, value in before.items())
        case [dict(), *_], list():
            return len(after) < len(before) or any(map(loses, before, after))
    return False


def display(path: Path) -> str:
    """The path as messages show it: relative when it lies below the working directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def absolute(path: Path) -> Path:
    """Without following links: the folder that is watched is the one that was named."""
    return Path(os.path.abspath(path))


def read_document(path: Path, inputs: Inputs, problems: Problems, *, secrets: bool = True) -> Document | None:
    """One TOML file with the place of every value; None (and a problem noted) when it cannot be read."""
    name = display(path)
    try:
        data = inputs.read(path).removeprefix(BOM_UTF8)
    except OSError as error:
        problems.sources.setdefault(name, Source(path, [], len(problems.sources), secrets))
        why = error.strerror or str(error)
        problems.add("unreadable", Origin(name, locate.Place(1, 1, 1, 1)), "", f"cannot read the file: {why}")
        return None
    text = data.decode("utf-8", "replace")
    problems.sources.setdefault(name, Source(path, text.split("\n"), len(problems.sources), secrets))
    try:
        values = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        _syntax(problems, name, line, column, "the file is not UTF-8 text")
    except tomllib.TOMLDecodeError as error:
        message, line, column = locate.syntax_error(text, str(error))
        _syntax(problems, name, line, column, message)
    except RecursionError:
        _syntax(problems, name, 1, 1, "nested too deeply")
    else:
        if not _too_deep(values):
            inputs.trees[path] = values
            return Document(values, Origins(lambda: _origins(name, text)))
        _syntax(problems, name, 1, 1, "nested too deeply")
    return None


def _too_deep(values: Tree) -> bool:
    """Whether reading ``values`` by recursion might exhaust the stack; dotted keys nest without a bracket."""
    level: list[object] = [values]
    for _ in range(_MAX_DEPTH):
        level = [
            item
            for value in level
            if isinstance(value, dict | list)
            for item in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True


def _origins(file: str, text: str) -> dict[KeyPath, Origin]:
    try:
        places = locate.locate(text.replace("\r\n", "\n"))
    except RecursionError:
        places = {}
    return {(): Origin(file, locate.Place(1, 1, 1, 1))} | {key: Origin(file, place) for key, place in places.items()}


def _syntax(problems: Problems, file: str, line: int, column: int, message: str) -> None:
    place = locate.Place(line, column, line, column)
    problems.add("toml-syntax", Origin(file, place), "", f"not valid TOML: {message[:1].lower()}{message[1:]}")
