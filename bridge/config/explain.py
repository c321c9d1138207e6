"""What pydantic found, told in TOML's words at the place where it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.config.diagnose import alternatives, suggest
from bridge.config.document import Document, KeyPath, Problems

_TYPES = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "model_type": "a table",
    "dict_type": "a table",
    "tuple_type": "an array",
    "list_type": "an array",
}

_BESIDE_WORDS = {"parsers": ("an array of names",), "starts_open": ("true", "false")}
_SECRET = frozenset({"key", "api_key", "headers"})  # whose values no message repeats


def explain(error: ValidationError, model: type[BaseModel], document: Document, problems: Problems) -> None:
    """Note every error of ``error``, which ``model`` raised for ``document``."""
    for item in error.errors(include_url=False):
        path = _as_written(item["loc"], document)
        message, hint = _describe(item, model, path)
        unknown = item["type"] == "extra_forbidden"
        code = "unknown-key" if unknown else "missing-key" if item["type"] == "missing" else "invalid-value"
        if item["type"] == "missing":
            message = f"`{item['loc'][-1]}` is missing"
        at_key = unknown or item["type"] == "missing"
        problems.add(code, document.origin(path), path, message, hint=hint, at_key=at_key)


def _as_written(loc: KeyPath, document: Document) -> KeyPath:
    """The place without what pydantic adds: tags of unions, the long form of what the file has in short."""
    path: KeyPath = ()
    for part in loc:
        if (*path, part) in document.origins:
            path = (*path, part)
    return path


def _describe(item: ErrorDetails, model: type[BaseModel], path: KeyPath) -> tuple[str, str]:
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    key = str(path[-1]) if path else ""
    instead = "" if _SECRET.intersection(path) else f", not {shown(value)}"
    match kind:
        case "extra_forbidden":
            return "unknown key", suggest(key, _known_keys(model, path[:-1]))
        case "value_error":
            return str(context["error"]), ""
        case "literal_error":
            words = re.findall(r"'([^']*)'", context["expected"])
            hint = suggest(value, words) if isinstance(value, str) else ""
            wanted = alternatives([*(f'"{word}"' for word in words), *_BESIDE_WORDS.get(key, ())])
            return f"must be {wanted or context['expected']}{instead}", hint
        case "greater_than_equal" | "less_than_equal":
            bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
            return f"must be {bound}{instead}", ""
        case "string_pattern_mismatch" if key == "sha256":
            return "must be a SHA-256 digest: 64 hexadecimal digits", ""
        case "string_too_short":
            return "must not be empty", ""
        case _ if kind in _TYPES:
            return f"must be {_TYPES[kind]}{instead}", ""
    return item["msg"], ""


def shown(value: object) -> str:
    """A value as a message may show it: short, and tables and arrays by kind."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "a table"
        case list() | tuple():
            return "an array"
        case str():
            return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}…"'
    return str(value)


def _known_keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys of the table at ``path`` below ``model``."""
    tables, parts = [model], list(path)
    while parts:
        name = str(parts.pop(0))
        annotations = [table.model_fields[name].annotation for table in tables if name in table.model_fields]
        tables = [table for annotation in annotations for table in _tables(annotation)]
        if any(get_origin(annotation) in (dict, tuple) for annotation in annotations) and parts:
            parts.pop(0)  # an entry's name or an index
    return [name for table in tables for name in table.model_fields]


def _tables(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for part in get_args(annotation):
            yield from _tables(part)
