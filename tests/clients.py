"""Real clients of the Messages API, each a process in an environment of its own that obeys the test.

An environment lies in ``.e2e/NAME`` (not committed). It is made once, from the pins in
``tests/e2e/setup/NAME``, and again when they change. A client's program, in ``tests/e2e/programs``,
does what one line of JSON says and answers with one line, job after job::

    with Client.of("anthropic-2", tmp_path) as client:
        got = client.do("ask", url=proxy.url, stream=True, prompt="hi")
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

_E2E = Path(__file__).parent / "e2e"
_HOME = _E2E.parent.parent / ".e2e"

PROGRAMS = {
    "anthropic-2": "python_sdk.py",
    "anthropic-1": "python_sdk.py",
    "typescript": "typescript.mjs",
    "pydantic-ai": "pydantic_agents.py",
    "langchain": "langchain_chat.py",
    "litellm": "litellm_client.py",
    "agent-sdk": "agent_sdk.py",
}
"""The program of each environment that has one."""


class ClientError(Exception):
    """What the client raised. ``kinds`` are the names of its class and of that one's bases."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(told["trace"])
        self.kinds: list[str] = told["kinds"]
        self.status: int | None = told["status"]
        self.body: Any = told["body"]
        self.message: str = told["message"]
        self.request_id: str | None = told.get("request_id")


def program(name: str) -> str:
    """Where this program is. Without it the test is skipped, or fails on CI, and says what is missing."""
    found = shutil.which(name)
    if not found:
        message = f"{name} was not found: install Node.js 18 or newer to run these tests"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def environment(name: str) -> Path:
    """The folder of this environment, made if it is not there as its pins say."""
    (pins,) = (_E2E / "setup" / name).iterdir()
    folder = _HOME / name
    stamp = folder / ".installed"
    wanted = hashlib.sha256(pins.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    npm = program("npm") if pins.suffix == ".json" else ""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if npm:
        shutil.copy(pins, folder)
        _run(npm, "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder))
    else:
        _run(sys.executable, "-m", "venv", str(folder))
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        _run(*pip, "-r", str(pins))
    stamp.write_text(wanted)
    return folder


def bare_environment(home: Path) -> dict[str, str]:
    """Variables for a client: nothing of ours but the path to programs, and a home of its own."""
    home.mkdir(parents=True, exist_ok=True)
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}


class Client:
    """The process; a context manager."""

    def __init__(self, name: str, command: list[str], folder: Path) -> None:
        self.name = name
        folder.mkdir(parents=True, exist_ok=True)
        self._errors = folder / "stderr"
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                command,
                env=bare_environment(folder / "home"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._answers: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @classmethod
    def of(cls, name: str, folder: Path) -> Client:
        """The client of this name; ``folder`` is for its home and for what it writes on stderr."""
        home = environment(name)
        source = _E2E / "programs" / PROGRAMS[name]
        if source.suffix == ".py":
            return cls(name, [str(home / "bin" / "python"), str(source)], folder)
        # A Node program finds its packages from where it lies.
        for file in (_E2E / "programs").glob("*.mjs"):
            shutil.copy(file, home)
        return cls(name, [program("node"), str(home / source.name)], folder)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._reader.join(5)
        self._process.stdout.close()

    def do(self, job: str, *, timeout: float = 60, **arguments: Any) -> Any:
        """What the client makes of this job. What it raises comes as ``ClientError``."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": job, **arguments}) + "\n")
        self._process.stdin.flush()
        try:
            line = self._answers.get(timeout=timeout)
        except queue.Empty:
            self._process.kill()
            raise AssertionError(f"{self.name} did not answer in {timeout} s\n{self._errors.read_text()}") from None
        assert line, f"{self.name} ended\n{self._errors.read_text()}"
        answer = json.loads(line)
        if "error" in answer:
            raise ClientError(answer["error"])
        return answer["ok"]

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")


def _run(*command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
