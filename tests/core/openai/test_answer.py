from __future__ import annotations

import json

import pytest

from bridge.core.conversation import Tool
from bridge.core.openai import answer
from bridge.core.openai.answer import Asked, Said


def test_a_request_is_read() -> None:
    body = {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 9,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "array"}}},
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]},
            {"role": "assistant", "content": None},
            {"role": "tool", "content": "22"},
        ],
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
        ],
    }
    assert answer.read_asked(json.dumps(body).encode()) == Asked(
        model="m",
        said=(Said("user", ("a",)), Said("assistant", ()), Said("tool", ("22",))),
        tools=(Tool("f", "d", {"type": "object"}),),
        stream=True,
        include_usage=True,
        max_tokens=9,
        schema={"type": "array"},
    )


@pytest.mark.parametrize("body", [b"", b"1", b"{}", b'{"messages":[]}'])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        answer.read_asked(body)


def test_errors_and_models() -> None:
    assert json.loads(answer.error_body(429, "slow down"))["error"]["type"] == "rate_limit_exceeded"
    assert json.loads(answer.error_body(500, "broken"))["error"]["type"] == "server_error"
    one = {"id": "a", "object": "model", "created": 7, "owned_by": "us"}
    assert json.loads(answer.model_body("a", 7, "us")) == one
    assert json.loads(answer.model_list(["a", "b"], 7, "us")) == {"object": "list", "data": [one, one | {"id": "b"}]}
