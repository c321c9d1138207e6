"""Changes to a JSON text that leave every other byte as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bridge.core import jsontext

# Possessive throughout: no text, however odd, makes a pattern go back over what it has read.
_BLANK = rb"[ \t\r\n]*+"
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_OPEN = re.compile(_BLANK + rb"\{" + _BLANK)
_KEY = re.compile(_STRING, re.DOTALL)
_COLON = re.compile(_BLANK + rb":" + _BLANK)
_SCALAR = re.compile(_STRING + rb"|[^ \t\r\n,}\]]++", re.DOTALL)
_NESTED = re.compile(_STRING + rb"|[\[\]{}]", re.DOTALL)
_COMMA = re.compile(_BLANK + rb",?+" + _BLANK)


def replace_members(text: bytes, values: Mapping[str, object]) -> bytes:
    """``text``, an object that ``jsontext.loads`` reads, with other values for some of its own members.

    A member that is there more than once is changed each time, so that every reader finds the same value.
    What has that value already keeps its spelling, and what is not there is not added.
    """
    pieces: list[bytes] = []
    done = 0
    for name, start, end in _members(text):
        if name in values and jsontext.loads(text[start:end]) != values[name]:
            pieces += text[done:start], jsontext.dumps(values[name])
            done = end
    return b"".join([*pieces, text[done:]]) if pieces else text


def _members(text: bytes) -> Iterator[tuple[str, int, int]]:
    """Name, and place of the value, of each member of the object that ``text`` is."""
    at = _end(_OPEN.match(text))
    known = jsontext.members(text)
    while (key := _KEY.match(text, at)) is not None:
        start = _end(_COLON.match(text, key.end()))
        spelled = key[0]
        name = jsontext.loads(spelled) if b"\\" in spelled else spelled[1:-1].decode()
        end = _value_end(text, start, known.get(name, b""))
        yield name, start, end
        at = _end(_COMMA.match(text, end))


def _value_end(text: bytes, start: int, known: bytes) -> int:
    if text[start : start + 1] not in (b"{", b"["):
        return _end(_SCALAR.match(text, start))
    # The usual case, twenty times as quick. A name that is there twice is known by its last value.
    if known[:1] in (b"{", b"[") and text.startswith(known, start):
        return start + len(known)
    depth = 0
    for token in _NESTED.finditer(text, start):
        kind = token[0]
        if kind in (b"{", b"["):
            depth += 1
        elif kind in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return token.end()
    raise ValueError("not a JSON object")


def _end(match: re.Match[bytes] | None) -> int:
    if match is None:
        raise ValueError("not a JSON object")
    return match.end()
