"""An answer as it arrives: the same however it is cut, and nothing that is not one comes through as one."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

import httpx
import pytest
from chunking import bytewise, chunkings, every_split, seeded_splits
from hypothesis import given
from hypothesis import strategies as st

from bridge.upstream.http1.reply import LARGEST_HEAD, UNREAD, Reply, StaleConnection

T = TypeVar("T")
OK = b"HTTP/1.1 200 OK\r\n"


class Tap:
    """What a reply asks of its connection."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")

    def release(self, *, reusable: bool) -> None:
        self.calls.append("keep" if reusable else "drop")


def run(test: Coroutine[Any, Any, T]) -> T:
    async def limited() -> T:
        async with asyncio.timeout(30):
            return await test

    return asyncio.run(limited())


def made(reused: bool = False) -> tuple[Reply, Tap]:
    tap = Tap()
    return Reply(tap, asyncio.get_running_loop(), reused=reused), tap


Outcome = tuple[int, list[tuple[bytes, bytes]], bytes, str]


async def arrive(pieces: Iterable[bytes], end: bool | None = None) -> Outcome:
    """Feed the pieces to a reply while a task reads it: status, fields, body, and how it ended."""
    reply, tap = made()
    body = b""

    async def read() -> None:
        nonlocal body
        await reply.head()
        async for piece in reply:
            assert piece
            body += piece

    reader = asyncio.ensure_future(read())
    for piece in pieces:
        if not reply.feed(piece):
            break
        await asyncio.sleep(0)
    if end is not None:
        reply.end(clean=end)
    await asyncio.wait([reader], timeout=0.1 if end is None else 5)
    if not reader.done():
        reader.cancel()
        await asyncio.wait([reader])
        outcome = "waits"
    elif (failure := reader.exception()) is not None:
        assert isinstance(failure, httpx.TransportError)
        outcome = type(failure).__name__
    else:
        await reply.aclose()
        (outcome,) = tap.calls
    return reply.status, list(reply.fields), body, outcome


CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
LENGTH = OK + b"content-length: 5\r\n\r\n"
PLAIN = [(b"content-length", b"5")]
IN_CHUNKS = [(b"transfer-encoding", b"chunked")]

WHOLE: dict[str, tuple[bytes, Outcome]] = {
    "length": (LENGTH + b"hello", (200, PLAIN, b"hello", "keep")),
    "empty": (OK + b"content-length: 0\r\n\r\n", (200, [(b"content-length", b"0")], b"", "keep")),
    "chunks": (CHUNKED + b"5\r\nhello\r\n3;x=y\r\n, w\r\n0\r\n\r\n", (200, IN_CHUNKS, b"hello, w", "keep")),
    "trailers": (CHUNKED + b"A\r\n0123456789\r\n0\r\nx: y\r\nx: z\r\n\r\n", (200, IN_CHUNKS, b"0123456789", "keep")),
    "no-content": (b"HTTP/1.1 204 No Content\r\nx: y\r\n\r\n", (204, [(b"x", b"y")], b"", "keep")),
    "not-modified": (b"HTTP/1.1 304 X\r\ncontent-length: 5\r\n\r\n", (304, PLAIN, b"", "keep")),
    "early-hints": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + LENGTH + b"hello",
        (200, PLAIN, b"hello", "keep"),
    ),
    "close": (
        OK + b"connection: close\r\ncontent-length: 5\r\n\r\nhello",
        (200, [(b"connection", b"close"), *PLAIN], b"hello", "drop"),
    ),
    "1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", (200, PLAIN, b"hello", "drop")),
    "1.0-kept": (
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\ncontent-length: 5\r\n\r\nhello",
        (200, [(b"Connection", b"Keep-Alive"), *PLAIN], b"hello", "keep"),
    ),
    "h2-offered": (
        OK + b"Upgrade: h2c\r\nConnection: Upgrade\r\ncontent-length: 5\r\n\r\nhello",
        (200, [(b"Upgrade", b"h2c"), (b"Connection", b"Upgrade"), *PLAIN], b"hello", "keep"),
    ),
    "no-reason": (b"HTTP/1.1 529\r\nx:\r\ncontent-length: 5\r\n\r\nhello", (529, [(b"x", b""), *PLAIN], b"hello", "keep")),
    "latin-1": (b"HTTP/1.1 200 \xe9\r\nx: \xe9\r\ncontent-length: 0\r\n\r\n", (200, [(b"x", b"\xe9"), (b"content-length", b"0")], b"", "keep")),
}  # fmt: skip

TO_THE_END: dict[str, tuple[bytes, Outcome]] = {
    "no-length": (OK + b"x: y\r\n\r\nhello", (200, [(b"x", b"y")], b"hello", "drop")),
    "1.0": (b"HTTP/1.0 404 X\r\n\r\nhello\r\n\r\n", (404, [], b"hello\r\n\r\n", "drop")),
    "identity": (OK + b"transfer-encoding: identity\r\n\r\nhello", (200, [(b"transfer-encoding", b"identity")], b"hello", "drop")),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_is_the_same_however_it_is_cut(name: str) -> None:
    data, expected = WHOLE[name]

    async def all_of_them() -> None:
        for pieces in chunkings(data):
            assert await arrive(pieces) == expected

    run(all_of_them())


@pytest.mark.parametrize("name", TO_THE_END)
def test_a_body_without_length_ends_with_the_connection(name: str) -> None:
    data, expected = TO_THE_END[name]

    async def all_of_them() -> None:
        for pieces in chunkings(data):
            assert await arrive(pieces, end=True) == expected
        # Not so if it ended by an error: then nobody knows.
        assert await arrive([data], end=False) == (*expected[:3], "ReadError")

    run(all_of_them())


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_cut_short_is_a_failure(name: str) -> None:
    data, (_, _, body, _) = WHOLE[name]

    async def all_of_them() -> None:
        for cut in range(len(data)):
            for clean in (True, False):
                for pieces in ([data[:cut]], bytewise(data[:cut])):
                    _, _, got, outcome = await arrive(filter(None, pieces), end=clean)
                    assert outcome == "ReadError"
                    assert body.startswith(got)

    run(all_of_them())


NOT_HTTP: dict[str, bytes] = {
    "text": b"hello\r\n\r\n",
    "html": b"<html>",
    "tls": b"\x15\x03\x01\x00\x02\x02\x46",
    "http2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    "shoutcast": b"ICY 200 OK\r\n\r\n",
    "status-99": b"HTTP/1.1 99 X\r\n\r\n",
    "status-000": b"HTTP/1.1 000 X\r\n\r\n",
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    "101": b"HTTP/1.1 101 X\r\n\r\n",
    "obs-fold": OK + b"a: b\r\n c\r\n\r\n",
    "nul": OK + b"a: b\0c\r\n\r\n",
    "lone-cr": OK + b"a: b\rc: d\r\n\r\n",
    "lone-lf": b"HTTP/1.1 200 OK\na: b\n\n",
    "blank-in-name": OK + b"a b: c\r\n\r\n",
    "blank-before-colon": OK + b"a : c\r\n\r\n",
    "no-colon": OK + b"abc\r\n\r\n",
    "two-lengths": OK + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello",
    "two-lengths-in-one": OK + b"content-length: 5, 5\r\n\r\nhello",
    "length-and-chunks": OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunks-and-length": OK + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "negative-length": OK + b"content-length: -5\r\n\r\nhello",
    "no-number": OK + b"content-length: five\r\n\r\nhello",
    "huge-length": OK + b"content-length: 99999999999999999999999\r\n\r\nhello",
    "close-after-100": b"HTTP/1.1 100 X\r\nconnection: close\r\n\r\n" + LENGTH + b"hello",
}


@pytest.mark.parametrize("name", NOT_HTTP)
def test_what_is_no_answer_is_a_failure(name: str) -> None:
    async def all_of_them() -> None:
        for pieces in chunkings(NOT_HTTP[name]):
            assert (await arrive(pieces))[0::3] == (0, "RemoteProtocolError")

    run(all_of_them())


@pytest.mark.parametrize(
    "tail", [b"zz\r\n", b"-3\r\nabc", b"fffffffffffffffff\r\nabc", b"3\r\nabcd\r\n", b"3\nabc", b"0\r\n\0: x\r\n\r\n"]
)
def test_a_malformed_chunk_is_a_failure_behind_what_had_arrived(tail: bytes) -> None:
    async def all_of_them() -> None:
        for pieces in chunkings(CHUNKED + b"5\r\nhello\r\n" + tail):
            status, _, body, outcome = await arrive(pieces)
            assert (status, outcome) == (200, "RemoteProtocolError")
            assert body in (b"hello", b"helloabc")

    run(all_of_them())


def test_a_chunk_as_long_as_numbers_go_never_ends() -> None:
    status, _, body, outcome = run(arrive([CHUNKED + b"ffffffffffffffff\r\nabc"], end=True))
    assert (status, body, outcome) == (200, b"abc", "ReadError")


def test_chunks_that_are_not_the_last_coding_do_not_end_with_the_connection() -> None:
    """Whatever such an answer means, it is not known to be whole."""
    for coding in (b"chunked, gzip", b"chunked\r\ntransfer-encoding: identity"):
        got = run(arrive([OK + b"transfer-encoding: " + coding + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"], end=True))
        assert got[3] == "ReadError"


@pytest.mark.parametrize("more", [b"x", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad", b"\0", b"\r\n\r\nHTT"])
@pytest.mark.parametrize("name", ["length", "chunks", "no-content", "close", "1.0"])
def test_bytes_behind_an_answer_are_not_another(name: str, more: bytes) -> None:
    data, expected = WHOLE[name]

    async def all_of_them() -> None:
        for pieces in [[data + more], [data, more], bytewise(data + more), *every_split(data + more)]:
            reply, tap = made()
            whole = [reply.feed(piece) for piece in pieces]
            assert not whole[-1]
            assert (reply.status, reply.fields) == expected[:2]
            assert b"".join([piece async for piece in reply]) == expected[2]
            await reply.aclose()
            assert tap.calls == ["drop"]
            # The same for one that is waiting while they come.
            assert (await arrive(pieces))[:3] == expected[:3]

    run(all_of_them())


@pytest.mark.parametrize(
    "data",
    [
        OK + b"x: " + b"y" * LARGEST_HEAD,
        OK + b"x" * LARGEST_HEAD,
        OK + b"a: b\r\n" * (LARGEST_HEAD // 6),
        b"HTTP/1.1 200 " + b"x" * LARGEST_HEAD,
        b"HTTP/1.1 100 X\r\n\r\n" * (LARGEST_HEAD // 17),
        b"\r\n" * LARGEST_HEAD,
    ],
    ids=["value", "name", "fields", "reason", "100", "blank"],
)
def test_a_head_has_a_limit(data: bytes) -> None:
    pieces = [data[at : at + 1000] for at in range(0, len(data), 1000)]
    assert run(arrive(pieces))[0::3] == (0, "RemoteProtocolError")
    assert run(arrive([data]))[0::3] == (0, "RemoteProtocolError")


def test_a_head_that_is_too_large_is_refused_though_it_is_whole() -> None:
    for filler in (b"x: " + b"y" * LARGEST_HEAD + b"\r\n", b"abcdef: ghi\r\n" * 8000):
        assert run(arrive([OK + filler + b"content-length: 0\r\n\r\n"]))[0::3] == (0, "RemoteProtocolError")


def test_a_large_body_with_the_head_is_no_large_head() -> None:
    body = b"x" * 200_000
    got = run(arrive([OK + b"content-length: 200000\r\n\r\n" + body]))
    assert got == (200, [(b"content-length", b"200000")], body, "keep")


@pytest.mark.parametrize("filler", [b"0\r\nx: y", b"0\r\n", b"5;a=b"], ids=["trailer", "trailers", "extension"])
def test_what_no_body_comes_of_has_a_limit(filler: bytes) -> None:
    more = b"x: y\r\n" if filler == b"0\r\n" else b"yyyyyy"
    pieces = [CHUNKED + b"5\r\nhello\r\n", filler, *[more * 100] * (LARGEST_HEAD // 600 + 1)]
    status, _, body, outcome = run(arrive(pieces))
    assert (status, body, outcome) == (200, b"hello", "RemoteProtocolError")


def test_nothing_is_read_ahead_without_limit() -> None:
    async def test() -> None:
        reply, tap = made()
        reply.feed(CHUNKED)
        for _ in range(4):
            reply.feed(b"10000\r\n" + b"x" * 2**16 + b"\r\n")
        assert tap.calls == ["pause"]
        assert len(await anext(reply)) == UNREAD
        assert tap.calls == ["pause", "resume"]
        reply.feed(b"1\r\nx\r\n")
        assert await anext(reply) == b"x"
        await reply.aclose()
        assert tap.calls == ["pause", "resume", "drop"]

    run(test())


def test_pieces_that_are_there_come_out_joined() -> None:
    async def test() -> None:
        reply, _ = made()
        for piece in (CHUNKED + b"1\r\na\r\n1\r\nb\r\n", b"1\r\nc\r\n"):
            reply.feed(piece)
        await reply.head()
        assert await anext(reply) == b"abc"
        reply.feed(b"1\r\nd\r\n0\r\n\r\n")
        assert [piece async for piece in reply] == [b"d"]

    run(test())


def test_an_answer_that_has_arrived_needs_no_reader() -> None:
    async def test() -> None:
        reply, tap = made()
        reply.feed(LENGTH + b"hello")
        await reply.aclose()
        await reply.aclose()
        assert tap.calls == ["keep"]

    run(test())


@pytest.mark.parametrize("data", [b"", b"HT", LENGTH, LENGTH + b"he"])
def test_closed_before_its_end(data: bytes) -> None:
    async def test() -> None:
        reply, tap = made()
        if data:
            reply.feed(data)
        await reply.aclose()
        assert tap.calls == ["drop"]

    run(test())


@pytest.mark.parametrize(
    ("reused", "data", "failure"),
    [
        (True, b"", StaleConnection),
        (False, b"", httpx.ReadError),
        (True, b"H", httpx.ReadError),
        (True, LENGTH, httpx.ReadError),
    ],
)
@pytest.mark.parametrize("clean", [True, False])
def test_only_an_unanswered_reused_connection_is_stale(
    reused: bool, data: bytes, failure: type[Exception], clean: bool
) -> None:
    async def test() -> None:
        reply, _ = made(reused)
        if data:
            reply.feed(data)
        reply.end(clean=clean)
        if reply.status:
            await reply.head()
        with pytest.raises(httpx.ReadError) as caught:
            await (anext(reply) if reply.status else reply.head())
        assert type(caught.value) is failure

    run(test())


def test_a_reused_connection_that_ends_after_a_while_is_not_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        monkeypatch.setattr("bridge.upstream.http1.reply.STALE_WITHIN", 0.0)
        reply, _ = made(reused=True)
        reply.end(clean=True)
        with pytest.raises(httpx.ReadError) as caught:
            await reply.head()
        assert type(caught.value) is httpx.ReadError

    run(test())


@pytest.mark.parametrize("before", [b"", LENGTH])
def test_who_waits_can_be_cancelled(before: bytes) -> None:
    async def test() -> None:
        reply, _ = made()
        if before:
            reply.feed(before)
        task = asyncio.ensure_future(reply.__anext__() if before else reply.head())  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        reply.feed(b"" if before else LENGTH)
        reply.feed(b"hello")
        assert (await asyncio.gather(task, return_exceptions=True))[0].__class__ is asyncio.CancelledError
        assert await anext(reply) == b"hello"

    run(test())


def encoded(body: Sequence[bytes], framing: str) -> bytes:
    whole = b"".join(body)
    if framing == "length":
        return OK + b"x: y\r\ncontent-length: %d\r\n\r\n" % len(whole) + whole
    if framing == "end":
        return OK + b"x: y\r\n\r\n" + whole
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in body if piece)
    return OK + b"x: y\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


BODIES = st.lists(st.binary(max_size=60), max_size=6)
FRAMINGS = st.sampled_from(["length", "chunks", "end"])


@given(body=BODIES, framing=FRAMINGS, interim=st.integers(0, 2), seed=st.integers(0, 2**32))
def test_every_valid_answer_arrives(body: list[bytes], framing: str, interim: int, seed: int) -> None:
    data = b"HTTP/1.1 103 X\r\na: b\r\n\r\n" * interim + encoded(body, framing)
    for pieces in seeded_splits(data, count=2, seed=seed):
        status, fields, got, outcome = run(arrive(pieces, end=True))
        assert (status, fields[0], got) == (200, (b"x", b"y"), b"".join(body))
        assert outcome == ("drop" if framing == "end" else "keep")


@given(
    body=BODIES,
    framing=FRAMINGS,
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 2), st.binary(max_size=4)), min_size=1, max_size=4),
    seed=st.integers(0, 2**32),
)
def test_whatever_arrives_is_an_answer_or_a_failure(
    body: list[bytes], framing: str, edits: list[tuple[int, int, bytes]], seed: int
) -> None:
    data = encoded(body, framing)
    for at, taken, put in edits:
        at %= len(data) + 1
        data = data[:at] + put + data[at + taken :]
    outcomes = [run(arrive(pieces, end=True)) for pieces in ([data] if data else [], bytewise(data))]
    outcomes += [run(arrive(pieces, end=True)) for pieces in seeded_splits(data, count=1, seed=seed)]
    assert {outcome[3] for outcome in outcomes} <= {"keep", "drop", "ReadError", "RemoteProtocolError"}
    # What is said of the answer does not hang on how it was cut.
    assert len({outcome[0] for outcome in outcomes}) == 1


@given(data=st.binary(max_size=200))
def test_noise_is_a_failure(data: bytes) -> None:
    assert run(arrive([data] if data else [], end=True))[0::3] in ((0, "ReadError"), (0, "RemoteProtocolError"))


def test_compressed_bytes_pass_as_they_are() -> None:
    data = gzip.compress(b"hello")
    head = OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(data)
    assert run(arrive(bytewise(head + data)))[2] == data
