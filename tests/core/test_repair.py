from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playbook import ROUTE

from bridge.core.conversation import Conversation, Image, Part, Role, Text, ToolResult, ToolUse, Turn
from bridge.core.openai.request import build_request
from bridge.core.repair import UNANSWERED, repaired


def use(id_: str) -> ToolUse:
    return ToolUse(id_, "f", {})


def result(id_: str, said: str = "r", *, is_error: bool = False) -> ToolResult:
    return ToolResult(id_, (Text(said),), is_error)


def user(*parts: Part | str) -> Turn:
    return turn("user", *parts)


def assistant(*parts: Part | str) -> Turn:
    return turn("assistant", *parts)


def turn(role: Role, *parts: Part | str) -> Turn:
    return Turn(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def none(id_: str) -> ToolResult:
    return ToolResult(id_, (Text(UNANSWERED),), is_error=True)


def lost(id_: str, how: str = "") -> Text:
    return Text(f"[The result of a call that is not part of this conversation, {id_}{how}:]")


def repair(*turns: Turn) -> tuple[tuple[Turn, ...], list[str]]:
    conversation, losses = repaired(Conversation("m", 10, turns))
    assert all(loss.kind == "adjusted" and loss.field == "messages" for loss in losses)
    return conversation.turns, [loss.what for loss in losses]


SOUND: list[tuple[Turn, ...]] = [
    (user("hi"),),
    (user("hi"), assistant(use("a")), user(result("a"))),
    (user("hi"), assistant("x", use("a"), use("b")), user(result("b"), result("a"), "and?")),
    (user("hi"), assistant(use("a")), user(result("a")), assistant(use("a")), user(result("a"))),
    (user("hi"), turn("system", "s"), assistant("x"), assistant("y"), user("z")),
]


@pytest.mark.parametrize("turns", SOUND)
def test_what_is_sound_stays_the_same_object(turns: tuple[Turn, ...]) -> None:
    conversation = Conversation("m", 10, turns)
    assert repaired(conversation) == (conversation, ())
    assert repaired(conversation)[0] is conversation


ANSWERED = "calls without a result: they are answered by one that says so"
TEXT = "results without a call: they became text"
MOVED = "results apart from their calls: they were moved behind them"
RENAMED = "calls with the id of another one: they got ids of their own"


@pytest.mark.parametrize(
    ("turns", "expected", "what"),
    [
        (
            (assistant(use("a")), user("stop")),
            (assistant(use("a")), user(none("a"), "stop")),
            [f"1 {ANSWERED}"],
        ),
        ((user("hi"), assistant(use("a"))), (user("hi"), assistant(use("a")), user(none("a"))), [f"1 {ANSWERED}"]),
        (
            (assistant(use("a")), assistant("so"), user("?")),
            (assistant(use("a")), user(none("a")), assistant("so"), user("?")),
            [f"1 {ANSWERED}"],
        ),
        (
            (assistant(use("a"), use("b")), user("x", result("b"))),
            (assistant(use("a"), use("b")), user(result("b"), none("a"), "x")),
            [f"1 {ANSWERED}"],
        ),
        ((user("x", result("a"), "y"),), (user("x", lost("a"), "r", "y"),), [f"1 {TEXT}"]),
        (
            (user(ToolResult("a", (Text("r"), Image(url="https://x")), is_error=True)),),
            (user(lost("a", ", an error"), "r", Image(url="https://x")),),
            [f"1 {TEXT}"],
        ),
        (
            (assistant(use("a")), user(result("a", "1"), result("a", "2"))),
            (assistant(use("a")), user(result("a", "1"), lost("a"), "2")),
            [f"1 {TEXT}"],
        ),
        (
            (assistant(use("a")), turn("system", "s"), user(result("a"), "x")),
            (assistant(use("a")), user(result("a")), turn("system", "s"), user("x")),
            [f"1 {MOVED}"],
        ),
        (
            (assistant(use("a"), use("b")), user(result("a"), "x"), user(result("b"))),
            (assistant(use("a"), use("b")), user(result("a"), result("b"), "x"), user()),
            [f"1 {MOVED}"],
        ),
        (
            (assistant(use("a")), user("late"), assistant("so"), user(result("a"))),
            (assistant(use("a")), user(none("a"), "late"), assistant("so"), user(lost("a"), "r")),
            [f"1 {ANSWERED}", f"1 {TEXT}"],
        ),
        (
            (assistant(use("a"), use("a"), use("a_2")), user(result("a", "1"), result("a", "2"), result("a_2", "3"))),
            (
                assistant(use("a"), use("a_2"), use("a_2_3")),
                user(result("a", "1"), result("a_2", "2"), result("a_2_3", "3")),
            ),
            [f"2 {RENAMED}"],
        ),
        (
            (assistant(use("a"), use("a")), user(result("a", "1"))),
            (assistant(use("a"), use("a_2")), user(result("a", "1"), none("a_2"))),
            [f"1 {RENAMED}", f"1 {ANSWERED}"],
        ),
    ],
)
def test_what_is_not(turns: tuple[Turn, ...], expected: tuple[Turn, ...], what: list[str]) -> None:
    assert repair(*turns) == (expected, what)
    assert repair(*expected) == (expected, [])


def sent(turns: tuple[Turn, ...]) -> list[dict[str, Any]]:
    messages = json.loads(build_request(Conversation("m", 10, turns), ROUTE).body)["messages"]
    assert isinstance(messages, list)
    return messages


ids = st.sampled_from(["a", "b", "c", "a_2"])
texts = st.sampled_from([Text("x"), Text("y")])
results = st.builds(ToolResult, ids, st.just((Text("r"),)), st.booleans())
uses = st.builds(use, ids)
any_turn = st.one_of(
    st.builds(Turn, st.just("user"), st.lists(texts | results, max_size=4).map(tuple)),
    st.builds(Turn, st.just("assistant"), st.lists(texts | uses, max_size=4).map(tuple)),
    st.builds(Turn, st.just("system"), st.lists(texts, max_size=1).map(tuple)),
)
any_turns = st.lists(any_turn, min_size=1, max_size=8).map(tuple)


@settings(max_examples=300, deadline=None)
@given(any_turns)
def test_upstream_every_call_is_answered_once_directly_behind_it(turns: tuple[Turn, ...]) -> None:
    expected: list[str] = []
    for message in [*sent(turns), {"role": "end"}]:
        if message["role"] == "tool":
            expected.remove(message["tool_call_id"])
            continue
        assert expected == []
        expected = [call["id"] for call in message.get("tool_calls", ())]
        assert len(set(expected)) == len(expected)


@settings(max_examples=200, deadline=None)
@given(any_turns)
def test_nothing_that_a_tool_said_is_lost(turns: tuple[Turn, ...]) -> None:
    conversation, _ = repaired(Conversation("m", 10, turns))
    assert repaired(conversation)[0] is conversation

    def said(turns: tuple[Turn, ...]) -> int:
        inner = [part.parts if isinstance(part, ToolResult) else (part,) for turn in turns for part in turn.parts]
        return sum(part == Text("r") for parts in inner for part in parts)

    assert said(conversation.turns) == said(turns)


@settings(max_examples=200, deadline=None)
@given(any_turns, st.data())
def test_the_next_request_begins_with_this_one(turns: tuple[Turn, ...], data: st.DataObject) -> None:
    """Of turns that end where a model answers: what comes later changes nothing that was sent."""
    cuts = [at for at, one in enumerate(turns) if one.role == "assistant" and turns[at - 1].role == "user"]
    if not cuts or 0 in cuts:
        return
    cut = data.draw(st.sampled_from(cuts))
    before = sent(turns[:cut])
    assert sent(turns)[: len(before)] == before


@pytest.mark.parametrize("size", [20_000])
def test_hostile_histories_take_linear_time(size: int) -> None:
    same = assistant(*[use("a")] * size, *[use(f"a_{number}") for number in range(size)])
    began = time.process_time()
    repair(same, *[user(result("a"))] * size)
    repair(*[assistant(use("a"))] * size)
    repair(*[user(result("b"))] * size)
    assert time.process_time() - began < 5
