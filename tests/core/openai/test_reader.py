"""What an answer is, is seen from its first byte; what it says does not depend on how it arrives."""

from __future__ import annotations

import pytest
from chunking import chunkings

from bridge.core.events import Event, Fault, Finish, TextDelta
from bridge.core.openai import reader
from bridge.core.openai.decoder import Decoder
from bridge.core.openai.reader import AnswerReader

STREAM = (
    'data: {"choices":[{"index":0,"delta":{"content":"Grüße \u2028 \\ud83d\\ude00"}}]}\r\n\r\n'
    'data:{"choices":[{"index":0,"delta":{"content":"!"},"finish_reason":"stop"}]}\r\n\r\n'
    "data: [DONE]\r\n\r\n"
).encode()
WHOLE = '{"choices":[{"index":0,"message":{"content":"Grüße \u2028 \U0001f600!"},"finish_reason":"stop"}]}'.encode()


def read(chunks: list[bytes]) -> list[Event]:
    answer = AnswerReader(Decoder(lambda: "t", "up", "m"))
    events = [event for chunk in chunks for event in answer.feed(chunk)]
    return events + answer.eof()


def said(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize("lead", [b"", b"\xef\xbb\xbf", b"\n\n", b"\xef\xbb\xbf \r\n"])
@pytest.mark.parametrize("body", [STREAM, WHOLE], ids=["stream", "whole"])
def test_any_form_in_any_pieces(body: bytes, lead: bytes) -> None:
    for chunks in chunkings(lead + body):
        events = read(chunks)
        assert said(events) == "Grüße \u2028 \U0001f600!"
        assert events[-1] == Finish("end_turn")


def test_half_a_mark_is_nothing() -> None:
    (event,) = read([b"\xef\xbb"])
    assert isinstance(event, Fault)


def test_a_page_is_known_at_once() -> None:
    answer = AnswerReader(Decoder(lambda: "t", "up", "m"))
    (event,) = answer.feed(b"\n<")
    assert isinstance(event, Fault)
    assert answer.feed(b"html>") == []
    assert answer.eof() == []


def test_frames_have_a_limit() -> None:
    answer = AnswerReader(Decoder(lambda: "t", "up", "m"))
    events: list[Event] = answer.feed(b"data: ")
    for _ in range(1100):
        events += answer.feed(b"x" * 4096)
    (event,) = events
    assert isinstance(event, Fault)
    assert "too large" in event.message
    assert answer.eof() == []


def test_a_frame_that_is_too_large_after_the_end_spoils_nothing() -> None:
    end = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'
    assert read([end, b"data: " + b"x" * (5 << 20)]) == [TextDelta("a"), Finish("end_turn")]


def test_bodies_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_BODY", 1000)
    (event,) = read([b"{" + b" " * 600, b" " * 600, b"}"])
    assert isinstance(event, Fault)
    assert "too large" in event.message
