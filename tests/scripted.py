"""An HTTP upstream that does what its script says, byte by byte, over a real socket.

A test gives the plays in the order in which requests will come; the last one repeats::

    with Upstream(reply(503), sse(chunk("hi"), DONE)) as upstream:
        ... call something that talks to upstream.url ...
    assert len(upstream.requests) == 2

A play is a list of steps: ``bytes`` are sent as they stand, ``RST`` and ``FIN`` end the
connection, ``KEEP`` leaves it open for the next request, a ``threading.Event`` is waited for
(a gate that the test opens), ``HANG`` waits until the other side closes. The server runs in a
thread of its own, so tests of any kind can use it. ``upstream.closed`` holds, for every
connection that the caller closed, the time (``time.monotonic``) at which that was seen.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

RST: Literal["RST"] = "RST"
FIN: Literal["FIN"] = "FIN"
KEEP: Literal["KEEP"] = "KEEP"
HANG: Literal["HANG"] = "HANG"

Step = bytes | threading.Event | Literal["RST", "FIN", "KEEP", "HANG"]
Play = Sequence[Step]


@dataclass(frozen=True)
class Request:
    """What arrived: header names are lower case. ``method`` is empty for what is not HTTP; it gets a 400."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def head(status: int = 200, content_type: str = "text/event-stream", *headers: str) -> bytes:
    """A response head whose body is chunked."""
    lines = [f"HTTP/1.1 {status} X", f"content-type: {content_type}", "transfer-encoding: chunked", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def part(data: bytes) -> bytes:
    """One piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


END = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def frame(value: object) -> bytes:
    """One SSE frame that carries JSON."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(text: str = "", finish: str | None = None, **delta: object) -> bytes:
    """A chat completion chunk with this text (or other delta fields)."""
    content = {"content": text} if text else {}
    choice = {"index": 0, "delta": {**content, **delta}, "finish_reason": finish}
    return frame({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]})


def completion(text: str = "hi", finish: str = "stop") -> bytes:
    """A whole chat completion, not streamed."""
    message = {"role": "assistant", "content": text}
    return json.dumps(
        {
            "id": "c",
            "object": "chat.completion",
            "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        }
    ).encode()


def reply(status: int = 200, body: bytes | str = b"", content_type: str = "application/json", *headers: str) -> Play:
    """A whole response with a content-length; the connection stays open."""
    data = body.encode() if isinstance(body, str) else body
    lines = [
        f"HTTP/1.1 {status} X",
        f"content-type: {content_type}",
        f"content-length: {len(data)}",
        *headers,
    ]
    return [("\r\n".join(lines) + "\r\n\r\n").encode() + data, KEEP]


def sse(*frames: bytes) -> Play:
    """A whole event stream, one chunk of HTTP per frame; the connection stays open."""
    return [head(), *(part(data) for data in frames), END, KEEP]


def answer(*texts: str) -> Play:
    """A complete streamed answer with these texts."""
    return sse(*(chunk(text) for text in texts), chunk(finish="stop"), DONE)


@dataclass
class Upstream:
    """The server; a context manager. See the module docstring."""

    plays: Sequence[Play]
    requests: list[Request] = field(default_factory=list)
    closed: list[float] = field(default_factory=list)
    connections: int = 0
    open: int = 0

    def __init__(self, *plays: Play) -> None:
        self.plays = plays
        self.requests = []
        self.closed = []
        self.connections = 0
        self.open = 0
        self._changed = threading.Condition()
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
        # asyncio sends without delay only on sockets that name their protocol.
        self._socket = socket.socket(sock.family, sock.type, socket.IPPROTO_TCP, fileno=sock.detach())
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Upstream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._started.wait(5)  # a loop that is stopped before it stands ends in an error
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def wait(self, predicate: Any, timeout: float = 5.0) -> None:
        """Block until ``predicate(self)`` holds; it is looked at whenever something happened here."""
        with self._changed:
            if not self._changed.wait_for(lambda: predicate(self), timeout):
                raise AssertionError(
                    f"not reached in {timeout} s: {len(self.requests)} requests, {self.open} open connections"
                )

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, sock=self._socket, limit=2**26))
        self._started.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _note(self, **changes: int) -> None:
        with self._changed:
            for name, by in changes.items():
                setattr(self, name, getattr(self, name) + by)
            self._changed.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._note(connections=1, open=1)
        number = self.connections
        peek = asyncio.ensure_future(reader.read(1))
        try:
            while (request := await _read(await peek, reader, number)) is not None:
                # Nothing is pipelined: until the play is over, one more byte means that the caller closed.
                peek = asyncio.ensure_future(reader.read(1))
                with self._changed:
                    play = self.plays[min(len(self.requests), len(self.plays) - 1)]
                    self.requests.append(request)
                    self._changed.notify_all()
                if not request.method:
                    writer.write(b"HTTP/1.1 400 X\r\nconnection: close\r\n\r\n")
                    await writer.drain()
                    break
                if not await _perform(play, peek, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            if peek.done() and not peek.cancelled():
                peek.exception()
            peek.cancel()
            self.closed.append(time.monotonic())
            self._note(open=-1)
            writer.close()


async def _perform(play: Play, gone: asyncio.Future[bytes], writer: asyncio.StreamWriter) -> bool:
    """Play it; whether the connection stays for another request. Stops at once if the caller closes."""
    for step in play:
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
        elif isinstance(step, threading.Event):
            while not step.is_set() and not gone.done():
                await asyncio.wait([gone], timeout=0.002)
        elif step == KEEP:
            return True
        elif step == HANG:
            await gone
            return False
        else:
            _end(writer, reset=step == RST)
            return False
        if gone.done():
            await gone
            return play[-1] == KEEP
    return False


async def _read(byte: bytes, reader: asyncio.StreamReader, connection: int) -> Request | None:
    if not byte:
        return None
    first = byte + await reader.readline()
    if not first.endswith(b"HTTP/1.1\r\n"):
        return Request("", "", {}, first, connection)
    method, path, _ = first.decode().split(" ", 2)
    headers: dict[str, str] = {}
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body, connection)


def _end(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if reset:
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()
