"""Spans: what is read again, what is dropped, in which order (rules 9 to 14)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reading import BABBLING, CODER, HERMES, INVOKE, SECTIONED, TOOLS, blocks, engine, fold, joined, ran, say, think

from bridge.core.events import TextDelta, ToolCallStart
from bridge.core.parsing.intake import PIECE

F = '<tool_call>{"name": "f", "arguments": {"a": "x"}}</tool_call>'
RAN_F = ran("f", a="x")


def test_a_span_longer_than_a_piece() -> None:
    value = "word " * PIECE
    raw = f'<tool_call>{{"name": "f", "arguments": {{"a": "{value}"}}}}</tool_call> ok'
    assert blocks(HERMES, raw) == [ran("f", a=value), say("ok")]


def test_a_failed_span_longer_than_a_piece() -> None:
    raw = f'<tool_call>{{"name": "f", "arguments": {{"a": "{"word " * PIECE}" oops {F} ok'
    assert blocks(HERMES, raw, eager=False) == [say(raw[: raw.index(F)].rstrip()), RAN_F, say("ok")]


def test_failed_spans_inside_failed_spans() -> None:
    raw = '<tool_call>{"name": "f", "arguments": {"a": ' * 5 + "x" + F
    assert blocks(HERMES, raw, eager=False) == [say(raw.removesuffix(F)), RAN_F]


def test_every_failing_opener_is_tried_once() -> None:
    for filler in ("<tool_call>", "<tool_call>{", "<tool_call>{}", "<function=f>x", "<calls>x"):
        raw = filler * 50 + F
        assert blocks((HERMES, CODER, INVOKE), raw, eager=False)[-1] == RAN_F


def test_a_failed_call_in_a_section_is_no_junk() -> None:
    good, broken = "<|call|>g<|sep|>{}<|/call|>", "<|call|>g<|sep|>[1]"
    got = blocks(BABBLING, f"<|calls|>{good}babble {broken}<|/calls|>", eager=False)
    assert got[0] == ran("g")
    assert broken in str(got[1]["text"])


def test_reasoning_and_a_section_inside_it() -> None:
    good = "<|calls|><|call|>g<|sep|>{}<|/call|><|/calls|>"
    assert blocks(SECTIONED, f"<think>hm {good}</think>") == [think("hm"), ran("g")]
    assert blocks(SECTIONED, f"<think>hm {good} no</think>x") == [think(f"hm {good} no"), say("x")]


def test_unknown_tools_in_reasoning_are_reasoning() -> None:
    nope = '<tool_call>{"name": "nope"}</tool_call>'
    assert blocks(HERMES, f"<think>a {nope} b</think>c") == [think(f"a {nope} b"), say("c")]


@pytest.mark.parametrize("streaming", ["complete", "eager"])
def test_the_reasoning_field_ends_inside_a_call(streaming: str) -> None:
    for at in range(1, len(F)):
        reader = engine(HERMES, streaming=streaming)
        parts = reader.feed_reasoning(f"a {F[:at]}") + reader.feed("b") + reader.finish("stop")
        got = fold(joined(parts))
        assert got[-1] == say("b")
        if at < F.index("}}") + 2:
            assert got == [think(f"a {F[:at]}".rstrip()), say("b")]


def test_a_call_is_not_begun_in_one_field_and_ended_in_the_other() -> None:
    reader = engine(HERMES)
    parts = reader.feed(f"a {F[:20]}") + reader.feed_reasoning("hm") + reader.feed(f"{F[20:]}") + reader.finish("stop")
    assert not [part for part in parts if isinstance(part, ToolCallStart)]
    said = "".join(part.text for part in parts if isinstance(part, TextDelta))
    assert said.replace(" ", "") == f"a{F}".replace(" ", "")


def test_a_draft_is_taken_back_over_several_calls_and_fields() -> None:
    reader = engine(HERMES, TOOLS)
    parts = reader.feed_reasoning(f"a {F}\n{F}") + reader.feed(f"\n{F}") + reader.feed(" b") + reader.finish("stop")
    assert fold(joined(parts)) == [think(f"a {F}\n{F}"), RAN_F, say("b")]


def test_a_call_behind_a_draft_is_a_call_whatever_follows() -> None:
    assert blocks(HERMES, f"<think>a {F}</think>{F} b") == [think(f"a {F}"), RAN_F, say("b")]
    assert blocks(HERMES, f"<think>a {F}</think>{F}<think>b") == [think(f"a {F}"), RAN_F, think("b")]
    assert blocks(HERMES, f"<think>a {F}</think>{F}{F} b" * 3)[-3:] == [RAN_F, RAN_F, say("b")]


def test_calls_of_several_files_in_one_answer() -> None:
    raw = f'{F} then <invoke name="g"></invoke>'
    assert blocks((INVOKE, HERMES), raw) == [RAN_F, say("then"), ran("g")]


def test_a_dropped_call_leaves_no_markup() -> None:
    optional = replace(SECTIONED, section=replace(SECTIONED.section, optional=True))  # type: ignore[arg-type]
    for spec in (SECTIONED, optional, BABBLING):
        for rest in ("<|calls|>", "<|calls|><|call|>g", "<|calls|><|call|>g<|sep|>", '<|calls|><|call|>g<|sep|>{"a"'):
            assert blocks(spec, f"Hi{rest}", finish="length") == [say("Hi")]
