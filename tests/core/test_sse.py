"""Frames come out of every spelling of the stream, however it is cut."""

from __future__ import annotations

import time

import pytest
from chunking import chunkings
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.sse import MAX_FRAME, Frame, FrameDecoder


def decode(chunks: list[bytes], limit: int = MAX_FRAME) -> list[Frame]:
    decoder = FrameDecoder(limit)
    frames = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return frames + decoder.flush()


CASES = {
    "usual": (b'data: {"a":1}\n\ndata: {"b":2}\n\n', [Frame(b'{"a":1}'), Frame(b'{"b":2}')]),
    "no space after the colon": (b"data:x\n\ndata:  y\n\n", [Frame(b"x"), Frame(b" y")]),
    "CRLF": (b"data: x\r\n\r\ndata: y\r\n\r\n", [Frame(b"x"), Frame(b"y")]),
    "CR": (b"data: x\r\rdata: y\r\r", [Frame(b"x"), Frame(b"y")]),
    "mixed line ends": (b"data: x\r\n\ndata: y\r\n\rdata: z\n\r\n", [Frame(b"x"), Frame(b"y"), Frame(b"z")]),
    "byte order mark": (b"\xef\xbb\xbfdata: x\n\n", [Frame(b"x")]),
    "several data lines": (b"data: x\ndata: y\ndata\n\n", [Frame(b"x\ny\n")]),
    "named": (b"event: error\ndata: x\n\ndata: y\n\n", [Frame(b"x", b"error"), Frame(b"y")]),
    "comments": (b": hello\n\n:\ndata: x\n: in between\n\n", [Frame(b"x")]),
    "unknown fields": (b"id: 7\nretry: 10\nfoo: bar\nnothing\ndata: x\n\n", [Frame(b"x")]),
    "name without data": (b"event: ping\n\ndata: x\n\n", [Frame(b"x")]),
    "no blank line at the end": (b"data: x\n\ndata: y", [Frame(b"x"), Frame(b"y")]),
    "one line end at the end": (b"data: x\n", [Frame(b"x")]),
    "too many blank lines": (b"\n\n\ndata: x\n\n\n\n\ndata: y\n\n\n", [Frame(b"x"), Frame(b"y")]),
    "empty data": (b"data:\n\ndata: x\n\n", [Frame(b""), Frame(b"x")]),
    "error field": (b'error: {"code":500}\n\n', [Frame(b'{"code":500}', b"error")]),
    "line separators of text": (
        "data: a\u2028b\u2029c\u0085d\x0be\x0cf\n\n".encode(),
        [Frame("a\u2028b\u2029c\u0085d\x0be\x0cf".encode())],
    ),
    "not UTF-8": (b"data: \xff\xfe\n\n", [Frame(b"\xff\xfe")]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize(("stream", "frames"), CASES.values(), ids=CASES.keys())
def test_spelling(stream: bytes, frames: list[Frame]) -> None:
    for chunks in chunkings(stream):
        assert decode(chunks) == frames


@pytest.mark.parametrize("head", [b"", b"data: before\n\n", b"data: a\ndata: bbb\n\n"])
def test_the_limit_is_the_same_for_every_split(head: bytes) -> None:
    fits = b"data: 0123456789\n\n"
    stream = head + fits + b"data: 01234567890\n\ndata: after\n\n"
    for chunks in chunkings(stream):
        decoder = FrameDecoder(limit=16)
        frames = [frame for chunk in chunks for frame in decoder.feed(chunk)]
        assert decoder.overflow
        assert decoder.flush() == []
        assert frames == decode([head + fits], limit=16)


def test_many_data_lines_count_as_one_frame() -> None:
    decoder = FrameDecoder(limit=100)
    for _ in range(100):
        decoder.feed(b"data: x\n")
    assert decoder.overflow


def test_comments_for_ever_are_no_frame() -> None:
    decoder = FrameDecoder(limit=100)
    for _ in range(100):
        assert decoder.feed(b": still there\n") == []
    assert not decoder.overflow


def test_a_long_line_in_small_packets_costs_linear_time() -> None:
    def cost(size: int) -> float:
        decoder = FrameDecoder(limit=64 * 1024 * 1024)
        packet = b"x" * 4096
        started = time.process_time()
        decoder.feed(b"data: ")
        for _ in range(size // 4096):
            decoder.feed(packet)
        (frame,) = decoder.feed(b"\n\n")
        assert len(frame.data) == size
        return time.process_time() - started

    cost(1 << 20)
    # Quadratic copying would take seconds for either.
    assert cost(10 << 20) < 1.0


def test_many_short_lines_cost_linear_time() -> None:
    decoder = FrameDecoder()
    started = time.process_time()
    for _ in range(200_000):
        decoder.feed(b"data:\n")
    assert len(decoder.flush()) == 1
    assert time.process_time() - started < 2.0


@given(st.lists(st.sampled_from([b"data: x", b"data:y", b":c", b"event: e", b"\n", b"\r", b"\r\n", b"\xef\xbb\xbf"])))
def test_any_mixture_gives_the_same_frames_whole_and_bytewise(pieces: list[bytes]) -> None:
    stream = b"".join(pieces)
    assert decode([stream]) == decode([stream[i : i + 1] for i in range(len(stream))])
