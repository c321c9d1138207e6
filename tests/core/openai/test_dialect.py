"""Schemas in an upstream's dialect: keywords go, properties of the same name stay."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from bridge.core.openai.dialect import MOST, fitted, references
from bridge.core.route import ToolSchema

WORDS = ("$schema", "format", "pattern", "propertyNames", "exclusiveMinimum")
LEAN = ToolSchema(frozenset(WORDS))
FLAT = ToolSchema(inline=True)


def test_everything_is_known_by_default() -> None:
    schema = {"$schema": "x", "type": "object"}
    assert fitted(schema, ToolSchema()) is schema


@pytest.mark.parametrize(
    "around",
    [
        lambda inner: {"properties": {"a": inner}},
        lambda inner: {"patternProperties": {"^a": inner}},
        lambda inner: {"$defs": {"a": inner}},
        lambda inner: {"definitions": {"a": inner}},
        lambda inner: {"dependentSchemas": {"a": inner}},
        lambda inner: {"dependencies": {"a": inner, "b": ["c"]}},
        lambda inner: {"items": inner},
        lambda inner: {"items": [inner, True]},
        lambda inner: {"prefixItems": [inner]},
        lambda inner: {"contains": inner},
        lambda inner: {"additionalProperties": inner},
        lambda inner: {"unevaluatedProperties": inner},
        lambda inner: {"not": inner},
        lambda inner: {"if": inner, "then": inner, "else": inner},
        lambda inner: {"anyOf": [inner, {"type": "null"}]},
        lambda inner: {"oneOf": [inner]},
        lambda inner: {"allOf": [inner]},
        lambda inner: inner,
    ],
)
def test_keywords_go_wherever_a_schema_is(around: Any) -> None:
    full = {"type": "string", "format": "uri", "pattern": "^h", "minLength": 1}
    schema = around(full)
    before = copy.deepcopy(schema)
    assert fitted(schema, LEAN) == around({"type": "string", "minLength": 1})
    assert schema == before, "what the client sent is read by others"


def test_what_only_looks_like_a_keyword_stays() -> None:
    schema = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in WORDS},
        "required": list(WORDS),
        "default": {"format": 1, "properties": {"pattern": 2}},
        "enum": [{"format": 1}],
        "const": {"items": {"format": 1}},
        "examples": [{"format": 1}],
    }
    assert fitted(schema, LEAN) == schema


def test_a_schema_may_be_a_boolean_or_nonsense() -> None:
    schema: dict[str, object] = {"items": True, "properties": 5, "anyOf": "x", "not": None, "$defs": []}
    assert fitted(schema, LEAN) == schema
    assert fitted(schema, FLAT) == {key: value for key, value in schema.items() if key != "$defs"}


def test_references_are_replaced() -> None:
    schema = {
        "type": "object",
        "properties": {
            "one": {"$ref": "#/$defs/step", "description": "The first."},
            "all": {"type": "array", "items": {"$ref": "#/$defs/step"}},
            "odd": {"$ref": "#/$defs/a~1b~0c"},
        },
        "$defs": {
            "step": {"type": "object", "properties": {"kind": {"$ref": "#/$defs/kind"}}, "description": "A step."},
            "kind": {"enum": ["a", "b"]},
            "a/b~c": {"type": "integer"},
        },
    }
    step = {"type": "object", "properties": {"kind": {"enum": ["a", "b"]}}, "description": "A step."}
    assert fitted(schema, FLAT) == {
        "type": "object",
        "properties": {
            "one": {**step, "description": "The first."},
            "all": {"type": "array", "items": step},
            "odd": {"type": "integer"},
        },
    }
    assert fitted(schema, ToolSchema(frozenset({"description"}), inline=True))["properties"]["one"] == {  # type: ignore[index]
        "type": "object",
        "properties": {"kind": {"enum": ["a", "b"]}},
    }


def test_references_that_go_in_circles_stay() -> None:
    tree = {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}, "leaf": {"$ref": "#/$defs/leaf"}}}
    schema = {"$ref": "#/$defs/tree", "$defs": {"tree": tree, "leaf": {"type": "string"}}}
    flat = fitted(schema, FLAT)
    assert flat["$defs"] == schema["$defs"]
    assert flat["properties"] == {"left": {"$ref": "#/$defs/tree"}, "leaf": {"type": "string"}}


@pytest.mark.parametrize("ref", ["#/$defs/none", "#", "#name", "http://127.0.0.1:1/x", "#/$defs/list/0"])
def test_references_that_lead_nowhere_stay(ref: str) -> None:
    schema = {"properties": {"a": {"$ref": ref}}, "$defs": {"list": [{}]}}
    assert fitted(schema, FLAT) == schema


def test_definitions_that_multiply_stay() -> None:
    """Each one names the next one twice: written out, there would be 2 ** 40 of them."""
    definitions = {
        f"d{i}": {"properties": {"a": {"$ref": f"#/$defs/d{i + 1}"}, "b": {"$ref": f"#/$defs/d{i + 1}"}}}
        for i in range(40)
    }
    schema = {"$ref": "#/$defs/d0", "$defs": {**definitions, "d40": {}}}
    assert fitted(schema, FLAT) is schema


def test_a_long_chain_of_definitions_stays() -> None:
    chain = {f"d{i}": {"properties": {"a": {"$ref": f"#/$defs/d{i + 1}"}}} for i in range(5_000)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**chain, "d5000": {}}}
    assert fitted(schema, FLAT) is schema


def test_a_large_schema_without_references_stays_as_it_is() -> None:
    schema = {"properties": {f"p{i}": {"type": "string"} for i in range(MOST)}}
    assert fitted(schema, FLAT) is schema


def test_as_deep_as_requests_may_be() -> None:
    schema: dict[str, Any] = {"format": "x"}
    for _ in range(126):
        schema = {"not": schema, "format": "x"}
    assert "format" not in json.dumps(fitted(schema, LEAN))
    assert fitted(schema, FLAT) is schema


def test_references_are_found_in_schemas_only() -> None:
    schema = {
        "properties": {"$ref": {"$ref": "#/$defs/a"}, "b": {"const": {"$ref": "http://x"}}},
        "anyOf": [{"$ref": "http://y"}],
        "$ref": 5,
    }
    assert sorted(references(schema)) == ["#/$defs/a", "http://y"]
