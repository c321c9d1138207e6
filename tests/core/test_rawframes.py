"""A stream is cut between its frames and loses no byte, however it arrives."""

from __future__ import annotations

import time

import pytest
from chunking import bytewise, chunkings, whole
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.rawframes import RawFrames
from bridge.core.sse import Frame, FrameDecoder

CASES = {
    "LF": [b"event: a\ndata: 1\n\n", b"data: 2\n\n"],
    "CRLF": [b"event: a\r\ndata: 1\r\n\r\n", b"data: 2\r\n\r\n"],
    "CR": [b"event: a\rdata: 1\r\r", b"data: 2\r\r"],
    "mixed": [b"data: 1\r\n\n", b"data: 2\n\r\n", b"data: 3\r\n\r\n"],
    "comments": [b": hello\n\n", b"data: 1\n\n"],
    "line separators of text": ["data: a\u2028b\u0085c\n\n".encode()],
}


def cut(chunks: list[bytes]) -> tuple[list[bytes], bytes]:
    frames = RawFrames()
    found = [raw for chunk in chunks for raw in frames.feed(chunk)]
    return found, frames.rest


@pytest.mark.parametrize("name", CASES)
def test_whole_frames(name: str) -> None:
    stream = b"".join(CASES[name])
    assert cut(whole(stream)) == (CASES[name], b"")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("rest", [b"", b"event: x\ndata: {"])
def test_every_chunking(name: str, rest: bytes) -> None:
    stream = b"".join(CASES[name]) + rest
    for chunks in chunkings(stream):
        found, left = cut(chunks)
        assert b"".join(found) + left == stream
        assert [decoded(raw) for raw in found if decoded(raw)] == [decoded(raw) for raw in CASES[name] if decoded(raw)]


def decoded(raw: bytes) -> list[Frame]:
    return FrameDecoder().feed(raw)


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"data: x", b"event: y", b":"]), max_size=20), st.data())
def test_frames_are_those_of_the_decoder(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=5)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    found, left = cut(chunks)
    assert b"".join(found) + left == stream
    decoder = FrameDecoder()
    assert [frame for raw in found for frame in decoded(raw)] + FrameDecoder().feed(left) == decoder.feed(stream)


def test_nothing_is_held_longer_than_needed() -> None:
    frames = RawFrames()
    assert frames.feed(b"data: 1\n") == []
    assert frames.feed(b"\ndata: 2") == [b"data: 1\n\n"]
    assert frames.feed(b"\n\n") == [b"data: 2\n\n"]
    assert frames.rest == b""


def test_a_frame_that_is_too_large() -> None:
    frames = RawFrames(limit=10)
    assert frames.feed(b"data: 1\n\n") == [b"data: 1\n\n"]
    assert frames.feed(b"data: 12345") == []
    assert frames.overflow
    assert frames.feed(b"\n\ndata: 2\n\n") == []


def test_the_time_is_linear() -> None:
    def seconds(size: int) -> float:
        stream = bytewise(b"data: " + b"x\r" * (size // 2) + b"\n\n")
        frames = RawFrames()
        began = time.perf_counter()
        for chunk in stream:
            frames.feed(chunk)
        return time.perf_counter() - began

    assert seconds(160_000) < 0.1 + 30 * seconds(20_000)
