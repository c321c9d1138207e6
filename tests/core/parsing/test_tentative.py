"""Calls that count only if nothing but calls follows (rules 12 and 14)."""

from __future__ import annotations

from reading import BARE, HERMES, PYTHONIC, blocks, engine, ran, say, think

from bridge.core.events import ToolCallStart
from bridge.core.parsing.tables import Mode
from bridge.core.parsing.tentative import Tentative

TEXT = (Mode("text", "text"),)
F = '<tool_call>{"name": "f", "arguments": {"a": "x"}}</tool_call>'


def test_what_leaves_the_calls_standing() -> None:
    assert Tentative(0, TEXT, alone=False, separators="").harmless(" \n\tx ") == 3
    assert Tentative(0, TEXT, alone=True, separators="|").harmless(" ;,| x") == 5
    assert Tentative(0, TEXT, alone=False, separators="").harmless(";") == 0


def test_nothing_is_shown_before_the_end() -> None:
    for spec, text in ((BARE, '{"name": "g", "arguments": {}}'), (PYTHONIC, "[g()]"), (HERMES, f"<think>{F}</think>")):
        reader = engine(spec)
        assert not [event for event in reader.feed(f"{text} \n") if isinstance(event, ToolCallStart)]
        assert [event for event in reader.finish("stop") if isinstance(event, ToolCallStart)]


def test_several_tentative_calls_stand_or_fall_together() -> None:
    bare = '{"name": "g", "arguments": {}}'
    assert blocks(BARE, f"{bare} ; {bare} , {bare}") == [ran("g")] * 3
    assert blocks(BARE, f"{bare};{bare}; that is it") == [say(f"{bare};{bare}; that is it")]
    assert blocks(HERMES, f"<think>a {F}{F} b") == [think(f"a {F}{F} b")]
    assert blocks(HERMES, f"<think>a {F}{F}</think> b") == [think(f"a {F}{F}"), say("b")]


def test_a_cut_call_behind_a_draft() -> None:
    assert blocks(HERMES, f'<think>a {F}</think><tool_call>{{"name": "f", "arg', finish="length") == [
        think("a"), ran("f", a="x")
    ]  # fmt: skip


def test_an_unknown_call_behind_a_draft_is_text() -> None:
    nope = '<tool_call>{"name": "nope"}</tool_call>'
    assert blocks(HERMES, f"<think>a {F}</think>{nope}") == [think(f"a {F}"), say(nope)]


def test_reasoning_again_behind_a_draft() -> None:
    assert blocks(HERMES, f"<think>a {F}</think><think>b</think>c") == [think(f"a {F}b"), say("c")]
