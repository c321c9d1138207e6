"""llama.cpp's server with a small model, as a process: built once by ``tests/e2e/setup-model-server``."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "e2e"
CACHE = HERE.parent.parent / ".e2e" / "model-server"
MISSING_TOOLS = 3
CONTEXT = 2048
SLOTS = 2


def installed() -> tuple[Path, Path]:
    """The program and the model. Skips where something to build it is missing; under CI that is a failure."""
    done = subprocess.run(
        [HERE / "setup-model-server"],
        env={**os.environ, "PYTHON": sys.executable},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    if done.returncode == MISSING_TOOLS and os.environ.get("CI") != "true":
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr[-3000:]
    (program,) = CACHE.glob("llama-server-*")
    (model,) = CACHE.glob("model-*.gguf")
    return program, model


@dataclass(frozen=True)
class ModelServer:
    """The process, ready to be asked; ``url`` is its OpenAI-compatible API."""

    root: str
    log: Path

    @property
    def url(self) -> str:
        return self.root + "/v1"

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.root + path, timeout=30) as answer:
            return json.loads(answer.read())

    def busy(self) -> int:
        """How many of its slots work on a request."""
        return sum(slot["is_processing"] for slot in self.get("/slots"))

    def context(self) -> int:
        """How many tokens one request may have."""
        size: int = self.get("/props")["default_generation_settings"]["n_ctx"]
        return size

    def metric(self, name: str) -> int:
        with urllib.request.urlopen(self.root + "/metrics", timeout=30) as answer:
            found = re.search(rf"^llamacpp:{name} (\d+)", answer.read().decode(), re.MULTILINE)
        assert found, name
        return int(found[1])


def until(holds: Callable[[], object], seconds: float, what: str) -> None:
    """Ask until it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.01)


@contextlib.contextmanager
def model_server(folder: Path) -> Iterator[ModelServer]:
    """The server on a free port, for as long as the context lasts."""
    program, model = installed()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = ModelServer(f"http://127.0.0.1:{port}", folder / "model-server.log")
    # Calls are to come as text: it must not know of tools, and shows its slots and counters.
    flags = ["--no-jinja", "--slots", "--metrics", "--no-kv-unified", "--offline", "--no-ui", "-np", str(SLOTS)]
    command = [program, "-m", model, "--host", "127.0.0.1", "--port", str(port), "-c", str(CONTEXT * SLOTS), *flags]
    with server.log.open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            until(lambda: _healthy(server, process), 180, "the model server is up")
            yield server
        finally:
            process.kill()


def _healthy(server: ModelServer, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, server.log.read_text(errors="replace")[-3000:]
    try:
        return server.get("/health")["status"] == "ok"
    except (urllib.error.URLError, OSError):
        return False
