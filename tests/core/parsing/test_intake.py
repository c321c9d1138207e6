"""Text in bounded pieces, what is read again in front."""

from __future__ import annotations

from bridge.core.parsing.intake import PIECE, Intake


def taken(intake: Intake) -> list[str]:
    pieces = []
    while len(intake):
        pieces.append(intake.take())
    return pieces


def test_pieces_are_bounded() -> None:
    intake = Intake()
    text = "abc" * PIECE
    intake.put(text)
    pieces = taken(intake)
    assert "".join(pieces) == text
    assert max(map(len, pieces)) == PIECE


def test_what_is_put_last_comes_first() -> None:
    intake = Intake()
    intake.put("second")
    intake.put("")
    intake.put("first")
    assert taken(intake) == ["first", "second"]


def test_the_rest_of_a_long_text_waits() -> None:
    intake = Intake()
    intake.put("a" * PIECE + "b")
    intake.take()
    intake.put("again")
    assert taken(intake) == ["again", "b"]


def test_a_switch() -> None:
    intake = Intake()
    assert not intake.at_switch
    intake.put("behind")
    intake.put_switch()
    assert intake.at_switch
    assert taken(intake) == ["", "behind"]
