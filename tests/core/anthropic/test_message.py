"""The fold; that it agrees with what the official SDK makes of the stream: tests/property/test_histories.py."""

import pytest

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
