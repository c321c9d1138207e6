from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi import instances, problems, resolve, shape, spoilt

from bridge.core.anthropic import openapi
from bridge.core.anthropic.policy import BLOCKS, REQUEST
from bridge.core.anthropic.request import parse_count_request, parse_request
from bridge.core.jsontext import dumps, loads
from bridge.errors import RequestError

# What a schema cannot say.
BETWEEN_FIELDS = (
    "is there twice",
    "is not among the tools",
    "needs at least one tool",
    "must have content",
    "levels deep",
)
READERS = {"MessagesRequest": parse_request, "CountTokensRequest": parse_count_request}


@pytest.mark.parametrize("name", openapi.SCHEMAS)
def test_it_is_a_schema_and_refers_to_what_is_there(name: str) -> None:
    Draft202012Validator.check_schema(openapi.SCHEMAS[name])
    inner = [openapi.SCHEMAS[name]]
    while inner:
        node = inner.pop()
        if isinstance(node, dict):
            assert resolve(node) is not None
            inner += node.values()
        elif isinstance(node, list):
            inner += node


@pytest.mark.parametrize("role", ["user", "assistant", "system"])
def test_every_block_that_is_read_is_described(role: str) -> None:
    message = resolve(shape(f"{role.capitalize()}Message"))
    listed = message.get("anyOf", [message])[0]["properties"]["content"]["anyOf"][1]["items"]["oneOf"]
    kinds = [resolve(block)["properties"]["type"]["const"] for block in listed]
    assert kinds == [kind for kind, block in BLOCKS.items() if role in block.places]


def test_every_field_that_is_described_is_in_the_policy() -> None:
    described = openapi.SCHEMAS["MessagesRequest"]["properties"]
    assert isinstance(described, dict)
    assert described.keys() <= REQUEST.rows.keys()
    assert {
        key for key, row in REQUEST.rows.items() if row.action in ("mapped", "declared", "refused")
    } <= described.keys()


def test_the_example_fits() -> None:
    for name, read in READERS.items():
        assert problems(shape(name), openapi.EXAMPLE) == []
        assert read(openapi.EXAMPLE).tools


@settings(max_examples=200)
@given(st.data(), st.sampled_from(sorted(READERS)), st.integers(0, 2))
def test_the_schemas_allow_what_is_read_and_forbid_what_is_refused(
    data: st.DataObject, name: str, changes: int
) -> None:
    body = data.draw(instances(shape(name)))
    for _ in range(changes):
        body = data.draw(spoilt(body))
    body = loads(dumps(body))
    forbidden = problems(shape(name), body)
    try:
        READERS[name](body)
    except RequestError as refusal:
        message = refusal.fault.message
        assert forbidden or any(words in message for words in BETWEEN_FIELDS), message
    else:
        assert not forbidden
