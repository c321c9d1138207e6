"""Does an answer fit the JSON Schema that its client asked for?

Schema and answer are both hostile input: nothing is fetched, regular expressions run in linear time,
and a check takes one of two threads for a second at most. What cannot be checked counts as fitting:
the schema is the client's own, and it has the answer. docs/adr/0010-upstream-request.md has the reasons.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from bridge.core import jsontext

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_log = logging.getLogger(__name__)

PATIENCE = 1.0
LONGEST = 2 << 20

_LONGEST_MESSAGE = 300
_LONGEST_PATTERN = 1_000
_LONGEST_MATCHED = 10_000

_own = threading.local()


class _TooLong(Exception):
    """The check takes more time than it may."""


async def violation(schema: Mapping[str, object], text: str) -> str:
    """What is wrong with ``text``, the first thing only; "" if nothing is."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), check, schema, text)


def check(schema: Mapping[str, object], text: str, patience: float = PATIENCE) -> str:
    """The same, in this thread."""
    if len(text) > LONGEST:
        return ""
    try:
        value = jsontext.loads(text)
    except ValueError as error:
        return _short(f"it is not JSON ({error})")
    # A library that takes time to load, and only for those who ask for this.
    from referencing import Registry

    _own.deadline = time.monotonic() + patience
    try:
        validator = _class_for(schema)(schema, registry=Registry())
        first = next(iter(validator.iter_errors(value)), None)
    except Exception as problem:
        # Whatever a schema that is none makes of the library.
        _log.warning("an answer could not be checked against its output schema: %s", type(problem).__name__)
        return ""
    return "" if first is None else _short(f"{first.json_path}: {first.message}")


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, "schema")


def _short(message: str) -> str:
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}..."


def _class_for(schema: Mapping[str, object]) -> Callable[..., Validator]:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    return _guarded(validator_for(schema, default=Draft202012Validator))


@cache
def _guarded(base: Any) -> Callable[..., Validator]:
    """The library's class for one draft, with every keyword on the clock and without its regular expressions."""
    from jsonschema.validators import extend

    own = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
        "unevaluatedProperties": _fits,
        "unevaluatedItems": _fits,
    }
    keywords = {**base.VALIDATORS, **own}
    guarded: Callable[..., Validator] = extend(base, {name: _timed(check) for name, check in keywords.items()})
    return guarded


def _timed(keyword: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:
        if time.monotonic() > _own.deadline:
            raise _TooLong
        return keyword(*arguments)

    return timed


def _fits(validator: Any, value: Any, instance: Any, schema: Any) -> None:
    """A keyword that is not looked at: the library would run regular expressions of its own for it."""


def _pattern(validator: Any, pattern: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if validator.is_type(instance, "string") and _matches(pattern, instance) is False:
        yield _error(f"{_shown(instance)} does not match {_shown(pattern)}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if validator.is_type(instance, "object"):
        for pattern, below in patterns.items():
            for name, value in instance.items():
                if _matches(pattern, name):
                    yield from validator.descend(value, below, path=name, schema_path=pattern)


def _additional_properties(validator: Any, below: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not validator.is_type(instance, "object"):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in instance.items():
        # A pattern that cannot be tried may have matched.
        if name in known or any(_matches(pattern, name) is not False for pattern in patterns):
            continue
        if below is False:
            yield _error(f"unexpected property {_shown(name)}")
        else:
            yield from validator.descend(value, below, path=name)


def _unique_items(validator: Any, unique: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if unique is True and validator.is_type(instance, "array"):
        seen = set()
        for item in instance:
            key = _canonical(item)
            if key in seen:
                yield _error(f"{_shown(item)} is there more than once")
                return
            seen.add(key)


def _canonical(value: Any) -> Any:
    """Equal for equal JSON values: 1 is 1.0 and not true, and the order of keys does not matter."""
    match value:
        case dict():
            return frozenset((key, _canonical(item)) for key, item in value.items())
        case list():
            return tuple(_canonical(item) for item in value)
        case bool():
            return bool, value
    return value


def _error(message: str) -> Any:
    from jsonschema.exceptions import ValidationError

    return ValidationError(message)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _matches(pattern: Any, text: str) -> bool | None:
    """Whether the expression is found in the text; None if it is none that can be tried in linear time."""
    if not isinstance(pattern, str) or len(pattern) > _LONGEST_PATTERN or len(text) > _LONGEST_MATCHED:
        return None
    finder = _finder(pattern)
    return None if finder is None else finder(text)


@lru_cache(maxsize=16)
def _finder(pattern: str) -> Callable[[str], bool] | None:
    """pydantic brings an engine that does not backtrack; what it cannot say (a look-around) is refused."""
    from pydantic_core import SchemaError, SchemaValidator, core_schema

    try:
        string = core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True)
        return SchemaValidator(string).isinstance_python
    except SchemaError:
        return None
