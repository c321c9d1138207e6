"""A push-down reader of one JSON value that copies it through as it validates it.

It accepts what models write instead of JSON and normalises it (toolcall_formats
rule 6): raw control characters, trailing commas, single quotes, Python's literals,
unknown escapes; formats may add raw quotes, bare keys and bare values. Of a repeated
key the first stands. Everything else is refused, NaN and Infinity too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import Enum, auto

from bridge.core.parsing.literals import overlap
from bridge.core.parsing.spec import JsonRules

DEPTH_LIMIT = 256
WORD_LIMIT = 4096
"""No number is longer: readers of JSON refuse integers of more than 4300 digits."""

_SPACE = re.compile(r"\s*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?\Z", re.ASCII)
_WORD = re.compile(r"[\w.+\-]+")
_RUNS = {'"': re.compile(r'[^"\\\x00-\x1f]+'), "'": re.compile(r"[^'\"\\\x00-\x1f]+")}
_HEX = frozenset("0123456789abcdefABCDEF")
_WORDS = {"true": "true", "false": "false", "null": "null", "True": "true", "False": "false", "None": "null"}
_ESCAPES = frozenset('"\\/bfnrt')
_BARE_END = re.compile(r"[,}\]]")
_LONGEST_KEY = 256
_BARE_KEY = re.compile(rf"[^:{{}}\[\],]{{1,{_LONGEST_KEY}}}")
_STRICT = JsonRules()


def quote(text: str) -> str:
    """``text`` as a JSON string; lone surrogates are escaped, so that it is valid UTF-8 text."""
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if quoted.isascii() or quoted.isprintable() else _escape_surrogates(quoted)


def _escape_surrogates(text: str) -> str:
    return re.sub("[\ud800-\udfff]", lambda m: f"\\u{ord(m.group()):04x}", text)


def escape(text: str) -> str:
    """The inside of a JSON string that says ``text``."""
    return quote(text)[1:-1]


class _Mode(Enum):
    VALUE = auto()
    STRING = auto()
    RAW = auto()
    WORD = auto()
    BARE = auto()
    KEY = auto()
    COLON = auto()
    AFTER = auto()


class _Container:
    __slots__ = ("count", "is_object", "keys", "silent")

    def __init__(self, is_object: bool, silent: bool) -> None:
        self.is_object = is_object
        self.silent = silent
        self.count = 0
        self.keys: set[str] = set()


class JsonReader:
    """Reads one value. ``out`` gets fragments that concatenate to it, as they become certain."""

    __slots__ = (
        "_delimiter",
        "_escape",
        "_held",
        "_in_key",
        "_key",
        "_mode",
        "_silent",
        "_stack",
        "_write",
        "done",
        "failed",
        "rules",
    )

    def __init__(self, out: Callable[[str], object], rules: JsonRules = _STRICT) -> None:
        self.rules = rules
        self.done = False
        self.failed = False
        self._write = out
        self._mode = _Mode.VALUE
        self._stack: list[_Container] = []
        self._silent = False
        self._held = ""
        self._escape = ""
        self._delimiter = ""
        self._in_key = False
        self._key: list[str] = []

    def feed(self, text: str, i: int, eof: bool) -> int:
        """Reads ``text`` from ``i`` on and gives where it stopped; ``done`` or ``failed`` is set by then,
        or all but what cannot be decided yet was read."""
        while not (self.done or self.failed) and i < len(text):
            before, mode = i, self._mode
            if mode is _Mode.STRING:
                i = self._string(text, i)
            elif mode is _Mode.RAW:
                i = self._raw(text, i, eof)
            elif mode is _Mode.WORD:
                i = self._word(text, i)
            elif mode is _Mode.BARE:
                i = self._bare(text, i)
            else:
                i = self._structure(text, i, eof)
            if i == before and mode is self._mode:
                break
        if eof and self._mode in (_Mode.WORD, _Mode.BARE) and not self._stack and not self.done:
            self._end_word()
        return i

    def _emit(self, text: str) -> None:
        if not self._silent and text:
            self._write(text)

    def _structure(self, text: str, i: int, eof: bool) -> int:
        space = _SPACE.match(text, i)
        i = space.end() if space else i
        if i == len(text):
            return i
        char = text[i]
        match self._mode:
            case _Mode.VALUE:
                return self._value(text, i, eof)
            case _Mode.KEY:
                return self._begin_key(text, i, eof)
            case _Mode.COLON:
                if char != ":":
                    return self._fail(i)
                self._mode = _Mode.VALUE
                return i + 1
            case _:
                return self._after(char, i)

    def _fail(self, i: int) -> int:
        self.failed = True
        return i

    def _value(self, text: str, i: int, eof: bool) -> int:
        char = text[i]
        raw = self._raw_quote(text, i, eof)
        if raw is None:
            return i
        if raw:
            self._begin_item()
            return self._begin_string(raw, i, raw=True)
        if char in "{[":
            self._begin_item()
            return self._open(char, i)
        if char == "]" and self._stack and not self._stack[-1].is_object:
            return self._close(i)
        if char in "\"'":
            self._begin_item()
            return self._begin_string(char, i, raw=False)
        if char in ",:}]":
            return self._fail(i)
        self._begin_item()
        self._held = ""
        self._mode = _Mode.BARE if self.rules.bare_values else _Mode.WORD
        return i

    def _begin_item(self) -> None:
        """Separators are written before an item, so that a trailing comma leaves none."""
        if self._stack and not self._stack[-1].is_object:
            container = self._stack[-1]
            if container.count:
                self._emit(",")
            container.count += 1

    def _open(self, char: str, i: int) -> int:
        if len(self._stack) >= DEPTH_LIMIT:
            return self._fail(i)
        self._emit(char)
        self._stack.append(_Container(char == "{", self._silent))
        self._mode = _Mode.KEY if char == "{" else _Mode.VALUE
        return i + 1

    def _close(self, i: int) -> int:
        container = self._stack.pop()
        self._emit("}" if container.is_object else "]")
        self._end_value()
        return i + 1

    def _end_value(self) -> None:
        self._silent = self._stack[-1].silent if self._stack else False
        self._mode = _Mode.AFTER
        if not self._stack:
            self.done = True

    def _after(self, char: str, i: int) -> int:
        container = self._stack[-1]
        if char == ",":
            self._mode = _Mode.KEY if container.is_object else _Mode.VALUE
            return i + 1
        if char == ("}" if container.is_object else "]"):
            return self._close(i)
        return self._fail(i)

    def _begin_key(self, text: str, i: int, eof: bool) -> int:
        char = text[i]
        if char == "}":
            return self._close(i)
        raw = self._raw_quote(text, i, eof)
        if raw is None:
            return i
        if raw or char in "\"'":
            self._in_key = True
            self._key = []
            return self._begin_string(raw or char, i, raw=bool(raw))
        if not self.rules.bare_keys:
            return self._fail(i)
        found = _BARE_KEY.match(text, i)
        if found is None or len(found.group()) == _LONGEST_KEY:
            return self._fail(i)
        if found.end() == len(text):
            return i
        self._in_key = True
        self._key = [escape(found.group().strip())]
        self._end_string()
        return found.end()

    def _raw_quote(self, text: str, i: int, eof: bool) -> str | None:
        """The raw quote at ``i``, "" if there is none, None while that is open."""
        for delimiter in self.rules.quotes:
            if text.startswith(delimiter, i):
                return delimiter
            if not eof and len(text) - i < len(delimiter) and delimiter.startswith(text[i:]):
                return None
        return ""

    def _begin_string(self, delimiter: str, i: int, raw: bool) -> int:
        self._delimiter = delimiter
        self._mode = _Mode.RAW if raw else _Mode.STRING
        if not self._in_key:
            self._emit('"')
        return i + len(delimiter)

    def _text(self, text: str) -> None:
        if self._in_key:
            self._key.append(text)
        else:
            self._emit(text)

    def _string(self, text: str, i: int) -> int:
        if self._escape:
            return self._in_escape(text, i)
        run = _RUNS[self._delimiter].match(text, i)
        if run:
            part = run.group()
            self._text(part if part.isascii() or part.isprintable() else _escape_surrogates(part))
            i = run.end()
            if i == len(text):
                return i
        char = text[i]
        if char == self._delimiter:
            self._end_string()
        elif char == "\\":
            self._escape = "\\"
        else:
            self._text('\\"' if char == '"' else escape(char))
        return i + 1

    def _in_escape(self, text: str, i: int) -> int:
        char = text[i]
        if self._escape == "\\":
            if char == "u":
                self._escape = "\\u"
                return i + 1
            self._escape = ""
            if char in _ESCAPES:
                self._text("\\" + char)
            else:
                self._text("'" if char == "'" else "\\\\" + escape(char))
            return i + 1
        if char in _HEX:
            self._escape += char
            if len(self._escape) == 6:
                self._text(self._escape)
                self._escape = ""
            return i + 1
        # not an escape after all: what was read of it is text
        self._text("\\" + self._escape)
        self._escape = ""
        return self._string(text, i)

    def _raw(self, text: str, i: int, eof: bool) -> int:
        end = text.find(self._delimiter, i)
        if end < 0:
            end = len(text) if eof else len(text) - overlap(text, i, self._delimiter)
            self._text(escape(text[i:end]))
            return end
        self._text(escape(text[i:end]))
        self._end_string()
        return end + len(self._delimiter)

    def _end_string(self) -> None:
        if not self._in_key:
            self._emit('"')
            self._end_value()
            return
        self._in_key = False
        key = "".join(self._key)
        container = self._stack[-1]
        if key in container.keys:
            self._silent = True
        else:
            container.keys.add(key)
            self._emit(f',"{key}":' if container.count else f'"{key}":')
            container.count += 1
        self._mode = _Mode.COLON

    def _word(self, text: str, i: int) -> int:
        run = _WORD.match(text, i)
        if run:
            self._held += run.group()
            if len(self._held) > WORD_LIMIT:
                return self._fail(i)
            i = run.end()
            if i == len(text):
                return i
        self._end_word()
        return i

    def _bare(self, text: str, i: int) -> int:
        stop = _BARE_END.search(text, i)
        end = stop.start() if stop else len(text)
        self._held += text[i:end]
        if stop:
            self._end_word()
        return end

    def _end_word(self) -> None:
        word = self._held.strip()
        self._held = ""
        if word in _WORDS:
            self._emit(_WORDS[word])
        elif len(word) <= WORD_LIMIT and _NUMBER.match(word):
            self._emit(word)
        elif self.rules.bare_values and word:
            self._emit(quote(word))
        else:
            self.failed = True
            return
        self._end_value()


def read_json(text: str, rules: JsonRules = _STRICT) -> str | None:
    """The whole of ``text`` as normalised JSON, or None if it is something else."""
    out: list[str] = []
    reader = JsonReader(out.append, rules)
    end = reader.feed(text, 0, eof=True)
    if not reader.done or text[end:].strip():
        return None
    return "".join(out)
