"""Finding literals, and the one suffix that has to be held back (rule 3)."""

from __future__ import annotations

import pytest

from bridge.core.parsing.literals import Literals, overlap

LITERALS = Literals(["<tool_call>", "<tool", "<think>", "```", "a.b"])


@pytest.mark.parametrize(
    ("text", "start", "found"),
    [
        ("x <tool_call> y", 0, "<tool_call>"),
        ("x <tool y", 0, "<tool"),
        ("<think><tool", 0, "<think>"),
        ("<think><tool", 1, "<tool"),
        ("axb a.b", 0, "a.b"),
    ],
)
def test_the_first_and_longest_is_found(text: str, start: int, found: str) -> None:
    match = LITERALS.search(text, start)
    assert match is not None
    assert match.group() == found


def test_none_is_found() -> None:
    assert LITERALS.search("<thin <too ``") is None


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("", ""),
        ("abc", ""),
        ("abc<", "<"),
        ("x<thin", "<thin"),
        ("<thinx", ""),
        ("x``", "``"),
        ("xa.", "a."),
        ("<<", "<"),
        ("<to<too", "<too"),
    ],
)
def test_the_tail_is_the_longest_proper_prefix(text: str, held: str) -> None:
    assert text[LITERALS.tail(text, 0) :] == held


def test_the_tail_begins_no_earlier_than_asked() -> None:
    assert LITERALS.tail("<thin", 2) == 5


def test_no_literals() -> None:
    nothing = Literals([])
    assert nothing.search("anything") is None
    assert nothing.tail("anything", 0) == 8


def test_overlap() -> None:
    assert overlap("x<|", 0, "<|a|>") == 2
    assert overlap("x<|", 2, "<|a|>") == 0
    assert overlap("<|a|>", 0, "<|a|>") == 0
    assert overlap("aa", 0, "aaa") == 2


@pytest.mark.parametrize(
    ("text", "at"),
    [("ab<tool>", 2), ("ab", 2), ("ab<to", 2), ("xx>>", 2), ("a<|>>", 1), ("a<|>> ", 3), ("a<|>", 1), ("a<|> ", 5)],
)
def test_a_longer_literal_may_begin_before_the_one_that_is_whole(text: str, at: int) -> None:
    assert Literals(["<tool>", "<|>>end", ">>"]).first(text, 0) == at
