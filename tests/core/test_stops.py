"""Stop sequences: where a text is cut, and that no way to split it makes a difference."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import pytest
from chunking import chunkings
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.events import Event, TextDelta, ThinkingDelta, ToolCallStart
from bridge.core.stops import MOST, StopCutter, StopGate, check_sequences
from bridge.errors import RequestError


def cut(sequences: Sequence[str], pieces: Iterable[str]) -> tuple[str, str | None]:
    cutter = StopCutter(sequences)
    said = "".join([cutter.feed(piece) for piece in pieces])
    return said + cutter.end(), cutter.matched


def naive(sequences: Sequence[str], text: str) -> tuple[str, str | None]:
    """By the definition: the one that ends first, and of those the longest."""
    for end in range(1, len(text) + 1):
        found = [sequence for sequence in sequences if text[:end].endswith(sequence)]
        if found:
            longest = max(found, key=len)
            return text[: end - len(longest)], longest
    return text, None


@pytest.mark.parametrize(
    ("sequences", "text", "said", "matched"),
    [
        (["END"], "so ENENDED", "so EN", "END"),
        (["END"], "so EN", "so EN", None),
        (["END"], "END", "", "END"),
        (["END", "\n\nHuman:"], "a\n\nHumane\n\nHuman: b END", "a\n\nHumane", "\n\nHuman:"),
        (["abab"], "aababab", "a", "abab"),
        (["aab"], "aaaaab", "aaa", "aab"),
        # The shorter one ends first, even inside of what might have become the longer one.
        (["abcd", "bc"], "xabcd", "xa", "bc"),
        (["bc", "abc"], "xabc", "x", "abc"),
        (["👍🏽", "é"], "ok 👍 👍🏽é", "ok 👍 ", "👍🏽"),
        (["]", "^", "\\", "-"], "a[b-c", "a[b", "-"),
        (["a", "a"], "bab", "b", "a"),
    ],
)
def test_where_a_text_is_cut(sequences: list[str], text: str, said: str, matched: str | None) -> None:
    for pieces in chunkings(text):
        assert cut(sequences, pieces) == (said, matched)


@given(
    st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=4),
    st.lists(st.text("abc", max_size=6), max_size=6),
)
def test_every_split_gives_what_the_definition_says(sequences: list[str], pieces: list[str]) -> None:
    assert cut(sequences, pieces) == naive(sequences, "".join(pieces))


@given(st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=4), st.text("abc", max_size=12))
def test_only_a_possible_beginning_is_held_back(sequences: list[str], text: str) -> None:
    cutter = StopCutter(sequences)
    said = ""
    for end, char in enumerate(text, 1):
        said += cutter.feed(char)
        if cutter.matched is not None:
            return
        held = text[len(said) : end]
        assert held == max(
            (text[start:end] for start in range(end + 1) if any(s.startswith(text[start:end]) for s in sequences)),
            key=len,
        )


def test_nothing_comes_behind_a_match() -> None:
    cutter = StopCutter(["."])
    assert cutter.feed("a.b") == "a"
    assert cutter.feed("c.d") == ""
    assert cutter.end() == ""
    assert cutter.matched == "."


def seconds(sequence: str, text: str) -> float:
    cutter = StopCutter([sequence])
    before = time.process_time()
    for start in range(0, len(text), 7):
        cutter.feed(text[start : start + 7])
    return time.process_time() - before


def test_time_grows_with_the_text_only() -> None:
    """Text that is always about to match: going back to compare again would cost its square."""
    sequence = "a" * 20_000 + "b"
    small, large = seconds(sequence, "a" * 50_000), seconds(sequence, "a" * 200_000)
    assert large < 10 * small + 0.2


class Shown:
    def __init__(self, *sequences: str) -> None:
        self.events: list[Event] = []
        self.gate = StopGate(sequences, self.events.append)


def test_the_gate_ends_an_answer() -> None:
    shown = Shown("END")
    for event in (TextDelta("a E"), TextDelta("N"), TextDelta("D b"), ThinkingDelta("x"), TextDelta("c")):
        shown.gate(event)
    shown.gate.flush()
    assert shown.events == [TextDelta("a ")]
    assert shown.gate.matched == "END"


def test_blocks_are_texts_of_their_own() -> None:
    shown = Shown("END")
    events = [TextDelta("a EN"), ThinkingDelta("END"), TextDelta("D"), ToolCallStart(0, "i", "END"), TextDelta("EN")]
    for event in events:
        shown.gate(event)
    assert shown.events == [TextDelta("a "), TextDelta("EN"), *events[1:4]]
    shown.gate.flush()
    assert shown.events[-1] == TextDelta("EN")
    assert shown.gate.matched is None


def test_sequences_have_a_reasonable_size() -> None:
    check_sequences(())
    check_sequences(["a" * MOST])
    with pytest.raises(RequestError) as caught:
        check_sequences(["a" * MOST, "b"])
    assert caught.value.fault.kind == "invalid_request"
