"""The older ``response_schema``: a JSON Schema whose nodes hold regular expressions (``parsers import``)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bridge.cli.importing import Draft, Json, alternatives, known, marker, read_tags, refuse
from bridge.core.openai import words

_PLAIN = {"type", "properties", "required", "items", "title", "description", "default", "const", "additionalProperties"}
_CALLS = re.compile(r"(?:\[\*\]\.|\[)?\{\s*type:\s*'function',\s*function:\s*(@|\{[^{}]*\})\s*\}\]?")
_KEYS = re.compile(r"\{\s*name:\s*(\w+),\s*arguments:\s*(\w+)\s*\}")


def read_schema(schema: Json, file: Draft) -> None:
    """Fills ``file``. A schema that takes the answer apart by one expression cannot be imported."""
    known(schema, _PLAIN, "response_schema.")
    for name, node in schema.get("properties", {}).items():
        path = f"properties.{name}"
        if not isinstance(node, Mapping):
            refuse(path, "is no object")
        if name in words.REASONING:
            known(node, {*_PLAIN, "x-regex"}, f"{path}.")
            opens, closes = _ends(node, "x-regex", path)
            file.tables["[reasoning]"] = {"open": opens, "close": closes}
        elif name == words.CONTENT:
            known(node, {*_PLAIN, "x-regex"}, f"{path}.")
            opens, closes = _ends(node, "x-regex", path)
            file.tables["[[channel]]"] = {"to": "text", "open": opens, "close": closes}
        elif name == words.CALLS:
            _calls(node, path, file)
        elif "const" not in node:
            refuse(path, "an answer has text, reasoning and tool calls, and nothing else")


def _ends(node: Json, key: str, path: str) -> tuple[list[str], list[str]]:
    """What stands before and behind the one group of ``node[key]``."""
    where = f"{path}.{key}"
    opens, closes = list[str](), list[str]()
    for sequence in alternatives(node.get(key, ""), where):
        if sequence.count(("hole", "value")) != 1:
            refuse(where, "must hold one group, with fixed text on both sides")
        at = sequence.index(("hole", "value"))
        behind = [part for part in sequence[at + 1 :] if part != ("edge", "$")]
        opens.append(marker(sequence[:at], where))
        closes += [marker(behind, where)] if behind else []
    if not all(opens) or not opens or not all(closes) or not closes:
        refuse(where, "must hold one group, with fixed text on both sides")
    return list(dict.fromkeys(opens)), list(dict.fromkeys(closes))


def _calls(node: Json, path: str, file: Draft) -> None:
    known(node, {*_PLAIN, "x-regex", "x-regex-iterator", "x-parser", "x-parser-args"}, f"{path}.")
    opens, closes = _ends(node, "x-regex-iterator" if "x-regex-iterator" in node else "x-regex", path)
    item = node.get("items", {})
    parser, place = (node, path) if "x-parser" in node else (item, f"{path}.items")
    if parser.get("x-parser") == "json":
        file.tables["[[call]]"] = {"open": opens, "close": closes, "codec": "json-call"}
        _transform(parser.get("x-parser-args", {}), f"{place}.x-parser-args", file)
        return
    if "x-parser" in parser:
        refuse(f"{place}.x-parser", f"`{parser['x-parser']}` cannot be said in a parser file")
    function = item.get("properties", {}).get("function", item)
    parts = function.get("properties", {}) if isinstance(function, Mapping) else {}
    name, arguments = parts.get("name", {}), parts.get("arguments", {})
    place = f"{path}.items.properties.function.properties"
    if "x-regex" not in name or "x-regex-key-value" not in arguments:
        refuse(f"{path}.items", "neither a JSON call nor `x-regex` of a name with `x-regex-key-value` of its arguments")
    known(arguments, {*_PLAIN, "x-regex-key-value"}, f"{place}.arguments.")
    inner = [
        marker([("hole", "name") if part == ("hole", "value") else part for part in sequence], f"{place}.name.x-regex")
        for sequence in alternatives(name["x-regex"], f"{place}.name.x-regex")
    ]
    values = arguments.get("additionalProperties", {})
    kind = "json" if isinstance(values, Mapping) and values.get("x-parser") == "json" else "text"
    file.tables["[section]"] = {"open": opens, "close": closes}
    file.tables["[[call]]"] = {"open": inner, "codec": "tags"}
    tags = {"tag_pattern": arguments["x-regex-key-value"], "value_parser": {"name": kind}}
    read_tags(tags, f"{place}.arguments", file)
    tag = re.match(r"<([\w:.-]+)[= ]", inner[0])
    if tag is None:
        refuse(f"{place}.name.x-regex", "nothing tells what closes a call")
    file.tables["[[call]]"]["close"] = f"</{tag[1]}>"
    file.notes.append(f"`</{tag[1]}>` follows from the opener of the call; the schema names no closer for it")


def _transform(args: Json, path: str, file: Draft) -> None:
    known(args, {"transform", "allow_non_json"}, f"{path}.")
    written = args.get("transform", "")
    if written in ("", "@"):
        return
    found = _CALLS.fullmatch(str(written).strip())
    keys = _KEYS.fullmatch(found[1]) if found else None
    if found is None or not (keys or found[1] == "@"):
        refuse(f"{path}.transform", "does not say where the name and the arguments come from")
    if keys:
        file.tables["[call.json]"] = {"name_keys": [keys[1]], "args_keys": [keys[2]]}
