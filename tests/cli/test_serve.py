from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
from running import DEMO, serving

from bridge import cli


def test_it_serves_and_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(tmp_path) as proxy:
        assert cli.main(["send", "hello there", "--url", proxy.url]) == 0
        assert capsys.readouterr().out == "hello there\n"
        assert proxy.stop(signal.SIGINT) == 0
    assert "Traceback" not in proxy.log()


def test_a_reload_is_taken_or_refused_and_status_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(tmp_path) as proxy:
        assert cli.main(["status", "--url", proxy.url]) == 0
        assert str(proxy.file) in capsys.readouterr().out
        assert cli.main(["reload", "--url", proxy.url]) == 0
        assert capsys.readouterr().out.startswith("unchanged: revision ")

        proxy.file.write_text(DEMO + '\n[models.more]\nupstream = "demo"\nmodel = "demo"\n')
        assert cli.main(["reload", "--url", proxy.url]) == 0
        assert "revision " in capsys.readouterr().out

        proxy.file.write_text(DEMO + "[models.bad]\nupstrem = 1\n")
        assert cli.main(["reload", "--url", proxy.url]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert "routes.toml:8:1: models.bad" in err
        assert cli.main(["status", "--url", proxy.url]) == 1
        out, err = capsys.readouterr()
        assert "revision" in out
        assert "routes.toml:8:1: models.bad" in err
        assert err.endswith("stays until the file is mended\n")


def test_a_broken_configuration_does_not_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "routes.toml").write_text("[servr]\n")
    assert cli.main(["serve", "-c", str(tmp_path / "routes.toml")]) == 3
    err = capsys.readouterr().err
    assert "did you mean `server`?" in err
    assert "mend what is listed above" in err


def test_an_address_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "routes.toml").write_text(DEMO)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        assert cli.main(["serve", "-c", str(tmp_path / "routes.toml"), "--listen", listen]) == 3
    assert capsys.readouterr().err.endswith("choose another address with --listen\n")


def test_no_configuration_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["serve"]) == 2
    assert "toolbridge dev" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--listen", "x"], ["--log-level", "loud"], ["--workers", "0"]])
def test_a_wrong_flag_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str]) -> None:
    (tmp_path / "routes.toml").write_text(DEMO)
    assert cli.main(["serve", "-c", str(tmp_path / "routes.toml"), *flags]) == 2
    assert capsys.readouterr().err.startswith(f"{flags[0]} or BRIDGE_")
