"""Which markers are legal in which state (rule 2)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reading import BARE, CODER, HERMES, MESSAGES, SECTIONED, THINK

from bridge.core.parsing.spec import ParserSpec
from bridge.core.parsing.tables import CompiledSet, Kind, Mode, compile_set

TEXT = Mode("text", "text")
REASONING = Mode("reasoning", "reasoning", 0)


def kinds(
    spec: ParserSpec, mode: Mode, calls: bool = True, thinking: bool = True, start: bool = False, trailing: bool = False
) -> list[str]:
    table = compile_set((spec,)).table(mode, calls=calls, thinking=thinking, start=start, trailing=trailing)
    return sorted({entry.kind.name for entry in table.entries})


def test_in_text() -> None:
    assert kinds(HERMES, TEXT) == ["CALL", "NOISE", "REASONING_OPEN"]
    assert kinds(HERMES, TEXT, calls=False, thinking=False) == ["NOISE"]


def test_in_reasoning() -> None:
    assert kinds(HERMES, REASONING) == ["CALL", "NOISE", "REASONING_CLOSE"]
    never = replace(HERMES, reasoning=replace(THINK, calls="never"))
    assert kinds(never, REASONING) == ["NOISE", "REASONING_CLOSE"]


def test_in_a_section() -> None:
    section = Mode("section", "text", 0)
    assert kinds(SECTIONED, section) == ["CALL", "NOISE", "SECTION_CLOSE"]


def test_at_the_start_only() -> None:
    assert "CALL" in kinds(BARE, TEXT, start=True)
    assert "CALL" not in kinds(BARE, TEXT)


def test_closers_right_behind_a_call() -> None:
    def literals(trailing: bool) -> set[str]:
        table = compile_set((CODER,)).table(TEXT, calls=True, thinking=True, start=False, trailing=trailing)
        return {literal for entry in table.entries if entry.kind is Kind.NOISE for literal in entry.marker.literals}

    assert literals(True) - literals(False) == {"</function>", "</tool_call>"}


def test_what_the_prompt_holds() -> None:
    prefilled = compile_set((MESSAGES,)).prefilled
    assert {entry.kind for entry in prefilled} == {Kind.CALL, Kind.REASONING_OPEN, Kind.CHANNEL_OPEN}
    assert compile_set((HERMES,)).prefilled == ()
    assert not compile_set((MESSAGES,)).may_be_prefilled("Some words.")
    assert not compile_set((HERMES,)).may_be_prefilled("")


def test_entries_are_found_by_their_first_characters() -> None:
    table = compile_set((HERMES,)).table(TEXT, calls=True, thinking=True, start=False, trailing=False)
    assert [entry.kind for entry in table.at("x<to", 1)] == [Kind.CALL]
    assert {entry.kind for entry in table.at("<t", 0)} == {Kind.CALL, Kind.REASONING_OPEN}
    assert table.at("<tx", 0) == table.at("a", 0) == []


def test_text_that_needs_no_look() -> None:
    table = compile_set((replace(HERMES, text=replace(HERMES.text, fences="ignore")),)).table(
        TEXT, calls=True, thinking=True, start=False, trailing=False
    )
    assert table.quiet("plain text\n")
    assert not table.quiet("a <")
    nothing = CompiledSet(()).table(TEXT, calls=True, thinking=True, start=True, trailing=False)
    assert nothing.entries == ()
    assert nothing.unmarked("a < b\n")


@pytest.mark.parametrize("text", ["a\nb", "`a`", "~", "a < b\n", "plain words of some length\n"])
def test_text_without_markers_may_still_say_where_code_is(text: str) -> None:
    table = compile_set((HERMES,)).table(TEXT, calls=True, thinking=True, start=False, trailing=False)
    assert table.unmarked(text)
    assert not table.quiet(text)
    assert not table.unmarked(f"{text}<")
    assert not table.unmarked(f"<tool_call>{text}")


@pytest.mark.parametrize("text", ["", "word", "a < b", "x<y", "plain words of some length, and 1 < 2"])
def test_text_of_any_length_may_need_no_look(text: str) -> None:
    table = compile_set((HERMES,)).table(TEXT, calls=True, thinking=True, start=False, trailing=False)
    assert table.unmarked(text)
    assert table.quiet(text)


def test_the_same_files_are_compiled_once() -> None:
    specs = [replace(HERMES, name=f"h{index}") for index in range(300)]
    first = compile_set((specs[0],))
    assert compile_set([specs[0]]) is first
    assert compile_set((specs[0], specs[1])) is not first
    for spec in specs:
        compile_set((spec,))
    assert compile_set((specs[0],)) is not first
