"""A character in two chunks: what comes out of the decoder holds no half, wherever the upstream cut."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from chunking import bytewise, seeded_splits, whole
from playbook import CONVERSATION, DONE, ROUTE, call, chunk, finish, play, reasoning, stop, text, thinking, tool

from bridge.core.events import TextDelta, ThinkingDelta, ToolCallDelta, ToolCallEnd
from bridge.core.openai.halves import Halves, may_hold

FIRST, SECOND = "\ud83d", "\ude00"
ARGUMENTS = '{"a": "😀"}'
CUT = [ARGUMENTS[:7] + FIRST, SECOND + ARGUMENTS[8:]]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([chunk("a" + FIRST), chunk(SECOND + "b")], [text("a😀b")]),
        ([chunk(FIRST), chunk(SECOND)], [text("😀")]),
        ([chunk("a" + FIRST + SECOND + "b")], [text("a😀b")]),
        ([chunk("a" + FIRST), chunk("b")], [text("a\ufffdb")]),
        ([chunk("a" + FIRST), chunk(FIRST), chunk(SECOND)], [text("a\ufffd😀")]),
        ([chunk("a"), chunk(SECOND + "b" + FIRST + "c")], [text("a\ufffdb\ufffdc")]),
        ([chunk("a" + FIRST)], [text("a\ufffd")]),
        ([reasoning(FIRST), reasoning(SECOND), chunk("b")], [thinking("😀"), text("b")]),
        ([reasoning("a" + FIRST), chunk(SECOND + "b")], [thinking("a\ufffd"), text("\ufffdb")]),
        ([chunk("a" + FIRST), call(0, "c", "get", "{}")], [text("a\ufffd"), tool("get", {})]),
        ([call(0, "c", "get", CUT[0]), call(0, arguments=CUT[1])], [tool("get", {"a": "😀"})]),
    ],
)
@pytest.mark.parametrize("tool_streaming", ["complete", "eager"])
def test_no_half_reaches_the_client(frames, expected, tool_streaming) -> None:
    called = any("get" in str(block) for block in expected)
    upstream = b"".join([*frames, finish("tool_calls" if called else "stop"), DONE])
    route = replace(ROUTE, tool_streaming=tool_streaming)
    for stream in (True, False):
        for pieces in (whole(upstream), bytewise(upstream), *seeded_splits(upstream, 5)):
            played = play(pieces, route, replace(CONVERSATION, stream=stream))
            assert played.blocks == [*expected, stop("tool_use" if called else "end_turn")]
            assert "\\ud" not in played.client.decode()


def test_the_end_may_come_without_a_reason() -> None:
    assert play([chunk("a" + FIRST), DONE]).blocks == [text("a\ufffd"), stop("end_turn")]


def test_a_body_of_one_piece() -> None:
    message = {"role": "assistant", "content": f"{FIRST}{SECOND}{FIRST}"}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
    assert play([body]).blocks == [text("😀\ufffd"), stop("end_turn")]


def test_only_an_escape_can_be_a_half() -> None:
    assert may_hold(rb'"\ud83d"')
    assert may_hold(rb'"\uDE00"')
    assert not may_hold('"😀 \\u00e4"'.encode())


def test_a_first_half_waits_for_what_follows() -> None:
    halves = Halves()
    assert halves.joined([TextDelta("a" + FIRST)], last=False) == [TextDelta("a")]
    assert halves.held == TextDelta(FIRST)
    assert halves.joined([ThinkingDelta("b")], last=False) == [TextDelta("\ufffd"), ThinkingDelta("b")]
    assert halves.joined([ToolCallDelta(0, FIRST)], last=False) == []
    assert halves.joined([ToolCallDelta(0, SECOND), ToolCallEnd(0)], last=False) == [
        ToolCallDelta(0, "😀"),
        ToolCallEnd(0),
    ]
    assert halves.joined([TextDelta(FIRST)], last=True) == [TextDelta("\ufffd")]
