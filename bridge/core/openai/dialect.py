"""A tool's JSON Schema -> one in the dialect that a route declares.

Schemas are walked as schemas: a property that is called "format" is not the keyword.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bridge.core.conversation import Json
from bridge.core.route import ToolSchema

MOST = 20_000
DEEPEST = 100
"""Keywords and levels that references may grow a schema to; beyond, they stay references."""

_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"})
_ONE_OR_SOME = frozenset(
    {
        "items",
        "prefixItems",
        "additionalItems",
        "unevaluatedItems",
        "contains",
        "additionalProperties",
        "unevaluatedProperties",
        "propertyNames",
        "anyOf",
        "oneOf",
        "allOf",
        "not",
        "if",
        "then",
        "else",
        "contentSchema",
    }
)
_REF = "$ref"
_DEFINITIONS = ("$defs", "definitions")


def fitted(schema: Json, dialect: ToolSchema) -> Json:
    """``schema`` without what the dialect does not know; itself if the dialect knows everything."""
    if dialect.inline:
        schema = _inlined(schema)
    return _without(schema, dialect.drop) if dialect.drop else schema


def references(schema: object) -> Iterator[str]:
    """Every reference in a schema, in any of its parts."""
    if isinstance(schema, dict):
        ref = schema.get(_REF)
        if isinstance(ref, str):
            yield ref
        for key, value in schema.items():
            for inner in _inner(key, value):
                yield from references(inner)


def _inner(key: str, value: object) -> Iterator[object]:
    """The schemas right below a keyword."""
    if key in _BY_NAME and isinstance(value, dict):
        yield from value.values()
    elif key in _ONE_OR_SOME:
        if isinstance(value, list):
            yield from value
        else:
            yield value


def _mapped(key: str, value: Any, change: Callable[[Any], Any]) -> Any:
    """The value of a keyword, with every schema right below it changed."""
    if key in _BY_NAME and isinstance(value, dict):
        return {name: change(inner) for name, inner in value.items()}
    if key in _ONE_OR_SOME:
        return [change(inner) for inner in value] if isinstance(value, list) else change(value)
    return value


def _without(schema: Any, drop: frozenset[str]) -> Any:
    if not isinstance(schema, dict):
        return schema
    return {
        key: _mapped(key, value, lambda inner: _without(inner, drop))
        for key, value in schema.items()
        if key not in drop
    }


def _inlined(schema: Json) -> Json:
    """Definitions in the place of references to them. Those that go in circles, or nowhere, stay."""
    inliner = _Inliner(schema)
    body = {key: value for key, value in schema.items() if key not in _DEFINITIONS}
    try:
        flat: dict[str, Any] = inliner.walk(body, (), 0)
    except OverflowError:
        return schema
    if inliner.left:
        flat |= {key: schema[key] for key in _DEFINITIONS if key in schema}
    return flat


class _Inliner:
    """``left``: a reference had to stay. Raises OverflowError where the result would be too large."""

    def __init__(self, root: Json) -> None:
        self.left = False
        self._root = root
        self._nodes = 0

    def walk(self, schema: Any, under: tuple[str, ...], depth: int) -> Any:
        """``under``: the references that led here."""
        if not isinstance(schema, dict):
            return schema
        self._nodes += 1 + len(schema)
        if self._nodes > MOST or depth > DEEPEST:
            raise OverflowError
        ref = schema.get(_REF)
        if isinstance(ref, str):
            target = None if ref in under else self._target(ref)
            if target is not None:
                beside = {key: value for key, value in schema.items() if key != _REF}
                return self.walk({**target, **beside}, (*under, ref), depth + 1)
            self.left = True

        def below(inner: Any) -> Any:
            return self.walk(inner, under, depth + 1)

        return {key: _mapped(key, value, below) for key, value in schema.items()}

    def _target(self, ref: str) -> Mapping[str, object] | None:
        if not ref.startswith("#/"):
            return None
        node: object = self._root
        for step in ref[2:].split("/"):
            if not isinstance(node, dict):
                return None
            node = node.get(step.replace("~1", "/").replace("~0", "~"))
        return node if isinstance(node, dict) else None
