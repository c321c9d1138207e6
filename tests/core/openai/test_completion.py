from __future__ import annotations

import json

import pytest
from chat import read_stream, read_whole
from hypothesis import given
from hypothesis import strategies as st

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
from bridge.core.jsontext import dumps
from bridge.core.openai.completion import CompletionFold
from bridge.core.openai.encoder import ChunkEncoder
from bridge.core.openai.shapes import Head

HEAD = Head("chatcmpl-1", "m", 7)


def fold(*events: Event, head: Head = HEAD) -> CompletionFold:
    whole = CompletionFold(head)
    for event in events:
        whole.add(event)
    return whole


def test_text() -> None:
    assert fold(TextDelta("a"), TextDelta("b"), Usage(1, 2), Finish("end_turn")).message() == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "ab", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 1,
            "completion_tokens": 2,
            "total_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


CALL: list[Event] = [ToolCallStart(0, "c1", "f"), ToolCallDelta(0, '{"a":1}'), ToolCallEnd(0)]


def test_calls_have_null_for_no_text() -> None:
    got = read_whole(dumps(fold(*CALL, ToolCallStart(1, "c2", "g"), ToolCallEnd(1), Finish("tool_use")).message()))
    assert got.text is None
    assert got.said == ("", "", [("f", {"a": 1}), ("g", {})], "tool_calls")
    legacy = fold(*CALL, Finish("tool_use"), head=Head("c", "m", 7, legacy=True)).message()
    assert read_whole(dumps(legacy)).said == ("", "", [("f", {"a": 1})], "function_call")


def test_a_call_that_did_not_end_is_not_there() -> None:
    got = fold(ToolCallStart(0, "c", "f"), ToolCallDelta(0, '{"a'), ToolCallAbort(0), Finish("max_tokens")).message()
    assert read_whole(dumps(got)).said == ("", "", [], "length")


def test_an_unfinished_answer_and_a_failed_one() -> None:
    whole = fold(TextDelta("a"))
    assert (whole.finished, read_whole(dumps(whole.message())).finish) == (False, "")
    fault = Fault("api", "x")
    whole.add(fault)
    whole.add(TextDelta("b"))
    assert (whole.finished, whole.fault) == (True, fault)
    assert json.loads(dumps(whole.message()))["choices"][0]["message"]["content"] == "a"


def test_an_event_that_cannot_come() -> None:
    with pytest.raises(ValueError, match="ToolCallEnd"):
        fold(ToolCallEnd(0))


WORDS = st.one_of(st.builds(TextDelta, st.text(min_size=1)), st.builds(ThinkingDelta, st.text(min_size=1)))


@given(st.lists(st.one_of(WORDS, st.none())), st.sampled_from(["end_turn", "max_tokens", "tool_use"]))
def test_it_is_what_the_stream_said(parts: list[TextDelta | ThinkingDelta | None], reason: str) -> None:
    """None stands for a call."""
    events: list[Event] = []
    calls = 0
    for part in parts:
        if part is not None:
            events.append(part)
            continue
        events += [ToolCallStart(calls, f"c{calls}", "f"), ToolCallDelta(calls, '{"a":1}'), ToolCallEnd(calls)]
        calls += 1
    events += [Usage(5, 6, 7), Finish(reason)]  # type: ignore[arg-type]
    stream = ChunkEncoder(HEAD, include_usage=True)
    streamed = read_stream(b"".join(map(stream.encode, events)))
    assert read_whole(dumps(fold(*events).message())).said == streamed.said
    assert read_whole(dumps(fold(*events).message())).usage == streamed.usage
