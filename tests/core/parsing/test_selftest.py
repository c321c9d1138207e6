"""The examples of a parser file are run as a model would write them."""

from __future__ import annotations

from dataclasses import replace

from reading import HERMES, ran, say, think

from bridge.core.conversation import Tool
from bridge.core.events import TextDelta, ThinkingDelta, ToolCallAbort, ToolCallDelta, ToolCallEnd, ToolCallStart
from bridge.core.parsing.selftest import check_examples, fold, read_tools
from bridge.core.parsing.spec import Example

TOOL = {"name": "f", "input_schema": {"type": "object"}}
CALL = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'


def test_examples_that_pass() -> None:
    spec = replace(HERMES, examples=(
        Example(CALL, (TOOL,), (ran("f"),)),
        Example("a</think>b", (), (think("a"), say("b")), starts_open=True),
        Example("Hi" + CALL[:20], (TOOL,), (say("Hi"),), finish="length"),
    ))  # fmt: skip
    assert check_examples(spec) == []
    assert check_examples(spec, splits="characters") == []


def test_an_example_that_fails_says_how() -> None:
    spec = replace(HERMES, examples=(Example("x", (), (say("x"),)), Example(CALL, (TOOL,), (say("no"),), title="t")))
    [failure] = check_examples(spec)
    assert (failure.index, failure.title, failure.split) == (1, "t", "whole")
    assert failure.expected == '[{"text":"no"}]'
    assert failure.got == '[{"name":"f","input":{}}]'


def test_examples_under_other_files() -> None:
    spec = replace(HERMES, examples=(Example(CALL, (TOOL,), (ran("f"),)),))
    assert check_examples(spec, (replace(HERMES, calls=()),))[0].got != "[]"


def test_tools_in_the_shape_of_the_messages_api() -> None:
    assert read_tools([TOOL, {"name": "g"}, {"name": 5}, "x", {"name": "h", "input_schema": 5}]) == [
        Tool("f", schema={"type": "object"}), Tool("g"), Tool("h")
    ]  # fmt: skip


def test_blocks_of_events() -> None:
    events = [
        TextDelta("a"), TextDelta("b"), ThinkingDelta("c"), ToolCallStart(0, "x", "f"), ToolCallDelta(0, '{"a"'),
        ToolCallDelta(0, ":1}"), ToolCallEnd(0), ToolCallStart(1, "y", "g"), ToolCallDelta(1, "{"), ToolCallAbort(1), TextDelta("d"),
    ]  # fmt: skip
    assert fold(events) == [say("ab"), think("c"), ran("f", a=1), say("d")]
