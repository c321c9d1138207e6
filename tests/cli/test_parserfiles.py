from __future__ import annotations

from pathlib import Path

import pytest

from bridge.cli import parserfiles
from bridge.errors import ConfigError, UsageError

FILE = 'schema = 1\n[[call]]\nopen = "<c>"\nclose = "</c>"\ncodec = "json-call"\n'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_bundled_files_are_found(here: Path) -> None:
    files = parserfiles.read(None)
    assert "hermes" in files.found
    assert files.problems == ()
    assert files.named("hermes").spec.name == "hermes"


def test_files_of_the_configuration_shadow_them(here: Path) -> None:
    (here / "mine").mkdir()
    (here / "mine" / "hermes.toml").write_text(FILE)
    (here / "routes.toml").write_text('parser_dirs = ["mine"]\n')
    for config in (None, str(here / "routes.toml")):
        hermes = parserfiles.read(config).named("hermes")
        assert hermes.path == here / "mine" / "hermes.toml"
        assert len(hermes.shadows) == 1


def test_a_named_file_comes_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "good.toml").write_text(FILE)
    (here / "routes.toml").write_text("not = [a, parser")
    assert parserfiles.read_one("good.toml", None).path == here / "good.toml"
    assert parserfiles.read_one("./good.toml", None).path == here / "good.toml"
    assert parserfiles.read(None, [here / "good.toml"]).under([here / "good.toml"])
    assert capsys.readouterr().err == ""


def test_a_file_that_cannot_be_used_says_why(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "bad.toml").write_text(FILE + "opne = 1\n")
    with pytest.raises(ConfigError, match="mend what is listed above"):
        parserfiles.read_one("bad.toml", None)
    assert "bad.toml:6:1: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "hint"),
    [("hermse", "did you mean `hermes`?"), ("none.toml", "no such file"), ("zzzzzz", "toolbridge parsers list")],
)
def test_what_is_not_there(here: Path, name: str, hint: str) -> None:
    with pytest.raises(UsageError) as problem:
        parserfiles.read_one(name, None)
    assert hint in str(problem.value)


def test_a_missing_configuration_is_wrong_usage(here: Path) -> None:
    with pytest.raises(UsageError, match="name the configuration with -c"):
        parserfiles.read("none.toml")
