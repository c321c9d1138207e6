from __future__ import annotations

import json

import pytest
from scripted import Upstream, reply

from bridge import cli


def ask(body: dict[str, object], *args: str) -> int:
    with Upstream(reply(200 if body["ok"] else 422, json.dumps(body))) as proxy:
        status = cli.main(["reload", "--url", proxy.url, *args])
    assert (proxy.requests[0].method, proxy.requests[0].path) == ("POST", "/-/reload")
    return status


@pytest.mark.parametrize(("changed", "word"), [(True, "reloaded"), (False, "unchanged")])
def test_taken(changed: bool, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask({"ok": True, "changed": changed, "revision": "abc", "error": ""}) == 0
    assert capsys.readouterr() == (f"{word}: revision abc\n", "")


def test_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask({"ok": False, "changed": False, "revision": "abc", "error": "routes.toml:1:1: wrong"}) == 1
    assert capsys.readouterr() == (
        "",
        "routes.toml:1:1: wrong\nerror: refused; revision abc stays until the file is mended\n",
    )


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    answer: dict[str, object] = {"ok": True, "changed": True, "revision": "abc", "error": ""}
    assert ask(answer, "--json") == 0
    assert json.loads(capsys.readouterr().out) == answer


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reload", "--url", "http://127.0.0.1:1"]) == 3
    assert "toolbridge serve" in capsys.readouterr().err
