"""The clients of the benchmark: raw connections that ask again as soon as they have their answer."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from time import monotonic

from bench import payloads

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_STAMP = re.compile(payloads.MARK + rb"(\d{10}\.\d{6})")
_LAST_CHUNK = b"0\r\n\r\n"
_PATIENCE = 60.0


class LoadError(Exception):
    """A peer answered something else than what was asked for."""


@dataclass(slots=True)
class Tally:
    """What came back. ``waits`` are seconds per answer, ``late`` seconds per stamped chunk."""

    seconds: float = 0.0
    answers: int = 0
    chunks: int = 0
    waits: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)


class _Client(asyncio.Protocol):
    """A connection that asks until ``until``, or ``rounds`` times."""

    def __init__(self, request: bytes, tally: Tally, until: float, rounds: int) -> None:
        self._request = request
        self._tally = tally
        self._until = until
        self._left = rounds
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self) -> None:
        self._begin()
        self._asked = monotonic()
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(LoadError(f"the connection was closed: {exc}"))

    def _begin(self) -> None:
        raise NotImplementedError

    def _answered(self) -> None:
        now = monotonic()
        self._tally.answers += 1
        self._tally.waits.append(now - self._asked)
        self._left -= 1
        if now < self._until and self._left:
            self.ask()
        elif not self.done.done():
            self.done.set_result(None)
            self._transport.close()

    def _wrong(self, data: bytes) -> None:
        if not self.done.done():
            self.done.set_exception(LoadError(f"not the answer that was expected: {data[:300]!r}"))
        self._transport.abort()


class _WholeClient(_Client):
    def _begin(self) -> None:
        self._missing = -1
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            data = self._buffer + data
            head = data.find(b"\r\n\r\n")
            if head < 0:
                self._buffer = data
                return
            length = _LENGTH.search(data, 0, head)
            if length is None or not data.startswith(b"HTTP/1.1 200 "):
                self._wrong(data)
                return
            self._missing = head + 4 + int(length[1])
        self._missing -= len(data)
        if self._missing <= 0:
            self._answered()


class _StreamClient(_Client):
    expected = 0

    def _begin(self) -> None:
        self._chunks = 0
        self._tail = b""

    def data_received(self, data: bytes) -> None:
        if not self._tail and not data.startswith(b"HTTP/1.1 200 "):
            self._wrong(data)
            return
        self._count(data)
        self._tail = (self._tail + data)[-5:] if len(data) < 5 else data[-5:]
        if self._tail == _LAST_CHUNK:
            self._tally.chunks += self._chunks
            if self._chunks != self.expected:
                self._wrong(b"%d chunks of %d" % (self._chunks, self.expected))
                return
            self._answered()

    def _count(self, data: bytes) -> None:
        raise NotImplementedError


class _BurstClient(_StreamClient):
    expected = payloads.BURST_CHUNKS

    def _count(self, data: bytes) -> None:
        self._chunks += data.count(payloads.MARK)


class _PacedClient(_StreamClient):
    expected = payloads.PACED_CHUNKS

    def _count(self, data: bytes) -> None:
        now = monotonic()
        for stamp in _STAMP.findall(data):
            self._chunks += 1
            self._tally.late.append(now - float(stamp))


_CLIENTS: dict[payloads.Kind, type[_Client]] = {"whole": _WholeClient, "burst": _BurstClient, "paced": _PacedClient}


def run(
    kind: payloads.Kind, port: int, request: bytes, connections: int, *, seconds: float = 1e9, rounds: int = -1
) -> Tally:
    """Ask over so many connections, for so long or so often. Raises LoadError."""
    return asyncio.run(_run(kind, port, request, connections, seconds, rounds))


async def _run(kind: payloads.Kind, port: int, request: bytes, connections: int, seconds: float, rounds: int) -> Tally:
    loop = asyncio.get_running_loop()
    tally = Tally()
    until = monotonic() + seconds
    clients: list[_Client] = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: _CLIENTS[kind](request, tally, until, rounds), "127.0.0.1", port
        )
        clients.append(client)
    began = monotonic()
    for client in clients:
        client.ask()
        if kind == "paced":
            # Nobody's streams beat in time with the others'.
            await asyncio.sleep(payloads.PACED_EVERY / connections)
    async with asyncio.timeout(min(seconds, _PATIENCE) + _PATIENCE):
        await asyncio.gather(*(client.done for client in clients))
    tally.seconds = monotonic() - began
    return tally
