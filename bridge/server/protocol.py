"""uvicorn's HTTP protocol with what it lacks: deadlines for the head and the body of a request, a size for the head."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from bridge.core.anthropic.errors import error_response
from bridge.core.events import Fault
from bridge.server.ids import new_id

HEAD_TIMEOUT = 10.0
BODY_TIMEOUT = 60.0
SLOWEST_BODY = 4096
"""After ``BODY_TIMEOUT`` an upload goes on only if it brought so many bytes per second."""
LARGEST_HEAD = 64 * 2**10


class _HeadJoiner:
    """A transport that sends the head of an answer together with what follows at once: one system call less."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._soon = loop.call_soon
        self._write = transport.write
        self._head = b""
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and data.endswith(b"\r\n\r\n"):
            self._head = data
            # The body of a whole answer is there; of another one it may be long in coming.
            if b"\r\ncontent-length: " not in data:
                self._soon(self.flush)
            return
        self._write(data)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)


class Protocol(HttpToolsProtocol):
    """One connection. ``scope["bridge.abort"]`` drops it without waiting for what is still unsent;
    ``scope["bridge.on_gone"](callback)`` asks to be told when it is lost, with None no more.
    """

    head_timeout = HEAD_TIMEOUT
    body_timeout = BODY_TIMEOUT

    _phase: Literal["idle", "head", "body"] = "head"
    _timed: Literal["idle", "head", "body"] = "idle"
    _timer: asyncio.TimerHandle | None = None
    _size = 0
    _gone: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._joiner = _HeadJoiner(transport, self.loop)
        super().connection_made(cast(asyncio.Transport, self._joiner))
        # Connecting and saying nothing is a slow head too.
        self._follow()

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = "idle"
        self._follow()
        super().connection_lost(exc)
        if self._gone is not None:
            self._gone()
        # They hold each other, and with them all of the last request, until the garbage is collected.
        self.cycle = self.scope = None  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._size += len(data)
        super().data_received(data)
        if self._phase == "head" and self._size > LARGEST_HEAD:
            self._answer(Fault("too_large", "the request's header is larger than 64 KiB", status=431))
        if self._phase != self._timed:
            self._follow()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase = "head"
        self.scope["bridge.abort"] = self.transport.abort  # type: ignore[typeddict-unknown-key]
        self.scope["bridge.on_gone"] = self._tell_gone  # type: ignore[typeddict-unknown-key]

    def on_headers_complete(self) -> None:
        self._phase = "body"
        self._size = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._phase = "idle"
        self._size = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        # The answer to a HEAD request is its head alone.
        self._joiner.flush()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        self._answer(Fault("invalid_request", msg))

    def _answer(self, fault: Fault) -> None:
        """Refuse what is not a request, and close: nothing behind it can be trusted."""
        status, headers, body = error_response(fault, new_id("req"))
        fields = {**headers, "content-length": str(len(body)), "connection": "close"}
        lines = b"".join(f"{name}: {value}\r\n".encode() for name, value in fields.items())
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + body)
        self.transport.close()

    def _tell_gone(self, callback: Callable[[], None] | None) -> None:
        self._gone = callback

    def _follow(self) -> None:
        """Have the timer that this phase needs; one that takes no longer than one read never gets any."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timed = self._phase
        if self._phase != "idle":
            seconds = self.head_timeout if self._phase == "head" else self.body_timeout
            self._timer = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        self._timer = None
        if self._phase == "body" and self._size >= SLOWEST_BODY * self.body_timeout:
            self._size = 0
            self._follow()
        elif not self.transport.is_closing():
            self.transport.abort()
