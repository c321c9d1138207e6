"""The OpenAPI document as a judge: does a value fit a schema of it, and what else would.

``instances(schema)`` are values that fit; ``spoilt(value)`` are variations of a value that may or may not.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from bridge.server.openapi import document

# JSON Schema takes 1.0 for an integer, the API does not.
_integer = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
_Validator = extend(Draft202012Validator, type_checker=_integer)


@cache
def described() -> dict[str, Any]:
    """The document, once."""
    return document()


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema that a reference means."""
    while "$ref" in schema:
        found: Any = described()
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def problems(schema: dict[str, Any], value: object) -> list[str]:
    """Why ``value`` does not fit; empty if it does."""
    return [
        error.message for error in _Validator({**schema, "components": described()["components"]}).iter_errors(value)
    ]


def shape(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


texts = st.sampled_from(
    ["", " ", "x", "image/png", "https://x", "text", "é🌸", "\x00", "\ud800", "</tool_call>", "/tool"]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)


def instances(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that fit, small ones."""
    schema = resolve(schema)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return st.sampled_from(schema[word]).flatmap(instances)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"]).map(copy.deepcopy)
    if "not" in schema:
        rest = {word: value for word, value in schema.items() if word != "not"}
        return instances(rest).filter(lambda value: not problems(schema, value))
    if isinstance(schema.get("type"), list):
        return st.sampled_from(schema["type"]).flatmap(lambda type_: instances({**schema, "type": type_}))
    return _plain(schema)


def _plain(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            required = schema.get("required", [])
            return st.fixed_dictionaries(
                {key: instances(properties[key]) for key in required},
                optional={key: instances(inner) for key, inner in properties.items() if key not in required},
            )
        case "array" if "contains" in schema:
            return instances(schema["contains"]).map(lambda value: [value])
        case "array":
            least = schema.get("minItems", 0)
            return st.lists(
                instances(schema.get("items", {})), min_size=least, max_size=schema.get("maxItems", least + 2)
            )
        case "integer":
            return st.integers(schema.get("minimum"), 10_000)
        case "number":
            return st.floats(schema.get("minimum"), schema.get("maximum"))
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "string":
            return texts.filter(lambda value: not problems(schema, value))
    return anything


@st.composite
def spoilt(draw: st.DrawFn, value: Any) -> Any:
    """``value`` with something in it replaced, left out, doubled or added."""
    value = copy.deepcopy(value)
    places = list(_places(value))
    if not places:
        return draw(anything)
    holder, key = draw(st.sampled_from(places))
    match draw(st.sampled_from(["replace", "replace", "drop", "double", "wrap", "add"])):
        case "replace":
            holder[key] = draw(anything)
        case "drop":
            del holder[key]
        case "double" if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        case "wrap":
            holder[key] = [holder[key]]
        case _ if isinstance(holder, dict):
            holder[draw(texts | st.sampled_from(["container", "thread", "type", "content"]))] = draw(anything)
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Everything inside of ``value``, as what holds it and where."""
    for key, inner in (
        list(value.items()) if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield value, key
        yield from _places(inner)
