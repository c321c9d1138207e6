from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge import cli

WRONG = """\
[upstreams.local]
base_ulr = "http://localhost:11434/v1"
[models.coder]
upstream = "locl"
timeouts = { connect = 5 }
"""
RIGHT = '[upstreams.d]\nprotocol = "demo"\n[models.m]\nupstream = "d"\n'


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_problem_is_data(capsys: pytest.CaptureFixture[str]) -> None:
    Path("routes.toml").write_text(WRONG)
    assert cli.main(["check"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "routes.toml:2:1: upstreams.local.base_ulr: unknown key",
        '    2 | base_ulr = "http://localhost:11434/v1"',
        "      | ^ did you mean `base_url`?",
        "routes.toml:4:12: models.coder.upstream: unknown upstream `locl`",
        '    4 | upstream = "locl"',
        "      |            ^ did you mean `local`?",
        'routes.toml:5:24: models.coder.timeouts.connect: write the unit: "5s" (ms, s, m or h), not 5',
        "    5 | timeouts = { connect = 5 }",
        "      |                        ^",
    ]
    assert err == "routes.toml: 3 errors\n"


def test_other_formats(capsys: pytest.CaptureFixture[str]) -> None:
    Path("routes.toml").write_text(WRONG)
    assert cli.main(["check", "--format", "json", "routes.toml"]) == 1
    out, err = capsys.readouterr()
    assert [item["line"] for item in json.loads(out)] == [2, 4, 5]
    assert err == ""
    assert cli.main(["check", "--format", "github"]) == 1
    assert capsys.readouterr().out.splitlines()[1] == (
        "::error file=routes.toml,line=4,col=12,title=unknown-upstream"
        "::models.coder.upstream: unknown upstream `locl`; did you mean `local`?"
    )


def test_a_right_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("routes.toml").write_text(RIGHT)
    assert cli.main(["check"]) == 0
    assert capsys.readouterr() == ("", "routes.toml: no problems\n")
    assert cli.main(["check", "--format", "json"]) == 0
    assert capsys.readouterr().out == "[]\n"


def test_strict_makes_warnings_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("routes.toml").write_text(RIGHT + '[upstreams.e]\nbase_url = "http://h"\napi_key = "${SOME_KEY}"\n')
    assert cli.main(["check"]) == 0
    assert cli.main(["check", "--strict"]) == 1
    monkeypatch.setenv("SOME_KEY", "x")
    assert cli.main(["check", "--strict"]) == 0


def test_an_environment(capsys: pytest.CaptureFixture[str]) -> None:
    Path("routes.toml").write_text(RIGHT)
    Path("routes.prod.toml").write_text('extends = "routes.toml"\n[server]\nlisten = "0.0.0.0:80"\n')
    assert cli.main(["check", "--env", "prod"]) == 1
    assert capsys.readouterr().out.startswith('routes.prod.toml:3:10: server.listen: "0.0.0.0:80" is reachable')


@pytest.mark.parametrize("args", [[], ["nowhere.toml"], ["--env", "prod"], ["--env", "a/b"], ["--format", "xml"]])
def test_wrong_usage(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = cli.main(["check", *args])
    except SystemExit as ended:
        status = int(str(ended.code))
    assert status == 2
    assert "error:" in capsys.readouterr().err


def test_examples_of_parser_files_are_run(capsys: pytest.CaptureFixture[str]) -> None:
    Path("own").mkdir()
    Path("own/mine.toml").write_text(
        'extends = "hermes"\nmodels = []\n[[examples]]\nraw = "hello"\nexpect = [{ text = "bye" }]\n'
    )
    Path("routes.toml").write_text('parser_dirs = ["own"]\n' + RIGHT)
    assert cli.main(["check"]) == 1
    assert "own/mine.toml:3:3: examples[0]: example fails when fed whole: expected" in capsys.readouterr().out
