"""Reading decoded JSON that may be anything: each check names the field that fails it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from bridge.core.conversation import Json
from bridge.core.events import Fault
from bridge.core.fields import Table
from bridge.core.jsontext import dumps_text
from bridge.core.losses import Loss, LossKind
from bridge.errors import RequestError

_PLAIN_KEY = re.compile(r"[\w.*-]{1,64}", re.ASCII)
_MAX_WARNINGS = 32
_MAX_SHOWN = 60
_MAX_DEPTH = 128
_COUNTED = 2_048


def wrong(path: str, message: str, details: Mapping[str, object] | None = None) -> RequestError:
    """The refusal of the field at ``path``."""
    return RequestError(Fault("invalid_request", f"{path}: {message}", details=details))


def under(path: str, error: RequestError) -> RequestError:
    """The same refusal, seen from further out."""
    return RequestError(replace(error.fault, message=f"{path}.{error.fault.message}"))


def shown(value: object) -> str:
    """A value from the client, short and in ASCII, so that a message or a header can hold it."""
    text = dumps_text(value).encode("ascii", "backslashreplace").decode()
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."


class Notes:
    """Collects what is learnt in passing: what will not be honoured, each field once, and which tools were found.

    ``references`` are the names of tools that blocks of the conversation refer to, in order.
    """

    def __init__(self) -> None:
        self.references: dict[str, None] = {}
        self._losses: dict[str, Loss] = {}

    def drop(self, path: str, what: str = "not supported, dropped", kind: LossKind = "unsupported") -> None:
        """Note what becomes of the field at ``path``, if not that it is dropped."""
        field = path if _PLAIN_KEY.fullmatch(path) else shown(path)
        self._losses.setdefault(field, Loss(field, what, kind))

    def look(self, body: Json, table: Table, path: str = "") -> None:
        """Drop the fields of ``body`` that ``table`` drops or does not know; raises RequestError for refused ones."""
        if table.quiet.issuperset(body):
            return
        for key, value in body.items():
            if key in table.quiet or value is None:
                continue
            row = table.rows.get(key)
            if row is None:
                self.drop(path + key)
            elif row.action == "dropped":
                # What is declined anyway is no loss.
                if value is not False:
                    self.drop(path + key)
            elif value:
                raise wrong(key, row.note, row.details)

    def add(self, losses: Iterable[Loss]) -> None:
        """Note what other notes hold."""
        for loss in losses:
            self._losses.setdefault(loss.field, loss)

    def losses(self) -> tuple[Loss, ...]:
        """All that was noted."""
        return tuple(self._losses.values())

    def warnings(self) -> tuple[Loss, ...]:
        """What was noted, each in printable ASCII, of bounded length and number."""
        if not self._losses:
            return ()
        losses = list(self._losses.values())
        if len(losses) > _MAX_WARNINGS:
            losses[_MAX_WARNINGS:] = [Loss(f"and {len(losses) - _MAX_WARNINGS} more fields")]
        return tuple(losses)


def check_depth(body: object, path: str = "body", text: bytes | None = None) -> None:
    """Refuse what is nested so deeply that walking it later could exhaust the stack.

    ``text`` is what ``body`` was decoded from, if it is at hand.
    """
    # A short text takes less time to count than to walk what it says; a long one is mostly strings.
    if text is not None and len(text) <= _COUNTED and text.count(b"{") + text.count(b"[") <= _MAX_DEPTH:
        return
    level = [body] if type(body) is dict or type(body) is list else []
    for _ in range(_MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) is not str and (type(child) is dict or type(child) is list)
        ]
        if not level:
            return
    raise wrong(path, f"Input is nested more than {_MAX_DEPTH} levels deep")


def as_object(path: str, value: object) -> Json:
    """``value`` as an object."""
    if isinstance(value, dict):
        return value
    raise wrong(path, "Input should be an object")


def as_list(path: str, value: object) -> list[object]:
    """``value`` as a list."""
    if isinstance(value, list):
        return value
    raise wrong(path, "Input should be a list")


def as_string(path: str, value: object) -> str:
    """``value`` as a string."""
    if isinstance(value, str):
        return value
    raise wrong(path, "Input should be a string")


def required(body: Json, key: str) -> object:
    """The value of a field that must be there and not be null."""
    value = body.get(key)
    if value is None:
        raise wrong(key, "Field required")
    return value


def string(body: Json, key: str) -> str:
    """A string that must be there; it may be empty."""
    value = body.get(key)
    return value if isinstance(value, str) else as_string(key, required(body, key))


def name(body: Json, key: str) -> str:
    """A string with something in it."""
    value = body.get(key)
    if value and isinstance(value, str):
        return value
    string(body, key)
    raise wrong(key, "String should have at least 1 character")


def object_at(body: Json, key: str) -> Json:
    """An object that must be there."""
    value = body.get(key)
    return value if isinstance(value, dict) else as_object(key, required(body, key))


def optional_string(body: Json, key: str) -> str:
    """A string; missing or null is the empty one."""
    value = body.get(key)
    return "" if value is None else as_string(key, value)


def optional_object(body: Json, key: str) -> Json | None:
    """An object; missing or null is None."""
    value = body.get(key)
    return None if value is None else as_object(key, value)


def optional_list(body: Json, key: str) -> list[object]:
    """A list; missing or null is the empty one."""
    value = body.get(key)
    return [] if value is None else as_list(key, value)


def optional_bool(body: Json, key: str) -> bool | None:
    """True or false; missing or null is None."""
    value = body.get(key)
    if value is None or isinstance(value, bool):
        return value
    raise wrong(key, "Input should be true or false")


def optional_integer(body: Json, key: str, least: int) -> int | None:
    """An integer not below ``least``; missing or null is None."""
    value = body.get(key)
    if value is None:
        return None
    if type(value) is not int:
        raise wrong(key, "Input should be an integer")
    if value < least:
        raise wrong(key, f"Input should be greater than or equal to {least}")
    return value


def optional_fraction(body: Json, key: str) -> float | None:
    """A number from 0 to 1; missing or null is None."""
    return optional_number(body, key, most=1)


def optional_number(body: Json, key: str, most: int) -> float | None:
    """A number from 0 to ``most``; missing or null is None."""
    value = body.get(key)
    if value is None:
        return None
    if type(value) is not int and type(value) is not float:
        raise wrong(key, "Input should be a number")
    if not 0 <= value <= most:
        raise wrong(key, f"Input should be between 0 and {most}")
    return float(value)
