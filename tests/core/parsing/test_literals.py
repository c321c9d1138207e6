"""Finding literals, and the one suffix that has to be held back (rule 3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    ("literals", "text", "begins"),
    [
        (["<tool", "f[", "-"], "fox < 3 f< x", False),
        (["<tool", "f[", "-"], "x f", True),
        (["<tool", "f[", "-"], "a-b", True),
        (["<tool", "f["], "a <t b", True),
        (["^]", "[-", "a\\"], "^ [ a -]\\ b", False),
        (["^]", "[-", "a\\"], "a\\", True),
        ([], "<tool", False),
    ],
)
def test_where_one_may_begin(literals: list[str], text: str, begins: bool) -> None:
    assert (Literals(literals).begins(text) is not None) is begins


@given(st.lists(st.text("<f[-`\n", min_size=1, max_size=4), max_size=4), st.text("<f[-`\nx", max_size=8))
def test_where_none_may_begin_there_is_none(literals: list[str], text: str) -> None:
    some = Literals(literals)
    if some.begins(text) is None:
        assert some.search(text) is None
        assert some.tail(text, 0) == len(text)


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
