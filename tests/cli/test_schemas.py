"""Older schemas; those that can be imported are used in test_importer.py."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.cli.importing import Draft
from bridge.cli.schemas import read_schema
from bridge.errors import ConfigError

JSON_CALLS = {"x-regex-iterator": r"<c>(.+?)</c>", "items": {"x-parser": "json"}}


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize("transform", ["", "@", "{type: 'function', function: @}", "[{type: 'function', function: @}]"])
def test_json_calls(transform: str) -> None:
    draft = Draft()
    items = {"x-parser": "json", "x-parser-args": {"transform": transform}}
    read_schema(schema(tool_calls=JSON_CALLS | {"items": items}), draft)
    assert draft.tables == {"[[call]]": {"open": ["<c>"], "close": ["</c>"], "codec": "json-call"}}


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (schema(tool_calls=1), "properties.tool_calls"),
        (schema(mood={"x-regex": "a(.)b"}), "properties.mood"),
        (schema(tool_calls={"x-regex": "<c>.*</c>", "x-parser": "json"}), "properties.tool_calls.x-regex"),
        (schema(thinking={"x-regex": "<t>(.*)", "x-parser": "json"}), "properties.thinking.x-parser"),
        (schema(tool_calls={"x-regex": "<c>(.*)</c>", "items": {}}), "properties.tool_calls.items"),
        (
            schema(tool_calls=JSON_CALLS | {"items": {"x-parser": "json", "x-parser-args": {"transform": "a | b"}}}),
            "properties.tool_calls.items.x-parser-args.transform",
        ),
        ({"x-regex-substitutions": []}, "response_schema.x-regex-substitutions"),
    ],
)
def test_what_cannot_be_said(value: Any, key: str) -> None:
    with pytest.raises(ConfigError) as problem:
        read_schema(value, Draft())
    assert str(problem.value).startswith(f"{key}: ")


def test_a_call_needs_a_closer() -> None:
    function = {
        "name": {"x-regex": r"\[f (\w+)\]"},
        "arguments": {"x-regex-key-value": r"<(?P<key>\w+)>(?P<value>.*?)</>"},
    }
    with pytest.raises(ConfigError, match="nothing tells what closes a call"):
        read_schema(schema(tool_calls={"x-regex": "<c>(.*)</c>", "items": {"properties": function}}), Draft())
