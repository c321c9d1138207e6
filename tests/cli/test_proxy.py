from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest
from running import DEMO
from scripted import FIN, RST, Upstream, head, part

from bridge.cli import proxy
from bridge.errors import UnreachableError, UsageError


def where(**flags: object) -> str:
    return proxy.base_url(Namespace(**{"url": None, "config": None, "env": None, **flags}))


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:4100", "http://127.0.0.1:4100"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("[::]:80", "http://[::1]:80"),
        ("[2001:db8::1]:80", "http://[2001:db8::1]:80"),
        ("bridge.example.org:80", "http://bridge.example.org:80"),
    ],
)
def test_an_address_as_a_url(listen: str, url: str) -> None:
    assert proxy.url_of(listen) == url


def test_flag_beats_variable_beats_file_beats_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert where() == "http://127.0.0.1:4100"
    (tmp_path / "routes.toml").write_text(DEMO + '[server]\nlisten = "127.0.0.1:1"\n')
    (tmp_path / "routes.prod.toml").write_text('extends = "routes.toml"\n[server]\nlisten = "127.0.0.1:2"\n')
    assert where() == "http://127.0.0.1:1"
    assert where(env="prod") == "http://127.0.0.1:2"
    monkeypatch.setenv("BRIDGE_ENV", "prod")
    assert where(config="routes.toml") == "http://127.0.0.1:2"
    monkeypatch.setenv("BRIDGE_LISTEN", "127.0.0.1:3")
    assert where() == "http://127.0.0.1:3"
    assert where(url="http://h:4/v1") == "http://h:4"


def test_a_broken_file_does_not_hide_the_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "routes.toml").write_text("[server\n")
    assert where() == "http://127.0.0.1:4100"


def test_a_missing_file_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        where(config=str(tmp_path / "none.toml"))


@pytest.mark.parametrize("url", ["nonsense", "http://", "http://[::1", "http://h:99999", "http://h:x"])
def test_a_url_without_an_address(url: str) -> None:
    with pytest.raises(UsageError, match="--url"):
        where(url=url)


def test_a_variable_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_LISTEN", "x")
    with pytest.raises(UsageError, match="BRIDGE_LISTEN"):
        where()


@pytest.mark.parametrize("end", [FIN, RST])
def test_an_answer_that_breaks_off(end: str) -> None:
    with (
        Upstream([head(), part(b"data"), end]) as upstream,  # type: ignore[list-item]
        pytest.raises(UnreachableError),
        proxy.calling(upstream.url, "GET", "/", {}) as response,
    ):
        response.read()


def test_not_http(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        Upstream([b"SSH-2.0-OpenSSH\r\n", FIN]) as upstream,
        pytest.raises(UnreachableError, match="no proxy answers"),
        proxy.calling(upstream.url, "GET", "/", {}),
    ):
        pass
