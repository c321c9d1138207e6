"""One way of reading a span: from the section or the opener to the end of its calls."""

from __future__ import annotations

import pytest
from reading import BABBLING, BARE, HERMES, INVOKE, SECTIONED, TOOLS, blocks, call, engine, mark, say

from bridge.core.events import ToolCallAbort, ToolCallEnd
from bridge.core.parsing.attempt import Attempt, State
from bridge.core.parsing.names import Toolbox
from bridge.core.parsing.spec import ParserSpec, Section
from bridge.core.parsing.tables import compile_set


def attempt(spec: ParserSpec, text: str, *, in_section: bool = False, eof: bool = False, pattern: int = 0) -> Attempt:
    compiled = compile_set((spec,)).specs[0]
    made = Attempt(compiled, compiled.calls[pattern], 0, Toolbox(TOOLS), eager=False, in_section=in_section)
    for char in text:
        made.push(char, False, False)
    if eof:
        made.push("", True, True)
    return made


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("<|calls|>", State.READING),
        ("<|calls|>\n<|call|>g<|sep|>", State.READING),
        ("<|calls|><|eos|><|call|>g<|sep|>{}<|/call|>x", State.DONE),
        ("<|calls|>hello", State.MALFORMED),
        ("<|calls|><|/calls|>", State.MALFORMED),
    ],
)
def test_into_a_section(text: str, state: State) -> None:
    assert attempt(SECTIONED, text, in_section=True).state is state


def test_over_junk() -> None:
    read = attempt(BABBLING, "<|calls|> well, let me see <|call|>g:0<|sep|>{}<|/call|>.", in_section=True)
    assert read.state is State.DONE
    assert read.sink.won_at is not None


def test_an_empty_section() -> None:
    read = attempt(BABBLING, "<|calls|> hm <|/calls|>", in_section=True)
    assert read.state is State.DONE
    assert read.empty


def test_the_end_inside_a_section() -> None:
    assert attempt(SECTIONED, "<|calls|>", in_section=True, eof=True).state is State.CUT
    assert attempt(SECTIONED, "<|calls|><|cal", in_section=True, eof=True).state is State.CUT
    assert attempt(BABBLING, "<|calls|> hm", in_section=True, eof=True).state is State.CUT


def test_a_self_closing_opener_is_the_whole_call() -> None:
    read = attempt(INVOKE, '<invoke name="g"/>')
    assert read.state is State.DONE
    assert read.sink.won_at == len('<invoke name="g"/>')


def test_an_opener_without_a_name() -> None:
    assert attempt(INVOKE, '<invoke id="1">').state is State.MALFORMED


def test_an_opener_that_only_looks() -> None:
    assert attempt(BARE, '{"name": "g", "arguments": {}}').sink.won_at is not None


def test_a_call_has_a_longest_length() -> None:
    value = "x" * 1_000_000
    reader = engine(HERMES, streaming="eager")
    parts = reader.feed('<tool_call>{"name": "f", "arguments": {"a": "')
    for _ in range(8):
        parts += reader.feed(value)
    assert ToolCallAbort(0) not in parts
    parts += reader.feed(value)
    assert ToolCallAbort(0) in parts
    parts += reader.feed('"}}</tool_call>') + reader.finish("stop")
    assert not [part for part in parts if isinstance(part, ToolCallEnd)]


SECTION = ParserSpec(
    "t",
    section=Section(mark("<S>"), mark("</S>"), junk="drop"),
    calls=(call("<c>{name}<a>", "json", "</c>"),),
)


def test_a_section_that_never_holds_a_call_is_text() -> None:
    assert blocks(SECTION, "The token <S> opens it.") == [say("The token <S> opens it.")]
    assert blocks(SECTION, "The token <S> opens", finish="length") == [say("The token")]
