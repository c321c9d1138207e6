from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge import cli

FILE = """\
schema = 1
models = ["*mine*"]

[[call]]
open = "<c>"
close = "</c>"
codec = "json-call"

[[examples]]
title = "one call"
raw = 'Look: <c>{"name": "f", "arguments": {"a": 1}}</c>'
tools = [{ name = "f", properties = { a = "integer" } }]
expect = [{ text = "Look:" }, { name = "f", input = { a = 1 } }]
"""
WRONG = FILE + '\n[[examples]]\nraw = "text"\nexpect = [{ text = "other" }]\n'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("args", [[], ["list"]])
def test_the_list(args: list[str], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "hermes.toml").write_text(FILE)
    (here / "routes.toml").write_text('parser_dirs = ["sub"]\n')
    (here / "sub").mkdir()
    (here / "hermes.toml").rename(here / "sub" / "hermes.toml")
    assert cli.main(["parsers", *args]) == 0
    out = capsys.readouterr().out
    assert out.startswith("NAME ")
    (line,) = [line for line in out.splitlines() if line.startswith("hermes ")]
    assert "sub/hermes.toml, shadows bundled/hermes.toml" in line
    assert line.endswith("*mine*")


def test_the_list_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["parsers", "list", "--json"]) == 0
    found = {item["name"]: item for item in json.loads(capsys.readouterr().out)}
    assert found["hermes"]["models"]
    assert found["hermes"]["file"].endswith("parsers/hermes.toml")


def test_a_broken_file_is_a_problem(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "routes.toml").write_text('parser_dirs = ["sub"]\n')
    (here / "sub").mkdir()
    (here / "sub" / "bad.toml").write_text("schema = 2\n")
    assert cli.main(["parsers", "list"]) == 1
    assert cli.main(["parsers", "test", "sub/bad.toml"]) == 1
    assert "bad.toml:1:10: schema" in capsys.readouterr().err


def test_examples_that_pass(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "mine.toml").write_text(FILE)
    assert cli.main(["parsers", "test", "mine.toml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mine.toml ."
    assert lines[1].startswith("1 passed in ")


def test_examples_that_fail(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "sub").mkdir()
    (here / "sub" / "mine.toml").write_text(WRONG)
    for what in ("sub", "sub/mine.toml", "./sub/mine.toml"):
        assert cli.main(["parsers", "test", what]) == 1
        out = capsys.readouterr().out
        assert out.startswith("sub/mine.toml .F\n")
        assert "mine: example 2, fed " in out
        assert "\n1 failed, 1 passed in " in out


def test_failures_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "mine.toml").write_text(WRONG)
    assert cli.main(["parsers", "test", "mine.toml", "--json"]) == 1
    (item,) = json.loads(capsys.readouterr().out)
    assert (item["name"], item["examples"], len(item["failures"])) == ("mine", 2, 1)


def test_by_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["parsers", "test", "hermes"]) == 0
    assert capsys.readouterr().out.startswith("bundled/hermes.toml .")
    assert cli.main(["parsers", "test", "hermse"]) == 2
    assert "did you mean `hermes`?" in capsys.readouterr().err
