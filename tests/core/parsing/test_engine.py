"""The engine as a whole, rule by rule. What a codec reads is tested where the codec is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from chunking import bytewise, every_split, whole
from reading import (
    BABBLING,
    BARE,
    BRACKETS,
    CODER,
    FORMATS,
    HERMES,
    INVOKE,
    MESSAGES,
    PYTHONIC,
    REACT,
    SECTIONED,
    THINK,
    blocks,
    call,
    check,
    engine,
    events,
    fold,
    joined,
    mark,
    ran,
    run,
    say,
    think,
)

from bridge.core.conversation import Tool
from bridge.core.events import TextDelta, ToolCallAbort, ToolCallDelta, ToolCallEnd, ToolCallStart
from bridge.core.parsing.spec import Channel, Marker, Noise, ParserSpec, ReasoningRules, TextRules

F = '<tool_call>{"name": "f", "arguments": {"a": "x"}}</tool_call>'
G = '<tool_call>{"name": "g", "arguments": {}}</tool_call>'
NOPE = '<tool_call>{"name": "nope", "arguments": {"k": 1}}</tool_call>'
RAN_F, RAN_G = ran("f", a="x"), ran("g")


# Rule 1: one object per message, no second parser


def test_text_and_calls_in_order() -> None:
    assert blocks(HERMES, f"Hi {F} and {G} done") == [say("Hi"), RAN_F, say("and"), RAN_G, say("done")]


def test_an_empty_answer() -> None:
    assert events(HERMES, "") == []
    assert engine(HERMES).feed("") == engine(HERMES).feed_reasoning("") == []


def test_no_parser_at_all() -> None:
    assert blocks((), f"<think>x</think> {F}") == [say(f"<think>x</think> {F}")]


@pytest.mark.parametrize("spec", FORMATS, ids=lambda spec: spec.name)
def test_without_tools_no_call_is_looked_for(spec: ParserSpec) -> None:
    for text in (
        F,
        '{"name": "f", "arguments": {}}',
        '[f(a="x")]',
        "[CALLS]f[ARGS]{}",
        "<|call|>f:0<|sep|>{}<|/call|>",
    ):
        assert blocks(spec, f"Hi {text} there", tools=()) == [say(f"Hi {text} there")]


def test_without_tools_noise_channels_and_reasoning_are_handled() -> None:
    assert blocks(HERMES, f"<think>a</think>b <|im_end|>{F}", tools=()) == [think("a"), say(f"b {F}")]
    raw = "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|end|>"
    assert blocks(MESSAGES, raw, tools=()) == [think("a"), say("b")]


def test_disarm_before_anything() -> None:
    for pieces in (whole(F), bytewise(F), *every_split(F)):
        reader = engine(HERMES)
        reader.disarm()
        parts = [event for piece in pieces for event in reader.feed(piece)]
        assert fold(parts + reader.finish("stop")) == [say(F)]


@pytest.mark.parametrize("streaming", ["complete", "eager"])
def test_disarm_at_every_point(streaming: str) -> None:
    raw = f"Hi {F} bye"
    for cut in range(1, len(raw) + 1):
        reader = engine(HERMES, streaming=streaming)
        parts = reader.feed(raw[:cut])
        reader.disarm()
        reader.disarm()
        parts += reader.feed(raw[cut:]) + reader.finish("stop")
        check(parts)
        said = "".join(event.text for event in parts if isinstance(event, TextDelta))
        assert said.startswith("Hi")
        assert said.endswith("bye")
        if ToolCallStart(0, "call_0", "f") not in parts:
            assert said == raw


def test_disarm_turns_a_tentative_call_back_into_reasoning() -> None:
    reader = engine(HERMES)
    parts = reader.feed(f"<think>I {F}</think>")
    reader.disarm()
    parts += reader.feed("ok") + reader.finish("stop")
    assert fold(parts) == [think(f"I {F}"), say("ok")]


def test_disarm_keeps_reading_reasoning_and_noise() -> None:
    reader = engine(HERMES)
    reader.disarm()
    parts = reader.feed("<think>a</think>b<|im_end|>") + reader.finish("stop")
    assert fold(parts) == [think("a"), say("b")]


# Rule 2: only the markers that are legal in the state


def test_nothing_opens_inside_a_json_string() -> None:
    raw = '<tool_call>{"name": "f", "arguments": {"a": "<think> </tool_call> <tool_call> <|im_end|>"}}</tool_call>'
    assert blocks(HERMES, raw) == [ran("f", a="<think> </tool_call> <tool_call> <|im_end|>")]


def test_nothing_opens_inside_a_tag_value() -> None:
    value = "<think> <|im_end|> </think> <tool_call> {"
    raw = f"<function=f>\n<parameter=a>\n{value}\n</parameter>\n</function>"
    assert blocks(CODER, raw) == [ran("f", a=value)]


def test_in_a_drop_channel_only_its_closer_and_other_channels_count() -> None:
    raw = (
        "<|channel|>commentary to=python<|message|>print() <|start|>assistant to=functions.f<|channel|>x<|message|>{}"
        "<|end|><|start|>assistant<|channel|>final<|message|>done<|end|>"
    )
    assert blocks(MESSAGES, raw) == [say("done")]


# Rule 3: what may be held back


def test_text_is_released_at_once() -> None:
    reader = engine(HERMES)
    for char in "Hello,":
        assert reader.feed(char) == [TextDelta(char)]


def test_a_possible_marker_is_held_back_and_no_more() -> None:
    reader = engine(replace(HERMES, text=TextRules(trim="none", fences="ignore")))
    assert reader.feed("a <tool_") == [TextDelta("a ")]
    assert reader.feed("x") == [TextDelta("<tool_x")]
    assert reader.feed("<too<") == [TextDelta("<too")]
    assert reader.feed("b") == [TextDelta("<b")]


def test_white_space_is_held_back_where_trim_may_remove_it() -> None:
    reader = engine(HERMES)
    assert reader.feed("a \n") == [TextDelta("a")]
    assert reader.feed("b") == [TextDelta(" \nb")]
    kept = engine(replace(HERMES, text=TextRules(trim="none")))
    assert kept.feed("a \n") == [TextDelta("a \n")]
    newlines = engine(replace(HERMES, text=TextRules(trim="newlines")))
    assert newlines.feed("a \n") == [TextDelta("a ")]
    assert newlines.feed("b") == [TextDelta("\nb")]


def test_a_long_run_of_white_space_is_released() -> None:
    for size in (1, 10_000):
        reader = engine(HERMES)
        parts = reader.feed("a")
        for _ in range(0, 10_000, size):
            parts += reader.feed(" " * size)
        assert sum(len(event.text) for event in parts if isinstance(event, TextDelta)) > 10_000 - 4097


def test_a_header_that_is_too_long_is_text() -> None:
    raw = f'<invoke name="f" x="{"y" * 3000}">'
    reader = engine(INVOKE)
    released = "".join(event.text for event in reader.feed(raw) if isinstance(event, TextDelta))
    assert released == raw
    assert blocks(INVOKE, f"{raw}</invoke>", eager=False) == [say(f"{raw}</invoke>")]


def test_a_closer_waits_for_what_must_follow_it() -> None:
    reader = engine(MESSAGES)
    assert reader.feed("<|channel|>final<|message|>a") == [TextDelta("a")]
    assert reader.feed("<|end|>") == []
    assert reader.feed(" ") == []
    assert reader.feed("b") == [TextDelta("<|end|> b")]


# Rule 4 (names): test_names.py; what becomes of a call to an unknown tool


def test_unknown_text_returns_the_whole_span() -> None:
    assert blocks(HERMES, f"Hi {NOPE} there") == [say(f"Hi {NOPE} there")]


def test_unknown_emit_passes_the_call_on() -> None:
    spec = replace(HERMES, calls=(replace(HERMES.calls[0], unknown="emit"),))
    assert blocks(spec, f"Hi {NOPE} there") == [say("Hi"), ran("nope", k=1), say("there")]


def test_unknown_drop_removes_the_span() -> None:
    spec = replace(HERMES, calls=(replace(HERMES.calls[0], unknown="drop"),))
    assert blocks(spec, f"Hi{NOPE}") == [say("Hi")]
    assert blocks(spec, f"Hi {NOPE}{F}") == [say("Hi"), RAN_F]


# Rule 9: commit


def shown(parts: list) -> str:
    return "".join(event.json for event in parts if isinstance(event, ToolCallDelta))


def test_complete_shows_nothing_before_the_end_is_certain() -> None:
    reader = engine(HERMES)
    for char in F[: F.index("}</tool_call>")]:
        assert reader.feed(char) == []
    assert reader.feed("}") == [ToolCallStart(0, "call_0", "f"), ToolCallDelta(0, '{"a":"x"}'), ToolCallEnd(0)]


def test_eager_json_starts_with_the_body() -> None:
    reader = engine(HERMES, streaming="eager")
    assert reader.feed('<tool_call>{"name": "f", "arguments": ') == []
    assert reader.feed("{") == [ToolCallStart(0, "call_0", "f"), ToolCallDelta(0, "{")]
    parts = reader.feed('"a": "one \\')
    assert shown(parts) == '"a":"one '
    assert shown(reader.feed("n")) == "\\n"
    assert shown(reader.feed("t")) == "t"
    assert shown(reader.feed('", "n": 12')) == '","n":'
    assert shown(reader.feed(",")) == "12"
    assert shown(reader.feed("}")) == "}"
    assert reader.feed("}") == [ToolCallEnd(0)]


def test_eager_tags_start_with_the_first_parameter() -> None:
    reader = engine(CODER, streaming="eager")
    assert reader.feed("<tool_call>\n<function=f>\n<parameter=a") == []
    assert reader.feed(">") == [ToolCallStart(0, "call_0", "f"), ToolCallDelta(0, '{"a":"')]
    assert shown(reader.feed("\nab")) == "ab"
    assert shown(reader.feed('"')) == '\\"'
    assert shown(reader.feed("\n</parameter>")) == ""
    assert shown(reader.feed("\n<parameter=n>\n5\n")) == '","n":'
    assert shown(reader.feed("</parameter>\n</function>")) == "5}"


def test_eager_tags_without_arguments_start_with_the_closer() -> None:
    reader = engine(CODER, streaming="eager")
    assert reader.feed("<function=g>\n") == []
    assert reader.feed("</function>") == [ToolCallStart(0, "call_0", "g"), ToolCallDelta(0, "{}"), ToolCallEnd(0)]


def test_eager_python_starts_with_the_parenthesis() -> None:
    reader = engine(PYTHONIC, streaming="eager")
    assert reader.feed("<|py|>[f") == []
    assert reader.feed("(") == [ToolCallStart(0, "call_0", "f")]
    assert shown(reader.feed("a='x', ")) == '{"a":"x"'


def test_eager_name_behind_the_arguments_waits() -> None:
    reader = engine(HERMES, streaming="eager")
    assert reader.feed('<tool_call>{"arguments": {"a": "x"}, "name": "f"') == []
    assert reader.feed("}") == [ToolCallStart(0, "call_0", "f"), ToolCallDelta(0, '{"a":"x"}'), ToolCallEnd(0)]


def test_alone_and_reasoning_are_never_eager() -> None:
    reader = engine(BARE, streaming="eager")
    assert reader.feed('{"name": "f", "arguments": {"a": "x"}}') == []
    assert [type(event) for event in reader.finish("stop")] == [ToolCallStart, ToolCallDelta, ToolCallEnd]
    reader = engine(HERMES, streaming="eager")
    reader.feed("<think>a")
    assert not [event for event in reader.feed(F) if isinstance(event, ToolCallStart)]


# Rule 10: failure


BROKEN = [
    "<tool_call>hello</tool_call>",
    '<tool_call>{"name": "f" "arguments": {}}</tool_call>',
    '<tool_call>{"name": "f", "arguments": {"a": NaN}}</tool_call>',
    '<tool_call>{"name": "f", "arguments": [1]}</tool_call>',
    '<tool_call>{"arguments": {}}</tool_call>',
    '<tool_call>{"name": 3, "arguments": {}}</tool_call>',
    "<tool_call>[]</tool_call>",
    "<tool_call></tool_call>",
]


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_no_call_comes_back_verbatim(broken: str) -> None:
    assert blocks(HERMES, f"Hi {broken} there", eager=False) == [say(f"Hi {broken} there")]


@pytest.mark.parametrize("broken", [b.removesuffix("</tool_call>") for b in BROKEN])
def test_scanning_resumes_at_the_next_opener(broken: str) -> None:
    assert blocks(HERMES, f"Hi {broken} {F} ok", eager=False) == [say(f"Hi {broken}"), RAN_F, say("ok")]


def test_an_opener_inside_the_failed_span_counts() -> None:
    raw = f'<tool_call>{{"name": "f", "arguments": {{"a": [{F}'
    assert blocks(HERMES, raw, eager=False) == [say('<tool_call>{"name": "f", "arguments": {"a": ['), RAN_F]


def test_an_eager_call_that_fails_is_aborted_and_the_rest_is_text() -> None:
    raw = '<tool_call>{"name": "f", "arguments": {"a": "x", oops}}</tool_call> there'
    assert events(HERMES, raw, streaming="eager") == [
        ToolCallStart(0, "call_0", "f"),
        ToolCallDelta(0, '{"a":"x"'),
        ToolCallAbort(0),
        TextDelta("oops}}</tool_call> there"),
    ]
    assert blocks(HERMES, raw, eager=False) == [say(raw)]


def test_a_call_may_follow_an_aborted_one() -> None:
    raw = f'<tool_call>{{"name": "f", "arguments": {{"a": ? {F}'
    parts = events(HERMES, raw, streaming="eager")
    assert ToolCallAbort(0) in parts
    assert fold(parts)[-1] == RAN_F
    assert parts[-1] == ToolCallEnd(1)


def test_framing_of_a_section_is_text_until_the_first_call() -> None:
    nope = "<|call|>nope<|sep|>{}<|/call|>"
    good = "<|call|>g<|sep|>{}<|/call|>"
    assert blocks(SECTIONED, f"<|calls|>{nope}{good}<|/calls|>") == [say(f"<|calls|>{nope}"), RAN_G]
    assert blocks(SECTIONED, f"<|calls|>{good}{nope}<|/calls|>") == [RAN_G, say(nope)]
    assert blocks(SECTIONED, f"<|calls|>{nope}<|/calls|>") == [say(f"<|calls|>{nope}<|/calls|>")]


def test_elements_of_an_array_stand_alone() -> None:
    nope = '{"name": "nope"}'
    good = '{"name": "g", "arguments": {}}'
    assert blocks(BRACKETS, f"[CALLS][{good}, {good}]") == [RAN_G, RAN_G]
    assert blocks(BRACKETS, f"[CALLS][{nope}, {good}]") == [say(f"[CALLS][{nope}, "), RAN_G]
    assert blocks(BRACKETS, f"[CALLS][{good}, {nope}, {good}]") == [RAN_G, say(nope), RAN_G]


# Rule 11: the end of the stream


@pytest.mark.parametrize("finish", ["stop", "length", "cut"])
def test_a_complete_body_needs_no_closer(finish: str) -> None:
    assert blocks(HERMES, F.removesuffix("</tool_call>"), finish=finish) == [RAN_F]
    assert blocks(SECTIONED, "<|calls|><|call|>g<|sep|>{}", finish=finish) == [RAN_G]
    assert blocks(BRACKETS, "[CALLS]g[ARGS]{}", finish=finish) == [RAN_G]


@pytest.mark.parametrize("finish", ["stop", "length", "cut"])
@pytest.mark.parametrize("at", range(len("<tool_call>"), F.index("}</tool_call>") + 1))
def test_an_unfinished_call_is_dropped_with_its_markup(finish: str, at: int) -> None:
    raw = f"{G} Hi\n{F[:at]}"
    for pieces in (whole(raw), bytewise(raw)):
        for streaming in ("complete", "eager"):
            got = run(HERMES, pieces, finish=finish, streaming=streaming)
            assert fold(got) == [RAN_G, say("Hi")], F[:at]


def test_an_unfinished_eager_call_is_aborted() -> None:
    parts = events(HERMES, '<tool_call>{"name": "f", "arguments": {"a": "x', streaming="eager", finish="cut")
    assert parts == [ToolCallStart(0, "call_0", "f"), ToolCallDelta(0, '{"a":"x'), ToolCallAbort(0)]


@pytest.mark.parametrize("at", range(1, len("<tool_call>")))
def test_half_a_marker_is_text(at: int) -> None:
    assert blocks(HERMES, "Hi " + "<tool_call>"[:at]) == [say("Hi " + "<tool_call>"[:at])]


@pytest.mark.parametrize(
    "raw", ["{", '{"a', '{"a": 1', '{"name": "nope", "arg', "{}", '{"name"', '{"weather": {"name": "f']
)
def test_a_bare_object_that_named_no_tool_is_text(raw: str) -> None:
    assert blocks(BARE, raw) == [say(raw)]


@pytest.mark.parametrize("raw", ["[", "[1", "[nope(", "[f", "[link](http://x", "[x]"])
def test_a_bare_list_that_named_no_tool_is_text(raw: str) -> None:
    assert blocks(PYTHONIC, raw) == [say(raw)]


def test_a_bare_call_that_named_its_tool_is_dropped_when_cut() -> None:
    assert blocks(BARE, '{"name": "f", "argum', finish="length") == []
    assert blocks(PYTHONIC, "[f(a=1, ", finish="length") == []


def test_an_unfinished_call_to_an_unknown_tool_is_text() -> None:
    raw = '<tool_call>{"name": "nope", "arguments": {"a"'
    assert blocks(HERMES, raw) == [say(raw)]
    assert blocks(HERMES, f"{F} {raw}") == [RAN_F, say(raw)]


def test_finished_calls_of_an_unfinished_array_stay() -> None:
    assert blocks(BRACKETS, '[CALLS][{"name": "g", "arguments": {}}, {"name": "f", "argu', finish="length") == [RAN_G]


def test_a_cut_tag_call_is_dropped() -> None:
    whole_call = "<function=f>\n<parameter=a>\nx\n</parameter>\n</function>"
    for at in range(len("<function=f>") + 1, len(whole_call)):
        for streaming in ("complete", "eager"):
            got = run(CODER, bytewise("Hi " + whole_call[:at]), finish="length", streaming=streaming)
            assert fold(got) in ([say("Hi")], [say("Hi"), ran("f", a="x")]), whole_call[:at]
        if at < whole_call.index("</function>"):
            assert fold(got) == [say("Hi")]


# Rule 12: look-alikes


@pytest.mark.parametrize(
    "text",
    [
        f"See `{F}` here",
        f"See ``{F}`` here",
        f"```\n{F}\n```\nend",
        f"```json\n{F}\n```",
        f"~~~\n{F}\n~~~\nend",
        f"````\n```\n{F}\n```\n{F}\n````",
        f"  ```\n{F}",
    ],
)
def test_code_is_protected(text: str) -> None:
    assert blocks(HERMES, text) == [say(text)]


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ("```\nx\n```\n", "```\nx\n```"),
        ("Use `x` then ", "Use `x` then"),
        ("A stray ` tick\n", "A stray ` tick"),
        ("~~~\n```\n~~~\n", "~~~\n```\n~~~"),
        ("```a``` b ", "```a``` b"),
    ],
)
def test_behind_code_calls_count(before: str, kept: str) -> None:
    assert blocks(HERMES, before + F) == [say(kept), RAN_F]


def test_fences_are_ignored_where_the_file_says_so() -> None:
    spec = replace(HERMES, text=TextRules(fences="ignore"))
    assert blocks(spec, f"```\n{F}\n```") == [say("```"), RAN_F, say("```")]


def test_the_fence_may_be_the_opener() -> None:
    spec = ParserSpec("fenced", calls=(call("```tool_code\n", "python", "```"),))
    assert blocks(spec, 'Hi\n```tool_code\nf(a="x")\n```\nok') == [say("Hi"), RAN_F, say("ok")]


def test_alone_means_nothing_but_calls() -> None:
    f = '{"name": "f", "arguments": {"a": "x"}}'
    g = '{"name": "g", "arguments": {}}'
    assert blocks(BARE, f) == [RAN_F]
    assert blocks(BARE, f" \n{f}\n ") == [RAN_F]
    assert blocks(BARE, f"{f};{g}") == [RAN_F, RAN_G]
    assert blocks(BARE, f"{f}; {g}<|eot|>\n") == [RAN_F, RAN_G]
    assert blocks(BARE, f"{f} is the call") == [say(f"{f} is the call")]
    assert blocks(BARE, f"{f};{g} is it") == [say(f"{f};{g} is it")]
    assert blocks(BARE, f"Call: {f}") == [say(f"Call: {f}")]
    assert blocks(PYTHONIC, '[f(a="x"), g()]<|eot|>') == [RAN_F, RAN_G]
    assert blocks(PYTHONIC, '[f(a="x")](https://x)') == [say('[f(a="x")](https://x)')]


def test_a_stray_closer_right_behind_a_call_is_dropped() -> None:
    assert blocks(HERMES, f"{F}</tool_call>\n</tool_call> ok") == [RAN_F, say("ok")]
    assert blocks(HERMES, f"{F} ok </tool_call> then") == [RAN_F, say("ok </tool_call> then")]
    assert blocks(HERMES, "Hi </tool_call> then") == [say("Hi </tool_call> then")]


# Rule 13: text


def test_an_answer_without_a_span_is_left_as_it_is() -> None:
    assert blocks(HERMES, "\n  Hello \n\n") == [say("\n  Hello \n\n")]


@pytest.mark.parametrize(
    ("trim", "expected"),
    [
        ("both", [say("a"), RAN_F, say("b"), RAN_G]),
        ("newlines", [say(" a "), RAN_F, say(" b "), RAN_G]),
        ("none", [say("\n a \n"), RAN_F, say("\n b \n"), RAN_G]),
    ],
)
def test_edges_of_a_block_are_trimmed(trim: str, expected: list) -> None:
    spec = replace(HERMES, text=TextRules(trim=trim))  # type: ignore[arg-type]
    first = expected[0]
    assert blocks(spec, f"\n a \n{F}\n b \n{G}\n \n")[1:] == expected[1:]
    assert blocks(spec, f"<think>t</think>\n a \n{F}")[1] == first


def test_blank_blocks_vanish() -> None:
    for trim in ("both", "newlines", "none"):
        spec = replace(HERMES, text=TextRules(trim=trim))  # type: ignore[arg-type]
        assert blocks(spec, f" \n{F} \n {G} \n ") == [RAN_F, RAN_G]
        assert blocks(spec, " \n ") == []


def test_text_behind_the_calls_may_be_dropped() -> None:
    raw = "Thought: x\nAction: f\nAction Input: {}\nObservation: made up\nAction: g\nAction Input: {}"
    assert blocks(REACT, raw) == [say("Thought: x"), ran("f"), RAN_G]


def test_noise_is_removed_from_text_and_reasoning() -> None:
    assert blocks(HERMES, "<think>a<|im_end|>b</think>c<|im_end|>d") == [think("ab"), say("cd")]


def test_tail_noise_is_removed_at_the_very_end_only() -> None:
    spec = replace(HERMES, noise=Noise(tail=("<|end|>", "</s>")))
    assert blocks(spec, "a <|end|> b<|end|>") == [say("a <|end|> b")]
    assert blocks(spec, "a</s><|end|>") == [say("a")]
    assert blocks(spec, f"{F}<|end|>") == [RAN_F]


# Rule 14: reasoning


def test_reasoning_and_text() -> None:
    assert blocks(HERMES, "<think>\nwhy\n</think>\n\nbecause") == [think("why"), say("because")]
    assert blocks(HERMES, "<think>why") == [think("why")]
    assert blocks(HERMES, "<think></think>because") == [say("because")]
    assert blocks(HERMES, "<think>a</think>b<think>c</think>d") == [think("a"), say("b"), think("c"), say("d")]


def test_reasoning_opened_by_the_prompt() -> None:
    assert blocks(HERMES, "why</think>because", starts_open=True) == [think("why"), say("because")]
    assert blocks(HERMES, "\n<think>\nwhy</think>because", starts_open=True) == [think("why"), say("because")]
    opened = replace(HERMES, reasoning=replace(THINK, start="open"))
    assert blocks(opened, "why</think>because") == [think("why"), say("because")]
    assert blocks(opened, "because", starts_open=False) == [say("because")]
    assert blocks(HERMES, "why", starts_open=True) == [think("why")]


def test_a_closer_at_the_very_start_is_dropped() -> None:
    assert blocks(HERMES, "</think>because") == [say("because")]
    assert blocks(HERMES, "\n</think>\n\nbecause") == [say("because")]
    assert blocks(HERMES, "so </think> what") == [say("so </think> what")]


def test_reasoning_tags_stay_where_thinking_is_off() -> None:
    raw = "<think>a</think>b"
    assert blocks(HERMES, raw, thinking=False) == [say(raw)]
    assert blocks(HERMES, raw, thinking=False, starts_open=True) == [say(raw)]


def test_going_straight_into_another_channel_ends_reasoning() -> None:
    spec = replace(HERMES, channels=(Channel(mark("<answer>"), mark("</answer>")),))
    assert blocks(spec, "<think>a<answer>b</answer>") == [think("a"), say("b")]


def test_a_call_in_reasoning_counts_if_only_calls_and_closers_follow() -> None:
    assert blocks(HERMES, f"<think>a {F}") == [think("a"), RAN_F]
    assert blocks(HERMES, f"<think>a {F}</think>") == [think("a"), RAN_F]
    assert blocks(HERMES, f"<think>a {F}\n{G}\n</think>\n<|im_end|>") == [think("a"), RAN_F, RAN_G]
    assert blocks(HERMES, f"<think>a {F}</think>{G}") == [think("a"), RAN_F, RAN_G]


def test_a_draft_in_reasoning_stays_reasoning() -> None:
    assert blocks(HERMES, f"<think>a {F} b</think>c") == [think(f"a {F} b"), say("c")]
    assert blocks(HERMES, f"<think>a {F}</think>c") == [think(f"a {F}"), say("c")]
    assert blocks(HERMES, f"<think>a {F} b</think>{G}") == [think(f"a {F} b"), RAN_G]
    assert blocks(HERMES, f"<think>a {F}</think>c {G}") == [think(f"a {F}"), say("c"), RAN_G]
    assert blocks(HERMES, f"<think>a {F} b {G}") == [think(f"a {F} b"), RAN_G]


def test_calls_never_or_anywhere_in_reasoning() -> None:
    never = replace(HERMES, reasoning=replace(THINK, calls="never"))
    assert blocks(never, f"<think>a {F}</think>{G}") == [think(f"a {F}"), RAN_G]
    anywhere = replace(HERMES, reasoning=replace(THINK, calls="any"))
    assert blocks(anywhere, f"<think>a {F} b</think>c") == [think("a"), RAN_F, think("b"), say("c")]


def test_the_reasoning_closer_may_need_something_behind_it() -> None:
    spec = replace(HERMES, reasoning=ReasoningRules(mark("<think>"), Marker(("</think>",), then=("\n", "$"))))
    assert blocks(spec, "<think>the </think> tag</think>") == [think("the </think> tag")]


NATIVE_CUTS = [1, 7, 1000]


@pytest.mark.parametrize("size", NATIVE_CUTS)
@pytest.mark.parametrize(
    ("reasoning", "content", "expected"),
    [
        (f"a {F}", "", [think("a"), RAN_F]),
        (f"a {F}", "\n", [think("a"), RAN_F]),
        (f"a {F}", G, [think("a"), RAN_F, RAN_G]),
        (f"a {F}", "b", [think(f"a {F}"), say("b")]),
        (f"a {F} b", "", [think(f"a {F} b")]),
        (f"a {F}", f"b {G}", [think(f"a {F}"), say("b"), RAN_G]),
        ("a", f"b {F}", [think("a"), say("b"), RAN_F]),
        ("a <tool_", "call>", [think("a <tool_"), say("call>")]),
        ('a <tool_call>{"name": "f"', "b", [think('a <tool_call>{"name": "f"'), say("b")]),
        ("a", "", [think("a")]),
        ("a", "<think>b</think>c", [think("ab"), say("c")]),
    ],
)
def test_reasoning_in_a_field_of_its_own(reasoning: str, content: str, expected: list, size: int) -> None:
    reader = engine(HERMES)
    parts = [e for at in range(0, len(reasoning), size) for e in reader.feed_reasoning(reasoning[at : at + size])]
    parts += [e for at in range(0, len(content), size) for e in reader.feed(content[at : at + size])]
    parts += reader.finish("stop")
    check(parts)
    assert fold(joined(parts)) == expected


def test_reasoning_fields_and_text_may_alternate() -> None:
    reader = engine(HERMES)
    parts = reader.feed_reasoning("a") + reader.feed("b") + reader.feed_reasoning("c") + reader.feed("d")
    assert fold(joined(parts + reader.finish("stop"))) == [think("a"), say("b"), think("c"), say("d")]


@pytest.mark.parametrize("size", [1, 2, 100])
def test_reasoning_behind_a_bare_call_shows_that_it_was_none(size: int) -> None:
    call, more = '{"name": "f", "arguments": {"a": "x"}}', ' {"name": 1} hm'
    reader = engine(BARE)
    parts = reader.feed(call)
    parts += [e for at in range(0, len(more), size) for e in reader.feed_reasoning(more[at : at + size])]
    assert fold(joined(parts + reader.finish("stop"))) == [say(call), think(more.strip())]


def test_reasoning_in_a_field_without_parsers() -> None:
    reader = engine(())
    parts = reader.feed_reasoning(f"a {F}") + reader.feed("b")
    assert fold(joined(parts + reader.finish("stop"))) == [think(f"a {F}"), say("b")]


# Channels, prefill


def test_messages_with_headers() -> None:
    raw = (
        "<|channel|>analysis<|message|>why<|end|>"
        '<|start|>assistant<|channel|>commentary to=functions.f<|message|>{"a": "x"}<|call|>'
    )
    assert blocks(MESSAGES, raw) == [think("why"), RAN_F]
    assert blocks(MESSAGES, "<|channel|>final<|message|>Hi<|end|>") == [say("Hi")]
    assert blocks(MESSAGES, " to=functions.g<|channel|>commentary<|message|>{}<|call|>") == [RAN_G]


def test_prefill_is_only_for_the_very_start() -> None:
    assert blocks(MESSAGES, "Hi <|channel|>final<|message|>there") == [say("Hi <|channel|>final<|message|>there")]
    assert blocks(MESSAGES, "Hello") == [say("Hello")]


def test_a_closer_without_its_follower_is_text() -> None:
    assert blocks(MESSAGES, "<|channel|>final<|message|>say <|end|> twice<|end|>") == [say("say <|end|> twice")]


def test_channels_and_their_destinations() -> None:
    spec = ParserSpec(
        "channels",
        channels=(
            Channel(mark("<answer>"), mark("</answer>"), "text"),
            Channel(mark("<plan>"), mark("</plan>"), "reasoning"),
            Channel(mark("<tool_out>"), mark("</tool_out>"), "drop"),
        ),
        calls=HERMES.calls,
    )
    raw = f"<plan>p</plan><answer>a {F} b</answer><tool_out>x {G}</tool_out>c"
    assert blocks(spec, raw) == [think("p"), say("a"), RAN_F, say("bc")]


# Rule 15: ids


def test_ids_are_generated_and_an_id_on_the_wire_is_not_used() -> None:
    parts = events(BABBLING, "<|call|>g:7<|sep|>{}<|/call|><|call|>functions.g:8<|sep|>{}<|/call|>")
    assert [e.id for e in parts if isinstance(e, ToolCallStart)] == ["call_0", "call_1"]


# Several files at once


def test_files_that_share_an_opener_read_on_in_step() -> None:
    pairs = ParserSpec(
        "pairs", calls=(call("<tool_call>{ws}{name}", "tags", "</tool_call>", tags=INVOKE.calls[0].tags),)
    )
    for armed in ((HERMES, CODER, pairs), (pairs, CODER, HERMES)):
        assert blocks(armed, F) == [RAN_F]
        assert blocks(armed, "<tool_call>\n<function=g>\n</function>\n</tool_call>") == [RAN_G]
        assert blocks(armed, '<tool_call>f\n<parameter name="a">x</parameter></tool_call>') == [RAN_F]


def test_the_earliest_opener_wins() -> None:
    raw = f"[CALLS]g[ARGS]{{}} {F}"
    for armed in ((HERMES, BRACKETS), (BRACKETS, HERMES)):
        assert blocks(armed, raw) == [RAN_G, RAN_F]


def test_text_rules_come_from_the_first_file() -> None:
    assert blocks((HERMES, BRACKETS), f"a {F} b") == [say("a"), RAN_F, say("b")]
    assert blocks((BRACKETS, HERMES), f"a {F} b") == [say("a "), RAN_F, say(" b")]


def test_a_name_in_front_of_a_bare_word_is_only_a_declared_one() -> None:
    undeclared = replace(HERMES, distinctive=False, calls=(call("call {name}with ", "json"),))
    assert blocks(undeclared, "call nobody with {}") == [say("call nobody with {}")]
    assert blocks(undeclared, "call g with {}") == [RAN_G]


def test_counters() -> None:
    reader = engine(HERMES)
    reader.feed(f"{F}{NOPE}{G}" + '<tool_call>{"name": "functions.f", "arguments": "{}"}</tool_call>')
    reader.feed("<tool_call>{")
    reader.finish("cut")
    assert reader.counters == {
        "calls": 3, "unknown_name": 1, "repair:name_prefix": 1, "repair:arguments_string": 1, "dropped": 1,
    }  # fmt: skip


def test_tools_without_a_schema() -> None:
    assert blocks(HERMES, '<tool_call>{"name": "h", "arguments": {"x": [1]}}</tool_call>', tools=(Tool("h"),)) == [
        ran("h", x=[1])
    ]
