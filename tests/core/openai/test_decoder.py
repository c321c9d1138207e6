"""Every way in which upstreams spell, end and spoil an answer."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playbook import (
    DONE,
    Playbook,
    call,
    chunk,
    delta,
    fault,
    finish,
    frame,
    play,
    reasoning,
    stop,
    text,
    thinking,
    tool,
    usage,
)

from bridge.core.events import Event, Fault, Finish, TextDelta, ThinkingDelta, Usage
from bridge.core.openai.decoder import Decoder

HELLO = [text("Hello"), stop("end_turn")]


def decoder() -> Decoder:
    numbers = itertools.count(1)
    return Decoder(lambda: f"toolu_{next(numbers)}", "up", "m")


def completion(message: dict[str, Any], reason: str | None = "stop", **more: object) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    return json.dumps({"id": "c", "object": "chat.completion", "choices": [choice], **more}).encode()


def error(value: object, **more: object) -> bytes:
    return frame({"error": value, **more})


ANSWERS: dict[str, tuple[bytes, list[Any]]] = {
    "plain": (chunk("Hel") + chunk("lo") + finish("stop") + DONE, HELLO),
    "no [DONE]": (chunk("Hello") + finish("stop"), HELLO),
    "[DONE] without a reason": (chunk("Hello") + DONE, HELLO),
    "reason in the last delta": (chunk("Hel") + delta("stop", content="lo"), HELLO),
    "empty and null reasons": (delta("", content="Hel") + delta(None, content="lo") + finish("stop"), HELLO),
    "second finish": (chunk("Hello") + finish("stop") + finish("length") + DONE, HELLO),
    "late deltas": (chunk("Hello") + finish("stop") + chunk("!") + call(0, "a", "f", "{}") + DONE, HELLO),
    "torn frame after the finish": (chunk("Hello") + finish("stop") + b'data: {"usage": {"pro', HELLO),
    "late error": (chunk("Hello") + finish("stop") + error("overloaded") + DONE, HELLO),
    "usage before the finish": (usage(1, 1) + chunk("Hello") + usage(2, 2) + finish("stop") + DONE, HELLO),
    "usage in every chunk": (
        frame({"choices": [{"index": 0, "delta": {"content": "Hello"}}], "usage": {"prompt_tokens": 1}})
        + frame({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}}),
        HELLO,
    ),
    "empty choices": (frame({"choices": []}) + chunk("Hello") + finish("stop"), HELLO),
    "another choice": (
        frame({"choices": [{"index": 1, "delta": {"content": "other"}}]}) + chunk("Hello") + finish("stop"),
        HELLO,
    ),
    "no index": (frame({"choices": [{"delta": {"content": "Hello"}}]}) + finish("stop"), HELLO),
    "comments and noise": (b": ping\n\ndata: ping\n\n" + chunk("Hello") + b"data: 5\n\n" + finish("stop"), HELLO),
    "unknown reason": (chunk("Hello") + finish("whatever"), HELLO),
    "whole message at the end": (
        chunk("Hello") + frame({"choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}]}),
        HELLO,
    ),
    "message instead of delta": (
        frame({"choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}]}),
        HELLO,
    ),
    "text instead of delta": (frame({"choices": [{"text": "Hello"}]}) + finish("stop"), HELLO),
    "list of one": (frame([{"choices": [{"index": 0, "delta": {"content": "Hello"}}]}]) + finish("stop"), HELLO),
    "content parts": (
        delta(content=[{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]) + finish("stop"),
        HELLO,
    ),
    "nothing but a finish": (finish("stop"), [text(""), stop("end_turn")]),
    "length": (chunk("Hello") + finish("length"), [text("Hello"), stop("max_tokens")]),
    "window": (
        chunk("Hello") + finish("model_context_window_exceeded"),
        [text("Hello"), stop("model_context_window_exceeded")],
    ),
    "filter": (chunk("Hello") + finish("content_filter"), [text("Hello"), stop("refusal")]),
    "refusal": (delta(refusal="Hel") + delta(refusal="lo") + finish("stop"), [text("Hello"), stop("refusal")]),
    "tool_calls without one": (chunk("Hello") + finish("tool_calls"), HELLO),
    "not Unicode": (b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n' + finish("stop"), [text("�"), HELLO[1]]),
    "not a stream": (completion({"content": "Hello"}), HELLO),
    "not a stream, no reason": (completion({"content": "Hello"}, None), HELLO),
    "not a stream, with a call": (
        completion({"content": None, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}),
        [tool("f", {}), stop("tool_use")],
    ),
    "not a stream, blanks first": (b" \n" * 99 + completion({"content": "Hello"}), HELLO),
    "not a stream, in a list": (b"[" + completion({"content": "Hello"}) + b"]", HELLO),
}


@pytest.mark.parametrize(("sent", "blocks"), ANSWERS.values(), ids=ANSWERS.keys())
def test_answer(sent: bytes, blocks: list[Any]) -> None:
    assert Playbook(sent=sent, expected=tuple(blocks))


TEMPORARY = fault("api", "transient")
TORN = fault("api", "ambiguous")

FAILURES: dict[str, tuple[bytes, tuple[Any, ...]]] = {
    "nothing": (b"", TEMPORARY),
    "only [DONE]": (DONE, TEMPORARY),
    "only comments": (b": a\n\n: b\n\n", TEMPORARY),
    "only blanks": (b" \r\n" * 99, TEMPORARY),
    "markup": (b"<html><body>Bad Gateway", TEMPORARY),
    "plain text": (b"upstream connect error", TEMPORARY),
    "not JSON": (b'{"choices": [', TEMPORARY),
    "JSON, not a completion": (b"[1]", TEMPORARY),
    "JSON without content": (b'{"choices": []}', TEMPORARY),
    "end without finish": (chunk("Hel"), TORN),
    "end inside a frame": (chunk("Hel") + b'data: {"choices":[{"del', TORN),
    "torn frame in the middle": (chunk("Hel") + b'data: {"choi\n\n' + finish("stop"), TORN),
    "end inside a call": (call(0, "a", "f", '{"x": 1'), TORN),
    "end behind a whole call": (call(0, "a", "f", "{}"), TORN),
    "call that is no object": (call(0, "a", "f", "[1]") + finish("tool_calls"), TORN),
    "call that is torn": (call(0, "a", "f", '{"x": 1') + finish("stop"), TORN),
    "call without a name": (call(0, "a", None, '{"x": 1}') + finish("stop"), TORN),
    "[DONE] inside a call": (call(0, "a", "f", '{"x": 1') + DONE, TORN),
    "error object": (error({"message": "boom", "code": 500}), TEMPORARY),
    "error text": (error("boom"), TEMPORARY),
    "error after content": (chunk("Hel") + error({"message": "boom"}), TEMPORARY),
    "error with choices": (error({"message": "boom"}, choices=[{"delta": {"content": "x"}}]), TEMPORARY),
    "error by name": (b'event: error\ndata: {"message": "boom"}\n\n', TEMPORARY),
    "error by name, not JSON": (b"event: error\ndata: boom\n\n", TEMPORARY),
    "error field": (b'error: {"code": 500, "message": "boom"}\n\n', TEMPORARY),
    "error in a JSON body": (b'{"error": {"message": "boom", "type": "server_error"}}', TEMPORARY),
    "error in a list": (b'[{"error": {"message": "boom"}}]', TEMPORARY),
    "error object of vLLM": (frame({"object": "error", "message": "boom", "code": 500}), TEMPORARY),
    "error of FastAPI": (b'{"detail": "boom"}', TEMPORARY),
    "error in the choice": (
        frame({"choices": [{"index": 0, "delta": {"content": ""}, "error": {"code": 502, "message": "boom"}}]}),
        TEMPORARY,
    ),
    "finished by an error": (chunk("Hel") + finish("error"), TEMPORARY),
    "aborted": (finish("abort"), TEMPORARY),
    "too many requests": (error({"message": "slow down", "code": 429}), fault("rate_limit", "transient")),
    "overloaded": (error({"message": "x", "type": "overloaded_error"}), fault("overloaded", "transient")),
    "prompt too long": (
        error({"message": "This model's maximum context length is 10 tokens. However, you requested 12 tokens"}),
        fault("invalid_request", "never"),
    ),
    "MiniMax, too many": (
        b'{"base_resp": {"status_code": 1002, "status_msg": "rate limit"}, "choices": null}',
        fault("rate_limit", "transient"),
    ),
}


@pytest.mark.parametrize(("sent", "failure"), FAILURES.values(), ids=FAILURES.keys())
def test_failure(sent: bytes, failure: tuple[Any, ...]) -> None:
    assert Playbook(sent=sent, expected=(failure,))


def test_markup_is_never_echoed() -> None:
    for sent in (b"<html>secret</html>", error("<html>secret</html>"), error({"message": "<b>secret"})):
        played = play([sent])
        assert played.exchange.fault is not None
        assert "secret" not in played.exchange.fault.message


REASONING: dict[str, dict[str, Any]] = {
    "reasoning_content": {"reasoning_content": "Hm"},
    "reasoning": {"reasoning": "Hm"},
    "thinking": {"thinking": "Hm"},
    "reasoning_details": {"reasoning_details": [{"type": "reasoning.text", "text": "Hm"}]},
    "summary": {"reasoning_details": [{"type": "reasoning.summary", "summary": "Hm"}]},
    "encrypted beside": {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}], "reasoning": "Hm"},
    "two spellings": {"reasoning": "Hm", "reasoning_content": "Hm"},
    "null beside": {"reasoning_content": None, "reasoning": "Hm", "content": None},
    "content part": {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]},
}


@pytest.mark.parametrize("fields", REASONING.values(), ids=REASONING.keys())
def test_reasoning(fields: dict[str, Any]) -> None:
    wanted = (thinking("Hm"), text("So"), stop("end_turn"))
    assert Playbook(sent=delta(**fields) + chunk("So") + finish("stop"), expected=wanted)
    whole = completion({"content": "So", **{k: v for k, v in fields.items() if k != "content"}})
    if "content" not in fields:
        assert Playbook(sent=whole, expected=wanted)


def test_reasoning_and_content_in_one_chunk() -> None:
    assert (
        Playbook()
        >> delta(content="So", reasoning="Hm")
        >> finish("stop")
        << thinking("Hm")
        << text("So")
        << stop("end_turn")
    )


def test_usage_and_finish_come_last_and_together() -> None:
    reader = decoder()
    assert reader.frame(b'{"choices":[{"delta":{"content":"a"}}]}') == [TextDelta("a")]
    assert reader.frame(b'{"choices":[{"delta":{},"finish_reason":"stop"}]}') == []
    assert reader.ended
    assert not reader.finished
    counted = reader.frame(b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}')
    assert counted == [Usage(input_tokens=3, output_tokens=1), Finish("end_turn")]
    assert reader.finished
    assert reader.frame(b"[DONE]") == []
    assert reader.end() == []


@pytest.mark.parametrize("place", [{"x_groq": {"usage": {"prompt_tokens": 3}}}, {"usage": {"prompt_tokens": 3}}])
def test_usage_in_other_places(place: dict[str, object]) -> None:
    reader = decoder()
    reader.frame(b'{"choices":[{"delta":{"content":"a"}}]}')
    data = json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **place})
    assert reader.frame(data.encode()) == [Usage(input_tokens=3), Finish("end_turn")]


def test_usage_inside_the_choice() -> None:
    reader = decoder()
    data = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": {"prompt_tokens": 3}}]}
    assert reader.frame(json.dumps(data).encode()) == [Usage(input_tokens=3), Finish("end_turn")]


@pytest.mark.parametrize("key", ["stop_reason", "matched_stop"])
def test_the_stop_sequence_that_matched(key: str) -> None:
    asking = Playbook.asking(stop_sequences=("END",))
    assert asking >> chunk("a") >> finish("stop", **{key: "END"}) << text("a") << stop("stop_sequence", "END")
    assert asking >> chunk("a") >> finish("stop", **{key: "###"}) << text("a") << stop("end_turn")
    assert asking >> chunk("a") >> finish("stop", **{key: 151645}) << text("a") << stop("end_turn")


def test_oddities_are_counted() -> None:
    played = play([chunk("a") + b"data: ping\n\n" + finish("odd") + finish("stop") + chunk("late") + DONE])
    assert played.exchange.counters == {"noise": 1, "unknown_finish_reason": 1, "repeated": 1, "late": 1}


def test_what_is_not_shaped_like_an_answer_never_raises() -> None:
    values: list[object] = [None, 1, "x", [], {}, [None], [[]], [{}], {"a": 1}]
    for value in values:
        for shape in (
            {"choices": value},
            {"choices": [value]},
            {"choices": [{"delta": value}]},
            {"choices": [{"delta": {"content": value}}]},
            {"choices": [{"delta": {"content": [value], "role": "assistant"}}]},
            {"choices": [{"delta": {"tool_calls": value}}]},
            {"choices": [{"delta": {"tool_calls": [value]}}]},
            {"choices": [{"delta": {"tool_calls": [{"function": value, "index": value, "id": value}]}}]},
            {"choices": [{"delta": {"tool_calls": [{"function": {"name": value, "arguments": value}}]}}]},
            {"choices": [{"delta": {"function_call": value}}]},
            {"choices": [{"delta": {"reasoning": value, "refusal": value}}]},
            {"choices": [{"delta": {}, "finish_reason": value, "index": value, "stop_reason": value}]},
            {"choices": [{"message": value, "text": value}]},
            {"choices": [], "usage": value},
            {"choices": [], "usage": {"prompt_tokens": value, "prompt_tokens_details": value}},
            {"error": value},
            {"base_resp": value},
            {"base_resp": {"status_code": value}},
            {"x_groq": value},
            {"message": value, "detail": value},
            value,
        ):
            data = json.dumps(shape).encode()
            for events in (decoder().frame(data), decoder().frame(data, b"error"), decoder().body(data)):
                assert all(isinstance(event, Event) for event in events)


def test_the_first_fault_is_the_last_event() -> None:
    reader = decoder()
    (failure,) = reader.frame(b'{"error":"boom"}')
    assert isinstance(failure, Fault)
    assert reader.frame(b'{"choices":[{"delta":{"content":"a"}}]}') == []
    assert reader.end() == []


def test_thinking_event_of_the_decoder() -> None:
    assert decoder().frame(b'{"choices":[{"delta":{"reasoning":"a"}}]}') == [ThinkingDelta("a")]


def test_reasoning_alone_is_an_answer() -> None:
    assert Playbook() >> reasoning("Hm") >> finish("stop") << thinking("Hm") << stop("end_turn")


_WORDS = st.sampled_from([None, "", "a", " b", "\u00fc", "\ud83d", "\ude00", "\U0001f600"])
_DELTA = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["assistant", None, ""]),
        "content": _WORDS | st.just([{"type": "text", "text": "part"}]),
        "reasoning_content": _WORDS,
        "reasoning": _WORDS,
        "refusal": st.sampled_from([None, "", "no"]),
        "tool_calls": st.sampled_from([None, [], [{"index": 0, "id": "c", "function": {"name": "f"}}]]),
        "function_call": st.none(),
        "name": st.sampled_from(["x", 1]),
    },
)
_CHOICE = st.fixed_dictionaries(
    {"delta": _DELTA},
    optional={
        "index": st.sampled_from([0, None, 1, False, 0.0]),
        "finish_reason": st.sampled_from([None, None, "", "stop", "length", 7]),
        "logprobs": st.none(),
        "error": st.sampled_from([None, "", {"message": "no", "code": 500}]),
        "usage": st.sampled_from([None, {}, {"prompt_tokens": 1}]),
    },
)
_CHUNK = st.fixed_dictionaries(
    {"choices": st.lists(_CHOICE, max_size=2)},
    optional={
        "id": st.just("c"),
        "error": st.sampled_from([None, "", {}]),
        "usage": st.sampled_from([None, {}, {"prompt_tokens": 1}]),
        "x_groq": st.sampled_from([None, {"id": "r"}, {"usage": {"prompt_tokens": 1}}]),
    },
)


@pytest.mark.parametrize("said", [{}, {"role": "assistant", "content": ""}, {"content": "Hel"}])
def test_an_error_in_a_choice_counts_whatever_the_model_said_beside_it(said: dict[str, object]) -> None:
    value = {"choices": [{"index": 0, "delta": said, "error": {"message": "no", "code": 500}, "finish_reason": None}]}
    (event,) = decoder().frame(json.dumps(value).encode())
    assert isinstance(event, Fault)


@given(st.lists(_CHUNK, max_size=6))
def test_a_plain_frame_is_read_as_any_other(chunks: list[object]) -> None:
    quick, thorough = decoder(), decoder()
    for value in chunks:
        # What is wrapped in a list has no plain shape.
        wrapped = json.dumps([value]).encode()
        assert quick.frame(json.dumps(value).encode()) == thorough.frame(wrapped)
        assert (quick.progress, quick.ended, quick.notes) == (thorough.progress, thorough.ended, thorough.notes)
    assert quick.end() == thorough.end()
