from __future__ import annotations

import json

import pytest

from bridge.core.conversation import Tool
from bridge.core.openai import answer
from bridge.core.openai.answer import Asked, Head, Said, Tokens

HEAD = Head("chatcmpl-1", "m", 7)


def data(frame: bytes) -> dict[str, object]:
    assert frame.startswith(b"data: ")
    assert frame.endswith(b"\n\n")
    value: dict[str, object] = json.loads(frame[6:])
    return value


def test_a_request_is_read() -> None:
    body = {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 9,
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
    )


@pytest.mark.parametrize("body", [b"", b"1", b"{}", b'{"messages":[]}'])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        answer.read_asked(body)


def test_chunks() -> None:
    assert data(answer.text_chunk(HEAD, "hé")) == {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 7,
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": "hé"}, "finish_reason": None}],
    }
    assert data(answer.opening_chunk(HEAD))["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    ]
    assert data(answer.reasoning_chunk(HEAD, "hm"))["choices"] == [
        {"index": 0, "delta": {"reasoning_content": "hm"}, "finish_reason": None}
    ]
    assert data(answer.closing_chunk(HEAD, "length"))["choices"] == [
        {"index": 0, "delta": {}, "finish_reason": "length"}
    ]
    usage = data(answer.usage_chunk(HEAD, Tokens(3, 4, 1)))
    assert usage["choices"] == []
    assert usage["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "total_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }


def test_a_whole_answer() -> None:
    whole = json.loads(answer.completion(HEAD, "text", "", "stop", Tokens(1, 2)))
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": "text"}
    assert whole["object"] == "chat.completion"


def test_errors_and_models() -> None:
    assert json.loads(answer.error_body(429, "slow down"))["error"]["type"] == "rate_limit_exceeded"
    assert json.loads(answer.error_body(500, "broken"))["error"]["type"] == "server_error"
    assert [model["id"] for model in json.loads(answer.model_list(["a", "b"], 7))["data"]] == ["a", "b"]
