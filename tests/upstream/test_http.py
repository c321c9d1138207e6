from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable

import pytest
from scripted import FIN, KEEP, Play, Upstream, reply

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
