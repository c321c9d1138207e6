"""``toolbridge parsers import``: a Hugging Face ``response_template`` as a parser file.

Strict: what a parser file cannot say is refused under the name of its key, and what it says
in another way is noted in a comment. The file is read back before it is given out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from bridge.cli.importing import Draft, Json, alternatives, known, marker, read_tags, refuse, texts, written
from bridge.cli.schemas import read_schema
from bridge.core.openai import words

_TOP = {"version", "defaults", "start_anchor", "start_anchor_pattern", "fields"}
_FIELD = {"open", "open_pattern", "close", "close_pattern", "repeats", "optional", "join", "content", "content_args",
          "transform", "transform_each"}  # fmt: skip
_PLACEHOLDER = re.compile(r"\{([\w.]+)\}")
_TAG = re.compile(r"<([\w:.-]+)[^<>]*>\Z")


def converted(config: object, name: str) -> str:
    """The parser file ``name`` for a ``tokenizer_config.json``, or for the template or schema alone.

    Raises ConfigError naming the key that cannot be expressed.
    """
    if not isinstance(config, Mapping):
        refuse("the file", "is no JSON object")
    template = config.get("response_template", config)
    schema = config.get("response_schema")
    file = Draft()
    if isinstance(template, Mapping) and "fields" in template:
        _template(template, file)
    elif isinstance(schema, Mapping) or "properties" in config:
        read_schema(schema if isinstance(schema, Mapping) else config, file)
    else:
        refuse("the file", "holds neither a `response_template` with `fields` nor a `response_schema`")
    if "[[call]]" not in file.tables:
        refuse("fields", f"names no `{words.CALLS}`: there is nothing that a parser file would be for")
    return written(file, name)


def _template(template: Json, file: Draft) -> None:
    known(template, _TOP, "")
    if template.get("version", 1) != 1:
        refuse("version", f"is {template['version']!r}, and only 1 is known")
    if (defaults := template.get("defaults")) not in (None, {}, {"role": "assistant"}):
        file.notes.append(f"`defaults` {json.dumps(defaults)} are not set: an answer has no such fields")
    fields = template["fields"]
    if not isinstance(fields, Mapping):
        refuse("fields", "is no object")
    for name, value in fields.items():
        path = f"fields.{name}"
        if not isinstance(value, Mapping):
            refuse(path, "is no object")
        known(value, _FIELD, f"{path}.")
        value = {key: inner for key, inner in value.items() if inner is not None}
        if value.get("optional") is False:
            file.notes.append(f"`{path}.optional = false`: an answer without it is no error here")
        if name in words.REASONING:
            _thinking(value, path, file)
        elif name == words.CONTENT:
            _content(value, path, file)
        elif name == words.CALLS:
            _calls(value, path, file)
        else:
            refuse(path, "an answer has text, reasoning and tool calls, and nothing else")
    _anchor(template, file)
    if not any("open" not in value and "open_pattern" not in value for value in fields.values()):
        file.notes.append("the template drops text outside of its fields; here it stays text")


def _anchor(template: Json, file: Draft) -> None:
    if "start_anchor_pattern" in template:
        file.notes.append("`start_anchor_pattern` has no use here: the prompt is not read")
    tokens = [anchor.strip() for anchor in texts(template.get("start_anchor", []), "start_anchor")]
    tokens = [token for token in tokens if token[0] in "<["]  # words stay: they may be words of the answer
    if tokens:
        file.noise(tokens)
        file.notes.append("`start_anchor` is only stripped where it is repeated: the prompt is not read")


def _thinking(value: Json, path: str, file: Draft) -> None:
    opens, from_start = _markers(value, "open", path)
    closes, _ = _markers(value, "close", path)
    if not closes:
        refuse(f"{path}.close", "reasoning without an end")
    table: dict[str, object] = {"open": opens} if opens else {}
    table["close"] = closes
    if from_start:
        table["start"] = "open"
    if _text_args(value, path):
        table["trim"] = "none"
    file.tables["[reasoning]"] = table


def _content(value: Json, path: str, file: Draft) -> None:
    opens, from_start = _markers(value, "open", path)
    closes, _ = _markers(value, "close", path)
    if _text_args(value, path):
        file.tables["[text]"] = {"trim": "none"}
    if opens:
        if from_start:
            file.notes.append(f"`{path}` may also begin the answer: text outside of it is text anyway")
        channel: dict[str, object] = {"to": "text", "open": opens}
        file.tables["[[channel]]"] = channel | ({"close": closes} if closes else {})
    else:
        file.noise(closes)


def _text_args(value: Json, path: str) -> bool:
    """Whether white space stays; refuses what is no text."""
    if value.get("content", "text") != "text":
        refuse(f"{path}.content", f"`{value['content']}` where text was expected")
    args = value.get("content_args", {})
    known(args, {"strip"}, f"{path}.content_args.")
    return args.get("strip", True) is False


def _markers(value: Json, key: str, path: str) -> tuple[list[str], bool]:
    """The literals of ``open`` or ``close``, and whether the edge of the message is one of them."""
    if key in value:
        return [text.strip() for text in texts(value[key], f"{path}.{key}")], False
    pattern, found, edge = f"{key}_pattern", list[str](), False
    for sequence in alternatives(value.get(pattern, ""), f"{path}.{pattern}"):
        if sequence and sequence[0][0] == "edge" and not [part for part in sequence[1:] if part != ("hole", "ws")]:
            edge = True
        elif sequence:
            found.append(marker(sequence, f"{path}.{pattern}"))
    return found, edge


def _calls(value: Json, path: str, file: Draft) -> None:
    opens, from_start = _markers(value, "open", path)
    closes, _ = _markers(value, "close", path)
    if from_start or not opens:
        refuse(f"{path}.open", "calls without a marker: the importer does not guess what else begins one")
    if any("{value}" in text for text in (*opens, *closes)):
        refuse(f"{path}.open_pattern", "a group that is no name")
    named = all("{name}" in text for text in opens)
    call: dict[str, object] = {"open": opens}
    if closes:
        call["close"] = closes
    file.tables["[[call]]"] = call
    args = value.get("content_args", {})
    match value.get("content", "text"):
        case "json":
            name, arguments = _shape(value, path)
            call["codec"] = "json" if named else "json-call"
            _json(args, f"{path}.content_args", name, arguments, named, file)
        case "xml-inline":
            name, arguments = _shape(value, path)
            if not named or (name, arguments) != ("name", "content"):
                refuse(f"{path}.transform", "the name must come from a group `name` of `open_pattern`")
            call["codec"] = "tags"
            read_tags(args, f"{path}.content_args", file)
            _split_section(opens, closes, file)
        case other:
            refuse(f"{path}.content", f"`{other}` cannot be said in a parser file")


def _shape(value: Json, path: str) -> tuple[str, str]:
    """Where ``transform`` takes the name and the arguments from, as the paths of its placeholders."""
    shape = value.get("transform", "{content}")
    if isinstance(shape, Mapping) and "function" in shape:
        known({key: 0 for key in shape}, {"type", "function", "id"}, f"{path}.transform.")
        shape = shape["function"]
    if shape == "{content}":
        return "content.name", "content.arguments"
    if isinstance(shape, Mapping):
        known(shape, {"name", "arguments", "id", "type"}, f"{path}.transform.")
        found = [_PLACEHOLDER.fullmatch(str(shape.get(key, ""))) for key in ("name", "arguments")]
        if found[0] and found[1]:
            return found[0][1], found[1][1]
    refuse(f"{path}.transform", "does not say where the name and the arguments come from")


def _json(args: Json, path: str, name: str, arguments: str, named: bool, file: Draft) -> None:
    known(args, {"unquoted_keys", "string_delims", "allow_non_json"}, f"{path}.")
    table: dict[str, object] = {}
    if named and (name, arguments) != ("name", "content"):
        refuse(f"fields.{words.CALLS}.transform", "the opener holds a name, and the body another one")
    if not named:
        *inside, name = name.removeprefix("content.").split(".")
        *also, arguments = arguments.removeprefix("content.").split(".")
        if inside != also or len(inside) > 1:
            refuse(f"fields.{words.CALLS}.transform", "the name and the arguments must be keys of one object")
        table |= {"name_keys": [name]} if name != "name" else {}
        table |= {"args_keys": [arguments]} if arguments != "arguments" else {}
        table |= {"descend": inside} if inside and inside != ["function"] else {}
    if args.get("unquoted_keys"):
        table |= {"bare_keys": True}
        file.notes.append("bare words as values are read too (`bare_values`), as such formats write numbers so")
        table |= {"bare_values": True}
    for pair in args.get("string_delims", []):
        if not isinstance(pair, list) or len(pair) != 2 or pair[0] != pair[1]:
            refuse(f"{path}.string_delims", "a string must begin and end with the same delimiter")
    if delimiters := [pair[0] for pair in args.get("string_delims", [])]:
        table["quotes"] = delimiters
    if args.get("allow_non_json"):
        file.notes.append("`allow_non_json`: a body that is no JSON is no call here, it stays text")
    if table:
        file.tables["[call.json]"] = table


def _split_section(opens: list[str], closes: list[str], file: Draft) -> None:
    """``<a>{ws}<b={name}>`` ... ``</a>``: a section with a call in it, whose closer the template skips."""
    sections, calls, closers = set(), [], []
    for text in opens:
        outer, space, inner = text.partition("{ws}")
        tag = _TAG.fullmatch(inner) or _TAG.search(re.sub(r"=.*", ">", inner))
        if not space or "{name}" in outer or tag is None:
            return
        sections.add(outer)
        calls.append(inner)
        closers.append(f"</{tag[1]}>")
    file.notes.append(
        f"{', '.join(dict.fromkeys(closers))} follows from the opener; the template names no closer for it"
    )
    call = file.tables.pop("[[call]]")
    tags = file.tables.pop("[call.tags]")
    file.tables["[section]"] = {"open": sorted(sections), "close": closes, "optional": True}
    file.tables["[[call]]"] = call | {"open": calls, "close": list(dict.fromkeys(closers))}
    file.tables["[call.tags]"] = tags
