"""One exchange on its way to one client.

The pump runs in the request's own task and owns everything that the request holds; meanwhile the
connection, or a watcher beside the pump, tells when the client leaves. Headers are held until the
exchange has something to show, or until ``ping_after``: before that a failure is an HTTP error,
after it one error event. Whatever happens, the body ends cleanly.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.core.carrier import Carrier
from bridge.core.events import Fault
from bridge.observe.record import RequestRecord
from bridge.server.door import Door
from bridge.server.respond import Header, Receive, Scope, Send, header, own_headers, send_fault, send_whole
from bridge.upstream.call import WRITE_STALL, Call, ClientStalled

_log = logging.getLogger(__name__)

INTERNAL = Fault("api", "internal error of the proxy; its log has the details")

_STREAM_HEADERS: list[Header] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


@dataclass(frozen=True, slots=True)
class Pace:
    """``ping_after``: seconds of silence before a ping. ``keep_alive``: before an event that counts as one."""

    ping_after: float = 10.0
    keep_alive: float = 60.0


class Pump:
    """Sends what the exchange has to say. Make it and run it in one task."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        exchange: Carrier,
        record: RequestRecord,
        pace: Pace,
        door: Door,
        *,
        stream: bool,
    ) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        self._scope = scope
        self._receive = receive
        self._send = send
        self._exchange = exchange
        self._record = record
        self._pace = pace
        self._door = door
        self._stream = stream
        self._task = task
        self._loop = loop
        self._started = False
        self._over = False
        self._sending = False
        self._gone = False
        self._stop: Fault | None = None
        self._pinging: asyncio.Task[None] | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._last_sent = self._last_event = self._loop.time()

    async def run(self, call: Call) -> None:
        """Run the call and answer the client. Raises only CancelledError, if someone else cancels the task."""
        self._call = call
        watcher: asyncio.Task[None] | None = None
        on_gone = self._scope.get("bridge.on_gone")
        if on_gone is not None:
            on_gone(self._leave)
        else:
            watcher = self._loop.create_task(self._watch())
        if self._stream:
            self._ticker = self._loop.call_later(self._pace.ping_after, self._tick)
        try:
            fault = await self._outcome(call)
            if self._gone:
                self._record.outcome = "client_gone"
                return
            if fault is not None and not self._over:
                async with asyncio.timeout(WRITE_STALL):
                    await self._end(fault)
        except (ClientStalled, TimeoutError):
            self._record.outcome = "client_stalled"
            if abort := self._scope.get("bridge.abort"):
                abort()
        finally:
            self._over = True
            # The call flushes through the pump: without this only the garbage collector would free them.
            del self._call
            if on_gone is not None:
                on_gone(None)
            if watcher is not None:
                watcher.cancel()
            if self._ticker is not None:
                self._ticker.cancel()

    def interrupt(self, fault: Fault) -> None:
        """End the exchange now, with this fault, unless it is about to end."""
        if not self._over and self._stop is None:
            self._stop = fault
            self._task.cancel()

    async def flush(self) -> None:
        """Send what the exchange has to say by now; called after each piece of an upstream's answer."""
        exchange = self._exchange
        if not self._stream:
            if exchange.finished:
                self._over = True
                await self._send_message()
            return
        if not (self._started or exchange.ready):
            return
        if self._pinging is not None:
            await asyncio.wait([self._pinging])
        self._sending = True
        if not self._started:
            await self._start()
        data = exchange.client_bytes()
        if exchange.finished:
            self._over = True
        if data or self._over:
            self._last_sent = self._last_event = self._loop.time()
            await self._send({"type": "http.response.body", "body": data, "more_body": not self._over})
        self._sending = False

    async def _outcome(self, call: Call) -> Fault | None:
        """What became of the call; a cancellation that means an end of the exchange stops here."""
        try:
            return await call.run()
        except asyncio.CancelledError:
            if not (self._gone or self._stop) or self._task.uncancel() > 0:
                raise
            return self._stop
        except ClientStalled:
            raise
        except Exception:
            _log.exception("request %s: internal error", self._record.request_id)
            return INTERNAL

    def _leave(self) -> None:
        """The client has left: the pump is cancelled."""
        if not self._over:
            self._gone = True
            self._task.cancel()

    async def _watch(self) -> None:
        """Wait for the client to leave, under a server that only tells who asks; the request's body has been read."""
        while not self._over:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._leave()
                return

    async def _end(self, fault: Fault) -> None:
        """The last thing that the client gets."""
        self._over = True
        self._record.fault = fault
        self._record.outcome = "error"
        if self._pinging is not None:
            await asyncio.wait([self._pinging])
        if self._started:
            self._exchange.fail(fault)
            data = self._exchange.client_bytes()
            await self._send({"type": "http.response.body", "body": data, "more_body": False})
        else:
            self._record.first_byte = self._loop.time()
            request_id, write = self._record.request_id, self._door.error
            if refusal := self._exchange.refusal(fault):
                self._record.status = refusal.status
                await send_whole(self._send, refusal.status, self._head([], refusal.headers), refusal.body)
                return
            self._record.status = await send_fault(self._send, fault, request_id, write, self._headers())

    async def _start(self) -> None:
        """The headers: from here on a failure is an event."""
        self._started = True
        self._record.status = 200
        self._record.first_byte = self._loop.time()
        headers = self._head(_STREAM_HEADERS, self._exchange.headers)
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _send_message(self) -> None:
        """The whole answer, not streamed."""
        self._record.status = 200
        self._record.first_byte = self._loop.time()
        headers = self._head([(b"content-type", b"application/json")], self._exchange.headers)
        await send_whole(self._send, 200, headers, self._exchange.message())

    def _head(self, usual: list[Header], passed: Mapping[str, str]) -> list[Header]:
        """The headers of an answer: the ``usual`` ones, or what its upstream ``passed`` in their place."""
        ids = self._door.ids(self._record.request_id)
        if not passed:
            return [*usual, *ids, *self._headers()]
        fields = dict([*usual, *ids, (b"x-bridge-request-id", self._record.request_id.encode())])
        fields.update(header(name, value) for name, value in passed.items())
        self._record.upstream_request_id = passed.get("request-id", "")
        return [*fields.items(), *self._headers()]

    def _headers(self) -> tuple[Header, ...]:
        """What this proxy says about the answer."""
        call = self._call
        headers = own_headers(self._record.revision, call.route, call.upstream, call.attempts)
        if warnings := self._exchange.warnings:
            return *headers, header("x-bridge-warnings", ", ".join(warnings))
        return headers

    def _tick(self) -> None:
        """Every so often: has the client heard nothing for too long?"""
        now = self._loop.time()
        due = self._last_sent + self._pace.ping_after
        if now >= due - 0.001:
            # A client that still has something to read needs no sign of life.
            if not (self._sending or self._over or self._pinging):
                self._pinging = asyncio.create_task(self._ping())
            due = now + self._pace.ping_after
        self._ticker = self._loop.call_at(due, self._tick)

    async def _ping(self) -> None:
        """A sign of life; it commits the headers. Some clients only believe a real event, so at times it is one."""
        exchange = self._exchange
        try:
            if self._over:
                return
            if not self._started:
                exchange.open()
                await self._start()
            self._last_sent = self._loop.time()
            if self._last_sent - self._last_event >= self._pace.keep_alive:
                self._last_event = self._last_sent
                exchange.keep_alive()
            exchange.ping()
            await self._send({"type": "http.response.body", "body": exchange.client_bytes(), "more_body": True})
        except Exception:
            _log.exception("request %s: internal error", self._record.request_id)
            self.interrupt(INTERNAL)
        finally:
            self._pinging = None
