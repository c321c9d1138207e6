from __future__ import annotations

import shutil
import subprocess

import pytest

from bridge import cli
from bridge.cli.env import exports

NAMES = ("ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY", "CLAUDE_CODE_ATTRIBUTION_HEADER")


def test_the_lines_for_bash(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["env", "--shell", "bash"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "export ANTHROPIC_BASE_URL=http://127.0.0.1:4100",
        "export ANTHROPIC_AUTH_TOKEN=local",
        "export ANTHROPIC_API_KEY=",
        "export CLAUDE_CODE_ATTRIBUTION_HEADER=0",
    ]


@pytest.mark.parametrize(
    ("flags", "listen", "url"),
    [
        ([], "0.0.0.0:9", "http://127.0.0.1:9"),
        ([], "[::]:9", "http://[::1]:9"),
        ([], "localhost:9", "http://localhost:9"),
        (["--url", "https://bridge.example.org/v1/"], "localhost:9", "https://bridge.example.org"),
    ],
)
def test_where_the_proxy_is(
    flags: list[str], listen: str, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRIDGE_LISTEN", listen)
    assert cli.main(["env", "--shell", "powershell", *flags]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"$env:ANTHROPIC_BASE_URL = '{url}'"


def test_the_shell_is_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    monkeypatch.setenv("BRIDGE_KEY", "it's \\ me")
    cli.main(["env"])
    assert "set -gx ANTHROPIC_AUTH_TOKEN 'it\\'s \\\\ me'" in capsys.readouterr().out


def test_a_url_without_a_scheme_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["env", "--url", "localhost:4100"]) == 2
    assert "http://" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("key", ["plain", 'it\'s $HOME `x` \\ "q"', "a b"])
def test_shells_read_back_what_was_written(shell: str, key: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    lines = exports("http://h:1", shell, key)
    program = "\n".join([*lines, *(f'echo "${name}"' for name in NAMES)])
    done = subprocess.run([shell, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["http://h:1", key, "", "0"]
