from __future__ import annotations

import json
from typing import Any

import pytest
from scripted import Upstream, reply

from bridge import cli

STATUS: dict[str, Any] = {
    "version": "1.2.3",
    "draining": True,
    "in_flight": 2,
    "requests": 7,
    "upstreams": {"gpu": {"breaker": "closed", "in_flight": 2, "limit": 64}},
    "config": {
        "revision": "abc",
        "environment": "prod",
        "path": "/etc/bridge/routes.toml",
        "loaded_at": 86400.0,
        "restart_required": ["server.listen"],
        "last_attempt": {"ok": True, "error": ""},
    },
}


def ask(status: int, body: object, *args: str) -> int:
    with Upstream(reply(status, body if isinstance(body, str) else json.dumps(body))) as proxy:
        return cli.main(["status", "--url", proxy.url, *args])


def test_the_facts(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(200, STATUS) == 0
    assert capsys.readouterr().out.splitlines() == [
        "version     1.2.3",
        "revision    abc (prod)",
        "file        /etc/bridge/routes.toml",
        "loaded      1970-01-02 00:00:00",
        "restart     needed for server.listen",
        "in flight   2, draining",
        "requests    7",
        "upstream    gpu: 2/64 in flight, breaker closed",
    ]


def test_json_is_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(200, STATUS, "--json") == 0
    assert json.loads(capsys.readouterr().out) == STATUS


def test_a_refused_reload_is_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    config = STATUS["config"] | {"last_attempt": {"ok": False, "error": "routes.toml:1:1: x: wrong"}}
    assert ask(200, STATUS | {"config": config}) == 1
    assert capsys.readouterr().err == (
        "routes.toml:1:1: x: wrong\nerror: the last reload was refused; revision abc stays until the file is mended\n"
    )


def test_not_allowed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_ADMIN_KEY", "hunter2")
    with Upstream(reply(403, json.dumps({"error": {"message": "not from here"}}))) as proxy:
        assert cli.main(["status", "--url", proxy.url]) == 2
    assert proxy.requests[0].headers["authorization"] == "Bearer hunter2"
    err = capsys.readouterr().err
    assert "not from here; give the key with --key" in err
    assert "hunter2" not in err


@pytest.mark.parametrize("body", ["<html>", "[]"])
def test_something_else_answers(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(200, body) == 3
    assert "is not toolbridge" in capsys.readouterr().err
