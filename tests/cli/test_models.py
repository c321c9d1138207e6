from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge import cli

ROUTES = """\
[upstreams.d]
protocol = "demo"
[upstreams.e]
base_url = "http://h"
api_key = "${NO_KEY}"
[models.one]
match = ["a", "b-*"]
upstream = "d"
[models."*"]
upstream = "e"
model = "x"
parsers = ["hermes"]
fallbacks = ["one"]
"""


@pytest.fixture(autouse=True)
def _routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("routes.toml").write_text(ROUTES)


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ID   ALSO    UPSTREAM  MODEL       STATE",
        "one  a, b-*  d         (as asked)  on",
        "*    -       e         x           off: variable `NO_KEY` is not set",
    ]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[1] == {
        "id": "*",
        "match": [],
        "upstream": "e",
        "model": "x",
        "parsers": ["hermes"],
        "fallbacks": ["one"],
        "off": "variable `NO_KEY` is not set",
    }
