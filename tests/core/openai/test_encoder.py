from __future__ import annotations

import json
from typing import Any

import pytest
from chat import Chat, read_stream

from bridge.core.events import (
    Event,
    Fault,
    Finish,
    TextDelta,
    ThinkingDelta,
    ToolCallAbort,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from bridge.core.openai.encoder import ChunkEncoder
from bridge.core.openai.shapes import Head

HEAD = Head("chatcmpl-1", "m", 7)


def encoder(**options: Any) -> ChunkEncoder:
    return ChunkEncoder(HEAD, request_id="req_1", **options)


def encoded(*events: Event, **options: Any) -> Chat:
    stream = encoder(**options)
    return read_stream(b"".join(map(stream.encode, events)))


def values(data: bytes) -> list[Any]:
    return [json.loads(frame[6:]) for frame in data.decode().split("\n\n") if frame and frame != "data: [DONE]"]


def test_every_byte_of_a_short_answer() -> None:
    stream = encoder()
    sent = stream.encode(TextDelta("h\u00e9")) + stream.encode(Finish("end_turn"))
    start = 'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,'
    assert sent.decode() == (
        start + '"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
        + start + '"delta":{"content":"h\u00e9"},"finish_reason":null}]}\n\n'
        + start + '"delta":{},"finish_reason":"stop"}]}\n\n'
        + "data: [DONE]\n\n"
    )  # fmt: skip


def test_a_frame_is_the_same_by_the_quick_way_and_the_other() -> None:
    stream = encoder(include_usage=True)
    first, second = stream.encode(TextDelta("a")), stream.encode(TextDelta("a"))
    assert first.endswith(second)
    assert values(second)[0]["usage"] is None


def test_everything_in_order() -> None:
    got = encoded(
        ThinkingDelta("hm"),
        TextDelta("So."),
        ToolCallStart(0, "c1", "f"),
        ToolCallDelta(0, '{"a":'),
        ToolCallDelta(0, "1}"),
        ToolCallEnd(0),
        ToolCallStart(1, "c2", "g"),
        ToolCallEnd(1),
        Usage(3, 4),
        Finish("tool_use"),
        include_usage=True,
    )
    assert got.said == ("So.", "hm", [("f", {"a": 1}), ("g", {})], "tool_calls")
    assert [call.id for call in got.calls] == ["c1", "c2"]
    assert got.usage is not None
    assert got.usage["total_tokens"] == 7


@pytest.mark.parametrize(
    ("first", "content"), [(TextDelta("a"), ""), (ThinkingDelta("a"), None), (ToolCallStart(0, "c", "f"), None)]
)
def test_the_content_is_null_until_there_is_some(first: Event, content: str | None) -> None:
    opening = values(encoder().encode(first))[0]
    assert opening["choices"][0]["delta"] == {"role": "assistant", "content": content}


def test_functions_as_they_were_before_tools() -> None:
    stream = ChunkEncoder(Head("c", "m", 7, legacy=True))
    events: list[Event] = [ToolCallStart(0, "c1", "f"), ToolCallDelta(0, "{}"), ToolCallEnd(0), Finish("tool_use")]
    got = read_stream(b"".join(map(stream.encode, events)))
    assert got.said == ("", "", [("f", {})], "function_call")


def test_a_call_cut_by_length_stays_as_it_is() -> None:
    got = encoded(ToolCallStart(0, "c", "f"), ToolCallDelta(0, '{"a'), ToolCallAbort(0), Finish("max_tokens"))
    assert (got.finish, got.calls[0].arguments) == ("length", '{"a')


def test_opening_early() -> None:
    stream = encoder()
    assert not stream.started
    opening = stream.open()
    assert stream.started
    assert not stream.content_started
    assert stream.open() == b""
    assert read_stream(opening + stream.encode(TextDelta("a")) + stream.encode(Finish("end_turn"))).text == "a"


def test_signs_of_life() -> None:
    stream = encoder()
    assert stream.ping() == b": ping\n\n"
    sent = stream.open() + stream.keep_alive()
    assert values(sent)[-1]["choices"][0]["delta"] == {}
    stream.encode(Finish("end_turn"))
    assert stream.ping() == stream.keep_alive() == stream.open() == b""


def test_a_failure_is_the_last_frame() -> None:
    stream = encoder()
    sent = stream.encode(TextDelta("a")) + stream.encode(Fault("overloaded", "busy"))
    assert stream.finished
    got = read_stream(sent)
    assert got.finish == ""
    assert got.error == {
        "message": "busy", "type": "overloaded_error", "param": None, "code": "server_overloaded",
    }  # fmt: skip
    assert values(sent)[-1]["request_id"] == "req_1"
    assert stream.error(Fault("api", "x")) == stream.encode(TextDelta("b")) == b""


def test_an_event_that_cannot_come_leaves_nothing() -> None:
    stream = encoder()
    with pytest.raises(ValueError, match="ToolCallDelta"):
        stream.encode(ToolCallDelta(0, "{}"))
    assert (stream.started, stream.content_started) == (False, False)


def test_a_model_that_looks_like_a_chunk() -> None:
    stream = ChunkEncoder(Head("c", '"delta":{}\ud800"}\n\ndata: x', 7))
    got = read_stream(stream.encode(TextDelta("a")) + stream.encode(TextDelta("b")) + stream.encode(Finish("end_turn")))
    assert got.text == "ab"
