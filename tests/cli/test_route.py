from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge import cli

ROUTES = """\
[upstreams.gpu]
base_url = "http://gpu:8000/v1"
api_key = "${GPU_KEY}"
[models.coder]
match = ["claude-sonnet-*"]
upstream = "gpu"
model = "Qwen/Qwen3-Coder-30B"
fallbacks = ["claude-*"]
[models."claude-*"]
upstream = "gpu"
parsers = []
"""


@pytest.fixture(autouse=True)
def _routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("routes.toml").write_text(ROUTES)


def facts(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, str]:
    assert cli.main(["route", *args]) == 0
    lines = capsys.readouterr().out.splitlines()
    return {line[:15].strip(): line[17:] for line in lines}


def test_the_decision_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    found = facts(capsys, "claude-sonnet-4-5")
    assert found.pop("revision")
    assert found.pop("parsers").startswith("qwen3_coder")
    assert found.pop("parsers because").startswith(
        "auto: the upstream model `Qwen/Qwen3-Coder-30B` matches `*qwen3-coder*`"
    )
    assert found == {
        "route": "coder",
        "reason": "`claude-sonnet-4-5` matches `claude-sonnet-*` of model `coder`, "
        "which has more literal characters than `claude-*`",
        "upstream": "gpu",
        "state": "off: variable `GPU_KEY` is not set",
        "address": "http://gpu:8000/v1",
        "model": "Qwen/Qwen3-Coder-30B",
        "fallbacks": "claude-*",
        "also matching": "claude-* (claude-*)",
    }  # fmt: skip


def test_no_parsers_and_the_model_as_asked(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_KEY", "x")
    found = facts(capsys, "claude-opus")
    assert (found["state"], found["model"], found["parsers"]) == ("on", "claude-opus", "-")
    assert found["parsers because"] == "the configuration wants none: native calls only"


def test_named_parsers_and_unknown_models(capsys: pytest.CaptureFixture[str]) -> None:
    with Path("routes.toml").open("a") as file:
        file.write(
            '[models.a]\nupstream = "gpu"\nparsers = ["hermes"]\n[models.b]\nupstream = "gpu"\nmodel = "brand-new"\n'
        )
    assert facts(capsys, "a")["parsers because"] == "the configuration names them"
    assert facts(capsys, "b")["parsers because"] == (
        "auto: no parser file is made for `brand-new`, so every distinctive one is armed"
    )


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["route", "coder", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fallbacks"] == ["claude-*"]


def test_no_route(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["route", "gpt"]) == 1
    assert 'error: no model matches `gpt`; [models."*"] would take every id' in capsys.readouterr().err
    assert cli.main(["route", "gpt", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["route"] == ""


def test_a_broken_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    Path("routes.toml").write_text("[models.m]\n")
    assert cli.main(["route", "m"]) == 1
    assert "routes.toml:1:9: models.m: `upstream` is missing" in capsys.readouterr().err


def test_an_anthropic_upstream_needs_no_parser(capsys: pytest.CaptureFixture[str]) -> None:
    text = '[upstreams.a]\nbase_url = "http://a/v1"\nprotocol = "anthropic"\n[models.m]\nupstream = "a"\n'
    Path("routes.toml").write_text(text)
    found = facts(capsys, "m")
    assert (found["parsers"], found["address"]) == ("-", "http://a/v1")
    assert found["parsers because"] == "none: requests and answers are passed through as they are"
    assert cli.main(["check"]) == 0
    assert cli.main(["show"]) == 0
    assert cli.main(["models"]) == 0
