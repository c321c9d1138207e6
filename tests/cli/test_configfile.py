from __future__ import annotations

import argparse
import io
from pathlib import Path

import pytest

from bridge import cli
from bridge.cli import configfile
from bridge.errors import ConfigError, UsageError

RIGHT = '[upstreams.d]\nprotocol = "demo"\n[models.m]\nupstream = "d"\n'


def parse(*args: str, positional: bool = False) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    configfile.add_config(parser, positional=positional)
    return parser.parse_args(args)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_file_by_flag_by_variable_and_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("routes.toml", "a.toml", "b.toml", "a.prod.toml"):
        Path(name).write_text(RIGHT)
    assert configfile.chosen(parse()).config_path() == Path("routes.toml")
    monkeypatch.setenv("BRIDGE_CONFIG", "a.toml")
    assert configfile.chosen(parse()).config_path() == Path("a.toml")
    assert configfile.chosen(parse("-c", "b.toml")).config_path() == Path("b.toml")
    assert configfile.chosen(parse("b.toml", positional=True)).config_path() == Path("b.toml")
    monkeypatch.setenv("BRIDGE_ENV", "prod")
    assert configfile.snapshot(parse()).path == Path("a.prod.toml").absolute()
    with pytest.raises(UsageError, match=r"b\.prod\.toml: there is no such file; environment `prod` needs it"):
        configfile.chosen(parse("-c", "b.toml"))


def test_a_wrong_file_is_an_error_with_its_problems() -> None:
    Path("routes.toml").write_text("[models.m]\n")
    with pytest.raises(ConfigError) as caught:
        configfile.snapshot(parse())
    assert [item.code for item in caught.value.diagnostics] == ["missing-key"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def given(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    given(RIGHT)
    assert list(configfile.snapshot(parse("-", positional=True)).routes) == ["m"]
    given("[models.m]\nupstrem = 1\n")
    assert cli.main(["check", "-"]) == 1
    assert "-:2:1: models.m.upstrem: unknown key" in capsys.readouterr().out
    given(RIGHT)
    assert cli.main(["show", "-", "--origin"]) == 0
    assert "# -:2" in capsys.readouterr().out
    with pytest.raises(UsageError, match="name the file"):
        configfile.chosen(parse("-c", "-", "--env", "prod"))
