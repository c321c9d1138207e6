"""The JSON Schema that editors use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bridge.bundled import bundled
from bridge.config.jsonschema import json_schema, json_schema_text
from bridge.config.schema import Config


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value)


def test_the_file_in_the_repository_is_up_to_date() -> None:
    assert bundled("routes.schema.json").read_text() == json_schema_text(), (
        "run: toolbridge schema > routes.schema.json"
    )


def test_nothing_is_required_and_nothing_is_null() -> None:
    for node in nodes(json_schema()):
        assert "required" not in node
        assert node.get("type") != "null"
        assert node.get("default", "") is not None


def test_every_key_is_described_and_unknown_ones_are_marked() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == set(Config.model_fields)
    for name, table in {**schema["$defs"], "top": schema}.items():
        assert table["additionalProperties"] is False, name
        for key, value in table["properties"].items():
            assert value.get("description") or "$ref" in value, f"{name}.{key}"


def test_units_are_defaults_and_patterns() -> None:
    timeouts = json_schema()["$defs"]["Timeouts"]["properties"]
    assert timeouts["total"]["default"] == "30m"
    assert timeouts["total"]["type"] == "string"


def test_words_may_come_from_variables() -> None:
    level = json_schema()["$defs"]["Log"]["properties"]["level"]
    assert level["anyOf"] == [
        {"enum": ["debug", "info", "warning", "error"]},
        {"type": "string", "pattern": r"\$\{"},
    ]
