from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import running
from clients import Client, environment
from official import routes
from workshop import Workshop


class Proxy:
    """One toolbridge process for many tests, each with routes of its own: they are loaded while it runs."""

    def __init__(self, process: running.Running) -> None:
        self._process = process
        self._marks: set[str] = set()
        self._seen = 0
        self.url = process.url

    @contextmanager
    def using(self, text: str) -> Iterator[Proxy]:
        """Serve these routes. At the end, nothing may have gone wrong inside."""
        self._process.file.write_text(text)
        answer, _ = self._post("/-/reload")
        assert answer["ok"], answer["error"]
        self._mark()
        self._seen = len(self._process.log())
        yield self
        assert "Traceback" not in self.log()
        assert '"level":"error"' not in self.log()

    def log(self) -> str:
        """What it logged since these routes are served, as far as requests that were answered by now go."""
        self._mark()
        lines = self._process.log()[self._seen :].splitlines(keepends=True)
        return "".join(line for line in lines if not any(mark in line for mark in self._marks))

    def _mark(self) -> None:
        """A request of our own, and its line in the log: all that was logged before has arrived."""
        _, request_id = self._post("/v1/messages")
        self._marks.add(request_id)
        self._process.wait_for_log(request_id)

    def _post(self, path: str) -> tuple[Any, str]:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=10)
        connection.request("POST", path, b"{}", {"content-type": "application/json"})
        response = connection.getresponse()
        body, request_id = json.load(response), response.getheader("request-id", "")
        connection.close()
        return body, request_id


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with running.serving(tmp_path_factory.mktemp("proxy"), routes("http://127.0.0.1:1")) as process:
        yield Proxy(process)


class Clients:
    """The client processes, each started when a test first asks for it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._started: dict[str, Client] = {}

    def __getitem__(self, name: str) -> Client:
        if name not in self._started:
            self._started[name] = self._stack.enter_context(Client.of(name, self._folder / name))
        return self._started[name]


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    with ExitStack() as stack:
        yield Clients(tmp_path_factory.mktemp("clients"), stack)


@pytest.fixture(scope="session")
def claude() -> Path:
    """The Claude Code program."""
    modules = environment("claude-code") / "node_modules"
    # npm may be told to run no install scripts: then only the platform's own package has the program.
    found = [*modules.glob("@anthropic-ai/claude-code-*/claude"), modules / ".bin" / "claude"]
    return found[0]


@pytest.fixture
def workshop(claude: Path, proxy: Proxy, tmp_path: Path) -> Workshop:
    return Workshop(claude, tmp_path, proxy.url)
