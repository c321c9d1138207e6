"""``check --online`` against real sockets."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from scripted import Play, Upstream, reply

from bridge import cli

LIST = reply(200, json.dumps({"data": [{"id": "qwen3-coder"}, {"id": "glm"}]}))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(url: str, model: str, *flags: str) -> int:
    Path("routes.toml").write_text(
        f'[upstreams.u]\nbase_url = "{url}"\n[upstreams.off]\nbase_url = "http://h"\napi_key = "${{NO_KEY:-none}}"\n'
        f'[upstreams.d]\nprotocol = "demo"\n'
        f'[models.m]\nupstream = "u"\nmodel = "{model}"\n[models.n]\nupstream = "u"\n[models.o]\nupstream = "d"\n'
    )
    return cli.main(["check", "--online", *flags])


def test_an_upstream_with_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    with Upstream(LIST) as upstream:
        assert check(upstream.url, "glm") == 0
        assert [request.path for request in upstream.requests] == ["/v1/models"]
    assert capsys.readouterr().out == ""


def test_an_upstream_without_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    with Upstream(LIST) as upstream:
        assert check(upstream.url, "qwen3-codr") == 0
        assert capsys.readouterr().out.splitlines() == [
            "routes.toml:10:9: models.m.model: warning: upstream `u` does not list the model `qwen3-codr`",
            '   10 | model = "qwen3-codr"',
            "      |         ^ did you mean `qwen3-coder`?",
        ]
        assert check(upstream.url, "qwen3-codr", "--strict") == 1


@pytest.mark.parametrize(
    ("play", "status", "text"),
    [
        (reply(404), 0, "warning: upstream `u` does not list its models; they are not checked"),
        (reply(403), 3, "upstream `u` refuses the key (status 403); see its `api_key`"),
    ],
)
def test_other_answers(play: Play, status: int, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Upstream(play) as upstream:
        assert check(upstream.url, "x") == status
    assert f"routes.toml:2:12: upstreams.u.base_url: {text}" in capsys.readouterr().out


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    assert check(f"http://127.0.0.1:{port}/v1", "x") == 3
    assert "routes.toml:2:12: upstreams.u.base_url: upstream `u` cannot be reached" in capsys.readouterr().out


def test_a_wrong_file_is_not_asked_about(capsys: pytest.CaptureFixture[str]) -> None:
    with Upstream(LIST) as upstream:
        assert check(upstream.url, 'x"\ntols = "y') == 1
        assert upstream.requests == []
