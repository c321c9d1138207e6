"""Calls whose body is an object, or bare text for the tool's only parameter (codec ``text``)."""

from __future__ import annotations

from bridge.core.parsing.compiled import CompiledCall
from bridge.core.parsing.cursor import Cursor, CutOff, Malformed, Reading
from bridge.core.parsing.jsonreader import JsonReader, quote
from bridge.core.parsing.literals import Literals
from bridge.core.parsing.markers import MORE, Match
from bridge.core.parsing.sink import CallSink
from bridge.core.parsing.typed import typed


def read_text_call(cursor: Cursor, call: CompiledCall, sink: CallSink) -> Reading[None]:
    """The body up to the closer, or to the end of the message; in the strings of an object nothing closes."""
    value, raw = yield from _object(cursor, call)
    rest, cut = yield from _body(cursor, call)
    if value is None or rest.strip().strip(call.pattern.json.slop):
        if cut:
            raise CutOff
        value = _bare((raw + rest).strip(), call, sink)
    sink.write(value)
    sink.end(cursor.pos)


def _bare(body: str, call: CompiledCall, sink: CallSink) -> str:
    """Arguments out of text for the only parameter."""
    key = sink.types.only
    if not body and not sink.types.order:
        return "{}"
    if key is None:
        raise Malformed("bare text, and the tool has not just one parameter")
    return f"{{{quote(key)}:{typed(body, sink.types.of(key), call.pattern.tags.untyped)}}}"


def _object(cursor: Cursor, call: CompiledCall) -> Reading[tuple[str | None, str]]:
    """The object that the body begins with, as JSON and as it was written; without one nothing is read."""
    if (yield from cursor.skip_space()) != "{":
        return None, ""
    json, raw = list[str](), list[str]()
    reader = JsonReader(json.append, call.pattern.json)
    while True:
        end = reader.feed(cursor.text, cursor.i, cursor.eof)
        raw.append(cursor.text[cursor.i : end])
        cursor.i = end
        if reader.done:
            return "".join(json), "".join(raw)
        if reader.failed or cursor.eof:
            cursor.unread("".join(raw))
            return None, ""
        yield


def _body(cursor: Cursor, call: CompiledCall) -> Reading[tuple[str, bool]]:
    """The text up to the closer, and whether the message was cut off before that."""
    parts: list[str] = []
    line = ""
    literals = Literals(call.close.literals if call.close else ())
    while True:
        found = literals.search(cursor.text, cursor.i)
        end = found.start() if found else literals.tail(cursor.text, cursor.i)
        if found and call.close:
            line = _last_line(line, cursor.text[cursor.i : end])
            closer = call.close.match(cursor.text, end, cursor.eof)
            if isinstance(closer, Match) and not (call.close.at == "line" and line.strip()):
                parts.append(cursor.text[cursor.i : end])
                cursor.i = end if call.close.peek else closer.end
                return "".join(parts), False
            if closer is not MORE:
                end += 1
        elif cursor.eof:
            end = len(cursor.text)
        parts.append(cursor.text[cursor.i : end])
        line = _last_line(line, cursor.text[cursor.i : end])
        cursor.i = end
        if cursor.eof and end == len(cursor.text):
            return "".join(parts), cursor.cut
        if not found or closer is MORE:
            yield from cursor.wait()


def _last_line(line: str, more: str) -> str:
    head, newline, tail = more.rpartition("\n")
    return tail if newline else (line + head + tail)[-256:]
