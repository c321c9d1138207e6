"""What importing shares: the parser file as it grows, refusals, and how it is written down."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from bridge.cli.regexes import NoMarker, Part, Sequence, marker_text, sequences
from bridge.errors import ConfigError

Json = Mapping[str, Any]

_ORDER = ["[text]", "[noise]", "[reasoning]", "[[channel]]", "[section]", "[[call]]", "[call.json]", "[call.tags]"]
_MARKERS = ("open", "close")


@dataclass(slots=True)
class Draft:
    """The parser file as it grows: ``tables`` by their headers, and ``notes`` for what is said in another way."""

    tables: dict[str, dict[str, object]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def noise(self, texts: Iterable[str]) -> None:
        """Control tokens that are removed wherever they stand."""
        kept = self.tables.setdefault("[noise]", {}).setdefault("anywhere", [])
        assert isinstance(kept, list)
        kept += [text for text in dict.fromkeys(texts) if text and text not in kept]


def refuse(path: str, why: str) -> NoReturn:
    """What stands under the key ``path`` cannot be imported."""
    raise ConfigError(f"{path}: {why}; write this part of the parser file by hand")


def known(value: Json, keys: set[str], prefix: str) -> None:
    """Refuses keys that are not among ``keys``."""
    for key in value:
        if key not in keys:
            refuse(f"{prefix}{key}", "is no key that is known here")


def texts(value: object, path: str) -> list[str]:
    """One text or several, as a list."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(text, str) and text.strip() for text in found):
        refuse(path, "is neither a text nor a list of texts")
    return found


def alternatives(regex: object, path: str) -> list[Sequence]:
    """What a regular expression matches, refused where a marker could not say it."""
    if not isinstance(regex, str):
        refuse(path, "is no text")
    try:
        return sequences(regex) if regex else []
    except NoMarker as problem:
        refuse(path, f"{problem}, which no marker can say")


def marker(sequence: Iterable[Part], path: str) -> str:
    """A marker's text, or a refusal."""
    try:
        return marker_text(tuple(sequence))
    except NoMarker as problem:
        refuse(path, f"{problem}, which no marker can say")


def read_tags(args: Json, path: str, file: Draft) -> None:
    """The table of ``tag_pattern`` and how its values are read."""
    known(args, {"tag_pattern", "value_parser", "merge_duplicates"}, f"{path}.")
    if args.get("merge_duplicates"):
        refuse(f"{path}.merge_duplicates", "of a repeated key the first stands")
    where = f"{path}.tag_pattern"
    found = alternatives(args.get("tag_pattern", ""), where)
    table: dict[str, object] = {"open": [], "close": []}
    for sequence in found:
        holes = [what for kind, what in sequence if kind == "hole"]
        if holes.count("key") != 1 or holes.count("value") != 1 or holes.index("key") > holes.index("value"):
            refuse(where, "must hold a group `key` and then a group `value`")
        at = sequence.index(("hole", "value"))
        opener, closer = sequence[:at], sequence[at + 1 :]
        table["trim"] = _trim(opener[-1:], closer[:1])
        for key, part in (("open", opener), ("close", closer)):
            markers = table[key]
            assert isinstance(markers, list)
            if (text := marker(part, where)) not in markers:
                markers.append(text)
    if not found or table["close"] == [""]:
        refuse(where, "a value needs something that ends it")
    parser = args.get("value_parser") or {"name": "text"}
    kind = parser.get("name")
    if kind not in ("json", "text"):
        refuse(f"{path}.value_parser.name", f"`{kind}`: values are read as the tool's schema says")
    table["untyped"] = "json" if kind == "json" else "string"
    file.notes.append("values have the types of the tool's schema; `untyped` is for keys that it does not name")
    file.tables["[call.tags]"] = table


def _trim(before: Sequence, after: Sequence) -> str:
    ends = before + after
    if ("hole", "ws") in ends:
        return "both"
    lines = len(ends) == 2 and all(what.endswith("\n") or what.startswith("\n") for _, what in ends)
    return "newline" if lines else "none"


def written(file: Draft, name: str) -> str:
    """The file's text, read back to make sure that it can be used."""
    lines = [f"# {name}, imported. What could not be carried over, or is said in another way:"]
    lines += [f"# - {note}" for note in file.notes] or ["# - nothing"]
    lines += [
        "# Add [[examples]] from captured output; `toolbridge parsers test` runs them.",
        "schema = 1",
        f"name = {_value(name)}",
        'summary = "imported: says nothing about itself yet"',
        'models = []  # globs over the upstream\'s model id, for parsers = "auto"',
    ]
    for header in _ORDER:
        if table := file.tables.get(header):
            lines += ["", header, *(f"{key} = {_value(value, one=key in _MARKERS)}" for key, value in table.items())]
    text = "\n".join(lines) + "\n"
    _check(text)
    return text


def _value(value: object, *, one: bool = False) -> str:
    if isinstance(value, list):
        return _value(value[0]) if one and len(value) == 1 else f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _check(text: str) -> None:
    from pydantic import ValidationError

    from bridge.config.parser_schema import ParserFile

    try:
        ParserFile.model_validate(tomllib.loads(text))
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, first["loc"]))
        refuse("the result", f"`{where}` would be wrong ({first['msg']})")
