"""A real server of ours on a free port, in a thread of the test process (``running`` has one as a process).

::

    with Running(routes_toml_text, tmp_path) as server:
        httpx2.post(server.url + "/v1/messages", ...)

``server.state`` is the application's ``State``; look at it only with ``server.call(function)``,
which runs the function on the server's event loop. ``edit`` rewrites the file and waits until the
new revision is live (or until it was refused).
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from bridge.config.parsers import ParserCache
from bridge.config.watch import ConfigStore
from bridge.server.app import create_app
from bridge.server.process import Server, configure, listen, url_of
from bridge.server.stream import Pace

T = TypeVar("T")

_CACHE = ParserCache()


class Running:
    """The server; a context manager."""

    def __init__(
        self,
        routes: str,
        folder: Path,
        *,
        pace: Pace | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.path = folder / "routes.toml"
        self.path.write_text(routes)
        self.store = ConfigStore(self.path, environ=environ, cache=_CACHE)
        self.app = create_app(self.store, pace)
        self.state = self.app.state.bridge
        self.server = Server(configure(self.app), self.state)
        self._socket = listen("127.0.0.1", 0)
        self.url = url_of(self._socket)
        self.port: int = self._socket.getsockname()[1]
        self.problems: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Running:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self.server.started:
            assert self._thread.is_alive(), "the server died while it started"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self._thread.join(15)
        assert not self._thread.is_alive(), "the server did not stop"
        assert not self.problems, self.problems

    @contextmanager
    def using(self, routes: str) -> Iterator[Running]:
        """Serve these routes, with nothing learnt of their upstreams; at the end nothing may be under way."""
        self.call(self.state.pools.standings.clear)
        self.save(routes)
        yield self
        self.wait(lambda: not self.state.load.in_flight)
        assert not self.problems, self.problems

    def save(self, routes: str) -> None:
        """Write the file and load it at once."""
        self.path.write_text(routes)
        result = self.call(self.store.reload)
        assert result.ok, result.error

    def call(self, function: Callable[[], T]) -> T:
        """``function()``, run on the server's event loop."""

        async def on_loop() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(on_loop(), self._loop).result(10)

    def now(self) -> float:
        """The time of the server's event loop."""
        return self._loop.time()

    def wait(self, predicate: Callable[[], object], timeout: float = 5.0) -> None:
        """Until ``predicate()``, asked on the server's event loop, is true."""
        deadline = time.monotonic() + timeout
        while not self.call(predicate):
            assert time.monotonic() < deadline, "not reached in time"
            time.sleep(0.002)

    def edit(self, routes: str, timeout: float = 10.0) -> bool:
        """Save the file; True once it is live, False if it was refused."""
        before = self.call(lambda: (self.store.current.revision, self.store.status()["last_attempt"]))
        temporary = self.path.with_suffix(".new")
        temporary.write_text(routes)
        os.replace(temporary, self.path)
        self.wait(lambda: (self.store.current.revision, self.store.status()["last_attempt"]) != before, timeout)
        return self.call(lambda: self.store.current.revision) != before[0]

    def post(self, body: object, path: str = "/v1/messages", headers: Mapping[str, str] | None = None) -> Reply:
        """POST JSON (or bytes as they are) and read the whole answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request("POST", path, data, {"content-type": "application/json", **(headers or {})})
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def open(self, body: object, headers: Mapping[str, str] | None = None, path: str = "/v1/messages") -> socket.socket:
        """Send a request and leave the answer unread: the test has the socket."""
        data = json.dumps(body).encode()
        lines = [
            f"POST {path} HTTP/1.1",
            "host: test",
            "content-type: application/json",
            f"content-length: {len(data)}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        client = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        client.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + data)
        return client

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._loop.set_exception_handler(lambda _, context: self.problems.append(context))
            await self.server.serve([self._socket])

        asyncio.run(serve())


class Reply:
    """An answer, read to its end (also of a socket). ``complete`` is False if the body was cut off."""

    def __init__(self, source: http.client.HTTPResponse | socket.socket) -> None:
        if isinstance(source, socket.socket):
            response = http.client.HTTPResponse(source, method="POST")
            response.begin()
        else:
            response = source
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.complete = True
        try:
            self.body = response.read()
        except http.client.IncompleteRead as cut:
            self.body = cut.partial
            self.complete = False

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[tuple[str, Any]]:
        return list(read_events(self.body))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    @property
    def text(self) -> str:
        """The text of a streamed answer."""
        deltas = (data.get("delta", {}) for name, data in self.events if name == "content_block_delta")
        return "".join(delta.get("text", "") for delta in deltas)


def read_events(body: bytes) -> Iterator[tuple[str, Any]]:
    """Name and data of each event of a stream; a frame of any other form is an AssertionError."""
    for raw in body.split(b"\n\n"):
        if raw:
            first, second = raw.split(b"\n")
            assert first.startswith(b"event: "), raw
            assert second.startswith(b"data: "), raw
            yield first[7:].decode(), json.loads(second[6:])


def ask(text: str = "hi", **fields: object) -> dict[str, object]:
    """A minimal streaming request."""
    message = {"role": "user", "content": text}
    return {"model": "m", "max_tokens": 100, "stream": True, "messages": [message], **fields}


def routes(*urls: str, upstream: str = "", model: str = "", rest: str = "") -> str:
    """A configuration: model ``m`` at the first URL, falling back to ``f1``, ``f2`` at the others.

    ``upstream`` and ``model`` are further lines of every upstream and of ``m``; ``rest`` stands at the end.
    """
    text = ""
    keys = ["m", *(f"f{number}" for number in range(1, len(urls)))]
    for number, (key, url) in enumerate(zip(keys, urls, strict=True)):
        fallbacks = f"fallbacks = {json.dumps(keys[1:])}\n" if number == 0 else ""
        text += f'[upstreams.u{number}]\nbase_url = "{url}"\n{upstream}\n'
        text += f'[models.{key}]\nupstream = "u{number}"\nmodel = "real-{key}"\nparsers = []\n{fallbacks}'
        text += f"{model}\n" if number == 0 else ""
    return text + rest
