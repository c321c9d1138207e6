"""One connection to an upstream: it sends a request, and feeds the answer with what arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bridge.upstream.http1.reply import Reply

_AT_ONCE = 2**20
_PIECE = 2**18
HESITATION = 1.0
"""So many seconds an upstream has to complete a refusal before it gets the rest of a request that it did not read."""


class Connection(asyncio.Protocol):
    """Serves one request after the other: ``ask`` while it is idle, then wait for the reply and close that.

    ``idle`` is called when it can be asked again, ``gone`` when an idle one has ended. A connection that cannot
    serve again is dropped at once, whatever is still unsent.
    """

    __slots__ = ("_ended", "_full", "_gone", "_idle", "_reply", "_served", "_stopped", "_transport", "_unsent",
                 "loop", "since")  # fmt: skip

    _transport: asyncio.Transport

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        idle: Callable[[Connection], None],
        gone: Callable[[Connection], None],
    ) -> None:
        self.loop = loop
        self._idle = idle
        self._gone = gone
        self._reply: Reply | None = None
        self._served = False
        self._ended = False
        self._full = False
        self._stopped = False
        self._unsent: memoryview | None = None
        self.since = 0.0

    def ask(self, head: bytes, body: bytes) -> Reply:
        """Send a request. A large body goes in pieces, as the upstream takes them, so that the loop is not held up."""
        self._reply = reply = Reply(self, self.loop, reused=self._served)
        self._served = True
        if self._ended:
            reply.end(clean=False)
        elif len(body) <= _AT_ONCE:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._unsent = memoryview(body)
            self._send()
        return reply

    def release(self, *, reusable: bool) -> None:
        """What the reply says when it is over; only a request that was taken whole leaves the connection usable."""
        self._reply = None
        if reusable and not self._ended and self._unsent is None and not self._transport.get_write_buffer_size():
            self._idle(self)
        else:
            self.abort()

    def abort(self) -> None:
        """Drop it, at once."""
        self._ended = True
        self._unsent = None
        self._transport.abort()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        reply = self._reply
        # Without a reply nothing was asked: such bytes must not become the next answer.
        if reply is None or not reply.feed(data):
            self._end(clean=False)
        elif self._unsent is not None and reply.status >= 300:
            # To send on what it may not want could cost its answer; some read the rest all the same.
            if not self._stopped:
                self.loop.call_later(HESITATION, self._go_on)
            self._stopped = True

    def eof_received(self) -> None:
        # Not left to the transport: it would wait until all is sent.
        self._end(clean=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(clean=exc is None)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._send()

    def _end(self, *, clean: bool) -> None:
        reply = self._reply
        if reply is not None:
            reply.end(clean=clean)
        else:
            self._gone(self)
        self._ended = True
        # Not at once: TLS goes on after what it calls this from, and would fail at a connection gone meanwhile.
        self.loop.call_soon(self.abort)

    def _go_on(self) -> None:
        self._stopped = False
        self._send()

    def _send(self) -> None:
        """Send the next piece of the body, if there is one, and come back for more."""
        unsent = self._unsent
        if unsent is None or self._stopped:
            return
        self._transport.write(unsent[:_PIECE])
        self._unsent = unsent[_PIECE:] or None
        if self._unsent is not None and not self._full:
            # Not `call_soon`: what the upstream says meanwhile is read first.
            self.loop.call_later(0, self._send)
