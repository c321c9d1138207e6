"""Structured calls in every spelling that upstreams use come out the same."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from chunking import seeded_splits
from hypothesis import given
from hypothesis import strategies as st
from playbook import DONE, ROUTE, Playbook, call, chunk, delta, finish, play, stop, text, tool

from bridge.core.events import Event, ToolCallAbort, ToolCallDelta, ToolCallEnd, ToolCallStart
from bridge.core.openai import toolcalls
from bridge.core.openai.toolcalls import ToolCalls, json_object

A = tool("get", {"a": 1})
A2 = tool("get", {"a": 2})
B = tool("put", {"b": "x"})
EAGER = replace(ROUTE, tool_streaming="eager")


def several(*items: dict[str, Any]) -> bytes:
    return delta(tool_calls=list(items))


def item(name: str, arguments: object, **more: object) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}, **more}


SPELLINGS: dict[str, tuple[bytes, list[Any]]] = {
    "fragments": (call(0, "i", "get", "") + call(0, None, None, '{"a"') + call(0, None, None, ": 1}"), [A]),
    "whole in one delta": (call(0, "i", "get", '{"a": 1}'), [A]),
    "object": (call(0, "i", "get", {"a": 1}), [A]),
    "object again": (call(0, "i", "get", {"a": 0}) + call(0, "i", None, {"a": 1}), [A]),
    "JSON in a string": (call(0, "i", "get", json.dumps('{"a": 1}')), [A]),
    "no id": (call(0, None, "get", '{"a": 1}'), [A]),
    "no index": (call(None, "i", "get", '{"a"') + call(None, None, None, ": 1}"), [A]),
    "no index, id repeated": (call(None, "i", "get", '{"a"') + call(None, "i", None, ": 1}"), [A]),
    "neither index nor id": (call(None, None, "get", '{"a": 1}') + call(None, None, "put", '{"b": "x"}'), [A, B]),
    "no arguments": (call(0, "i", "get", None), [tool("get", {})]),
    "empty arguments": (call(0, "i", "get", ""), [tool("get", {})]),
    "blank arguments": (call(0, "i", "get", " \n"), [tool("get", {})]),
    "null arguments": (call(0, "i", "get", "null"), [tool("get", {})]),
    "name repeated": (call(0, "i", "get", '{"a"') + call(0, "i", "get", ": 1}"), [A]),
    "name in pieces": (call(0, "i", "g", "") + call(0, None, "et", "") + call(0, None, None, '{"a": 1}'), [A]),
    "name longer each time": (call(0, "i", "g", "") + call(0, "i", "get", "") + call(0, None, None, '{"a": 1}'), [A]),
    "name after arguments": (call(0, "i", None, '{"a"') + call(0, "i", "get", ": 1}"), [A]),
    "name after all of the arguments": (call(0, "i", "", '{"a": 1}') + call(0, None, "get", ""), [A]),
    "no list": (delta(tool_calls={"index": 0, "id": "i", **item("get", '{"a": 1}')}), [A]),
    "one list, no ids": (several(item("get", '{"a": 1}'), item("get", '{"a": 1}')), [A, A]),
    "one list, one id": (several(item("get", '{"a": 1}', id="i"), item("get", '{"a": 2}', id="i")), [A, A2]),
    "one list, one index": (several(item("get", '{"a": 1}', index=0), item("get", '{"a": 1}', index=0)), [A, A]),
    "one list, objects": (several(item("get", {"a": 1}), item("get", {"a": 1})), [A, A]),
    "one list, one call": (
        several(item("get", "", index=0, id="i"), item("get", '{"a"', index=0), item("get", ": 1}", index=0)),
        [A],
    ),
    "name after an empty one": (call(0, "i", "", "") + call(0, None, "get", '{"a": 1}'), [A]),
    "new id for every fragment": (call(0, "i", "get", '{"a"') + call(0, "j", "get", ": 1}"), [A]),
    "new id, no name": (call(0, "i", "get", '{"a"') + call(0, "j", None, ": 1}"), [A]),
    "snapshots": (
        call(0, "i", "get", '{"a"') + call(0, None, None, '{"a": ') + call(0, None, None, '{"a": 1}'),
        [A],
    ),
    "many snapshots": (b"".join(call(0, "i", "get", '{"a": 1}'[:n]) for n in range(1, 9)), [A]),
    "closed snapshots": (
        call(0, "i", "put", '{"b": ""}') + call(0, "i", "put", '{"b": "x"}'),
        [B],
    ),
    "placeholder": (call(0, "i", "get", "{}") + call(0, None, None, '{"a": 1}'), [A]),
    "everything again at the end": (
        call(0, "i", "get", '{"a"') + call(0, None, None, ": 1}") + call(0, None, None, '{"a": 1}'),
        [A],
    ),
    "two": (call(0, "i", "get", '{"a": 1}') + call(1, "j", "put", '{"b": "x"}'), [A, B]),
    "two in one chunk": (several(item("get", '{"a": 1}', index=0), item("put", '{"b": "x"}', index=1)), [A, B]),
    "two, no index": (several(item("get", '{"a": 1}', id="i"), item("put", '{"b": "x"}', id="j")), [A, B]),
    "two, index 0, new ids": (call(0, "i", "get", '{"a": 1}') + call(0, "j", "put", '{"b": "x"}'), [A, B]),
    "two, index 0, no ids": (call(0, None, "get", '{"a": 1}') + call(0, None, "put", '{"b": "x"}'), [A, B]),
    "two of one name, index 0": (
        call(0, None, "get", '{"a": 1}') + call(0, None, "get", '{"a": 2}'),
        [A, tool("get", {"a": 2})],
    ),
    "two of one name, index 0, new ids": (call(0, "i", "get", '{"a": 1}') + call(0, "j", "get", '{"a": 1}'), [A, A]),
    "two without arguments": (call(0, "i", "x", "") + call(1, "j", "y", None), [tool("x", {}), tool("y", {})]),
    "interleaved": (
        call(0, "i", "get", '{"a"')
        + call(1, "j", "put", '{"b"')
        + call(0, None, None, ": 1}")
        + call(1, None, None, ': "x"}'),
        [A, B],
    ),
    "interleaved, starts first": (
        call(0, "i", "get", "")
        + call(1, "j", "put", "")
        + call(0, None, None, '{"a": 1}')
        + call(1, None, None, '{"b": "x"}'),
        [A, B],
    ),
    "three, the first one late": (
        call(0, "i", "get", '{"a"')
        + call(1, "j", "put", '{"b": "x"}')
        + call(0, None, None, ": 1}")
        + call(2, "k", "get", '{"a": 1}'),
        [A, B, A],
    ),
    "legacy": (
        delta(function_call={"name": "get", "arguments": ""}) + delta(function_call={"arguments": '{"a": 1}'}),
        [A],
    ),
    "function not nested": (delta(tool_calls=[{"index": 0, "name": "get", "arguments": '{"a": 1}'}]), [A]),
    "null between": (call(0, "i", "get", '{"a": 1}') + delta(tool_calls=None, content=None), [A]),
    "an object in itself": (
        call(0, "i", "get", '{"a": ') + call(0, None, None, '{"a": 1}') + call(0, None, None, "}"),
        [tool("get", {"a": {"a": 1}})],
    ),
}
# What only the end tells: fragments that were streamed cannot be taken back.
NOT_EAGER = {"an object in itself", "closed snapshots", "placeholder", "object again"}


@pytest.mark.parametrize("reason", ["tool_calls", "stop", "function_call"])
@pytest.mark.parametrize(("sent", "calls"), SPELLINGS.values(), ids=SPELLINGS.keys())
def test_spelling(sent: bytes, calls: list[Any], reason: str) -> None:
    assert Playbook(sent=sent + finish(reason) + DONE, expected=(*calls, stop("tool_use")))


@pytest.mark.parametrize("name", [name for name in SPELLINGS if name not in NOT_EAGER])
def test_spelling_eager(name: str) -> None:
    sent, calls = SPELLINGS[name]
    assert Playbook(
        EAGER, sent=chunk("See:") + sent + finish("stop"), expected=(text("See:"), *calls, stop("tool_use"))
    )


@pytest.mark.parametrize("name", sorted(NOT_EAGER))
def test_what_eager_cannot_read_is_never_a_wrong_call(name: str) -> None:
    sent, calls = SPELLINGS[name]
    played = play([sent + finish("stop")], EAGER)
    assert played.exchange.fault is not None or played.blocks[: len(calls)] == calls


def test_text_stays_open_until_the_call_is_whole() -> None:
    played = play([chunk("See:"), call(0, "i", "get", '{"a": 1}'), chunk(" more")])
    assert b"content_block_stop" not in played.client


def test_a_call_comes_out_when_the_next_one_begins() -> None:
    played = play([call(0, "i", "get", '{"a": 1}'), call(1, "j", "put", '{"b"')])
    assert played.blocks[:1] == [A]


def test_eager_arguments_come_as_they_come() -> None:
    calls = ToolCalls(lambda: "t", eager=lambda name: True)
    assert calls.add(item("get", '{"a"', index=0, id="i")) == [ToolCallStart(0, "i", "get"), ToolCallDelta(0, '{"a"')]
    assert calls.add({"index": 0, "function": {"arguments": ": 1}"}}) == [ToolCallDelta(0, ": 1}")]
    assert calls.finish(cut=False) == [ToolCallEnd(0)]
    assert calls.emitted == 1


def test_text_between_the_fragments_of_an_eager_call_waits_for_its_end() -> None:
    sent = call(0, "i", "get", '{"a"') + chunk("By ") + chunk("the way.") + call(0, None, None, ": 1}")
    played = play([sent + call(1, "j", "put", '{"b": "x"}') + finish("stop")], EAGER)
    assert played.blocks == [A, text("By the way."), B, stop("tool_use")]


def test_eager_call_cut_by_the_limit_is_aborted() -> None:
    calls = ToolCalls(lambda: "t", eager=lambda name: True)
    calls.add(item("get", '{"a"', index=0))
    assert calls.finish(cut=True) == [ToolCallAbort(0)]
    assert calls.dropped == 1


def test_an_object_after_fragments_that_went_out_is_broken() -> None:
    calls = ToolCalls(lambda: "t", eager=lambda name: True)
    calls.add(item("get", '{"a"', index=0))
    calls.add(item("get", {"a": 1}, index=0))
    assert calls.broken == "get"


def test_eager_arguments_that_are_no_object_yet_wait() -> None:
    calls = ToolCalls(lambda: "t", eager=lambda name: True)
    assert calls.add(item("get", '"{}"', index=0)) == []
    assert [type(event) for event in calls.finish(cut=False)] == [ToolCallStart, ToolCallDelta, ToolCallEnd]


def test_a_call_cut_behind_its_name_is_dropped() -> None:
    calls = ToolCalls(lambda: "t")
    calls.add(item("get", "", index=0))
    assert calls.finish(cut=True) == []
    assert calls.dropped == 1
    assert not calls.broken


@pytest.mark.parametrize(
    ("given", "kept"),
    [("call_1-A", True), ("toolu_9", True), ("", False), ("functions.get:0", False), ("x" * 65, False), ("old", False)],
)
def test_ids(given: str, kept: bool) -> None:
    calls = ToolCalls(lambda: "toolu_new", taken=lambda: {"old"})
    calls.add(item("get", "{}", index=0, id=given))
    start = calls.finish(cut=False)[0]
    assert isinstance(start, ToolCallStart)
    assert start.id == (given if kept else "toolu_new")


def test_an_id_is_given_once() -> None:
    numbers = itertools.count()
    calls = ToolCalls(lambda: f"t{next(numbers)}")
    events: list[Event] = []
    for index in range(3):
        events += calls.add(item("get", "{}", index=index, id="same"))
    events += calls.finish(cut=False)
    ids = [event.id for event in events if isinstance(event, ToolCallStart)]
    assert ids == ["same", "t0", "t1"]


def test_arguments_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolcalls, "MAX_ARGUMENTS", 100)
    calls = ToolCalls(lambda: "t")
    calls.add(item("get", '{"a": "', index=0))
    for _ in range(20):
        calls.add({"index": 0, "function": {"arguments": "x" * 10}})
    assert calls.broken == "get"
    assert calls.finish(cut=True) == []


@pytest.mark.parametrize("closer", ["z", "z}"])
def test_looking_whether_a_call_is_whole_has_a_limit(closer: str) -> None:
    calls = ToolCalls(lambda: "t")
    calls.add(item("get", '{"a": "' + "y" * 2_000_000, index=0, id="i"))
    started = time.process_time()
    for number in range(10_000):
        calls.add(item("get", closer, index=0, id=f"i{number}"))
        calls.add(item("put", "", index=1, id=f"j{number}"))
    assert time.process_time() - started < 2.0


@pytest.mark.parametrize(
    ("text_", "found"),
    [
        ("", "{}"),
        (" ", "{}"),
        ("null", "{}"),
        ('""', "{}"),
        ('{"a": 1}', '{"a": 1}'),
        ('"{}"', "{}"),
        ("[]", None),
        ("1", None),
        ('"x"', None),
        ("{", None),
        ('{"a": NaN}', None),
        ('{"n": 123456789012345678901234567890}', '{"n": 123456789012345678901234567890}'),
    ],
)
def test_json_object(text_: str, found: str | None) -> None:
    assert json_object(text_) == found


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=4), json_values, max_size=4)


def test_what_is_almost_json_is_repaired_once_it_is_all_there() -> None:
    calls = ToolCalls(lambda: "t", repair=lambda text: '{"b":1}' if text == "{b}" else None)
    assert calls.add(item("put", "{b}", index=0)) == []
    assert calls.add(item("get", '"{b}"', index=1)) == []
    assert calls.finish(cut=False)[1::3] == [ToolCallDelta(0, '{"b":1}'), ToolCallDelta(1, '{"b":1}')]
    assert (calls.repaired, calls.broken) == (2, "")
    calls = ToolCalls(lambda: "t", repair=lambda text: "[]")
    calls.add(item("put", "{b}", index=0))
    assert calls.finish(cut=False) == []
    assert (calls.repaired, calls.broken) == (0, "put")


def test_what_was_streamed_is_past_repair() -> None:
    calls = ToolCalls(lambda: "t", eager=lambda name: True, repair=lambda text: "{}")
    assert len(calls.add(item("put", "{b", index=0))) == 2
    assert calls.finish(cut=False) == []
    assert calls.broken == "put"


def test_each_tool_streams_or_not() -> None:
    asked: list[str] = []

    def eager(name: str) -> bool:
        asked.append(name)
        return name == "get"

    calls = ToolCalls(lambda: "t", eager=eager)
    assert calls.add(item("put", "{", index=0)) == []
    assert calls.add({"index": 0, "function": {"arguments": "}"}}) == []
    assert len(calls.add(item("get", "{", index=1))) == 5
    assert calls.add({"index": 1, "function": {"arguments": "}"}}) == [ToolCallDelta(1, "}")]
    assert asked == ["put", "get"]


@given(objects, st.integers(0, 1000), st.booleans())
def test_any_object_in_any_fragments(value: dict[str, object], seed: int, eager: bool) -> None:
    text_ = json.dumps(value)
    for pieces in seeded_splits(text_, 2, seed):
        calls = ToolCalls(lambda: "t", eager=lambda name: eager)
        events: list[Event] = calls.add(item("get", "", index=0))
        for piece in pieces:
            events += calls.add({"index": 0, "function": {"arguments": piece}})
        events += calls.finish(cut=False)
        if eager and calls.broken:
            # An object that begins like its own beginning: not read, and not misread either.
            assert not any(isinstance(event, ToolCallEnd) for event in events)
            continue
        arguments = "".join(event.json for event in events if isinstance(event, ToolCallDelta))
        assert json.loads(arguments) == value
        assert isinstance(events[-1], ToolCallEnd)


@given(objects, st.integers(0, 1000))
def test_any_object_in_snapshots(value: dict[str, object], seed: int) -> None:
    text_ = json.dumps(value)
    (pieces,) = seeded_splits(text_, 1, seed)
    calls = ToolCalls(lambda: "t")
    for end in itertools.accumulate(map(len, pieces)):
        calls.add(item("get", text_[:end], index=0, id="i"))
    _, arguments, _ = calls.finish(cut=False)
    assert isinstance(arguments, ToolCallDelta)
    assert json.loads(arguments.json) == value
