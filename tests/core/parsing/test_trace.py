"""What a trace says of the engine's decisions, and that it changes none of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from bundledparsers import NAMES, SPECS
from chunking import bytewise, whole

from bridge.core.conversation import Tool
from bridge.core.events import ParserEvent
from bridge.core.parsing.engine import FinishReason, ParserEngine
from bridge.core.parsing.spec import ParserSpec
from bridge.core.parsing.trace import Decision, Trace

TOOLS = [Tool("f", schema={"type": "object", "properties": {"a": {"type": "string"}}})]
CALL = '<tool_call>\n{"name": "f", "arguments": {"a": "x"}}\n</tool_call>'


def read(
    specs: Iterable[ParserSpec], pieces: Iterable[str], trace: Trace | None, finish: FinishReason = "stop"
) -> list[ParserEvent]:
    numbers = itertools.count()
    engine = ParserEngine(list(specs), TOOLS, lambda: f"c{next(numbers)}", trace=trace)
    events = [event for piece in pieces for event in engine.feed(piece)]
    return events + engine.finish(finish)


def traced(
    name: str, text: str, finish: FinishReason = "stop", *, split: bool = False
) -> list[tuple[str, int, int, str]]:
    trace = Trace()
    read([SPECS[name]], bytewise(text) if split else whole(text), trace, finish)
    return [(one.what, one.start, one.end, one.why) for one in trace.decisions]


def test_a_call() -> None:
    assert traced("hermes", f"Hi. {CALL}<|im_end|>") == [
        ("tried", 4, 15, "a call may begin, codec json-call"),
        ("call", 4, 4 + len(CALL), "f"),
        ("marker", 4 + len(CALL), 14 + len(CALL), "noise, or markup that closes nothing: removed"),
    ]


def test_what_rejected_it_and_where() -> None:
    text = '<tool_call>{"name" "f"}</tool_call>'
    assert traced("hermes", text)[1] == ("rejected", 0, text.index('"f"'), "a colon was to come")
    text = "A <tool_call> is a tag"
    assert traced("hermes", text)[1:] == [
        ("rejected", 2, text.index("is"), "neither an object nor an array begins here")
    ]


def test_several_patterns_at_one_opener() -> None:
    trace = Trace()
    read([SPECS["hermes"], SPECS["qwen3_coder"], SPECS["glm"]], [CALL], trace)
    tried = [one.parser for one in trace.decisions if one.what == "tried"]
    assert tried == ["hermes", "qwen3_coder"]
    assert {one.parser: one.why for one in trace.decisions if one.what == "rejected"} == {
        "qwen3_coder": "something else stands in the section before the call",
        "glm": "`open` does not match",
    }
    assert trace.decisions[-1].what == "call"


@pytest.mark.parametrize(
    ("name", "repair"),
    [("functions.f", "with a prefix"), ("F", "in another case"), ("-f", "with other separators")],
)
def test_repairs(name: str, repair: str) -> None:
    found = traced("hermes", CALL.replace('"f"', f'"{name}"'))
    assert [why for what, *_, why in found if what == "repaired"] == [f"the tool's name was written {repair}"]
    assert found[-1][3] == "f"


def test_an_undeclared_tool() -> None:
    text = CALL.replace('"f"', '"g"')
    assert traced("hermes", text)[-1] == (
        "unknown", 0, len(text), "no declared tool is called 'g', so this stays text"
    )  # fmt: skip


def test_an_undeclared_tool_among_others() -> None:
    text = '<tool_call>[{"name": "f"}, {"name": "g"}]</tool_call>'
    assert ("unknown", 27, 40, "no call to a declared tool: stays text") in traced("hermes", text)


def test_a_call_that_was_cut_off() -> None:
    assert traced("hermes", CALL[:-20], "length")[-2:] == [
        ("rejected", 0, len(CALL) - 20, "the message ends inside it"),
        ("dropped", 0, len(CALL) - 20, "a call that was cut off goes with its markup"),
    ]


def test_a_draft_in_the_reasoning() -> None:
    found = traced("hermes", f"<think>{CALL} no</think>Yes.")
    after = 7 + len(CALL) + 1
    assert ("draft", 7, after, f"something else follows at {after}, so these are no calls") in found
    assert found[-1][0] == "marker"


def test_calls_that_stand_only_alone() -> None:
    text = '[f(a="x")]'
    assert traced("pythonic", text)[-1] == ("stands", 0, len(text), "nothing but calls follows to the end")
    assert traced("pythonic", text + " or not")[-1][0] == "draft"


def test_code_and_lines() -> None:
    text = f"See:\n```\n{CALL}\n```\n"
    assert traced("hermes", text) == [("ignored", 9, 20, "inside code")]
    found = traced("react", "We say Action: f\nAction Input: {}")
    assert ("ignored", 7, 14, "not at the start of a line") in found


def test_what_is_held_back() -> None:
    held = [one for one in traced("hermes", f"a < b {CALL}", split=True) if one[0] == "held"]
    assert held == [
        ("held", 2, 3, "may become a marker"),
        ("held", 6, 7, "may become a marker"),
    ]


def test_junk_and_channels() -> None:
    section = "<|tool_calls_section_begin|>"
    call = "<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{}<|tool_call_end|>"
    text = f"{section}{call} and so on <|tool_calls_section_end|>"
    assert ("dropped", len(section + call), len(section + call) + 11, "junk in the section") in traced("kimi_k2", text)
    text = "<|channel|>commentary to=python <|message|>1+1<|end|>"
    assert any(one[0] == "dropped" and "channel" in one[3] for one in traced("harmony", text))


def test_lines_quote_the_text() -> None:
    assert Decision("call", 2, 7, "f", "hermes").line("ab<c>\n.") == '     2  call      hermes: f: "<c>\\n."'
    assert Decision("rejected", 0, 3, "a colon was to come", "p").line("abcd") == (
        '     0  rejected  p: a colon was to come; at 3, found "d"'
    )
    assert Decision("rejected", 0, 4, "cut", "p").line("abcd").endswith("; at 4, the text ends there")
    long = Decision("held", 0, 500, "may be a call").line("x" * 500)
    assert len(long) < 120
    assert " ... " in long


@pytest.mark.parametrize("name", NAMES)
def test_a_trace_changes_nothing(name: str) -> None:
    spec = SPECS[name]
    for example in spec.examples:
        trace, pieces = Trace(), bytewise(example.raw)
        assert read([spec], pieces, trace, example.finish) == read([spec], pieces, None, example.finish)
        assert all(0 <= one.start <= one.end <= len(example.raw) for one in trace.decisions)
        assert all("\n" not in one.line(example.raw) for one in trace.decisions)
