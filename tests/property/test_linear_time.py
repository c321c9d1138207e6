"""Twice the text is at most twice the work, counted in calls: no output of a model can stall the bridge."""

from __future__ import annotations

import sys
import time
from types import FrameType

import pytest
from reading import FORMATS, MESSAGES, TOOLS, engine

from bridge.core.parsing.engine import ParserEngine

REPEATED = {
    "openers": "<tool_call>",
    "openers_with_json": '<tool_call>{"name": "f", "arguments": {"a": "',
    "brackets": "[",
    "braces": "{",
    "objects": '{"a":',
    "quotes": '"',
    "half_markers": "<tool_c",
    "white_space": "\n ",
    "fences": "```\n",
    "inline_code": "`<tool_call>",
    "unfinished_values": "<function=f>\n<parameter=a>\n",
    "value_closers": "</parameter>",
    "calls_in_a_value": "<tool_call>\n<function=f>\n",
    "pairs": "<tool_call>f<arg_key>a</arg_key><arg_value>",
    "sections": "<|calls|><|call|>f<|sep|>",
    "babble": "<|calls|> and ",
    "attributes": '<invoke a="b" ',
    "invokes": '<invoke name="f">',
    "thinking": '<think><tool_call>{"name": "f", "arguments": {}}',
    "drafts": '<think><tool_call>{"name": "f", "arguments": {}}</tool_call></think>x',
    "arrays": '[CALLS][{"name": "f", "arguments": {}},',
    "names": "[CALLS]f[ARGS]{",
    "unknown_calls": '<tool_call>{"name": "zzz", "arguments": {"a": "b"}}</tool_call>',
    "calls": '<tool_call>{"name": "f", "arguments": {"a": "b"}}</tool_call>',
    "elements": "]>[<invoke name='f'>]>[<a>",
    "python": "<|py|>[f(a=[",
    "react": "Action: f\nAction Input: ",
    "messages": "<|start|>assistant<|channel|>final<|message|>x<|end|> ",
    "escapes": "\\",
}
PREFIXED = {
    "closer_then_space": ("<function=f>\n<parameter=a>\n", "</parameter>\n" + " " * 900),
    "long_string": ('<tool_call>{"name": "f", "arguments": {"a": "', "x\\n"),
    "many_objects": ("<tool_call>", '{"name": "f", "arguments": {"a": "b"}}\n'),
    "unknown_elements": ("[CALLS][", '{"name":"zz","arguments":{}},'),
    "known_elements": ("[CALLS][", '{"name":"f","arguments":{}},'),
    "deep_value": ('<tool_call>{"name": "f", "arguments": {"a": ', "["),
    "many_keys": ('<tool_call>{"name": "f", "arguments": {', '"a":1,'),
    "bare_calls": ("", '{"name": "f", "arguments": {}};'),
    "long_raw_string": ('<|call>call:f{a:<|"|>', "x<|"),
    "python_string": ("<|py|>[f(a='", "x\\'"),
    "long_value": ("<function=f>\n<parameter=a>\n", "x <param\n"),
    "section_junk": ("<|calls|>", "x <|call|"),
}
CASES = {**{name: ("", unit) for name, unit in REPEATED.items()}, **PREFIXED}
ARMED = tuple(spec for spec in FORMATS if spec is not MESSAGES)


def text_of(name: str, size: int, times: int = 1) -> str:
    """``times`` as many units as make about ``size`` characters."""
    prefix, unit = CASES[name]
    return prefix + unit * (max(3, size // len(unit)) * times)


def read(reader: ParserEngine, text: str, step: int) -> None:
    for at in range(0, len(text), step):
        reader.feed(text[at : at + step])
    reader.finish("stop")


def work(text: str, step: int) -> int:
    """How many calls of Python and of C functions it takes to read ``text``."""
    calls = 0

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    reader = engine(ARMED, TOOLS)
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        read(reader, text, step)
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("step", "size"), [(1, 600), (1_000_000, 2_000)], ids=["characters", "whole"])
def test_twice_the_text_is_twice_the_work(name: str, step: int, size: int) -> None:
    engine(ARMED, TOOLS).feed("x")  # compiled once, not counted
    base = work(text_of(name, size), step)
    assert work(text_of(name, size, times=2), step) < 2.2 * base + 500


@pytest.mark.parametrize("name", CASES)
def test_a_hundred_kilobytes_at_once(name: str) -> None:
    """Copying is not counted above; it shows here, with room for a slow machine."""
    began = time.process_time()
    read(engine(ARMED, TOOLS), text_of(name, 100_000), 1_000_000)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("name", ["openers", "unfinished_values", "long_string"])
def test_a_hundred_kilobytes_one_character_at_a_time(name: str) -> None:
    began = time.process_time()
    read(engine(ARMED, TOOLS), text_of(name, 100_000), 1)
    assert time.process_time() - began < 15
