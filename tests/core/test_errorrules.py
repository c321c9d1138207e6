"""Error rules: what a text finds, what is wrong with one, and that hostile words cost little."""

from __future__ import annotations

import contextlib
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errorrules import GAP, SEARCHED, ErrorRule, Said, compile_wording, meaning_of, message_holes


def found(text: str, said: str) -> dict[str, str] | None:
    values = compile_wording(text).find(Said(said))
    return None if values is None else {hole: value for hole, value in values.items() if hole}


@pytest.mark.parametrize(
    ("text", "said", "values"),
    [
        ("too long", "This is TOO\n  long.", {}),
        ("TOO  Long", "this is too long", {}),
        ("too long", "toolong", None),
        ("got {n} of {m}", "I got 12 of 10 tokens", {"n": "12", "m": "10"}),
        ("got {n} of {m}", "got 12,345 of 1_000_000", {"n": "12345", "m": "1000000"}),
        ("got {n}", "got 1,2345", {"n": "1"}),
        ("got {n}", "got none", None),
        ("got {n}", "got 123456789012345678901", None),
        ("{n} of {m} tokens", "in 3 of 4 tokens", {"n": "3", "m": "4"}),
        ("{n} of {m} tokens", "in 3 of 4 cases, 5 of 6 tokens", {"n": "5", "m": "6"}),
        ("max {m}{_}got {n}", "max 10, but you got 12, or max 9", {"m": "10", "n": "12"}),
        ("max {m}{_}got {n}", "max 10 max 11 got 12", {"m": "11", "n": "12"}),
        ("max{_}{n}", "max: about 12 or 13", {"n": "12"}),
        ("a{_}b", "a" + "x" * GAP + "b", {}),
        ("a{_}b", "a" + "x" * (GAP + 1) + "b", None),
        ("a{_}b{_}c", "ab" + "x" * (GAP - 1) + "b" + "x" * GAP + "c", {}),
        ("aab", "aaab", {}),
        ("{{n}} {n}", "{n} 5", {"n": "5"}),
        ("größe", "GRÖSSE GRÖẞE größe", {}),
        ("a.b*c", "a.b*c", {}),
        ("a.b", "axb", None),
    ],
)
def test_what_a_text_finds(text: str, said: str, values: dict[str, str] | None) -> None:
    assert found(text, said) == values


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "needs some text"),
        ("{n}", "needs some text"),
        (" {_} ", "needs some text"),
        ("{n} {m}", "needs some text"),
        ("a {x}", "unknown hole `{x}`; there are `{n}`, `{m}`, `{_}`, and `{{` for a brace"),
        ("a {}", "unknown hole `{}`"),
        ("a {n} b {n}", "`{n}` is there twice"),
        ("a {n}{m}", "two numbers need text between them"),
        ("{_}a", "`{_}` says nothing at the beginning or the end"),
        ("a{_}", "`{_}` says nothing at the beginning or the end"),
        ("a { b", "a single `{`; write `{{`"),
        ("a } b", "a single `}`; write `}}`"),
    ],
)
def test_what_is_wrong_with_a_text(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        compile_wording(text)


def test_holes() -> None:
    assert compile_wording("a {n} b{_}c {m}").holes == {"n", "m"}
    assert message_holes("{n} > {m} {{x}}") == {"n", "m"}
    with pytest.raises(ValueError, match="cannot repeat"):
        message_holes("{_}")
    with pytest.raises(ValueError, match="unknown hole"):
        message_holes("{text}")


words = st.text(alphabet="ab 1,{}", max_size=12)
pieces = st.lists(st.sampled_from(["a", "b", "ab", " ", "{_}", "{n}", "{m}", "1"]), min_size=1, max_size=7)


@given(pieces.map("".join), st.text(alphabet="ab 1", max_size=40))
def test_it_agrees_with_a_regular_expression(text: str, said: str) -> None:
    """Whether it is found at all; a backtracking engine is the judge."""
    try:
        wording = compile_wording(text)
    except ValueError:
        return
    pattern = re.sub(r" +", " ", text.strip())
    spelt = {"{_}": f".{{0,{GAP}}}", "{n}": r"(?<!\d)\d+(?!\d)", "{m}": r"(?<!\d)\d+(?!\d)"}
    regex = "".join(spelt.get(part, re.escape(part)) for part in re.split(r"(\{.\})", pattern))
    assert (wording.find(Said(said)) is not None) == (re.search(regex, " ".join(said.split())) is not None)


@given(words, words)
def test_no_rule_and_no_words_raise_anything_but_value_error(text: str, said: str) -> None:
    with contextlib.suppress(ValueError):
        compile_wording(text).find(Said(said))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a{_}a{_}a{_}a{_}a{_}a{_}b", "a" * 10_000),
        ("1 {n}{_}{m}{_}x", "1 " * 10_000),
        ("a" * 500 + "b", "a" * 10_000),
        ("{n} x", "1" * 10_000),
        ("{n} x", "1,234" * 10_000),
    ],
)
def test_hostile_words_cost_little(text: str, said: str) -> None:
    wording = compile_wording(text)
    started = time.process_time()
    assert wording.find(Said(said)) is None
    assert time.process_time() - started < 1.0


def test_only_the_beginning_is_looked_at() -> None:
    assert found("end", "x" * (SEARCHED - 3) + "end") == {}
    assert found("end", "x" * SEARCHED + "end") is None


def test_the_first_rule_counts() -> None:
    by_status = ErrorRule(status=frozenset({418}), kind="overloaded", retry=True)
    full = ErrorRule(compile_wording("queue of {n}"), frozenset({500, 503}), "overloaded", ("full: {n}", "full"))
    window = ErrorRule(compile_wording("too long"), messages=("{n} > {m}", "more than {m}", "too long"))
    rules = (by_status, full, window)

    def meant(status: int, said: str, **counted: str) -> tuple[int, str] | None:
        meaning = meaning_of(status, Said(said), counted, rules)
        return meaning and (rules.index(meaning.rule), meaning.message)

    assert meant(418, "anything") == (0, "")
    assert meant(503, "queue of 12") == (1, "full: 12")
    assert meant(400, "queue of 12") is None
    assert meant(400, "too long") == (2, "too long")
    assert meant(400, "too long", m="5") == (2, "more than 5")
    assert meant(400, "too long", n="9", m="5") == (2, "9 > 5")
    assert meant(500, "queue of 3 is too long") == (1, "full: 3")
