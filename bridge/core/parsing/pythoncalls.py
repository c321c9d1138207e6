"""Calls written as Python expressions (rule 8): ``[f(a=1), g("x")]``."""

from __future__ import annotations

import re

from bridge.core.parsing.compiled import CompiledCall
from bridge.core.parsing.cursor import Cursor, CutOff, Malformed, Reading
from bridge.core.parsing.jsoncalls import read_tail
from bridge.core.parsing.jsonreader import DEPTH_LIMIT, quote
from bridge.core.parsing.sink import CallSink

_WORD = re.compile(r"[\w.]*")
_NUMBER = re.compile(
    r"(?P<hex>0[xX][0-9a-fA-F_]+)|(?P<octal>0[oO][0-7_]+)|(?P<binary>0[bB][01_]+)"
    r"|(?P<decimal>(?:[0-9][0-9_]*)?\.?[0-9_]*(?:[eE][+-]?[0-9]+)?)",
    re.ASCII,
)
_NUMBER_TEXT = re.compile(r"[0-9a-zA-Z_.+\-]*", re.ASCII)
_LONGEST_NUMBER = 1024
_WORDS = {"True": "true", "true": "true", "False": "false", "false": "false", "None": "null", "null": "null"}
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v", "0": "\0", "\n": ""}
_HEX_ESCAPES = {"x": 2, "u": 4, "U": 8}


def read_python_calls(cursor: Cursor, call: CompiledCall, sink: CallSink) -> Reading[None]:
    """The body of a ``python`` call pattern: one call, a list of them, or one a line."""
    char = yield from cursor.need()
    listed = char == "["
    if listed:
        cursor.i += 1
        if (yield from cursor.need()) == "]":
            raise Malformed("an empty list")
    elif call.pattern.python.list == "required":
        raise Malformed("a list was to come")
    while True:
        sink.begin(cursor.pos if sink.won_at is not None or sink.rejected else sink.element)
        yield from _call(cursor, sink)
        sink.end(cursor.pos)
        if not listed and not (yield from _another(cursor)):
            break
        if listed:
            char = yield from cursor.need()
            if char in ",;":
                cursor.i += 1
                char = yield from cursor.need()
            if char == "]":
                cursor.i += 1
                break
    yield from read_tail(cursor, call)


def _another(cursor: Cursor) -> Reading[bool]:
    """Whether, without a list, another call begins behind the separator."""
    char = yield from cursor.skip_space()
    if char and char in ",;":
        cursor.i += 1
        char = yield from cursor.skip_space()
    return char.isalpha() or char == "_"


def _name(cursor: Cursor) -> Reading[str]:
    yield from cursor.need()
    name = ""
    while True:
        found = _WORD.match(cursor.text, cursor.i)
        if found:
            name += found.group()
            cursor.i = found.end()
        if len(name) > 256:
            raise Malformed("the name is too long")
        if cursor.i < len(cursor.text) or cursor.eof:
            return name
        yield from cursor.wait()


def _call(cursor: Cursor, sink: CallSink) -> Reading[None]:
    name = yield from _name(cursor)
    if not name or name[0].isdigit() or (yield from cursor.need()) != "(":
        raise Malformed("NAME( was to come")
    cursor.i += 1
    sink.name(name)
    sink.body(cursor.pos)
    order = sink.types.order
    given: set[str] = set()
    position = 0
    while (char := (yield from cursor.need())) != ")":
        if char == "," and given:
            cursor.i += 1
            continue
        key, value = yield from _argument(cursor)
        if not key:
            if position >= len(order):
                raise Malformed("more positional arguments than the tool has parameters")
            key = order[position]
            position += 1
        if key not in given:
            sink.write(f"{',' if given else '{'}{quote(key)}:{value}")
            given.add(key)
        if (yield from cursor.need()) not in ",)":
            raise Malformed("a comma or ) was to come")
    cursor.i += 1
    sink.write("}" if given else "{}")


def _argument(cursor: Cursor) -> Reading[tuple[str, str]]:
    """An argument as (key, JSON); the key of a positional one is ""."""
    char = yield from cursor.need()
    if not (char.isalpha() or char == "_"):
        return "", (yield from _value(cursor, 0))
    word = yield from _name(cursor)
    char = yield from cursor.need()
    if char == "=":
        cursor.i += 1
        return word, (yield from _value(cursor, 0))
    return "", (yield from _word_value(cursor, word, char))


def _value(cursor: Cursor, depth: int) -> Reading[str]:
    if depth > DEPTH_LIMIT:
        raise Malformed("nested too deeply")
    char = yield from cursor.need()
    if char in "\"'":
        return quote((yield from _strings(cursor, "")))
    if char in "[(":
        return (yield from _sequence(cursor, "]" if char == "[" else ")", depth + 1))
    if char == "{":
        return (yield from _dict(cursor, depth + 1))
    if char.isalpha() or char == "_":
        word = yield from _name(cursor)
        return (yield from _word_value(cursor, word, (yield from cursor.peek())))
    return (yield from _number(cursor))


def _word_value(cursor: Cursor, word: str, char: str) -> Reading[str]:
    if word in _WORDS:
        return _WORDS[word]
    if char and char in "\"'" and word.lower() in ("r", "u"):
        return quote((yield from _strings(cursor, word.lower())))
    if not char and any(literal.startswith(word) for literal in (*_WORDS, *"rRuU")):
        raise CutOff
    raise Malformed(f"{word!r:.40} is no literal")


def _number(cursor: Cursor) -> Reading[str]:
    text = ""
    while True:
        found = _NUMBER_TEXT.match(cursor.text, cursor.i)
        if found:
            text += found.group()
            cursor.i = found.end()
        if len(text) > _LONGEST_NUMBER:
            raise Malformed("the number is too long")
        if cursor.i < len(cursor.text):
            break
        yield from cursor.wait()
    sign = "-" if text.startswith("-") else ""
    digits = text.lstrip("+-") if text[:2] not in ("--", "++", "+-", "-+") else ""
    found = _NUMBER.fullmatch(digits)
    if not found or not digits.strip("._"):
        raise Malformed("a value was to come")
    if found.lastgroup != "decimal":
        return sign + str(int(digits.replace("_", ""), 0))
    return sign + _decimal(digits.replace("_", ""))


def _decimal(digits: str) -> str:
    """A Python number as a JSON number with the same digits."""
    mantissa, mark, exponent = digits.lower().partition("e")
    whole, dot, fraction = mantissa.partition(".")
    whole = whole.lstrip("0") or "0"
    return whole + (f".{fraction or '0'}" if dot else "") + (f"e{exponent}" if mark else "")


def _sequence(cursor: Cursor, closer: str, depth: int) -> Reading[str]:
    cursor.i += 1
    values: list[str] = []
    while (yield from cursor.need()) != closer:
        values.append((yield from _value(cursor, depth)))
        char = yield from cursor.need()
        if char == ",":
            cursor.i += 1
        elif char != closer:
            raise Malformed(f"a comma or {closer} was to come")
    cursor.i += 1
    return "[" + ",".join(values) + "]"


def _dict(cursor: Cursor, depth: int) -> Reading[str]:
    cursor.i += 1
    members: dict[str, str] = {}
    while (yield from cursor.need()) != "}":
        key = yield from _value(cursor, depth)
        if (yield from cursor.need()) != ":":
            raise Malformed("a colon was to come")
        cursor.i += 1
        value = yield from _value(cursor, depth)
        members.setdefault(key if key.startswith('"') else quote(key), value)
        char = yield from cursor.need()
        if char == ",":
            cursor.i += 1
        elif char != "}":
            raise Malformed("a comma or } was to come")
    cursor.i += 1
    return "{" + ",".join(f"{key}:{value}" for key, value in members.items()) + "}"


def _strings(cursor: Cursor, prefix: str) -> Reading[str]:
    """One string, or adjacent ones joined."""
    parts = [(yield from _string(cursor, raw=prefix == "r"))]
    while True:
        char = yield from cursor.need()
        if char not in "\"'":
            return "".join(parts)
        parts.append((yield from _string(cursor, raw=False)))


def _string(cursor: Cursor, raw: bool) -> Reading[str]:
    quote_char = yield from cursor.need()
    while len(cursor.text) - cursor.i < 3 and not cursor.eof:
        yield from cursor.wait()
    delimiter = quote_char * 3 if cursor.text.startswith(quote_char * 3, cursor.i) else quote_char
    cursor.i += len(delimiter)
    parts: list[str] = []
    plain = re.compile(r"[^\\" + quote_char + r"]+")
    while True:
        char = yield from cursor.peek()
        if not char:
            raise CutOff
        run = plain.match(cursor.text, cursor.i)
        if run:
            parts.append(run.group())
            cursor.i = run.end()
        elif char == "\\":
            parts.append((yield from _escape(cursor, raw)))
        else:
            while len(cursor.text) - cursor.i < len(delimiter) and not cursor.eof:
                yield from cursor.wait()
            if cursor.text.startswith(delimiter, cursor.i):
                cursor.i += len(delimiter)
                return "".join(parts)
            parts.append(char)
            cursor.i += 1


def _escape(cursor: Cursor, raw: bool) -> Reading[str]:
    cursor.i += 1
    char = yield from cursor.peek()
    if not char:
        raise CutOff
    cursor.i += 1
    if raw:
        return "\\" + char
    if char in _HEX_ESCAPES:
        size = _HEX_ESCAPES[char]
        while len(cursor.text) - cursor.i < size and not cursor.eof:
            yield from cursor.wait()
        digits = cursor.text[cursor.i : cursor.i + size]
        if re.fullmatch(r"[0-9a-fA-F]+", digits) and len(digits) == size and int(digits, 16) <= 0x10FFFF:
            cursor.i += size
            return chr(int(digits, 16))
        return "\\" + char
    if char in "\\\"'":
        return char
    return _SIMPLE.get(char, "\\" + char)
