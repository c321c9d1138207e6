from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bridge
from bridge import cli
from bridge.config.diagnose import Diagnostic
from bridge.errors import BridgeError, ConfigError, UnreachableError, UsageError

ROOT = Path(bridge.__file__).parent.parent


def toolbridge(*args: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge", *args],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=ROOT,
        **options,  # type: ignore[call-overload]
    )


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["--help"])
    assert exit_.value.code == 0
    listed = re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE)
    assert listed == list(cli.VERBS)


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main([verb, "--help"])
    assert exit_.value.code == 0
    assert f"usage: toolbridge {verb}" in capsys.readouterr().out


def test_help_is_quick() -> None:
    """A quarter of a second by the clock where nothing else runs. Here much may: the time on the processor counts,
    and of the time off it that it is not more than what Python itself spends so at the same moment."""
    spent, waited, waited_bare = [], [], []
    for _ in range(5):
        for command, waits in (("bridge", waited), ("this", waited_bare)):
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run([sys.executable, "-m", command, "--help"], capture_output=True, check=True, cwd=ROOT)
            wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
            waits.append(wall - cpu)
            if command == "bridge":
                spent.append(cpu)
    assert min(spent) < 0.25
    assert min(waited) < 0.1 + 10 * min(waited_bare)


def test_help_imports_nothing_heavy() -> None:
    heavy = {
        "fastapi",
        "starlette",
        "uvicorn",
        "pydantic",
        "httpx",
        "httptools",
        "jinja2",
        "msgspec",
        "watchfiles",
        "asyncio",
    }
    script = "import sys; from bridge.cli import build_parser; build_parser(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert heavy.isdisjoint(loaded.stdout.split())


def test_version() -> None:
    assert toolbridge("--version").stdout == f"toolbridge {bridge.__version__}\n"


def test_no_verb_is_wrong_usage() -> None:
    done = toolbridge()
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: toolbridge" in done.stderr


@pytest.mark.parametrize(
    "args", [["nonsense"], ["--nonsense"], ["env", "--nonsense"], ["env", "more"], ["env", "--shell", "csh"]]
)
def test_wrong_usage_ends_with_what_to_do(args: list[str]) -> None:
    done = toolbridge(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(r"error: .*; see `toolbridge( env)? --help`\n$", done.stderr)


PROBLEM = Diagnostic("E101", "error", "routes.toml", 3, 1, "models.x", "unknown key `x`", "did you mean `y`?")


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (UsageError("no such file; name another"), 2, "error: no such file; name another\n"),
        (UnreachableError("nobody there; start one"), 3, "error: nobody there; start one\n"),
        (BridgeError("it broke"), 1, "error: it broke\n"),
        (
            ConfigError(str(PROBLEM), [PROBLEM]),
            1,
            "routes.toml:3:1: models.x: unknown key `x`; did you mean `y`?\n"
            "error: 1 problem in the configuration; mend what is listed above\n",
        ),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_become_one_line_and_a_status(
    error: BaseException,
    status: int,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr("bridge.cli.env.run", fail)
    assert cli.main(["env"]) == status
    assert capsys.readouterr().err == text


def test_a_bug_is_one_line_and_a_traceback_only_on_demand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bridge.cli.env.run", lambda _: 1 // 0)
    assert cli.main(["env"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: a bug: ZeroDivisionError: ")
    assert err.count("\n") == 1
    monkeypatch.setenv("BRIDGE_LOG_LEVEL", "debug")
    assert cli.main(["env"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_closed_pipe_is_quiet() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "env"], stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.parametrize("verb", [["env"], ["schema"], ["check", "routes.toml"]])
def test_closed_streams_and_a_full_disk_are_no_bugs(verb: list[str]) -> None:
    command = f'"$0" -m bridge {" ".join(verb)}'
    done = {
        streams: subprocess.run(
            ["sh", "-c", f"{command} {streams}", sys.executable], capture_output=True, text=True, cwd=ROOT, check=False
        )
        for streams in (">&- 2>&- <&-", ">&-", ">/dev/full")
    }
    assert [one.returncode for one in done.values()] == [0, 0, 1]
    assert "Traceback" not in "".join(one.stderr for one in done.values())
    assert done[">/dev/full"].stderr.endswith("error: the output: No space left on device\n")
