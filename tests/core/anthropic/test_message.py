"""The fold, and that it agrees with what the official SDK makes of the stream."""

import json

import pytest
from anthropic._streaming import SSEDecoder
from anthropic.lib.streaming._messages import accumulate_event
from chunking import bytewise, seeded_splits
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.anthropic.encoder import StreamEncoder
from bridge.core.anthropic.message import MessageFold
from bridge.core.events import (
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
from bridge.core.signature import Signer

SIGNER = Signer(b"key", "up-model")
ARGS = ("msg_1", "claude-x", SIGNER, 12)
CUT = (ToolCallStart(0, "t", "f"), ToolCallDelta(0, '{"a":"b'), ToolCallAbort(0))


def streamed(**options) -> StreamEncoder:
    stream = StreamEncoder("msg_1", "claude-x", 12, **options)
    stream.sign_as(SIGNER)
    return stream


def fold(*events, **options) -> MessageFold:
    whole = MessageFold(*ARGS, **options)
    for event in events:
        whole.add(event)
    return whole


def test_a_whole_answer():
    message = fold(
        ThinkingDelta("I "),
        ThinkingDelta("think"),
        TextDelta("a"),
        TextDelta("b"),
        ToolCallStart(0, "toolu_1", "f"),
        ToolCallDelta(0, '{"n": 123456789012345678901234567890,'),
        ToolCallDelta(0, ' "ok": true}'),
        ToolCallEnd(0),
        ToolCallStart(1, "toolu_2", "g"),
        ToolCallEnd(1),
        Usage(5, 9, 2, 1, 4),
        Finish("tool_use"),
    ).message()
    assert message == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [
            {"type": "thinking", "thinking": "I think", "signature": SIGNER.sign("I think")},
            {"type": "text", "text": "ab"},
            {
                "type": "tool_use",
                "id": "toolu_1",
                "name": "f",
                "input": {"n": 123456789012345678901234567890, "ok": True},
            },
            {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 1,
            "cache_read_input_tokens": 2,
            "output_tokens": 9,
            "output_tokens_details": {"thinking_tokens": 4},
        },
    }


def test_nothing_said_is_one_empty_text():
    assert fold(Finish("end_turn")).message()["content"] == [{"type": "text", "text": ""}]


def test_an_unfinished_answer_has_no_stop_reason():
    half = fold(TextDelta("x"))
    assert not half.finished
    assert half.message()["stop_reason"] is None


def test_a_fault_is_kept_and_ends_the_answer():
    fault = Fault("api", "gone")
    failed = fold(TextDelta("x"), fault, TextDelta("y"), Fault("api", "again"))
    assert failed.finished
    assert failed.fault is fault


def test_a_cut_call_is_not_part_of_the_message():
    message = fold(TextDelta("x"), *CUT, Finish("max_tokens")).message()
    assert message["content"] == [{"type": "text", "text": "x"}]
    assert message["stop_reason"] == "max_tokens"


def test_a_cut_call_with_any_other_reason_is_a_fault():
    failed = fold(*CUT, Finish("end_turn"))
    assert failed.fault is not None
    assert failed.message()["content"] == []


def test_out_of_order_raises():
    with pytest.raises(ValueError, match="ToolCallEnd cannot follow a text block"):
        fold(TextDelta("x"), ToolCallEnd(0))


def test_hidden_thinking():
    message = fold(ThinkingDelta("a"), Finish("end_turn"), show_thinking=False).message()
    assert message["content"] == [{"type": "thinking", "thinking": "", "signature": SIGNER.sign("a", carried=True)}]


# What follows draws event histories of all kinds.

text = st.text(min_size=1, max_size=8) | st.sampled_from(["\ud800", "\u2028", "\r\n", '"\\'])
json_value = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
count = st.integers(0, 10**6)
usage = st.builds(Usage, count, count, count, count, count)
finish = st.sampled_from(
    [
        Finish("end_turn"),
        Finish("max_tokens"),
        Finish("context_window"),
        Finish("tool_use"),
        Finish("stop_sequence", "x"),
        Finish("refusal", explanation="y"),
    ]
)


@st.composite
def calls(draw, index: int):
    arguments = json.dumps(draw(st.dictionaries(st.text(max_size=4), json_value, max_size=3)))
    pieces = draw(st.sampled_from([*seeded_splits(arguments, count=3), bytewise(arguments), []]))
    deltas = [ToolCallDelta(index, piece) for piece in pieces]
    return [ToolCallStart(index, f"toolu_{index}", draw(text)), *deltas, ToolCallEnd(index)]


@st.composite
def answers(draw):
    """A complete legal history, at times with a call that was cut off."""
    events, index = [], 0
    for kind in draw(st.lists(st.sampled_from(["text", "thinking", "call", "usage"]), max_size=8)):
        match kind:
            case "text":
                events.append(TextDelta(draw(text)))
            case "thinking":
                events.append(ThinkingDelta(draw(text)))
            case "usage":
                events.append(draw(usage))
            case "call":
                events += draw(calls(index))
                index += 1
    if draw(st.integers(0, 4)) == 0:
        cut = draw(calls(index))[:-1]
        return [*events, *cut, ToolCallAbort(index), Finish(draw(st.sampled_from(["max_tokens", "context_window"])))]
    return [*events, draw(finish)]


def frames_of(data: bytes) -> list[dict]:
    frames = []
    for frame in SSEDecoder().iter_bytes(iter([data])):
        body = json.loads(frame.data)
        assert body["type"] == frame.event
        frames.append(body)
    return frames


def accumulate(data: bytes) -> dict:
    snapshot, buffers = None, {}
    for frame in frames_of(data):
        if frame["type"] != "ping":
            snapshot = accumulate_event(event=frame, current_snapshot=snapshot, json_bufs=buffers)
    return snapshot.to_dict()


def check_legal(frames: list[dict]) -> None:
    """The rules of a Messages stream, told independently of the code; a stream may be cut anywhere."""
    kinds = [frame["type"] for frame in frames if frame["type"] != "ping"]
    if "error" in kinds:
        assert kinds.index("error") == len(kinds) - 1
        kinds.pop()
    assert kinds.count("message_start") == bool(kinds)
    assert kinds[:1] in ([], ["message_start"])
    open_block, next_index, ended = None, 0, False
    for frame in frames:
        match frame["type"]:
            case "content_block_start":
                assert open_block is None
                assert frame["index"] == next_index
                open_block, next_index = frame["content_block"]["type"], next_index + 1
            case "content_block_delta":
                assert frame["index"] == next_index - 1
                assert open_block == {
                    "text_delta": "text",
                    "thinking_delta": "thinking",
                    "signature_delta": "thinking",
                    "input_json_delta": "tool_use",
                }.get(frame["delta"]["type"])
            case "content_block_stop":
                assert open_block is not None
                assert frame["index"] == next_index - 1
                open_block = None
            case "message_delta":
                assert open_block is None
                assert not ended
                ended = True
    if ended:
        assert kinds[-2:] == ["message_delta", "message_stop"]
        assert next_index > 0


@settings(max_examples=200, deadline=None)
@given(answers(), st.booleans(), st.booleans())
def test_the_message_is_what_the_sdk_accumulates(events, shown, noisy):
    stream, whole = streamed(show_thinking=shown), MessageFold(*ARGS, show_thinking=shown)
    data = stream.open() if noisy else b""
    for event in events:
        data += stream.encode(event)
        data += stream.keep_alive() if noisy else b""
        whole.add(event)
    assert stream.finished
    assert whole.finished
    check_legal(frames_of(data))
    expected = accumulate(data)
    expected.pop("stop_details", None)
    message = whole.message()
    message.pop("stop_details", None)
    if any(isinstance(event, ToolCallAbort) for event in events):
        expected["content"] = expected["content"][:-1] or [{"type": "text", "text": ""}]
    assert message == expected


any_event = (
    st.builds(TextDelta, text)
    | st.builds(ThinkingDelta, text)
    | st.builds(ToolCallStart, st.integers(0, 2), text, text)
    | st.builds(ToolCallDelta, st.integers(0, 2), st.just("{}"))
    | st.builds(ToolCallEnd, st.integers(0, 2))
    | st.builds(ToolCallAbort, st.integers(0, 2))
    | usage
    | finish
    | st.just(Fault("api", "x"))
)


@settings(max_examples=300, deadline=None)
@given(st.lists(any_event | st.sampled_from(["open", "ping", "keep_alive"]), max_size=12))
def test_whatever_comes_the_stream_is_legal_and_the_fold_agrees(steps):
    stream, whole, data = streamed(), MessageFold(*ARGS), b""
    for step in steps:
        if isinstance(step, str):
            data += getattr(stream, step)()
            continue
        refused = []
        for take in (stream.encode, whole.add):
            try:
                data += take(step) or b""
            except ValueError as error:
                refused.append(str(error))
        assert len(refused) in (0, 2)
        assert len(set(refused)) <= 1
        assert stream.finished == whole.finished
        check_legal(frames_of(data))
