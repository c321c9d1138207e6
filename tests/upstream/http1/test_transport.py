"""The pool of connections to one origin, and what a request is in bytes."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import Callable

import httpx
import pytest
from rawserver import Handle, Served, read_request, run, serving, serving_context, trusting

from bridge.upstream.http1.reply import StaleConnection
from bridge.upstream.http1.transport import Received, Sent, Transport, request_head

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nset-cookie: a=b\r\nset-cookie: c=d\r\ncontent-length: 5\r\n\r\nhello"
BEGUN = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
LONG = 60.0


def answering(data: bytes) -> Handle:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(data)

    return handle


def pool(server: Served, tls: ssl.SSLContext | None = None, keep: float = LONG) -> Transport:
    return Transport("127.0.0.1", server.port, tls, keep)


def request(server: Served, body: bytes = b"", connect: float = LONG) -> httpx.Request:
    return httpx.Request(
        "POST", server.url, headers={"a": "b"}, stream=Sent(body), extensions={"timeout": {"connect": connect}}
    )


async def body_of(answer: Received) -> bytes:
    assert isinstance(answer.stream, httpx.AsyncByteStream)
    try:
        return b"".join([piece async for piece in answer.stream])
    finally:
        await answer.stream.aclose()


async def ask(transport: Transport, server: Served) -> bytes:
    return await body_of(await transport.handle_async_request(request(server)))


# What is sent.


def head(method: str = "POST", url: str = "http://h/x", target: bytes | None = None, **fields: str) -> bytes:
    headers = httpx.Headers({name.replace("_", "-"): value for name, value in fields.items()}, encoding="latin-1")
    return request_head(method, httpx.URL(url), headers, target)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (head(), b"POST /x HTTP/1.1\r\nhost: h\r\n"),
        (head("GET", "http://h"), b"GET / HTTP/1.1\r\nhost: h\r\n"),
        (head(url="https://H:8443/a b?c=d e"), b"POST /a%20b?c=d%20e HTTP/1.1\r\nhost: h:8443\r\n"),
        (head(url="http://h:80/"), b"POST / HTTP/1.1\r\nhost: h\r\n"),
        (head(url="http://[::1]:80/"), b"POST / HTTP/1.1\r\nhost: [::1]\r\n"),
        (head(url="http://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example/"), b"POST / HTTP/1.1\r\nhost: xn--bcher-kva.example\r\n"),
        (head(target=b"/y?%7e"), b"POST /y?%7e HTTP/1.1\r\nhost: h\r\n"),
        (head(Host="other", X_A="1\t2"), b"POST /x HTTP/1.1\r\nHost: other\r\nX-A: 1\t2\r\n"),
        (head(x="\xe9"), b"POST /x HTTP/1.1\r\nhost: h\r\nx: \xe9\r\n"),
        (head(Content_Length="9", transfer_encoding="chunked"), b"POST /x HTTP/1.1\r\nhost: h\r\n"),
    ],
)  # fmt: skip
def test_the_head_of_a_request(got: bytes, expected: bytes) -> None:
    assert got == expected


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\rb", "a\nb", "a\0b", "\x7f", "a\x1b"])
def test_a_value_that_no_header_carries_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(httpx.LocalProtocolError) as caught:
        head(x_key="secret" + value)
    assert "x-key" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "\xe9", "a\0"])
def test_a_name_that_no_header_has_is_refused(name: str) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        head(**{name: "x"})


@pytest.mark.parametrize("target", [b"", b"/a b", b"/a\r\nb: c", b"/\0", b"/\xe9", b"/\x7f"])
def test_a_target_that_no_request_line_carries_is_refused(target: bytes) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        head(target=target)


@pytest.mark.parametrize("method", ["HEAD", "CONNECT", "get", "GET /\r\n"])
def test_other_methods_are_refused(method: str) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        head(method)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_httpx_can_use_it(secure: bool) -> None:
    seen: list[tuple[bytes, bytes]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append(await read_request(reader))
            writer.write(OK)

    async def test() -> None:
        async with serving(handle, serving_context() if secure else None) as server:
            scheme = "https" if secure else "http"
            async with httpx.AsyncClient(transport=pool(server, trusting() if secure else None)) as client:
                url = f"{scheme}://127.0.0.1:{server.port}/x"
                for answer in (await client.get(url), await client.post(url, content=b"body")):
                    assert (answer.status_code, answer.text) == (200, "hello")
                    assert answer.headers["content-type"] == "text/plain"
                    assert answer.headers.get_list("set-cookie") == ["a=b", "c=d"]
            assert server.total == 1
            await server.wait(lambda server: not server.open)
        (first, nothing), (second, body) = seen
        assert first.startswith(b"GET /x HTTP/1.1\r\n")
        assert b"content-length" not in first.lower()
        assert nothing == b""
        assert second.lower().count(b"content-length: 4\r\n") == 1
        assert body == b"body"

    run(test())


def test_a_body_of_nothing_has_a_length() -> None:
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await read_request(reader))[0])
        writer.write(OK)
        await reader.read(1)

    async def test() -> None:
        async with serving(handle) as server:
            transport = pool(server)
            await ask(transport, server)
            await transport.aclose()

    run(test())
    assert seen[0].endswith(b"a: b\r\ncontent-length: 0\r\n\r\n")


# The pool.


def test_there_is_no_queue_and_the_last_used_serves_first() -> None:
    async def test() -> None:
        async with serving(answering(OK)) as server:
            transport = pool(server)
            answers = [await transport.handle_async_request(request(server)) for _ in range(3)]
            assert server.total == 3
            for answer in answers:
                await body_of(answer)
            last = transport._idle[-1]
            for _ in range(3):
                await ask(transport, server)
                assert transport._idle[-1] is last
            assert server.total == 3
            await transport.aclose()
            await server.wait(lambda server: not server.open)

    run(test())


def test_idle_connections_are_closed_after_a_while() -> None:
    async def test() -> None:
        async with serving(answering(OK)) as server:
            transport = pool(server, keep=0.05)
            answers = [await transport.handle_async_request(request(server)) for _ in range(3)]
            assert transport._timer is None
            for answer in answers:
                await body_of(answer)
            assert transport._timer is not None
            await server.wait(lambda server: not server.open)
            assert transport._idle == []
            assert transport._timer is None
            assert await ask(transport, server) == b"hello"
            await server.wait(lambda server: not server.open and server.total == 4)
            await transport.aclose()

    run(test())


def test_a_connection_is_closed_when_it_is_too_old_and_not_before() -> None:
    async def test() -> None:
        async with serving(answering(OK)) as server:
            transport = pool(server, keep=LONG)
            answers = [await transport.handle_async_request(request(server)) for _ in range(3)]
            for answer in answers:
                await body_of(answer)
            first, second, third = transport._idle
            first.since -= LONG
            second.since -= LONG / 2
            transport._expire()
            assert transport._idle == [second, third]
            assert transport._timer is not None
            now = asyncio.get_running_loop().time()
            assert LONG / 2 - 5 < transport._timer.when() - now <= LONG / 2
            await server.wait(lambda server: server.open == 2)
            await transport.aclose()

    run(test())


@pytest.mark.parametrize("how", [asyncio.StreamWriter.close, lambda writer: writer.write(OK)], ids=["close", "speak"])
def test_an_idle_connection_that_ends_leaves_the_pool(how: Callable[[asyncio.StreamWriter], None]) -> None:
    gate = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await gate.wait()
        how(writer)
        await reader.read(1)

    async def test() -> None:
        async with serving(handle) as server:
            transport = pool(server)
            await ask(transport, server)
            assert len(transport._idle) == 1
            gate.set()
            await server.wait(lambda server: not server.open)
            assert transport._idle == []
            assert await ask(transport, server) == b"hello"
            assert server.total == 2
            await transport.aclose()

    run(test())


def test_what_is_in_use_outlives_the_pool_and_is_closed_after_it() -> None:
    gate = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(BEGUN)
        await gate.wait()
        writer.write(b"0\r\n\r\n")
        await reader.read(1)

    async def test() -> None:
        async with serving(handle) as server:
            transport = pool(server)
            answer = await transport.handle_async_request(request(server))
            await transport.aclose()
            gate.set()
            assert await body_of(answer) == b"hello"
            await server.wait(lambda server: not server.open)
            assert transport._idle == []
            assert transport._timer is None

    run(test())


@pytest.mark.parametrize(
    "data",
    [OK + b"x", OK + OK, OK.replace(b"OK\r\n", b"OK\r\nconnection: close\r\n"), OK.replace(b"/1.1", b"/1.0")],
    ids=["more", "another", "close", "1.0"],
)
def test_what_cannot_serve_again_does_not(data: bytes) -> None:
    async def test() -> None:
        async with serving(answering(data)) as server:
            transport = pool(server)
            for number in range(1, 4):
                assert await ask(transport, server) == b"hello"
                await server.wait(lambda server: not server.open)
                assert (server.total, transport._idle) == (number, [])
            await transport.aclose()

    run(test())


def test_the_next_answer_is_never_one_that_was_sent_before() -> None:
    """A whole second answer, sent at any moment, is not taken for the answer to the next request."""

    async def test() -> None:
        for rounds in range(12):
            counted = 0

            async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rounds: int = rounds) -> None:
                nonlocal counted
                await read_request(reader)
                counted += 1
                writer.write(OK.replace(b"hello", b"no. %d" % counted))
                for _ in range(rounds):
                    await asyncio.sleep(0)
                writer.write(OK.replace(b"hello", b"WRONG"))
                await reader.read(1)

            async with serving(handle) as server:
                transport = pool(server)
                assert await ask(transport, server) == b"no. 1"
                await server.wait(lambda server: not server.open)
                assert await ask(transport, server) == b"no. 2"
                await transport.aclose()

    run(test())


def test_the_death_of_an_idle_connection_as_it_is_used() -> None:
    """It is told apart, so that the request can be sent again; that of a new one is not."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await read_request(reader)

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)

    async def test() -> None:
        async with serving(handle) as server:
            transport = pool(server)
            assert await ask(transport, server) == b"hello"
            with pytest.raises(StaleConnection):
                await ask(transport, server)
            assert await ask(transport, server) == b"hello"
            await transport.aclose()
        async with serving(die) as server:
            with pytest.raises(httpx.ReadError) as caught:
                await ask(pool(server), server)
            assert type(caught.value) is httpx.ReadError

    run(test())


def test_it_cannot_connect() -> None:
    async def test() -> None:
        async with serving(answering(OK)) as server:
            pass
        transport = pool(server)
        with pytest.raises(httpx.ConnectError):
            await ask(transport, server)
        await transport.aclose()

    run(test())


# Cancelled.


async def cancelled_after(rounds: int, transport: Transport, server: Served, body: bytes = b"") -> bool:
    """Cancel a request after so many rounds of the loop; whether it was still going on."""

    async def all_of_it() -> None:
        answer = await transport.handle_async_request(request(server, body))
        await body_of(answer)

    task = asyncio.ensure_future(all_of_it())
    for _ in range(rounds):
        await asyncio.sleep(0)
    task.cancel()
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    if outcome is None:
        return False
    assert isinstance(outcome, asyncio.CancelledError)
    return True


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("body", [b"", b"x" * 2**23], ids=["small", "large"])
def test_a_request_can_be_cancelled_at_any_point(secure: bool, body: bytes) -> None:
    ours, theirs = (serving_context(), trusting()) if secure else (None, None)

    async def test() -> None:
        async with serving(answering(OK), ours) as server:
            rounds = 0
            while True:
                transport = pool(server, theirs)
                going = await cancelled_after(rounds, transport, server, body)
                if transport._idle:
                    # Cancelled or not, its answer was there to the last byte.
                    assert await ask(transport, server) == b"hello"
                else:
                    assert going
                await transport.aclose()
                await server.wait(lambda server: not server.open)
                if not going:
                    break
                rounds += 1 if rounds < 40 else 20
            assert rounds > 4

    run(test())


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200", BEGUN], ids=["silence", "head", "body"])
def test_hundreds_that_are_cancelled_leave_nothing(data: bytes) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(data)
        await reader.read(1)

    async def test() -> None:
        async with serving(handle) as server:
            transport = pool(server)
            for number in range(400):
                assert await cancelled_after(number % 20, transport, server)
            assert transport._idle == []
            await server.wait(lambda server: not server.open)
            await transport.aclose()
        assert len(asyncio.all_tasks()) == 1

    run(test())


def test_an_answer_that_is_closed_early_is_dropped_within_one_round() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(BEGUN)
        await reader.read(1)

    async def test() -> None:
        async with serving(handle) as server:
            transport = pool(server)
            answer = await transport.handle_async_request(request(server))
            await asyncio.sleep(0)
            await answer.stream.aclose()  # type: ignore[union-attr]
            await server.wait(lambda server: not server.open)
            assert transport._idle == []
            await transport.aclose()

    run(test())


def test_a_request_leaves_nothing_for_the_garbage_collector() -> None:
    async def test() -> None:
        async with serving(answering(OK)) as server:
            transport = pool(server)
            await ask(transport, server)
            gc.collect()
            gc.disable()
            try:
                for _ in range(20):
                    await ask(transport, server)
                assert gc.collect() < 20
            finally:
                gc.enable()
            await transport.aclose()

    run(test())
