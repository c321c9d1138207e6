from __future__ import annotations

import asyncio
import gzip
import socket
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable

import pytest
from rawserver import read_request, serving, serving_context
from scripted import FIN, KEEP, RST, Play, Upstream, head, part, reply

from bridge.errors import UpstreamError
from bridge.upstream.http import Answer, Client, Endpoint, Identity


def fetch(upstream: Upstream, use: Callable[[Answer], Awaitable[object]]) -> object:
    async def run() -> object:
        client = Client(Identity.of(upstream.url))
        answer = await Endpoint(client, "up", upstream.url).send("/x", {"a": "b"}, b"body", 5.0)
        try:
            return await use(answer)
        finally:
            await answer.aclose()
            await client.aclose()

    return asyncio.run(run())


async def whole(answer: Answer) -> bytes:
    return await answer.read_all(1 << 30)


@pytest.mark.parametrize(
    ("url", "identity"),
    [
        ("http://h/v1", Identity("http", "h", 80)),
        ("https://h/other/path", Identity("https", "h", 443)),
        ("http://[::1]:8000/v1", Identity("http", "::1", 8000)),
    ],
)
def test_identity(url: str, identity: Identity) -> None:
    assert Identity.of(url) == identity


def test_the_request_is_sent_as_it_is() -> None:
    with Upstream(reply(200, "hello", "text/plain")) as upstream:
        assert fetch(upstream, whole) == b"hello"
        (request,) = upstream.requests
        assert (request.method, request.path, request.body) == ("POST", "/v1/x", b"body")
        assert set(request.headers) == {"host", "accept-encoding", "user-agent", "a", "content-length"}


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate"])
def test_encodings_that_nobody_asked_for(encoding: str) -> None:
    text = b"".join(b"%d " % number for number in range(20_000))
    data = gzip.compress(text) if "gzip" in encoding else zlib.compress(text)
    head = f"HTTP/1.1 200 X\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(data)}\r\n\r\n".encode()
    cut: Play = [head + data[:7], data[7:8], data[8:30_000], data[30_000:], KEEP]
    with Upstream(cut) as upstream:
        assert fetch(upstream, whole) == text


def test_a_bomb_comes_in_small_pieces() -> None:
    data = gzip.compress(b"\0" * 50_000_000)

    async def largest(answer: Answer) -> int:
        most = 0
        while piece := await answer.read():
            most = max(most, len(piece))
        return most

    with Upstream(reply(200, data, "text/plain", "content-encoding: gzip")) as upstream:
        tracemalloc.start()
        try:
            most = fetch(upstream, largest)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert most == 2**20
        assert peak < 16 * 2**20


@pytest.mark.parametrize(
    "play",
    [
        reply(200, gzip.compress(b"hello")[:-9], "text/plain", "content-encoding: gzip"),
        reply(200, b"hello", "text/plain", "content-encoding: gzip"),
        reply(200, b"hello", "text/plain", "content-encoding: br"),
    ],
    ids=["cut", "corrupt", "unknown"],
)
def test_what_cannot_be_decoded_is_a_fault(play: Play) -> None:
    with Upstream(play) as upstream, pytest.raises(UpstreamError) as caught:
        fetch(upstream, whole)
    assert caught.value.fault.retry == "transient"
    assert "`up`" in str(caught.value)


def test_read_all_stops_at_its_limit() -> None:
    with Upstream(reply(200, "x" * 100_000)) as upstream:
        assert fetch(upstream, lambda answer: answer.read_all(10)) == b"x" * 10


def test_only_one_retry_is_free() -> None:
    """Both idle connections die as they are used: that may be the request's doing after all."""

    async def run(upstream: Upstream) -> None:
        client = Client(Identity.of(upstream.url))
        endpoint = Endpoint(client, "up", upstream.url)
        answers = await asyncio.gather(*(endpoint.send("/x", {}, b"", 5.0) for _ in range(2)))
        for answer in answers:
            await answer.read_all(100)
            await answer.aclose()
        with pytest.raises(UpstreamError) as caught:
            await endpoint.send("/x", {}, b"", 5.0)
        assert caught.value.fault.retry == "safe"
        await client.aclose()

    with Upstream(reply(200, "x"), reply(200, "x"), [FIN]) as upstream:
        asyncio.run(run(upstream))
        assert len(upstream.requests) == 4


def test_connections_are_shared_and_closed() -> None:
    async def run(upstream: Upstream) -> None:
        client = Client(Identity.of(upstream.url))
        endpoint = Endpoint(client, "up", upstream.url)
        for _ in range(3):
            answer = await endpoint.send("/x", {}, b"", 5.0)
            await answer.read_all(100)
            await answer.aclose()
        await client.aclose()

    with Upstream(reply(200, "x")) as upstream:
        asyncio.run(run(upstream))
        upstream.wait(lambda upstream: upstream.open == 0)
        assert upstream.connections == 1


def send(upstream: Upstream, path: str, body: bytes) -> None:
    async def run() -> None:
        client = Client(Identity.of(upstream.url))
        try:
            answer = await Endpoint(client, "up", upstream.url).send(path, {"content-type": "a/b"}, body, 5.0)
            await answer.read_all(10)
            await answer.aclose()
        finally:
            await client.aclose()

    asyncio.run(run())


def test_a_query_keeps_its_spelling() -> None:
    with Upstream(reply(200)) as upstream:
        for query in ("?beta=true", "?a=%7e%2F+b&&c", "?"):
            send(upstream, "/x" + query, b"")
        assert [request.path for request in upstream.requests] == ["/v1/x?beta=true", "/v1/x?a=%7e%2F+b&&c", "/v1/x"]


def test_a_large_body_is_sent_in_pieces() -> None:
    body = b"0123456789" * 300_000
    with Upstream([FIN], reply(200)) as upstream:
        with pytest.raises(UpstreamError):
            send(upstream, "/x", body)
        send(upstream, "/x", body)
        assert [request.body == body for request in upstream.requests] == [True, True]
        assert upstream.requests[1].headers["content-length"] == str(len(body))
        assert upstream.requests[1].headers["content-type"] == "a/b"


def fault_of(
    url: str, path: str = "/x", headers: dict[str, str] | None = None, connect: float = 20.0
) -> tuple[str, ...]:
    """What is said of a request that fails, and how it may be repeated."""

    async def run() -> tuple[str, ...]:
        client = Client(Identity.of(url))
        try:
            answer = await Endpoint(client, "up", url).send(path, headers or {}, b"", connect)
            try:
                await answer.read_all(1 << 20)
            finally:
                await answer.aclose()
        except UpstreamError as caught:
            fault = caught.fault
            return fault.kind, fault.message.removeprefix("upstream `up`").removeprefix(":").strip(), fault.retry
        finally:
            await client.aclose()
        raise AssertionError("it did not fail")

    return asyncio.run(run())


NO_ANSWER = ("api", "closed the connection without an answer", "ambiguous")
NOT_HTTP = ("api", "sent an answer that is not HTTP", "ambiguous")
CUT = ("api", "closed the connection in the middle of its answer", "ambiguous")


@pytest.mark.parametrize(
    ("play", "expected"),
    [
        ([FIN], NO_ANSWER),
        ([RST], NO_ANSWER),
        ([b"HTTP/1.1 200 OK\r\ncontent-", FIN], NO_ANSWER),
        ([b"SSH-2.0-OpenSSH\r\n", KEEP], NOT_HTTP),
        ([b"HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", KEEP], NOT_HTTP),
        ([b"HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n", KEEP], NOT_HTTP),
        ([head(), FIN], CUT),
        ([head(), part(b"x"), RST], CUT),
        ([head(), part(b"x"), b"zz\r\n", KEEP], CUT),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx", FIN], CUT),
    ],
)
def test_what_is_said_of_an_answer_that_is_none(play: Play, expected: tuple[str, ...]) -> None:
    with Upstream(play) as upstream:
        assert fault_of(upstream.url) == expected
        assert len(upstream.requests) == 1
        upstream.wait(lambda upstream: not upstream.open)


def test_what_is_said_when_nothing_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    refused = ("api", "cannot be reached: connection refused or no route", "safe")
    assert fault_of(f"http://127.0.0.1:{port}/v1") == refused
    unknown = ("api", "its host name cannot be resolved", "safe")
    assert fault_of("http://no-such-host.invalid/v1") == unknown
    for host in ("a..b", "xn--\N{SNOWMAN}"):
        assert fault_of(f"http://{host}/v1") == ("api", "its base_url cannot be called", "never")


def test_what_is_said_of_a_server_that_does_not_accept() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        late = fault_of(f"https://127.0.0.1:{silent.getsockname()[1]}/v1", connect=0.1)
    assert late == ("timeout", "did not accept a connection in time", "safe")


def test_what_is_said_of_bad_tls() -> None:
    with Upstream(reply(200)) as plain:
        failed = fault_of(plain.url.replace("http:", "https:"))
        assert failed == ("api", "the TLS handshake failed", "never")

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def run() -> None:
        async with serving(hold, serving_context()) as server:
            url = f"https://127.0.0.1:{server.port}/v1"
            distrusted = await asyncio.to_thread(fault_of, url)
            assert distrusted == ("api", "its TLS certificate cannot be verified", "never")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/x", {"x-key": "secret\r\nx: y"}),
        ("/x", {"x-key": "secret\0"}),
        ("/x", {"x-key": "secret\N{SNOWMAN}"}),
        ("/x", {"x\r\ny": "secret"}),
        ("/x?secret y", {}),
        ("/x?secret\r\nx: y", {}),
        ("/x?secret\N{SNOWMAN}", {}),
    ],
)
def test_what_http_cannot_carry_is_not_sent_nor_repeated(path: str, headers: dict[str, str]) -> None:
    with Upstream(reply(200)) as upstream:
        kind, message, retry = fault_of(upstream.url, path, headers)
        assert (kind, retry) == ("api", "never")
        assert message.startswith("cannot be asked so: ")
        assert "secret" not in message
        assert upstream.connections == 0


def test_a_header_beyond_ascii_arrives_as_it_was() -> None:
    seen = b""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen, _ = await read_request(reader)
        writer.write(b"HTTP/1.1 204 X\r\n\r\n")

    async def run() -> None:
        async with serving(handle) as server:
            client = Client(Identity.of(server.url))
            answer = await Endpoint(client, "up", server.url).send("/x", {"a": "\xe9"}, b"", 5.0)
            await answer.aclose()
            await client.aclose()

    asyncio.run(run())
    assert b"\r\na: \xe9\r\n" in seen


def test_two_kinds_of_requests_do_not_share_a_head() -> None:
    async def run(upstream: Upstream) -> None:
        client = Client(Identity.of(upstream.url))
        endpoint = Endpoint(client, "up", upstream.url)
        for number in range(200):
            method = "GET" if number % 2 else "POST"
            answer = await endpoint.send(f"/{number % 100}", {"a": str(number)}, b"", 5.0, method=method)
            await answer.aclose()
        await client.aclose()

    with Upstream(reply(200)) as upstream:
        asyncio.run(run(upstream))
        for number, request in enumerate(upstream.requests):
            assert (request.path, request.headers["a"]) == (f"/v1/{number % 100}", str(number))
            assert request.method == ("GET" if number % 2 else "POST")
        assert upstream.connections == 1
