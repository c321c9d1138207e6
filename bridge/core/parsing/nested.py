"""Values whose child elements are objects and lists (``nest``)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bridge.core.parsing.compiled import CompiledCall
from bridge.core.parsing.cursor import Cursor, CutOff, Malformed, Reading
from bridge.core.parsing.jsonreader import DEPTH_LIMIT, quote
from bridge.core.parsing.markers import FOLLOW_LIMIT, MORE, CompiledMarker, Match, begun
from bridge.core.parsing.typed import ArgumentTypes, ValueType, typed
from bridge.core.parsing.values import ValueReader, closes

_SPACE = re.compile(r"\s*")


def read_nested(
    cursor: Cursor, call: CompiledCall, types: ArgumentTypes, wanted: ValueType, depth: int = 0, key: str = ""
) -> Reading[str | None]:
    """The value of ``key`` as JSON, its closer consumed; None, with nothing consumed, where it holds no elements."""
    if depth > DEPTH_LIMIT:
        raise Malformed("nested too deeply")
    if call.tag_open is None or call.tag_close is None:
        return None
    kinds = wanted.kinds or frozenset()
    members: list[tuple[str, str]] = []
    while True:
        closed = yield from _comes(cursor, call.tag_close)
        if closed is not None and closes(closed, key) and (members or kinds & {"object", "array"}):
            cursor.i = closed.end
            return _assemble(members, wanted, call.pattern.tags.item)
        header = yield from _comes(cursor, call.tag_open)
        if header is None:
            if members:
                if cursor.eof and begun((call.tag_open, call.tag_close), cursor.text, cursor.i):
                    raise CutOff
                raise Malformed("an element was to come")
            return None
        cursor.i = header.end
        member = header.holes.get("key", "")
        child = _child(member, wanted, types, call.pattern.tags.item)
        members.append((member, (yield from _element(cursor, call, types, child, depth + 1, member))))


def _element(
    cursor: Cursor, call: CompiledCall, types: ArgumentTypes, wanted: ValueType, depth: int, key: str
) -> Reading[str]:
    if not wanted.verbatim:
        value = yield from read_nested(cursor, call, types, wanted, depth, key)
        if value is not None:
            return value
    parts: list[str] = []
    yield from ValueReader(cursor, call, types, (), key).read(parts.append)
    return typed("".join(parts), wanted, call.pattern.tags.untyped)


def _comes(cursor: Cursor, marker: CompiledMarker) -> Reading[Match | None]:
    """The marker behind optional white space; nothing is consumed."""
    while True:
        space = _SPACE.match(cursor.text, cursor.i)
        end = space.end() if space else cursor.i
        found = marker.match(cursor.text, end, cursor.eof)
        if end == len(cursor.text) and not cursor.eof and end - cursor.i < FOLLOW_LIMIT:
            found = MORE
        if found is MORE:
            yield from cursor.wait()
            continue
        return found if isinstance(found, Match) else None


def _child(key: str, wanted: ValueType, types: ArgumentTypes, item: str) -> ValueType:
    schema = wanted.schema or {}
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and key in properties:
        return types.type_of(properties[key])
    if key == item and "items" in schema:
        return types.type_of(schema["items"])
    return types.type_of(schema.get("additionalProperties"))


def _assemble(members: list[tuple[str, str]], wanted: ValueType, item: str) -> str:
    kinds = wanted.kinds or frozenset()
    listed = bool(item) and all(key == item for key, _ in members)
    if listed and (members or "array" in kinds) and "object" not in kinds:
        return "[" + ",".join(value for _, value in members) + "]"
    first: dict[str, str] = {}
    for key, value in members:
        first.setdefault(key, value)
    return "{" + ",".join(f"{quote(key)}:{value}" for key, value in first.items()) + "}"
