"""Rules 12 and 13: blocks and their edges, code and where it ends."""

from __future__ import annotations

import pytest
from chunking import chunkings
from reading import joined

from bridge.core.events import TextDelta, ThinkingDelta
from bridge.core.parsing.blocks import BlockWriter, FenceTracker


def written(writer: BlockWriter, *steps: tuple[str, str] | None) -> list[object]:
    for step in steps:
        if step is None:
            writer.boundary()
        else:
            writer.write(step[1], reasoning=step[0] == "r")
    writer.finish()
    return list(joined(writer.out))


def test_only_text_comes_out_as_it_is() -> None:
    for chunks in chunkings("\n a \n b \n"):
        assert written(BlockWriter("both", "both"), *[("t", chunk) for chunk in chunks]) == [TextDelta("\n a \n b \n")]


def test_blank_text_vanishes() -> None:
    assert written(BlockWriter("both", "both"), ("t", " \n")) == []
    assert written(BlockWriter("none", "none"), ("t", " \n"), None, ("t", "  ")) == []


@pytest.mark.parametrize(
    ("trim", "expected"),
    [("both", ["a", "b"]), ("newlines", [" a ", " b "]), ("none", ["\n a \n", "\n b \n"])],
)
def test_edges(trim: str, expected: list[str]) -> None:
    for first in chunkings("\n a \n"):
        writer = BlockWriter(trim, "both")
        writer.boundary()
        got = written(writer, *[("t", chunk) for chunk in first], None, ("t", "\n b \n"))
        assert "".join(event.text for event in got if isinstance(event, TextDelta)) == "".join(expected)


def test_reasoning_has_its_own_trim() -> None:
    got = written(BlockWriter("none", "both"), ("r", " a "), ("r", "b "), None, ("t", " c "))
    assert got == [ThinkingDelta("a b"), TextDelta(" c ")]


def test_a_change_between_text_and_reasoning_is_an_edge() -> None:
    got = written(BlockWriter("both", "both"), ("t", "a "), ("r", " b "), ("t", " c"))
    assert got == [TextDelta("a"), ThinkingDelta("b"), TextDelta("c")]


def test_long_runs_of_white_space_are_released() -> None:
    writer = BlockWriter("both", "both")
    writer.write("a" + " " * 5000, reasoning=False)
    assert writer.out == [TextDelta("a" + " " * 5000)]
    writer = BlockWriter("both", "both")
    writer.write(" " * 5000, reasoning=False)
    assert sum(len(event.text) for event in writer.out if isinstance(event, TextDelta)) > 0


def test_the_quick_way_gives_the_same() -> None:
    for text in ("b", "b ", " b", "b" + " " * 5000):
        quick, slow = BlockWriter("both", "both"), BlockWriter("both", "both")
        for writer in (quick, slow):
            writer.write("a ", reasoning=False)
        before = quick.out.copy()
        quick.out.clear()
        events = quick.plain(text)
        slow.write(text, reasoning=False)
        assert events is not None
        quick.out += events
        for writer in (quick, slow):
            writer.write("c", reasoning=False)
            writer.finish()
        assert joined(before + quick.out) == joined(slow.out)


def test_the_quick_way_is_for_the_middle_of_text_only() -> None:
    writer = BlockWriter("both", "both")
    assert writer.plain("a") is None
    writer.write("a", reasoning=False)
    assert writer.plain("b") is None
    writer.out.clear()
    assert writer.plain("b") == [TextDelta("b")]
    writer.write("c", reasoning=True)
    writer.out.clear()
    assert writer.plain("d") is None


INSIDE = [
    "```\nx",
    "```python\nx",
    "~~~\nx",
    "  ```\nx",
    "a\n```\n~~~\n",
    "````\n```\n",
    "`x",
    "``x ` y",
    "```\n```x\n```y",
    "~~~ `a`\n",
]
OUTSIDE = [
    "",
    "x",
    "```\nx\n```\n",
    "~~~\n~~~\n",
    "`x` ",
    "``x`` ",
    "``x ` y`` ",
    "`x\n",
    "```x``` y",
    "a ~~~\nb",
    "````\n```\n````\n",
    "~x~ ",
]


@pytest.mark.parametrize("text", INSIDE)
def test_inside_code(text: str) -> None:
    assert_inside(text, True)


@pytest.mark.parametrize("text", OUTSIDE)
def test_outside_code(text: str) -> None:
    assert_inside(text, False)


def assert_inside(text: str, expected: bool) -> None:
    for chunks in chunkings(text) if text else [[]]:
        fences = FenceTracker()
        for chunk in chunks:
            fences.feed(chunk)
        assert fences.inside is expected, chunks


def test_line_start() -> None:
    for text, expected in (
        ("", True),
        ("  ", True),
        ("a", False),
        ("a\n", True),
        ("a\n \t", True),
        ("a\nb", False),
        ("`", False),
    ):
        for chunks in chunkings(text) if text else [[]]:
            fences = FenceTracker()
            for chunk in chunks:
                fences.feed(chunk)
            assert fences.line_start is expected, chunks


def test_words_are_passed_quickly() -> None:
    fences = FenceTracker()
    fences.pass_words("  ")
    assert fences.line_start
    fences.pass_words("word")
    assert not fences.line_start
    fences.feed("`")
    fences.pass_words("x")
    assert fences.inside
