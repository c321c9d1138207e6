from __future__ import annotations

import pytest

from bridge.upstream.sample import sample_arguments, sample_value


def one(schema: object, **root: object) -> object:
    return sample_arguments({"properties": {"x": schema}, "required": ["x"], **root})["x"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "example x"),
        ({}, "example x"),
        (True, "example x"),
        ({"const": 7}, 7),
        ({"enum": ["low", "high"]}, "low"),
        ({"type": "string", "default": "main"}, "main"),
        ({"type": "string", "maxLength": 3}, "exa"),
        ({"type": "string", "minLength": 12}, "example x..."),
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 10, "multipleOf": 4}, 12),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "integer", "exclusiveMinimum": 5}, 6),
        ({"type": "number"}, 0.5),
        ({"type": "number", "exclusiveMaximum": 0}, -0.5),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["null", "integer"]}, 1),
        ({"anyOf": [{"type": "null"}, {"type": "boolean"}]}, True),
        ({"oneOf": [{"type": "null"}]}, None),
        ({"allOf": [{"required": ["a"]}, {"properties": {"a": {"type": "null"}}}]}, {"a": None}),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
        ({"items": {"type": "integer"}, "minItems": 3}, [1, 1, 1]),
        ({"type": "array", "maxItems": 0}, []),
        ({"prefixItems": [{"const": "a"}, {"const": 2}]}, ["a", 2]),
        ({"type": "object"}, {}),
        ({"type": "object", "properties": {"b": {"const": 1}, "c": {}}, "required": ["b"]}, {"b": 1}),
        ({"type": "object", "required": ["unknown"]}, {"unknown": "example unknown"}),
    ],
)
def test_value_fits(schema: object, value: object) -> None:
    assert one(schema) == value


def test_the_whole_value_may_be_of_any_type() -> None:
    assert sample_value({"type": "integer"}) == 1


def test_references_are_followed() -> None:
    definitions = {"Point": {"type": "object", "properties": {"y": {"type": "integer"}}, "required": ["y"]}}
    assert one({"$ref": "#/$defs/Point"}, **{"$defs": definitions}) == {"y": 1}
    assert one({"$ref": "#/$defs/Missing/deeper"}, **{"$defs": definitions}) == "example x"


def test_a_schema_that_contains_itself_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}, "required": ["next"]}
    assert one({"$ref": "#/$defs/Node"}, **{"$defs": {"Node": node}})
    assert one({"$ref": "#/$defs/Loop"}, **{"$defs": {"Loop": {"$ref": "#/$defs/Loop"}}}) == "example x"


def test_only_required_properties_are_filled() -> None:
    assert sample_arguments({"properties": {"a": {}, "b": {}}, "required": ["b"]}) == {"b": "example b"}


def test_without_required_properties_the_first_one_is_filled() -> None:
    assert sample_arguments({"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}}) == {"a": 1}


@pytest.mark.parametrize("schema", [None, {}, {"type": "string"}, {"type": "object"}])
def test_a_tool_without_parameters_gets_none(schema: dict[str, object] | None) -> None:
    assert sample_arguments(schema) == {}
