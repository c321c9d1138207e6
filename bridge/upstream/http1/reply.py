"""One answer as it arrives: bytes of HTTP/1.1 in, a head and the pieces of a body out.

It knows no socket. Whoever reads the connection feeds it, tells it when the connection has ended,
and is asked to read no further while too much waits for the reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Protocol

import httptools
import httpx

LARGEST_HEAD = 64 * 2**10
"""So much may arrive without anything coming of it: a head and what precedes it, a trailer, chunk extensions."""
UNREAD = 256 * 2**10
"""More than this is not read from the connection while nobody takes it."""
STALE_WITHIN = 2.0
"""A reused connection that ends only after so many seconds of silence was not idle: the upstream was at work."""

_HEAD: Final = 0
_BODY: Final = 1
_DONE: Final = 2
_FAILED: Final = 3


class StaleConnection(httpx.ReadError):
    """An idle connection that was closed as it was used: the upstream never saw the request."""


class Source(Protocol):
    """Where an answer comes from."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def release(self, *, reusable: bool) -> None:
        """The answer is over, or not wanted any more."""


class Reply(httpx.AsyncByteStream):
    """One answer. ``head`` waits for its ``status`` and ``fields``; iterating gives all that has arrived, piece by
    piece, until its end. Both raise httpx.TransportError; what had arrived before a failure is given first.

    ``aclose`` gives the connection back, for another request if the answer has arrived to its end. One task reads.
    """

    __slots__ = ("_arrived", "_failure", "_loop", "_parser", "_paused", "_phase", "_pieces", "_reusable",
                 "_source", "_stale_until", "_waiter", "fields", "on_body", "status")  # fmt: skip

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop, *, reused: bool) -> None:
        self.status = 0
        self.fields: list[tuple[bytes, bytes]] = []
        self._source: Source | None = source
        self._loop = loop
        self._stale_until = loop.time() + STALE_WITHIN if reused else 0.0
        self._reusable = False
        self._phase = _HEAD
        self._pieces: list[bytes] = []
        self._arrived = 0
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._failure: tuple[type[httpx.TransportError], str] = httpx.ReadError, ""
        self.on_body = self._pieces.append
        # One for each answer: nothing of an earlier one can be left in it.
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)

    async def head(self) -> None:
        """Return when ``status`` and ``fields`` are there."""
        while self._phase == _HEAD:
            self._waiter = waiter = self._loop.create_future()
            await waiter
        if not self.status:
            raise self._failed()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        pieces = self._pieces
        while not pieces:
            if self._phase == _DONE:
                raise StopAsyncIteration
            if self._phase == _FAILED:
                raise self._failed()
            self._waiter = waiter = self._loop.create_future()
            await waiter
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._arrived = 0
        if self._paused and self._source is not None:
            self._paused = False
            self._source.resume_reading()
        return data

    async def aclose(self) -> None:
        source = self._source
        if source is not None:
            self._source = None
            self._parser = None
            self._pieces.clear()
            source.release(reusable=self._reusable and not self._paused)

    # What the connection tells.

    def feed(self, data: bytes) -> bool:
        """Take what has arrived. False if the connection is of no use any more."""
        parser = self._parser
        if parser is None:
            # Bytes behind the end of an answer, which must not begin the next one.
            self._reusable = False
            return False
        self._arrived += len(data)
        try:
            parser.feed_data(data)
        except httptools.HttpParserError as problem:
            if self._phase == _DONE:
                self._reusable = False
                self._wake()
            else:
                self._fail(httpx.RemoteProtocolError, str(problem))
            return False
        if self._phase == _DONE:
            self._parser = None
        elif self._pieces:
            if self._arrived > UNREAD and not self._paused and self._source is not None:
                self._paused = True
                self._source.pause_reading()
        elif self._arrived > LARGEST_HEAD:
            self._fail(httpx.RemoteProtocolError, "more than 64 KiB of head, trailer or chunk extensions")
            return False
        if self._phase != _HEAD and self._waiter is not None:
            self._wake()
        return True

    def end(self, *, clean: bool) -> None:
        """The connection has ended, ``clean`` or by an error; so has a body that does not say how long it is."""
        if self._phase == _BODY and clean and not self._framed():
            self._phase = _DONE
            self._wake()
        elif self._phase == _HEAD and not self._arrived and self._loop.time() < self._stale_until:
            self._fail(StaleConnection, "closed while it was idle")
        elif self._phase != _DONE:
            self._fail(httpx.ReadError, "the connection was closed")

    # What the parser tells.

    def on_message_begin(self) -> None:
        if self._phase == _DONE:
            raise ValueError("bytes behind the end")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase == _HEAD:  # else it is a trailer
            self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if self._arrived > LARGEST_HEAD and sum(len(name) + len(value) for name, value in self.fields) > LARGEST_HEAD:
            raise ValueError("a head of more than 64 KiB")
        if status < 200:
            if status < 100 or status == 101:
                raise ValueError("a status that was not asked for")
            self.fields.clear()
            return
        self.status = status
        self._phase = _BODY
        self._arrived = 0

    def on_message_complete(self) -> None:
        if self._phase == _BODY:
            assert self._parser is not None
            self._phase = _DONE
            self._reusable = self._parser.should_keep_alive()

    def _framed(self) -> bool:
        """Whether the body says where it ends, so that the end of the connection is not its end."""
        for name, value in self.fields:
            name = name.lower()
            if name == b"content-length" or (name == b"transfer-encoding" and b"chunked" in value.lower()):
                return True
        return False

    def _fail(self, kind: type[httpx.TransportError], text: str) -> None:
        if self._phase != _FAILED:
            self._phase = _FAILED
            self._failure = kind, text
        self._parser = None
        self._wake()

    def _failed(self) -> httpx.TransportError:
        # Not kept: with its traceback it would keep itself, and the request, until the garbage is collected.
        kind, text = self._failure
        return kind(text)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)
