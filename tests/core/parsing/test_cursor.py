"""Readers that wait for text."""

from __future__ import annotations

import pytest

from bridge.core.parsing.cursor import Cursor, CutOff, Reading


def drive(cursor: Cursor, reading: Reading[str], *pieces: str, eof: bool = False) -> str | None:
    """The reader's result; None while it waits."""
    try:
        next(reading)
        for piece in pieces:
            cursor.push(piece, False, False)
            next(reading)
        if eof:
            cursor.push("", True, False)
            next(reading)
    except StopIteration as done:
        return str(done.value)
    return None


def test_position_in_the_message() -> None:
    cursor = Cursor(10, "abc")
    cursor.i = 2
    assert cursor.pos == 12
    cursor.push("de", False, False)
    assert (cursor.text, cursor.i, cursor.pos) == ("cde", 0, 12)


def test_peek() -> None:
    cursor = Cursor(0)
    assert drive(cursor, cursor.peek()) is None
    assert drive(Cursor(0, " x"), Cursor(0, " x").peek()) == " "
    cursor = Cursor(0)
    assert drive(cursor, cursor.peek(), "y") == "y"
    assert cursor.i == 0
    cursor = Cursor(0, "", eof=True)
    assert drive(cursor, cursor.peek()) == ""


def test_skip_space() -> None:
    cursor = Cursor(0, " \n")
    assert drive(cursor, cursor.skip_space(), "\t", " x") == "x"
    assert cursor.pos == 4
    cursor = Cursor(0, "  ", eof=True)
    assert drive(cursor, cursor.skip_space()) == ""


def test_need() -> None:
    cursor = Cursor(0, " x")
    assert drive(cursor, cursor.need()) == "x"
    cursor = Cursor(0, " ")
    with pytest.raises(CutOff):
        drive(cursor, cursor.need(), eof=True)


def test_wait() -> None:
    cursor = Cursor(0)
    next(cursor.wait())
    with pytest.raises(CutOff):
        next(Cursor(0, eof=True).wait())
