"""How a connection comes about, each way in which it does not, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from rawserver import run, serving, serving_context, trusting

from bridge.upstream.http1.connecting import (
    HandshakeFailed,
    Lookup,
    UnknownHost,
    UntrustedCertificate,
    connect,
    tls_context,
)

LONG = 20.0


class Probe(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


@contextmanager
def deaf() -> Iterator[int]:
    """A port that never takes another connection: its queue is full and nobody accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        yield listener.getsockname()[1]
        for client in waiting:
            client.close()


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def resolving_to(*ports: int) -> None:
    """Whatever is asked for is at these ports."""
    loop = asyncio.get_running_loop()

    async def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]

    loop.getaddrinfo = getaddrinfo  # type: ignore[method-assign]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_plain(host: str) -> None:
    async def test() -> None:
        async with serving(hold) as server:
            probe = await connect(Probe, host, server.port, None, LONG, Lookup())
            raw = probe.transport.get_extra_info("socket")
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            probe.transport.abort()
            await server.wait(lambda server: not server.open)

    run(test())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "localhost."])
def test_tls(host: str) -> None:
    async def test() -> None:
        async with serving(hold, serving_context()) as server:
            resolving_to(server.port)
            probe = await connect(Probe, host, server.port, trusting(), LONG, Lookup())
            assert probe.transport.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
            probe.transport.abort()

    run(test())


def test_only_http_1_is_offered() -> None:
    async def test() -> None:
        async with serving(hold, serving_context("h2")) as server:
            probe = await connect(Probe, "127.0.0.1", server.port, trusting(), LONG, Lookup())
            assert probe.transport.get_extra_info("ssl_object").selected_alpn_protocol() is None
            probe.transport.abort()

    run(test())


def test_one_context_for_the_process() -> None:
    context = tls_context()
    assert context is tls_context()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def fails(kind: type[Exception], host: str, port: int, tls: ssl.SSLContext | None, seconds: float = LONG) -> None:
    async def test() -> None:
        with pytest.raises(kind) as caught:
            await connect(Probe, host, port, tls, seconds, Lookup())
        assert type(caught.value) is kind

    run(test())


def test_refused() -> None:
    fails(httpx.ConnectError, "127.0.0.1", closed_port(), None)


def test_unknown_host() -> None:
    fails(UnknownHost, "no-such-host.invalid", 80, None)


@pytest.mark.parametrize("host", ["x" * 70 + ".example", "a..b", "xn--\N{SNOWMAN}", "exa mple", ""])
def test_what_is_no_host(host: str) -> None:
    async def test() -> None:
        with pytest.raises((httpx.InvalidURL, httpx.ConnectError)):
            await connect(Probe, host, closed_port(), None, LONG, Lookup())

    run(test())


@pytest.mark.parametrize("secure", [False, True])
def test_the_time_limit_is_for_all_of_it(secure: bool) -> None:
    """Nobody accepts; somebody does and says nothing; the name takes too long."""

    async def test() -> None:
        context = trusting() if secure else None
        before = time.monotonic()
        with deaf() as port, pytest.raises(httpx.ConnectTimeout):
            await connect(Probe, "127.0.0.1", port, context, 0.1, Lookup())
        if secure:
            async with serving(hold) as server:
                with pytest.raises(httpx.ConnectTimeout):
                    await connect(Probe, "127.0.0.1", server.port, context, 0.1, Lookup())
                await server.wait(lambda server: not server.open)

        async def never(*_: Any, **__: Any) -> list[Any]:
            await asyncio.Event().wait()
            return []

        asyncio.get_running_loop().getaddrinfo = never  # type: ignore[method-assign]
        with pytest.raises(httpx.ConnectTimeout):
            await connect(Probe, "somewhere", 80, context, 0.1, Lookup())
        assert time.monotonic() - before < 5

    run(test())


def test_a_certificate_that_nobody_vouches_for() -> None:
    async def test() -> None:
        async with serving(hold, serving_context()) as server:
            with pytest.raises(UntrustedCertificate):
                await connect(Probe, "127.0.0.1", server.port, tls_context(), LONG, Lookup())
            await server.wait(lambda server: not server.open)

    run(test())


def test_a_certificate_for_another_name() -> None:
    async def test() -> None:
        async with serving(hold, serving_context()) as server:
            resolving_to(server.port)
            with pytest.raises(UntrustedCertificate):
                await connect(Probe, "example.com", server.port, trusting(), LONG, Lookup())

    run(test())


def test_no_tls_there() -> None:
    async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async def test() -> None:
        async with serving(http) as server:
            with pytest.raises(HandshakeFailed):
                await connect(Probe, "127.0.0.1", server.port, trusting(), LONG, Lookup())
            await server.wait(lambda server: not server.open)

    run(test())


def test_closed_in_the_handshake() -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async def test() -> None:
        async with serving(close) as server:
            with pytest.raises(httpx.ConnectError) as caught:
                await connect(Probe, "127.0.0.1", server.port, trusting(), LONG, Lookup())
            assert type(caught.value) is httpx.ConnectError

    run(test())


def test_the_next_address_is_tried_when_one_refuses() -> None:
    async def test() -> None:
        async with serving(hold) as server:
            resolving_to(closed_port(), closed_port(), server.port)
            probe = await connect(Probe, "somewhere", 80, None, LONG, Lookup())
            assert probe.transport.get_extra_info("peername")[1] == server.port
            probe.transport.abort()
            resolving_to(closed_port(), closed_port())
            with pytest.raises(httpx.ConnectError):
                await connect(Probe, "somewhere", 80, None, LONG, Lookup())

    run(test())


def test_the_next_address_is_tried_beside_one_that_is_silent() -> None:
    async def test() -> None:
        with deaf() as silent:
            async with serving(hold) as server:
                resolving_to(silent, server.port)
                before = time.monotonic()
                probe = await connect(Probe, "somewhere", 80, None, LONG, Lookup())
                assert time.monotonic() - before < 5
                probe.transport.abort()
                resolving_to(silent, silent)
                with pytest.raises(httpx.ConnectTimeout):
                    await connect(Probe, "somewhere", 80, None, 0.4, Lookup())
        for _ in range(2):
            await asyncio.sleep(0)
        assert not [task for task in asyncio.all_tasks() if "dial" in repr(task.get_coro())]

    run(test())


def test_addresses_that_answer_at_once_cost_one_connection() -> None:
    async def test() -> None:
        async with serving(hold) as server:
            for _ in range(20):
                resolving_to(server.port, server.port, server.port)
                probe = await connect(Probe, "somewhere", 80, None, LONG, Lookup())
                probe.transport.abort()
            await server.wait(lambda server: not server.open)
            assert server.total == 20

    run(test())


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("addresses", [1, 2])
def test_cancelled_at_any_point_it_leaves_nothing(secure: bool, addresses: int) -> None:
    ours, theirs = (serving_context(), trusting()) if secure else (None, None)

    async def test() -> None:
        async with serving(hold, ours) as server:
            resolving_to(*[closed_port()] * (addresses - 1), server.port)
            finished = 0
            rounds = 0
            while finished < 3:
                task = asyncio.ensure_future(connect(Probe, "localhost", server.port, theirs, LONG, Lookup()))
                for _ in range(rounds):
                    await asyncio.sleep(0)
                if task.done():
                    finished += 1
                    task.result().transport.abort()
                else:
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                rounds += 1
            assert rounds > 6
            await server.wait(lambda server: not server.open)

    run(test())


def test_a_name_is_looked_up_once_for_all_who_wait_and_anew_when_it_leads_nowhere() -> None:
    async def test() -> None:
        loop, asked, known = asyncio.get_running_loop(), [0], asyncio.Event()
        ports: list[int] = []

        async def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
            asked[0] += 1
            await known.wait()
            if not ports:
                raise socket.gaierror("nobody knows")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]

        loop.getaddrinfo = getaddrinfo  # type: ignore[method-assign]
        lookup = Lookup()

        async def there() -> None:
            (await connect(Probe, "somewhere", 80, None, LONG, lookup)).transport.abort()

        async with serving(hold) as server:
            waiting = [loop.create_task(there()) for _ in range(20)]
            await asyncio.sleep(0.01)
            waiting.pop().cancel()
            known.set()
            for outcome in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(outcome, UnknownHost)
            assert asked == [1]
            ports.append(closed_port())
            with pytest.raises(httpx.ConnectError):
                await there()
            ports[:] = [server.port]
            await there()
            await there()
            assert asked == [3]

    run(test())
