"""JSON text, in one place.

msgspec does the work: it keeps integers of any size and refuses NaN. Text that
it refuses for reasons that must not stop an answer (lone surrogates, raw
control characters are not among them) goes through the standard library once
more. See docs/adr/0002-json.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from math import isfinite
from typing import Any, NoReturn, TypeVar

import msgspec

Record = msgspec.Struct
"""Base class of values of which many are made: with ``frozen`` like a frozen dataclass, for a fifth of its price."""

Written = msgspec.Raw
"""JSON text that stands for its value in what is written."""

T = TypeVar("T")

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def loads(data: bytes | str) -> Any:
    """The value of a JSON text. Invalid UTF-8 becomes U+FFFD; lone surrogate escapes are kept.

    Raises ValueError if the text is not JSON (NaN and Infinity are not) or is nested too deeply.
    """
    try:
        return _decode(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError, UnicodeEncodeError):
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def reader(shape: type[T]) -> Callable[[bytes], T | None]:
    """Reads JSON objects that have the shape of a ``Record``: None for every other text, which may be fine JSON.

    Members without a field are passed over.
    """
    decode = msgspec.json.Decoder(shape).decode

    def read(data: bytes) -> T | None:
        try:
            return decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return None

    return read


def members(data: bytes) -> dict[str, bytes]:
    """The members of a JSON object, each value as it is spelled; of a name that is there twice, the last.

    Empty for what is no object, and for a text with lone surrogates.
    """
    try:
        return {name: bytes(value) for name, value in _decode_members(data).items()}
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return {}


def taken_apart(data: bytes, name: str) -> tuple[dict[str, Any], bytes] | None:
    """The members of a JSON object, with None for the one called ``name``, and the text of that one.

    None if there is no such member, and for a text that is not UTF-8 or that ``loads`` has to read twice.
    """
    try:
        if not data.isascii():
            data.decode()
        spelled = _decode_members(data)
        apart = spelled.get(name)
        if apart is None:
            return None
        return {key: None if key == name else _decode(value) for key, value in spelled.items()}, bytes(apart)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def dumps(value: object) -> bytes:
    """Compact JSON as UTF-8 on one line, keys in order; lone surrogates are written as escapes, infinities as null."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return json.dumps(_finite(value), separators=(",", ":"), default=_decode).encode()


def _finite(value: object) -> object:
    """``value`` with null for each number that JSON has no text for, as the quick encoder writes it."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def written(value: object) -> Written | None:
    """What ``dumps`` writes as it would write ``value``, wherever it stands, and in no time.

    None for a value with lone surrogates: it decides how all around it is written.
    """
    try:
        return Written(_encode(value))
    except UnicodeEncodeError:
        return None


def dumps_text(value: object) -> str:
    """Like ``dumps``, as str."""
    return dumps(value).decode()


def without_halves(text: str) -> str:
    """``text`` with its surrogate pairs joined, and U+FFFD for every surrogate that has no other half."""
    if text.isascii() or not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def whole_characters(text: str) -> str:
    """JSON text with U+FFFD for half characters, which strict readers refuse: lone surrogates, as such or as escapes.

    A fragment that does not begin and end with a brace keeps its escapes: the other half may be in the next one.
    """
    text = without_halves(text)
    if "\\u" in text and text[0] == "{" and text[-1] == "}":
        return _ESCAPE.sub(_whole_escape, text)
    return text


_HALF = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>u[dD][89a-fA-F]..)|.)", re.DOTALL)


def _whole_escape(found: re.Match[str]) -> str:
    return r"\ufffd" if found["half"] else found[0]
