"""Calls whose arguments are key and value markup (rules 5 and 7).

Values are not escaped, so a closer ends a value only where something that may follow
it follows. What a value holds beyond that is none of the reader's business.
"""

from __future__ import annotations

import re
from html import unescape

from bridge.core.parsing.compiled import CompiledCall
from bridge.core.parsing.cursor import Cursor, CutOff, Malformed, Reading
from bridge.core.parsing.jsoncalls import read_arguments, read_tail, stands
from bridge.core.parsing.jsonreader import escape, quote, read_json
from bridge.core.parsing.markers import MORE, Match, begun, followed_by
from bridge.core.parsing.nested import read_nested
from bridge.core.parsing.sink import CallSink
from bridge.core.parsing.typed import ValueType, typed
from bridge.core.parsing.values import ValueReader

_CDATA = re.compile(r"\s*<!\[CDATA\[(.*)\]\]>\s*\Z", re.DOTALL)


def read_tag_call(cursor: Cursor, call: CompiledCall, sink: CallSink) -> Reading[None]:
    """The body of a ``tags`` call, to behind its closer."""
    given: set[str] = set()
    while True:
        char = yield from cursor.need()
        if call.close is not None and (yield from stands(cursor, call.close)):
            break
        header = yield from _parameter(cursor, call)
        if header is not None:
            yield from _argument(cursor, call, sink, header, given)
            continue
        if char == "{" and not given:
            yield from read_arguments(cursor, call.pattern.json, sink)
            sink.repairs.append("json_in_tags")
            sink.end(cursor.pos)
            yield from read_tail(cursor, call)
            return
        if (given or call.close is None) and (yield from _container_goes_on(cursor, call)):
            sink.repairs.append("missing_closer")
            break
        if cursor.eof and begun((call.tag_open, call.close, *call.after), cursor.text, cursor.i):
            raise CutOff
        raise Malformed("neither a parameter nor the closer of the call comes")
    sink.body(cursor.pos)
    sink.write("}" if given else "{}")
    sink.end(cursor.pos)


def _container_goes_on(cursor: Cursor, call: CompiledCall) -> Reading[bool]:
    """Whether the call's closer was forgotten: its container ends or another call begins."""
    while True:
        follows = followed_by(call.after, cursor.text, cursor.i, cursor.eof)
        if follows is not MORE:
            return follows is True
        yield from cursor.wait()


def _parameter(cursor: Cursor, call: CompiledCall) -> Reading[Match | None]:
    if call.tag_open is None:
        return None
    while True:
        header = call.tag_open.match(cursor.text, cursor.i, cursor.eof)
        if header is MORE:
            yield from cursor.wait()
            continue
        if isinstance(header, Match):
            cursor.i = header.end
            return header
        return None


def _key_of(header: Match, call: CompiledCall) -> str:
    rules = call.pattern.tags
    return header.holes.get("key") or (header.attrs.get(rules.attrs.key, "") if rules.attrs.key else "")


def _argument(cursor: Cursor, call: CompiledCall, sink: CallSink, header: Match, given: set[str]) -> Reading[None]:
    key = _key_of(header, call)
    if not key:
        raise Malformed("the parameter has no name")
    first = key not in given
    separator = "," if given else "{"
    wanted = sink.types.of(key)
    word = _type_word(header, call)
    if first:
        sink.body(cursor.pos)
        given.add(key)
        sink.write(f"{separator}{quote(key)}:")
    if header.self_closing:
        if first:
            sink.write(_finish("", call, wanted, word))
        return
    if call.pattern.tags.nest and not (wanted.verbatim or word == "string"):
        value = yield from read_nested(cursor, call, sink.types, wanted, key=key)
        if value is not None:
            if first:
                sink.write(value)
            return
    reader = ValueReader(cursor, call, sink.types, given, key)
    verbatim = first and _streams(call, wanted, word)
    if verbatim:
        sink.write('"')
        yield from reader.read(lambda part: sink.write(escape(part)))
        sink.write('"')
        return
    parts: list[str] = []
    yield from reader.read(parts.append)
    if first:
        sink.write(_finish("".join(parts), call, wanted, word))


def _type_word(header: Match, call: CompiledCall) -> str:
    """What the markup itself says of the value: "string", "json", or "" for nothing."""
    rules = call.pattern.tags
    written = header.holes.get("type") or (header.attrs.get(rules.attrs.type, "") if rules.attrs.type else "")
    return rules.types.get(written, "") if written else ""


def _streams(call: CompiledCall, wanted: ValueType, word: str) -> bool:
    rules = call.pattern.tags
    plain = not (rules.cdata or rules.entities) and rules.trim != "both"
    return plain and (word == "string" or (not word and wanted.verbatim))


def _finish(text: str, call: CompiledCall, wanted: ValueType, word: str) -> str:
    rules = call.pattern.tags
    if rules.cdata and (wrapped := _CDATA.match(text)):
        return quote(wrapped.group(1))
    if rules.trim == "both":
        text = text.strip()
    if rules.entities and "&" in text:
        text = unescape(text)
    if word == "string":
        return quote(text)
    if word == "json":
        return read_json(text) or quote(text)
    return typed(text, wanted, rules.untyped)
