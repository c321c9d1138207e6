"""Names that upstreams refuse, spelled so that they do not."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from playbook import CONVERSATION

from bridge.core.conversation import Text, Tool, ToolChoice, ToolUse, Turn
from bridge.core.openai.toolnames import with_fitting_names

LONG = "mcp__a_server_with_a_name__" + "x" * 80
FITS = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def declared(*names: str) -> list[str]:
    renamed, before = with_fitting_names(replace(CONVERSATION, tools=tuple(map(Tool, names))))
    assert [before.get(tool.name, tool.name) for tool in renamed.tools] == list(names)
    return [tool.name for tool in renamed.tools]


def test_names_that_fit_stay() -> None:
    conversation = replace(CONVERSATION, tools=(Tool("Read"), Tool("x" * 64), Tool("a-b_9")))
    assert with_fitting_names(conversation) == (conversation, {})
    assert with_fitting_names(conversation)[0] is conversation


def test_characters_are_replaced() -> None:
    assert declared("fs.read:all", "Büro") == ["fs_read_all", "B_ro"]


def test_long_names_are_cut_and_told_apart() -> None:
    first, second = declared(LONG + "1", LONG + "2")
    assert first == "mcp__a_server_with_a_name__" + "x" * 28 + "_34865b65"
    assert len(first) == len(second) == 64
    assert first != second


def test_no_two_names_become_one() -> None:
    assert declared("a.b", "a_b", "a:b")[:2] == ["a_b_7c160c7d", "a_b"]
    taken = declared(LONG)[0]
    assert declared(taken, LONG)[1] != taken


def test_everything_that_names_a_tool_follows() -> None:
    said = Text("a.b")
    turns = (Turn("user", (said,)), Turn("assistant", (said, ToolUse("t", "a.b", {"a.b": 1}), ToolUse("u", "c", {}))))
    conversation = replace(CONVERSATION, tools=(Tool("a.b"),), tool_choice=ToolChoice("tool", "a.b"), turns=turns)
    renamed, before = with_fitting_names(conversation)
    assert before == {"a_b": "a.b"}
    assert renamed.tools == (Tool("a_b"),)
    assert renamed.tool_choice.name == "a_b"
    assert renamed.turns[0] is turns[0]
    assert renamed.turns[1].parts == (said, ToolUse("t", "a_b", {"a.b": 1}), ToolUse("u", "c", {}))


def test_history_changes_no_spelling() -> None:
    tools = (Tool("a.b"), Tool(LONG))
    turns = (Turn("assistant", (ToolUse("t", "a:b", {}),)),)
    short = with_fitting_names(replace(CONVERSATION, tools=tools))[0].tools
    assert with_fitting_names(replace(CONVERSATION, tools=tools, turns=turns))[0].tools == short


@given(st.lists(st.text(min_size=1, max_size=130) | st.text("a._", min_size=60, max_size=70), unique=True, max_size=8))
def test_any_names(names: list[str]) -> None:
    spelled = declared(*names)
    assert len(set(spelled)) == len(names)
    assert all(FITS.fullmatch(name) for name in spelled)
    assert declared(*names) == spelled
