"""The codec for bodies that are an object, or bare text for the only parameter."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reading import REACT, blocks, call, mark, properties, ran, say

from bridge.core.conversation import Tool
from bridge.core.parsing.spec import ParserSpec

TOOLS = (
    Tool("search", schema=properties(query="string")),
    Tool("two", schema=properties(x="string", y="integer") | {"required": ["y"]}),
    Tool("many", schema=properties(x="string", y="string")),
    Tool("now"),
)


def react(name: str, body: str) -> str:
    return f"Thought: hm\nAction: {name}\nAction Input:{body}"


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("search", ' {"query": "x"}', ran("search", query="x")),
        ("search", " {'query': 'x',}", ran("search", query="x")),
        ("search", " the weather", ran("search", query="the weather")),
        ("search", " {not json", ran("search", query="{not json")),
        ("search", "\nline one\nline two\n", ran("search", query="line one\nline two")),
        ("search", " 5", ran("search", query="5")),
        ("two", " 5", ran("two", y=5)),
        ("now", "", ran("now")),
        ("now", " {}", ran("now")),
    ],
)
def test_bodies(name: str, body: str, expected: dict[str, object]) -> None:
    assert blocks(REACT, react(name, body), tools=TOOLS) == [say("Thought: hm"), expected]
    assert blocks(REACT, react(name, f"{body}\nObservation: made up"), tools=TOOLS) == [say("Thought: hm"), expected]


def test_text_for_many_parameters_is_no_call() -> None:
    raw = react("many", " hello")
    assert blocks(REACT, raw, tools=TOOLS) == [say(raw)]


def test_a_cut_body_is_dropped() -> None:
    assert blocks(REACT, react("search", " the wea"), tools=TOOLS, finish="length") == [say("Thought: hm")]
    assert blocks(REACT, react("search", " the wea"), tools=TOOLS, finish="cut") == [say("Thought: hm")]


def test_a_closer_at_the_start_of_a_line_only() -> None:
    assert blocks(REACT, react("search", " an Observation: x\nObservation: y"), tools=TOOLS) == [
        say("Thought: hm"), ran("search", query="an Observation: x")
    ]  # fmt: skip


def test_an_opener_at_the_start_of_a_line_only() -> None:
    raw = "the Action: search\nAction Input: x"
    assert blocks(REACT, raw, tools=TOOLS) == [say(raw)]
    assert blocks(REACT, "  Action: search\nAction Input: x", tools=TOOLS) == [ran("search", query="x")]


def test_a_closer_that_is_consumed() -> None:
    spec = ParserSpec("run", calls=(call("<run {name}>", "text", mark("</run>", "<stop>")),))
    assert blocks(spec, "Hi <run search>x < y</run> ok", tools=TOOLS) == [
        say("Hi"),
        ran("search", query="x < y"),
        say("ok"),
    ]
    assert blocks(spec, "<run now></run><run search>x<stop>", tools=TOOLS) == [ran("now"), ran("search", query="x")]


def test_without_a_closer_the_body_is_the_rest() -> None:
    spec = ParserSpec("rest", calls=(replace(REACT.calls[0], close=None),))
    assert blocks(spec, "Action: search\nAction Input: x\nObservation: y", tools=TOOLS) == [
        ran("search", query="x\nObservation: y")
    ]


def test_nothing_closes_inside_the_strings_of_an_object() -> None:
    raw = react("many", ' {"x": "a\nObservation: b\nAction: now\nAction Input: {}", "y": "c"}\nObservation: made up')
    expected = ran("many", x="a\nObservation: b\nAction: now\nAction Input: {}", y="c")
    assert blocks(REACT, raw, tools=TOOLS) == [say("Thought: hm"), expected]


def test_a_string_that_never_ends_closes_nothing_in() -> None:
    raw = react("search", ' {"query": "x\nObservation: made up')
    assert blocks(REACT, raw, tools=TOOLS) == [say("Thought: hm"), ran("search", query='{"query": "x')]


def test_an_object_with_text_behind_it_is_text() -> None:
    assert blocks(REACT, react("search", ' {"a": 1} | keys'), tools=TOOLS)[1] == ran("search", query='{"a": 1} | keys')
    assert blocks(REACT, react("search", ' {"query": "x"}}\n'), tools=TOOLS)[1] == ran("search", query="x")


@pytest.mark.parametrize("finish", ["length", "cut"])
def test_a_whole_object_is_a_call_though_the_message_was_cut_behind_it(finish: str) -> None:
    raw = react("search", ' {"query": "x"}')
    assert blocks(REACT, raw, tools=TOOLS, finish=finish) == [say("Thought: hm"), ran("search", query="x")]
