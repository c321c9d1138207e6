"""Answers against output schemas: what is wrong is named, and no schema hangs, fetches or fails the check."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from bridge.upstream.schemacheck import LONGEST, check, violation

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 1}, "age": {"$ref": "#/$defs/age"}},
    "required": ["name", "age"],
    "additionalProperties": False,
    "$defs": {"age": {"type": "integer", "minimum": 0}},
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"name": "Ada", "age": 36}', ""),
        (' \n{"age": 36.0, "name": "Ada"}\n', ""),
        ("", "it is not JSON ("),
        ('```json\n{"name": "Ada", "age": 36}\n```', "it is not JSON ("),
        ('{"name": "Ada", "age": 36} Done.', "it is not JSON ("),
        ('{"name": "Ada", "age": NaN}', "it is not JSON ("),
        ('{"name": "Ada"}', "$: 'age' is a required property"),
        ('{"name": "Ada", "age": "36"}', "$.age: '36' is not of type 'integer'"),
        ('{"name": "Ada", "age": -1}', "$.age: -1 is less than the minimum of 0"),
        ('{"name": "Ada", "age": 1, "x": 1}', "$: unexpected property 'x'"),
        ("[1]", "$: [1] is not of type 'object'"),
    ],
)
def test_the_first_violation_is_named(text: str, said: str) -> None:
    found = check(PERSON, text)
    assert found.startswith(said) if said else found == ""
    assert asyncio.run(violation(PERSON, text)) == found


def test_a_message_is_short() -> None:
    assert len(check({"type": "integer"}, json.dumps("x" * 100_000))) < 400


@pytest.mark.parametrize(
    ("schema", "text", "fits"),
    [
        ({"pattern": "^[a-z]+$"}, '"abc"', True),
        ({"pattern": "^[a-z]+$"}, '"abC"', False),
        ({"pattern": "b"}, '"abc"', True),
        ({"pattern": "^\\d{4}-\\d\\d$"}, '"2026-01"', True),
        ({"pattern": "x"}, "5", True),
        # Nothing that cannot be tried in linear time is held against an answer.
        ({"pattern": "(?=x)y"}, '"abc"', True),
        ({"pattern": 5}, '"abc"', True),
        ({"pattern": "x" * 2_000}, '"abc"', True),
        ({"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False}, '{"x-a": "b"}', True),
        ({"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False}, '{"x-a": 1}', False),
        ({"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False}, '{"y": "b"}', False),
        ({"patternProperties": {"(?=y)": {}}, "additionalProperties": False}, '{"y": "b"}', True),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}, '{"a": "x", "b": 1}', True),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}, '{"b": "x"}', False),
        ({"additionalProperties": False}, "5", True),
        ({"uniqueItems": True}, '[1, true, "1", [1], {"a": 1, "b": 2}]', True),
        ({"uniqueItems": True}, '[["bool", 1], ["bool", true], true]', True),
        ({"uniqueItems": True}, "[1, 1.0]", False),
        ({"uniqueItems": True}, '[{"a": 1, "b": [2]}, {"b": [2], "a": 1}]', False),
        ({"uniqueItems": False}, "[1, 1]", True),
        ({"enum": [1, None]}, "null", True),
        ({"enum": [1, None]}, "2", False),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "1", False),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}, "[1]", False),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [{"type": "string"}]}, "[1]", False),
        ({"$schema": "http://example.org/mine", "type": "string"}, "1", False),
        ({"unevaluatedProperties": False}, '{"a": 1}', True),
    ],
)  # fmt: skip
def test_keywords(schema: dict[str, Any], text: str, fits: bool) -> None:
    assert (check(schema, text) == "") is fits


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/none"},
        {"$ref": "file:///etc/passwd"},
        {"$dynamicRef": "#x", "$dynamicAnchor": "x"},
        {"type": "strin"},
        {"type": {}},
        {"properties": 5},
        {"required": 5},
        {"minimum": "x"},
        {"anyOf": {"a": 1}},
        {"$schema": []},
        {"$id": 5, "$ref": "a"},
        {"patternProperties": [1]},
        {"multipleOf": 0},
    ],
)
@pytest.mark.parametrize("text", ["5", '{"a": {"a": 1}}'])
def test_a_schema_that_is_none_is_not_the_answers_fault(schema: dict[str, Any], text: str) -> None:
    assert isinstance(check(schema, text), str)


def test_nothing_is_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        assert check({"$id": url, "$ref": f"{url}/other", "$schema": f"{url}/meta"}, "1") == ""
        with pytest.raises(BlockingIOError):
            server.accept()


def test_alternatives_that_multiply_take_no_longer_than_they_may() -> None:
    definitions = {
        f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}, {"$ref": f"#/$defs/d{i + 1}"}]} for i in range(40)
    }
    schema = {"$ref": "#/$defs/d0", "$defs": {**definitions, "d40": {"type": "null"}}}
    before = time.process_time()
    assert check(schema, "1", patience=0.1) == ""
    assert time.process_time() - before < 2


def test_others_are_served_meanwhile() -> None:
    """The check has a thread of its own."""
    definitions = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**definitions, "d40": {"type": "integer"}}}

    async def turns() -> int:
        checking = asyncio.ensure_future(violation(schema, "1"))
        count = 0
        while not checking.done():
            await asyncio.sleep(0.001)
            count += 1
        assert await checking == ""
        return count

    assert asyncio.run(turns()) > 10


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|aa)+$", "(.*)*x", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_expressions_run_in_linear_time(pattern: str) -> None:
    text = json.dumps({"a" * 9_000 + "!": "a" * 9_000 + "!"})
    schema = {"patternProperties": {pattern: False}, "additionalProperties": {"pattern": pattern}}
    before = time.process_time()
    check(schema, text)
    assert time.process_time() - before < 2


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900])
def test_deep_answers(text: str) -> None:
    schema = {"items": {"$ref": "#"}, "additionalProperties": {"$ref": "#"}, "uniqueItems": True}
    assert isinstance(check(schema, text), str)


def test_an_endless_answer_is_not_checked() -> None:
    assert check(PERSON, '"' + "x" * LONGEST + '"') == ""


def test_the_library_is_loaded_for_those_who_need_it() -> None:
    code = "import sys, bridge.server.app; print('jsonschema' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
