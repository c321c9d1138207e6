"""What is read beside the bytes of a stream or a message."""

from __future__ import annotations

import messagesapi
import pytest

from bridge.core.anthropic.observer import Observer
from bridge.core.events import Usage


def test_a_stream() -> None:
    observer = Observer()
    seen = [observer.frame(raw) for raw in messagesapi.frames("a", "b")]
    assert seen == ["start", "content", "other", "content", "content", "content", "content", "stop"]
    assert observer.stop_reason == "end_turn"
    assert observer.usage == Usage(11, 42, cache_read_tokens=3, cache_write_tokens=2, reasoning_tokens=9)


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
@pytest.mark.parametrize("line", ["\n", "\r\n", "\r"])
def test_other_spellings(line: str, end: str) -> None:
    observer = Observer()
    for raw, seen in (
        ('\ufeffevent: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":4}}}', "start"),
        ('data: {"type":"content_block_delta"}', "content"),
        ('event:content_block_stop\ndata:{"index":0}', "content"),
        ('id: 7\nevent: message_delta\ndata: {"delta":{"stop_reason":"refusal"},\ndata: "usage":null}', "content"),
        ('event: message_stop\ndata: {"type":"message_stop"}', "stop"),
    ):
        assert observer.frame((raw + end).replace("\n", line).encode()) == seen
    assert (observer.usage, observer.stop_reason) == (Usage(input_tokens=4), "refusal")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        b": comment\n\n",
        b"event: message_stop\n\n",
        b"event: message_stop\ndata: {\n\n",
        b"data: 7\n\n",
        b"data: [DONE]\n\n",
        b"event: new_in_2030\ndata: {}\n\n",
        b'data: {"type": ["x"]}\n\n',
        b"\xff\xfe\n\n",
    ],
)
def test_what_means_nothing(raw: bytes) -> None:
    assert Observer().frame(raw) == "other"


@pytest.mark.parametrize(
    "fields",
    [
        '{"message": 7}',
        '{"message": {"usage": {"input_tokens": "x", "output_tokens": -1}}}',
        '{"message": {"usage": {"input_tokens": 1e3, "output_tokens": true, "output_tokens_details": 5}}}',
        '{"message": {"usage": {"input_tokens": 99999999999999999999}}}',
    ],
)
def test_counts_that_are_none(fields: str) -> None:
    observer = Observer()
    assert observer.frame(f"event: message_start\ndata: {fields}\n\n".encode()) == "start"
    assert observer.usage == Usage()


def test_errors() -> None:
    observer = Observer()
    assert observer.frame(b'event: error\ndata: {"type":"error","error":{"type":"t","message":"m"}}\n\n') == "error"
    assert observer.error == {"type": "t", "message": "m"}
    assert observer.frame(b"event: error\ndata: overloaded\n\n") == "error"
    assert observer.error == "overloaded"


def test_a_whole_message() -> None:
    observer = Observer()
    assert observer.message(messagesapi.message()) == "stop"
    assert (observer.usage.input_tokens, observer.usage.output_tokens, observer.stop_reason) == (11, 1, "end_turn")
    assert observer.message(messagesapi.error_body("overloaded_error")) == "error"
    assert observer.error == {"type": "overloaded_error", "message": "no"}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"type":"list"}', b'{"type":"message"'])
def test_what_is_no_message(body: bytes) -> None:
    assert Observer().message(body) == "other"


def test_a_reason_that_is_new() -> None:
    observer = Observer()
    observer.frame(b'event: message_delta\ndata: {"delta":{"stop_reason":"pause_turn"}}\n\n')
    assert observer.stop_reason is None
