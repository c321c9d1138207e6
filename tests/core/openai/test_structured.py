"""How an upstream is told that the answer has to fit a schema."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from playbook import CONVERSATION, ROUTE

from bridge.core.conversation import Text
from bridge.core.losses import Loss
from bridge.core.openai.structured import response_format, told
from bridge.errors import RequestError

SCHEMA = {
    "type": "object",
    "properties": {"b": {"type": "integer"}, "a": {"$ref": "#/$defs/x"}},
    "required": ["b"],
    "$defs": {"x": {"type": "string", "format": "date"}},
}
ASKED = replace(CONVERSATION, system=(Text("Be brief."),), output_schema=SCHEMA)
BY_PROMPT = replace(ROUTE, structured_output="prompt")
NOT_AT_ALL = replace(ROUTE, structured_output="none")


def test_without_a_schema_nothing_happens() -> None:
    warnings: list[Loss] = []
    for route in (ROUTE, BY_PROMPT, NOT_AT_ALL):
        assert told(CONVERSATION, route, warnings) is CONVERSATION
        assert response_format(CONVERSATION, route) == {}
    assert not warnings


def test_as_a_field_the_schema_is_what_the_client_sent() -> None:
    warnings: list[Loss] = []
    assert told(ASKED, ROUTE, warnings) is ASKED
    field = response_format(ASKED, ROUTE)["response_format"]
    assert field == {"type": "json_schema", "json_schema": {"name": "output", "schema": SCHEMA, "strict": True}}
    assert not warnings


def test_in_words() -> None:
    warnings: list[Loss] = []
    conversation = told(ASKED, BY_PROMPT, warnings)
    first, last = conversation.system
    assert first == Text("Be brief.")
    words, _, schema = last.text.partition("\n\n")
    assert "JSON Schema" in words
    assert list(json.loads(schema)) == list(SCHEMA)
    assert json.loads(schema) == SCHEMA
    assert response_format(ASKED, BY_PROMPT) == {}
    assert not warnings


def test_not_at_all() -> None:
    warnings: list[Loss] = []
    assert told(ASKED, NOT_AT_ALL, warnings) == ASKED
    assert response_format(ASKED, NOT_AT_ALL) == {}
    assert warnings == [Loss("output_config.format", "not sent, the route has `structured_output` = none")]


@pytest.mark.parametrize("ref", ["http://127.0.0.1:1/schema.json", "file:///etc/passwd", "other.json#/a", ""])
def test_what_other_documents_say_is_not_fetched(ref: str) -> None:
    schema = {"properties": {"a": {"items": {"$ref": ref}}}}
    with pytest.raises(RequestError) as caught:
        told(replace(ASKED, output_schema=schema), ROUTE, [])
    assert caught.value.fault.kind == "invalid_request"
    assert caught.value.fault.message.startswith("output_config.format.schema: `$ref` to another document")
