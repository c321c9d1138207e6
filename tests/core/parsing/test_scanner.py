"""Modes, markers that are no calls, what the scanner does between calls."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reading import (
    BABBLING,
    BARE,
    HERMES,
    MESSAGES,
    SECTIONED,
    THINK,
    blocks,
    call,
    engine,
    fold,
    joined,
    mark,
    ran,
    run,
    say,
    think,
)

from bridge.core.parsing.spec import Channel, Marker, Noise, ParserSpec, ReasoningRules, Section, TextRules

GOOD = "<|call|>g<|sep|>{}<|/call|>"


def test_text_inside_a_section() -> None:
    assert blocks(SECTIONED, f"<|calls|>{GOOD} and {GOOD}<|/calls|>") == [ran("g"), say(" and "), ran("g")]
    assert blocks(BABBLING, f"<|calls|>let me{GOOD} and {GOOD}x<|/calls|>ok") == [ran("g"), ran("g"), say("ok")]


def test_a_section_is_needed_unless_it_is_optional() -> None:
    assert blocks(SECTIONED, f"Hi {GOOD}") == [say(f"Hi {GOOD}")]
    assert blocks(BABBLING, f"Hi {GOOD}") == [say("Hi "), ran("g")]
    assert blocks(SECTIONED, f"<|calls|>{GOOD}<|/calls|>{GOOD}") == [ran("g"), say(GOOD)]


def test_an_empty_section() -> None:
    assert blocks(SECTIONED, "Hi <|calls|><|/calls|>") == [say("Hi <|calls|><|/calls|>")]
    assert blocks(BABBLING, "Hi<|calls|> hm <|/calls|>") == [say("Hi")]


def test_a_section_opened_again() -> None:
    assert blocks(SECTIONED, f"<|calls|>{GOOD}<|calls|>{GOOD}<|/calls|>") == [ran("g"), ran("g")]


def test_a_section_whose_first_call_failed() -> None:
    broken = "<|call|>g<|sep|>[1]<|/call|>"
    got = blocks(SECTIONED, f"<|calls|>{broken}{GOOD}<|/calls|>", eager=False)
    assert got == [say(f"<|calls|>{broken}"), ran("g")]


def test_noise_between_calls_and_in_sections() -> None:
    assert blocks(SECTIONED, f"<|calls|><|eos|>{GOOD}<|eos|>{GOOD}<|eos|><|/calls|><|eos|>") == [ran("g"), ran("g")]


@pytest.mark.parametrize("close", [mark("</r>"), mark("|", peek=True), None])
def test_markers_that_only_look_make_progress(close: Marker | None) -> None:
    peeking = mark("|", peek=True)
    spec = ParserSpec(
        "peeking",
        text=TextRules(trim="none"),
        reasoning=ReasoningRules(mark("<r>", peek=True), close),
        channels=(Channel(peeking, close, "text"),),
        section=Section(mark("<s>", peek=True), peeking),
        calls=(call("<c>", "json-call", peeking),),
    )
    for raw in ("a|b", "a||b", "<r>x</r>y|z", "<s>|", '<s><c>{"name": "g"}||x', "<r>", "|"):
        blocks(spec, raw, eager=False)


def test_what_a_peeking_channel_opens_with_is_its_content() -> None:
    spec = ParserSpec("notes", channels=(Channel(mark("Note:", at="line", peek=True), mark("\n\n"), "reasoning"),))
    assert blocks(spec, "Note: a\n\nb") == [think("Note: a"), say("b")]


def test_a_marker_at_the_start_of_a_line() -> None:
    spec = ParserSpec("lines", calls=(call(mark("call:", at="line"), "json-call"),))
    assert blocks(spec, 'a call: {"name": "g"}') == [say('a call: {"name": "g"}')]
    assert blocks(spec, 'a\n  call: {"name": "g"}') == [say("a"), ran("g")]


def test_a_marker_at_the_start_of_the_answer() -> None:
    assert blocks(BARE, '<think>t</think>\n{"name": "g", "arguments": {}}') == [think("t"), ran("g")]
    assert blocks(BARE, 'x {"name": "g", "arguments": {}}') == [say('x {"name": "g", "arguments": {}}')]


def test_reasoning_of_several_files() -> None:
    other = ParserSpec("other", reasoning=ReasoningRules(mark("[R]"), mark("[/R]")))
    assert blocks((HERMES, other), "<think>a [/R]</think>b [R]c </think>[/R]d") == [
        think("a [/R]"), say("b"), think("c </think>"), say("d")
    ]  # fmt: skip


def test_a_channel_may_hold_the_whole_answer() -> None:
    spec = replace(HERMES, channels=(Channel(mark("<response>"), mark("</response>")),), noise=Noise())
    assert blocks(spec, "<think>a</think>\n<response>\nb\n</response>\n") == [think("a"), say("b")]
    assert blocks(spec, "<response>b") == [say("b")]


def test_channels_without_a_closer_last() -> None:
    spec = ParserSpec("open_end", channels=(Channel(mark("<|final|>")), Channel(mark("<|plan|>"), to="reasoning")))
    assert blocks(spec, "<|plan|>a<|final|>b<|plan|>c") == [think("a"), say("b"), think("c")]


def test_a_header_is_read_to_its_end() -> None:
    assert blocks(MESSAGES, "<|channel|>final json<|message|>{}<|end|>") == [say("{}")]
    assert blocks(MESSAGES, "<|channel|>fin") == [say("<|channel|>fin")]


NOPE = "<|calls|><|call|>nope<|sep|>{}<|/call|>"
BROKEN = "<|calls|><|call|>g<|sep|>[1]"


@pytest.mark.parametrize("failed", [NOPE, BROKEN])
def test_a_section_without_a_call_does_not_hide_what_ends_around_it(failed: str) -> None:
    assert blocks(SECTIONED, f"<think>a {failed} b</think>c", eager=False) == [think(f"a {failed} b"), say("c")]
    assert blocks(SECTIONED, f"<think>a {failed}{GOOD}</think>", eager=False) == [think(f"a {failed}"), ran("g")]
    assert blocks(SECTIONED, f"<think>a {failed}{GOOD} b</think>c", eager=False) == [
        think(f"a {failed}{GOOD} b"), say("c")
    ]  # fmt: skip
    channel = replace(SECTIONED, channels=(Channel(mark("<answer>"), mark("</answer>")),))
    assert blocks(channel, f"<answer>a {failed} b</answer>", eager=False) == [say(f"a {failed} b")]
    assert blocks(channel, f"<answer>{failed}<think>c</think>d", eager=False) == [say(failed), think("c"), say("d")]


@pytest.mark.parametrize("failed", [NOPE, BROKEN])
def test_a_section_without_a_call_in_the_reasoning_field(failed: str) -> None:
    for size in (1, 1000):
        reader = engine(SECTIONED)
        parts = [event for at in range(0, len(failed), size) for event in reader.feed_reasoning(failed[at : at + size])]
        parts += reader.feed_reasoning("<think>") + reader.feed("answer") + reader.finish("stop")
        assert fold(joined(parts)) == [think(f"{failed}<think>"), say("answer")]


def test_a_section_left_open_in_reasoning() -> None:
    assert blocks(SECTIONED, f"<think>a <|calls|>{GOOD}</think>") == [think("a"), ran("g")]
    anywhere = replace(SECTIONED, reasoning=replace(THINK, calls="any"))
    assert blocks(anywhere, f"<think>a<|calls|>{GOOD}</think>b") == [think("a"), ran("g"), say("b")]


def test_sections_without_calls_do_not_pile_up() -> None:
    assert fold(run(SECTIONED, [NOPE * 2000, GOOD])) == [say(NOPE * 2000), ran("g")]


def test_half_a_marker_behind_a_call() -> None:
    raw = '<tool_call>{"name": "g"}</tool_c'
    assert blocks(HERMES, raw, finish="length") == blocks(HERMES, raw, finish="cut") == [ran("g")]
    assert blocks(HERMES, '<tool_call>{"name": "g"}</tool_call><tool_c', finish="length") == [ran("g")]
    assert blocks(HERMES, "Hi <tool_c", finish="length") == [say("Hi <tool_c")]


def test_lines_of_reasoning() -> None:
    spec = ParserSpec("lines", reasoning=THINK, calls=(call(mark("call:", at="line"), "json-call"),))
    assert blocks(spec, '<think>a call: {"name": "g"}</think>') == [think('a call: {"name": "g"}')]
    assert blocks(spec, '<think>a\ncall: {"name": "g"}</think>') == [think("a"), ran("g")]
    assert blocks(spec, '<think>`a\nb` c\n call: {"name": "g"}') == [think("`a\nb` c"), ran("g")]
    assert blocks(spec, '<think>call: {"name": "g"}') == [ran("g")]


def test_reasoning_that_no_marker_opened_ends_at_the_closer_of_any_file() -> None:
    one = ParserSpec("one", reasoning=ReasoningRules(mark("<think>"), mark("</think>")))
    two = ParserSpec("two", reasoning=ReasoningRules(mark("[THINK]"), mark("[/THINK]")))
    for raw in ("hm</think>A", "hm[/THINK]A", "[THINK]hm[/THINK]A"):
        assert blocks([one, two], raw, starts_open=True) == [think("hm"), say("A")]
    assert blocks([one, two], "<think>a [/THINK] b</think>A") == [think("a [/THINK] b"), say("A")]
