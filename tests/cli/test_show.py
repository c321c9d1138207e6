from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from bridge import cli

BASE = '[upstreams.d]\nprotocol = "demo"\napi_key = "hunter2"\n[models.m]\nupstream = "d"\n'


@pytest.fixture(autouse=True)
def _routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("routes.toml").write_text(BASE)
    Path("routes.prod.toml").write_text('extends = "routes.toml"\n[models.m]\ntools = "prompt"\n')


def test_toml(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show"]) == 0
    out, err = capsys.readouterr()
    tree = tomllib.loads(out)
    assert tree["models"]["m"]["tools"] == "native"
    assert tree["upstreams"]["d"]["api_key"] == "***"
    assert "hunter2" not in out + err


def test_origins_of_an_environment(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_LISTEN", "127.0.0.1:9")
    assert cli.main(["show", "--env", "prod", "--origin"]) == 0
    out = capsys.readouterr().out
    origins = {line.split("#")[0].strip(): line.split("#")[1].strip() for line in out.splitlines() if "#" in line}
    assert origins['tools = "prompt"'] == "routes.prod.toml:3"
    assert origins['protocol = "demo"'] == "routes.toml:2"
    assert origins['listen = "127.0.0.1:9"'] == "--listen or BRIDGE_LISTEN"
    assert origins["workers = 1"] == "built in"
    assert tomllib.loads(out)["models"]["m"]["tools"] == "prompt"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", "--json", "routes.toml"]) == 0
    assert json.loads(capsys.readouterr().out)["limits"]["request_body"] == "32MB"


def test_a_broken_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    Path("routes.toml").write_text("[models.m]\n")
    assert cli.main(["show"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "routes.toml:1:9: models.m: `upstream` is missing" in err
