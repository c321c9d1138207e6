from __future__ import annotations

import io
import json

import pytest

from bridge.cli import render


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colour(environment: dict[str, str], terminal: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()
    assert render.coloured(stream) is coloured
    assert render.paint("x", "red", "bold", stream=stream) == ("\x1b[31;1mx\x1b[0m" if coloured else "x")


def test_a_table_is_aligned_and_has_no_trailing_blanks() -> None:
    text = render.table(["name", "models"], [["hermes", 3], ["glm", ""]])
    assert text.split("\n") == ["NAME    MODELS", "hermes  3", "glm"]


def test_json_keeps_text_readable(capsys: pytest.CaptureFixture[str]) -> None:
    render.print_json({"ü": [1]})
    out = capsys.readouterr().out
    assert "ü" in out
    assert json.loads(out) == {"ü": [1]}


def test_remarks_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    render.note("a")
    render.warning("b")
    render.error("c")
    assert capsys.readouterr() == ("", "a\nwarning: b\nerror: c\n")
