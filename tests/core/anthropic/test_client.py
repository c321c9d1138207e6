from __future__ import annotations

import json

import pytest

from bridge.core.anthropic.client import StreamReader, error_message, request_body, request_headers
from bridge.core.anthropic.encoder import StreamEncoder
from bridge.core.anthropic.errors import error_response
from bridge.core.events import (
    Event,
    Fault,
    Finish,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)


def read(data: bytes) -> tuple[list[Event], bool]:
    reader = StreamReader()
    return [event for line in data.splitlines(keepends=True) for event in reader.read_line(line)], reader.ended


def encoded(*events: Event) -> bytes:
    encoder = StreamEncoder("msg_1", "m")
    return b"".join([encoder.encode(event) for event in events])


def test_it_reads_back_what_the_encoder_wrote() -> None:
    said: list[Event] = [
        ThinkingDelta("hm"),
        TextDelta("so\nbe it"),
        ToolCallStart(0, "toolu_1", "f"),
        ToolCallDelta(0, '{"a":1}'),
        ToolCallEnd(0),
        ToolCallStart(1, "toolu_2", "g"),
        ToolCallDelta(1, "{}"),
        ToolCallEnd(1),
    ]
    assert read(encoded(*said, Usage(1, 2), Finish("tool_use"))) == (said, True)


def test_an_error_ends_the_stream() -> None:
    events, ended = read(encoded(TextDelta("half"), Fault("overloaded", "later")))
    assert (events, ended) == ([TextDelta("half"), Fault("api", "later")], True)


def test_a_stream_that_stops_is_not_ended() -> None:
    assert read(encoded(TextDelta("half"))) == ([TextDelta("half")], False)


@pytest.mark.parametrize(
    "line", [b"data: {", b"data: 1", b'data: {"type":"content_block_start"}', b'data: {"type":"error"}']
)
def test_strange_frames_are_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        StreamReader().read_line(line)


@pytest.mark.parametrize("line", [b"", b": comment", b"event: ping", b'data: {"type":"ping"}', b'data: {"type":"new"}'])
def test_everything_else_is_passed_over(line: bytes) -> None:
    assert StreamReader().read_line(line) == []


def test_requests() -> None:
    body = json.loads(request_body("m", "hi", [{"name": "f"}], 5, stream=True))
    assert body == {
        "model": "m",
        "max_tokens": 5,
        "stream": True,
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"name": "f"}],
    }
    assert "tools" not in json.loads(request_body("m", "hi", [], 5, stream=False))
    assert request_headers("secret")["x-api-key"] == "secret"


def test_error_messages() -> None:
    assert error_message(error_response(Fault("api", "it broke"))[2]) == "it broke"
    assert error_message(b"<html>\xff") == "<html>\ufffd"
    assert error_message(b"[]") == "[]"
