"""One connection over a real socket: what is sent, what is read, and when it is dropped."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from rawserver import Served, read_request, run, serving, serving_context, trusting

from bridge.upstream.http1 import connection
from bridge.upstream.http1.connection import Connection
from bridge.upstream.http1.reply import Reply

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
LARGE = b"0123456789abcdef" * 2**19

TLS = pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])


class Made:
    """A connection to ``server``, and what it has told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.changed = asyncio.Event()
        self.connection = Connection(asyncio.get_running_loop(), self._idle, self._gone)

    def _idle(self, connection: Connection) -> None:
        assert connection is self.connection
        self.told.append("idle")

    def _gone(self, connection: Connection) -> None:
        assert connection is self.connection
        self.told.append("gone")
        self.changed.set()

    def ask(self, body: bytes = b"") -> Reply:
        return self.connection.ask(HEAD + b"content-length: %d\r\n\r\n" % len(body), body)


async def connected(server: Served, context: ssl.SSLContext | None = None) -> Made:
    made = Made()
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: made.connection, "127.0.0.1", server.port, ssl=context)
    return made


async def rounds(number: int) -> None:
    """Let the event loop do what is there to be done."""
    for _ in range(number):
        await asyncio.sleep(0)


async def whole(reply: Reply) -> bytes:
    await reply.head()
    return b"".join([piece async for piece in reply])


def contexts(secure: bool) -> tuple[ssl.SSLContext | None, ssl.SSLContext | None]:
    return (serving_context(), trusting()) if secure else (None, None)


@TLS
def test_one_request_after_the_other(secure: bool) -> None:
    ours, theirs = contexts(secure)
    asked: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await read_request(reader)
            asked.append(head + body)
            writer.write(OK)

    async def test() -> None:
        async with serving(handle, ours) as server:
            made = await connected(server, theirs)
            for number in range(3):
                reply = made.ask(b"%d" % number)
                assert await whole(reply) == b"hello"
                await reply.aclose()
            assert made.told == ["idle"] * 3
            assert server.total == 1
            made.connection.abort()
            await server.wait(lambda server: not server.open)
        assert asked == [HEAD + b"content-length: 1\r\n\r\n%d" % number for number in range(3)]

    run(test())


@TLS
def test_a_large_body_goes_as_the_upstream_takes_it(secure: bool) -> None:
    ours, theirs = contexts(secure)
    gate = asyncio.Event()
    got = b""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        await gate.wait()
        _, got = await read_request(reader)
        writer.write(OK)
        await reader.read(1)

    async def test() -> None:
        async with serving(handle, ours) as server:
            made = await connected(server, theirs)
            transport = made.connection._transport
            rounds = 0
            reply = made.ask(LARGE)
            waiting = asyncio.ensure_future(whole(reply))
            while not made.connection._full:
                # Never the whole of it at once, and other things have their turn between the pieces.
                assert transport.get_write_buffer_size() < 2**20
                rounds += 1
                await asyncio.sleep(0)
            assert rounds > 1
            gate.set()
            assert await waiting == b"hello"
            assert got == LARGE
            await reply.aclose()
            assert made.told == ["idle"]
            made.connection.abort()

    run(test())


@TLS
@pytest.mark.parametrize("reads_on", [True, False])
def test_an_early_refusal_is_delivered(secure: bool, reads_on: bool) -> None:
    """The upstream says 413 before it has read the request: no more of it is sent, nor anything else after it."""
    ours, theirs = contexts(secure)
    refusal = b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\n"
    received = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refusal)
        await asyncio.sleep(0)
        writer.write(b"much")
        if not reads_on:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.Event().wait()
        while data := await reader.read(2**16):
            received += len(data)

    async def test() -> None:
        async with serving(handle, ours) as server:
            made = await connected(server, theirs)
            reply = made.ask(LARGE * 4)
            assert await whole(reply) == b"much"
            assert reply.status == 413
            await reply.aclose()
            assert made.told == []
            if reads_on:
                await server.wait(lambda server: not server.open)
                assert received < len(LARGE) * 4

    run(test())


@TLS
@pytest.mark.parametrize("body", [b"x" * 10_000, b"x" * 2**20, LARGE], ids=["small", "medium", "large"])
def test_a_refusal_is_read_before_the_reset_behind_it(secure: bool, body: bytes) -> None:
    """The upstream says 413 and closes, with most of the request unread: what it said is not lost."""
    ours, theirs = contexts(secure)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 X\r\nconnection: close\r\ncontent-length: 4\r\n\r\nmuch")
        writer.close()

    async def test() -> None:
        async with serving(handle, ours) as server:
            for _ in range(5):
                reply = (await connected(server, theirs)).ask(body)
                assert await whole(reply) == b"much"
                await reply.aclose()

    run(test())


@pytest.mark.parametrize("status", [b"200 OK", b"422 X"])
def test_an_early_answer_that_waits_for_it_gets_the_rest(status: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HESITATION", 0.05)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %b\r\ntransfer-encoding: chunked\r\n\r\n" % status)
        assert await reader.readexactly(len(LARGE)) == LARGE
        writer.write(b"5\r\nhello\r\n0\r\n\r\n")
        await reader.read(1)

    async def test() -> None:
        async with serving(handle) as server:
            made = await connected(server)
            reply = made.ask(LARGE)
            assert await whole(reply) == b"hello"
            await reply.aclose()
            assert made.told == ["idle"]
            made.connection.abort()

    run(test())


@TLS
@pytest.mark.parametrize("body", [b"x", LARGE], ids=["small", "unsent"])
def test_closing_a_reply_drops_the_connection_in_one_round(secure: bool, body: bytes) -> None:
    ours, theirs = contexts(secure)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
        while await reader.read(2**16):
            pass

    async def test() -> None:
        async with serving(handle, ours) as server:
            made = await connected(server, theirs)
            reply = made.ask(body)
            await reply.head()
            raw = made.connection._transport.get_extra_info("socket")
            await reply.aclose()
            await asyncio.sleep(0)
            assert raw.fileno() == -1
            await server.wait(lambda server: not server.open)
            assert "idle" not in made.told

    run(test())


@pytest.mark.parametrize("what", [b"", b"x", OK])
@TLS
def test_what_happens_to_an_idle_connection_ends_it(secure: bool, what: bytes) -> None:
    """It is closed, or says something that nobody asked for: that is never the answer to the next request."""
    ours, theirs = contexts(secure)
    gate = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await gate.wait()
        if what:
            writer.write(what)
            await reader.read(1)
        else:
            writer.close()
            await writer.wait_closed()

    async def test() -> None:
        async with serving(handle, ours) as server:
            made = await connected(server, theirs)
            reply = made.ask()
            assert await whole(reply) == b"hello"
            await reply.aclose()
            gate.set()
            await made.changed.wait()
            assert set(made.told[1:]) == {"gone"}
            await server.wait(lambda server: not server.open)
            with pytest.raises(httpx.ReadError):
                await made.ask().head()

    run(test())


def test_an_answer_that_ends_while_the_request_is_still_unsent() -> None:
    """A half-closed connection is not waited for until the rest is sent, which may be never."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"HTTP/1.1 400 X\r\n\r\nno")
        writer.write_eof()
        await asyncio.Event().wait()

    async def test() -> None:
        async with serving(handle) as server:
            made = await connected(server)
            reply = made.ask(LARGE)
            assert await whole(reply) == b"no"
            await reply.aclose()

    run(test())


def test_a_connection_that_is_gone_before_it_is_asked() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def test() -> None:
        async with serving(handle) as server:
            made = await connected(server)
            await made.changed.wait()
            for _ in range(2):
                await asyncio.sleep(0)
                with pytest.raises(httpx.ReadError):
                    await made.ask(b"x").head()

    run(test())


@TLS
def test_a_reader_that_sleeps_bounds_what_is_read(secure: bool) -> None:
    ours, theirs = contexts(secure)
    size = 2**26
    sent = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(b"x" * 2**18)
            sent += 2**18
            await writer.drain()
        await reader.read(1)

    async def test() -> None:
        async with serving(handle, ours) as server:
            made = await connected(server, theirs)
            reply = made.ask()
            await reply.head()
            most = 0
            for _ in range(2000):
                await asyncio.sleep(0)
                most = max(most, reply._arrived)
            assert most <= 2**20
            assert sent < size // 2
            length = 0
            async for piece in reply:
                assert len(piece) <= 2**20
                length += len(piece)
            assert length == size
            await reply.aclose()
            assert made.told == ["idle"]
            made.connection.abort()

    run(test())


def test_the_end_of_tls_behind_what_nobody_had_read_yet() -> None:
    """Many servers say that TLS ends and close at once; it used to trip over the connection dropped in its hands."""
    size = 600_000
    problems: list[dict[str, Any]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.transport.set_write_buffer_limits(0)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)
        await writer.drain()
        tls = writer.transport._ssl_protocol  # type: ignore[attr-defined]
        with suppress(ssl.SSLWantReadError):
            tls._sslobj.unwrap()
        tls._process_outgoing()
        tls._transport.close()
        await reader.read()

    async def test() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, problem: problems.append(problem))
        async with serving(handle, serving_context()) as server:
            made = await connected(server, trusting())
            reply = made.ask()
            await server.wait(lambda server: server.total == 1 and not server.open)
            await rounds(20)
            length = 0
            async for piece in reply:
                length += len(piece)
                await rounds(20)
            assert length == size
            await reply.aclose()
            assert made.told == []

    run(test())
    assert problems == []


def breaking(how: Callable[[asyncio.StreamWriter], None]) -> list[tuple[bytes, str]]:
    """What comes of answers, cut at every point, that end so."""
    data = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    outcomes: list[tuple[bytes, str]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, body = await read_request(reader)
        writer.write(data[: int(body)])
        await writer.drain()
        how(writer)

    async def test() -> None:
        async with serving(handle) as server:
            for cut in range(len(data) + 1):
                made = await connected(server)
                reply = made.ask(b"%d" % cut)
                body, outcome = b"", ""
                try:
                    await reply.head()
                    async for piece in reply:
                        body += piece
                except httpx.TransportError as failure:
                    outcome = type(failure).__name__
                await reply.aclose()
                made.connection.abort()
                outcomes.append((body, outcome))

    run(test())
    return outcomes


def reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


def test_an_answer_cut_anywhere_fails_and_never_ends_early() -> None:
    for how in (asyncio.StreamWriter.close, reset):
        *cut, whole = breaking(how)
        assert {outcome for _, outcome in cut} == {"ReadError"}
        assert all(b"hello".startswith(body) for body, _ in cut)
        assert whole == (b"hello", "") or how is reset
