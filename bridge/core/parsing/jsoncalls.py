"""Calls whose body is JSON: name and arguments inside it, or the arguments alone (rule 6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bridge.core.jsontext import loads
from bridge.core.parsing.compiled import CompiledCall
from bridge.core.parsing.cursor import Cursor, Malformed, Reading
from bridge.core.parsing.jsonreader import DEPTH_LIMIT, JsonReader, read_json
from bridge.core.parsing.markers import MORE, CompiledMarker, Match, first_match
from bridge.core.parsing.sink import CallSink
from bridge.core.parsing.spec import JsonRules

_SLOP_LIMIT = 16
_QUOTES = "\"'"
_SPACE = re.compile(r"\s*")


def read_value(cursor: Cursor, rules: JsonRules, out: Callable[[str], object]) -> Reading[None]:
    """One JSON value, copied through to ``out``."""
    reader = JsonReader(out, rules)
    while True:
        cursor.i = reader.feed(cursor.text, cursor.i, cursor.eof)
        if reader.failed:
            raise Malformed("not JSON")
        if reader.done:
            return
        yield from cursor.wait()


def read_json_call(cursor: Cursor, call: CompiledCall, sink: CallSink) -> Reading[None]:
    """The body of a ``json-call``: an object, several, an array of them, or one as a JSON string."""
    char = yield from cursor.need()
    if char == "[":
        yield from _array(cursor, call, sink)
    elif char == "{":
        yield from _objects(cursor, call, sink)
    elif char in _QUOTES:
        inner = Cursor(0, (yield from _string(cursor, call.pattern.json)), eof=True)
        sink.begin(sink.element)
        yield from _object(inner, call, sink)
        if (yield from inner.skip_space()):
            raise Malformed("something follows the call inside the string")
        sink.end(cursor.pos)
    else:
        raise Malformed("neither an object nor an array begins here")
    yield from read_tail(cursor, call)


def read_json_arguments(cursor: Cursor, call: CompiledCall, sink: CallSink) -> Reading[None]:
    """The body of a ``json`` call: the arguments; its name is known."""
    yield from cursor.need()
    if call.close is not None and (yield from stands(cursor, call.close)):
        sink.write("{}")
        sink.end(cursor.pos)
        return
    yield from read_arguments(cursor, call.pattern.json, sink)
    sink.end(cursor.pos)
    yield from read_tail(cursor, call)


def read_arguments(cursor: Cursor, rules: JsonRules, sink: CallSink) -> Reading[None]:
    """An arguments object; a JSON string that holds one is unwrapped, null and "" mean {}."""
    char = yield from cursor.need()
    if char == "{":
        sink.body(cursor.pos + 1)
        yield from read_value(cursor, rules, sink.write)
        return
    if char in _QUOTES:
        text = (yield from _string(cursor, rules)).strip()
        value = read_json(text, rules) if text else "{}"
        sink.repairs.append("arguments_string")
    else:
        parts: list[str] = []
        yield from read_value(cursor, rules, parts.append)
        value = "".join(parts)
    if value == "null":
        value = "{}"
    if value is None or not value.startswith("{"):
        raise Malformed("the arguments are no object")
    sink.write(value)


def read_tail(cursor: Cursor, call: CompiledCall) -> Reading[None]:
    """Skips up to 16 characters of slop and the closer; where no closer follows, nothing is skipped."""
    if call.close is None:
        return
    slop = call.pattern.json.slop if call.pattern.codec.startswith("json") else ""
    while True:
        end = _tail_end(cursor, call, slop)
        if end is not None:
            cursor.i = end
            return
        yield from cursor.wait()


def _tail_end(cursor: Cursor, call: CompiledCall, slop: str) -> int | None:
    """Where the tail ends; None while that is open."""
    text, eof = cursor.text, cursor.eof
    i = cursor.i
    for _ in range(_SLOP_LIMIT + 1):
        space = _SPACE.match(text, i)
        i = space.end() if space else i
        if i == len(text):
            return i if eof else (cursor.i if i - cursor.i > 4096 else None)
        found = call.close.match(text, i, eof) if call.close else None
        if isinstance(found, Match):
            return found.end
        if found is MORE:
            return None
        if text[i] not in slop:
            break
        i += 1
    follows = first_match(call.after, text, i, eof)
    if follows is MORE:
        return None
    return i if isinstance(follows, Match) else cursor.i


def stands(cursor: Cursor, marker: CompiledMarker) -> Reading[bool]:
    """Whether ``marker`` stands here; then it is skipped."""
    while True:
        found = marker.match(cursor.text, cursor.i, cursor.eof)
        if found is MORE:
            yield from cursor.wait()
            continue
        if isinstance(found, Match):
            cursor.i = found.end
            return True
        return False


def _array(cursor: Cursor, call: CompiledCall, sink: CallSink) -> Reading[None]:
    cursor.i += 1
    while True:
        char = yield from cursor.need()
        if char == "]":
            cursor.i += 1
            return
        if char == "{":
            sink.begin(cursor.pos)
            yield from _object(cursor, call, sink)
            sink.end(cursor.pos)
        elif char in ",;":
            cursor.i += 1
        else:
            raise Malformed("an element of the array is no object")


def _objects(cursor: Cursor, call: CompiledCall, sink: CallSink) -> Reading[None]:
    yield from _object(cursor, call, sink)
    sink.end(cursor.pos)
    separators = ",;" + call.pattern.separators
    while True:
        char = yield from cursor.peek()
        behind = cursor.i
        # white space belongs to what follows unless that is another call
        space = _SPACE.match(cursor.text, behind)
        end = space.end() if space else behind
        while end < len(cursor.text) and cursor.text[end] in separators:
            space = _SPACE.match(cursor.text, end + 1)
            end = space.end() if space else end
        if end == len(cursor.text) and not cursor.eof and end - behind < 4096:
            yield
            continue
        if not char or cursor.text[end : end + 1] != "{":
            if end == len(cursor.text) and cursor.eof:
                cursor.i = end
            return
        cursor.i = end
        sink.begin(cursor.pos)
        yield from _object(cursor, call, sink)
        sink.end(cursor.pos)


@dataclass(slots=True)
class _Seen:
    name: bool = False
    arguments: bool = False


def _object(cursor: Cursor, call: CompiledCall, sink: CallSink) -> Reading[None]:
    char = yield from cursor.need()
    if char != "{":
        raise Malformed("no object begins here")
    cursor.i += 1
    seen = _Seen()
    yield from _fields(cursor, call.pattern.json, sink, seen, 0)
    if not seen.name or (call.pattern.alone and not seen.arguments):
        raise Malformed("the object holds no name" if not seen.name else "the object holds no arguments")
    if not seen.arguments:
        sink.write("{}")


def _fields(cursor: Cursor, rules: JsonRules, sink: CallSink, seen: _Seen, depth: int) -> Reading[None]:
    if depth > DEPTH_LIMIT:
        raise Malformed("nested too deeply")
    comma = True
    while True:
        char = yield from cursor.need()
        if char == "}":
            cursor.i += 1
            return
        if not comma:
            if char != ",":
                raise Malformed("a comma or } was to come")
            cursor.i += 1
            comma = True
            continue
        comma = False
        key = yield from _string(cursor, rules)
        if (yield from cursor.need()) != ":":
            raise Malformed("a colon was to come")
        cursor.i += 1
        char = yield from cursor.need()
        if rules.keyed and not seen.name:
            seen.name = seen.arguments = True
            sink.name(key)
            yield from read_arguments(cursor, rules, sink)
        elif key in rules.name_keys and not seen.name and char in _QUOTES:
            seen.name = True
            sink.name((yield from _string(cursor, rules)))
        elif key in rules.args_keys and not seen.arguments:
            seen.arguments = True
            yield from read_arguments(cursor, rules, sink)
        elif key in rules.descend and char == "{":
            cursor.i += 1
            yield from _fields(cursor, rules, sink, seen, depth + 1)
        else:
            yield from read_value(cursor, rules, _discard)


def _discard(text: str) -> None:
    """A value that nobody asked for."""


def _string(cursor: Cursor, rules: JsonRules) -> Reading[str]:
    char = yield from cursor.need()
    if char not in _QUOTES and not any(char == quote[0] for quote in rules.quotes):
        raise Malformed("a string was to come")
    parts: list[str] = []
    yield from read_value(cursor, rules, parts.append)
    value = loads("".join(parts))
    if not isinstance(value, str):
        raise Malformed("a string was to come")
    return value
