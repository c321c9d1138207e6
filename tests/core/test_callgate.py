"""What of an answer's calls the client gets, and under which names."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from playbook import CONVERSATION

from bridge.core.callgate import CallEvent, CallGate
from bridge.core.conversation import Tool, ToolChoice
from bridge.core.events import ToolCallAbort, ToolCallDelta, ToolCallEnd, ToolCallStart


def gate(*tools: str | Tool, spelled: dict[str, str] | None = None, **fields: Any) -> CallGate:
    declared = tuple(Tool(tool) if isinstance(tool, str) else tool for tool in tools)
    return CallGate(replace(CONVERSATION, tools=declared, **fields), spelled or {})


def call(name: str, index: int = 0) -> list[CallEvent]:
    return [ToolCallStart(index, "id", name), ToolCallDelta(index, "{}"), ToolCallEnd(index)]


def passed(gate: CallGate, *calls: str) -> list[str]:
    events = [gate.admit(event) for index, name in enumerate(calls) for event in call(name, index)]
    shown = [event for event in events if event is not None]
    assert [event.index for event in shown] == [index for index in range(gate.started) for _ in range(3)]
    return [event.name for event in shown if isinstance(event, ToolCallStart)]


@pytest.mark.parametrize(
    ("choice", "shown", "counters"),
    [
        (ToolChoice(), ["b", "a", "b", "c"], {}),
        (ToolChoice("any"), ["b", "a", "b", "c"], {}),
        (ToolChoice("none"), [], {"excluded_call": 4}),
        (ToolChoice("tool", "a"), ["a"], {"excluded_call": 3}),
        (ToolChoice("tool", "b"), ["b", "b"], {"excluded_call": 2}),
        (ToolChoice(parallel=False), ["b"], {"not_parallel": 3}),
        (ToolChoice("tool", "b", parallel=False), ["b"], {"excluded_call": 2, "not_parallel": 1}),
    ],
)
def test_choice(choice: ToolChoice, shown: list[str], counters: dict[str, int]) -> None:
    calls = gate("a", "b", tool_choice=choice)
    assert passed(calls, "b", "a", "b", "c") == shown
    assert calls.counters == counters
    assert calls.started == calls.finished == len(shown)


def test_what_is_dropped_cannot_fail() -> None:
    calls = gate("a", "b", tool_choice=ToolChoice("tool", "b"))
    start, more, _ = call("a")
    assert [calls.admit(event) for event in (start, more, ToolCallAbort(0))] == [None] * 3
    assert calls.admit(ToolCallStart(1, "id", "b")) == ToolCallStart(0, "id", "b")
    assert calls.admit(ToolCallAbort(1)) == ToolCallAbort(0)
    assert (calls.started, calls.finished) == (1, 0)


def test_a_choice_that_was_not_followed() -> None:
    calls = gate("a", "b", tool_choice=ToolChoice("tool", "b"))
    passed(calls, "a")
    assert calls.unanswered
    passed(calls, "b")
    assert not calls.unanswered
    assert gate("a", tool_choice=ToolChoice("any")).unanswered
    assert not gate("a").unanswered
    assert not gate("a", tool_choice=ToolChoice("none")).unanswered


@pytest.mark.parametrize(
    ("written", "meant", "repair"),
    [
        ("read_file", "read_file", ""),
        ("functions.read_file", "read_file", "repair:name_prefix"),
        ("Read_File", "read_file", "repair:name_case"),
        ("read-file", "read_file", "repair:name_separators"),
        ("readfiles", "readfiles", ""),
        ("WRITE", "WRITE", ""),
    ],
)
def test_names_are_repaired_never_guessed(written: str, meant: str, repair: str) -> None:
    calls = gate("read_file", "Write", "write")
    assert calls.named(written) == meant
    assert calls.counters == ({repair: 1} if repair else {})


def test_both_spellings_of_a_name() -> None:
    tool = Tool("fs.read", eager=True)
    calls = gate(tool, "b", spelled={"fs_read": "fs.read", "old_one": "old.one"})
    assert [tool.name for tool in calls.tools] == ["fs.read", "b", "fs_read"]
    assert calls.readable == calls.tools
    assert [calls.named(name) for name in ("fs_read", "fs.read", "FS_READ", "old_one")] == [*["fs.read"] * 3, "old.one"]
    assert calls.eager("fs_read")
    assert not calls.eager("b")
    assert not calls.eager("unheard_of")
    assert passed(calls, "fs_read", "b") == ["fs.read", "b"]


def test_the_chosen_tool_in_another_spelling() -> None:
    calls = gate("fs.read", spelled={"fs_read": "fs.read"}, tool_choice=ToolChoice("tool", "fs.read"))
    assert passed(calls, "fs_read") == ["fs.read"]


def test_where_no_call_is_allowed_none_is_read() -> None:
    assert gate("a", tool_choice=ToolChoice("none")).readable == ()


@pytest.mark.parametrize("half", ["\ud800", r"\ud800"], ids=["as-such", "escape"])
def test_arguments_have_whole_characters(half: str) -> None:
    """The SDK of Python raises on anything else."""
    opened = gate("a")
    opened.admit(ToolCallStart(0, "id", "a"))
    got = opened.admit(ToolCallDelta(0, f'{{"b":"{half}"}}'))
    assert isinstance(got, ToolCallDelta)
    assert json.loads(got.json) == {"b": "\ufffd"}
