"""An answer that is passed on: the same bytes for every way of cutting them, and nothing half."""

from __future__ import annotations

import messagesapi
import pytest
from chunking import bytewise, chunkings, every_split, whole
from messagesapi import BLOCK, PING, STOP, STOPPED, delta, event, start

from bridge.core.events import Fault
from bridge.core.passage import Passage
from bridge.core.route import Route, UpstreamRef

ROUTE = Route("m", UpstreamRef("up", protocol="anthropic", api_key="s3cret"), "real")
FRAMES = messagesapi.frames("héllo", "\u2028 wörld")
STREAM = b"".join(FRAMES)
OVERLOADED = event("error", error={"type": "overloaded_error", "message": "busy"})


class Client:
    """A passage, and what its client got."""

    def __init__(self, *, stream: bool = True, begun: bool = False, content_type: str = "text/event-stream") -> None:
        self.out: list[bytes] = []
        self.passage = Passage(ROUTE, self.out, stream=stream, begun=begun)
        self.passage.receive_head(content_type, {"content-type": content_type, "request-id": "req_1"})

    def feed(self, *chunks: bytes) -> Client:
        for chunk in chunks:
            self.passage.receive(chunk)
        return self

    @property
    def got(self) -> bytes:
        return b"".join(self.out)


@pytest.mark.parametrize("line", [b"\n", b"\r\n", b"\r"])
def test_a_stream_is_passed_on_byte_for_byte(line: bytes) -> None:
    stream = STREAM.replace(b"\n", line)
    for chunks in chunkings(stream):
        client = Client().feed(*chunks)
        client.passage.receive_eof()
        assert client.got == stream
        assert (client.passage.finished, client.passage.fault) == (True, None)
        assert client.passage.progress == 5
        assert (client.passage.usage.output_tokens, client.passage.stop_reason) == (42, "end_turn")


def test_what_the_client_sees_are_always_whole_frames() -> None:
    ends = {len(b"".join(FRAMES[:number])) for number in range(len(FRAMES) + 1)}
    client = Client()
    for byte in bytewise(STREAM):
        client.feed(byte)
        assert len(client.got) in ends


def test_nothing_is_shown_before_content() -> None:
    client = Client().feed(start(), PING, event("new_in_2030"))
    assert (client.got, client.passage.content_started, client.passage.progress) == (b"", False, 0)
    client.feed(BLOCK)
    assert client.got == start() + PING + event("new_in_2030") + BLOCK
    assert client.passage.content_started
    client.feed(delta("a")[:-3])
    assert client.got.endswith(BLOCK)


def test_the_beginning_is_left_out_where_the_client_has_one() -> None:
    for chunks in every_split(STREAM):
        assert Client(begun=True).feed(*chunks).got == b"".join([PING.join([BLOCK, b""]), *FRAMES[3:]])


def test_a_message_without_content() -> None:
    client = Client().feed(start(), STOPPED, STOP)
    assert client.passage.finished
    assert client.got == start() + STOPPED + STOP
    client = Client().feed(start(), STOP)
    assert (client.passage.finished, client.got) == (True, start() + STOP)


def test_nothing_comes_behind_the_end() -> None:
    assert Client().feed(STREAM + delta("more") + STOP, PING).got == STREAM
    client = Client().feed(start(), BLOCK, OVERLOADED + delta("more"), STOP)
    assert client.got == start() + BLOCK + OVERLOADED


@pytest.mark.parametrize("chunks", [whole, bytewise])
def test_an_error_before_content_is_a_fault(chunks: object) -> None:
    assert callable(chunks)
    client = Client().feed(*chunks(start() + PING + OVERLOADED))
    fault = client.passage.fault
    assert fault is not None
    assert (fault.kind, fault.retry, fault.message) == ("overloaded", "transient", "upstream `up` failed: busy")
    assert (client.got, client.passage.told) == (b"", False)


def test_an_error_after_content_is_passed_on() -> None:
    for chunks in every_split(b"".join([start(), BLOCK, OVERLOADED])):
        client = Client().feed(*chunks)
        assert client.got == start() + BLOCK + OVERLOADED
        assert client.passage.told
        assert client.passage.fault is not None
        assert client.passage.fault.kind == "overloaded"


def test_an_error_about_our_key_says_nothing_of_it() -> None:
    client = Client().feed(event("error", error={"type": "authentication_error", "message": "bad key s3cret"}))
    assert client.passage.fault is not None
    assert client.passage.fault.kind == "permission"
    assert "upstreams.up.api_key" in client.passage.fault.message
    client = Client().feed(event("error", error={"type": "api_error", "message": "key s3cret"}))
    assert client.passage.fault is not None
    assert "s3cret" not in client.passage.fault.message


def test_a_stream_cut_anywhere_fails_and_shows_no_half_frame() -> None:
    starts = [len(b"".join(FRAMES[:number])) for number in range(len(FRAMES) + 1)]
    for cut in range(len(STREAM) - 1):
        client = Client().feed(STREAM[:cut])
        client.passage.receive_eof()
        whole_frames = max(end for end in starts if end <= cut)
        if STREAM[:cut].endswith(STOP[:-2]):
            assert client.passage.finished
            continue
        assert client.passage.fault is not None
        assert not client.passage.finished
        shown = STREAM[:whole_frames] if whole_frames >= starts[2] else b""
        assert client.got == shown
        before = "sent an empty answer" if whole_frames < starts[1] else "ended its answer before it was complete"
        assert before in client.passage.fault.message
        assert client.passage.fault.retry == ("transient" if whole_frames < starts[1] else "ambiguous")


@pytest.mark.parametrize("cut", [1, 2])
def test_a_last_frame_without_its_blank_line(cut: int) -> None:
    client = Client().feed(STREAM[:-cut])
    client.passage.receive_eof()
    assert client.passage.finished
    assert client.got.rstrip(b"\n") == STREAM.rstrip(b"\n")
    assert client.got.endswith(b"\n\n")


def test_an_error_without_its_blank_line() -> None:
    client = Client().feed(start(), BLOCK, OVERLOADED[:-2])
    client.passage.receive_eof()
    assert client.passage.fault is not None
    assert (client.passage.fault.kind, client.passage.told) == ("overloaded", False)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (messagesapi.message(), "a whole answer where a stream was asked for"),
        (messagesapi.error_body("overloaded_error", "busy"), "busy"),
        (b"", "an empty answer"),
        (b"<html>", "an empty answer"),
        (STOP, "an empty answer"),
        (b"data: " + b"x" * 2**22, "a frame that is too large"),
        (event("odd", x="x" * 1000) * 4300, "an answer that is too large"),
    ],
)
def test_other_answers_to_a_streaming_request(body: bytes, text: str) -> None:
    client = Client().feed(body)
    client.passage.receive_eof()
    assert client.passage.fault is not None
    assert text in client.passage.fault.message
    assert client.passage.fault.retry == "transient"
    assert client.got == b""


def test_a_broken_connection() -> None:
    fault = Fault("api", "gone", "ambiguous")
    client = Client().feed(start(), BLOCK)
    client.passage.receive_fault(fault)
    assert client.passage.fault is fault
    client = Client().feed(STREAM)
    client.passage.receive_fault(fault)
    assert client.passage.fault is None


def test_a_whole_answer() -> None:
    body = messagesapi.message("hé")
    for chunks in chunkings(body):
        client = Client(stream=False, content_type="application/json").feed(*chunks)
        assert not client.passage.finished
        client.passage.receive_eof()
        assert client.passage.finished
        assert (client.passage.body, client.got) == (body, b"")
        assert client.passage.usage.input_tokens == 11


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "an empty answer"),
        (b"{}", "not a message"),
        (messagesapi.message()[:-5], "not a message"),
        (STREAM, "not a message"),
        (messagesapi.error_body("overloaded_error", "busy"), "busy"),
    ],
)
def test_other_answers_to_a_request(body: bytes, text: str) -> None:
    client = Client(stream=False).feed(body)
    client.passage.receive_eof()
    assert client.passage.fault is not None
    assert text in client.passage.fault.message
    assert not client.passage.finished


def test_markup() -> None:
    client = Client(content_type="text/html; charset=utf-8").feed(b"<p>login</p>\n\n")
    assert client.passage.fault is not None
    assert "page of markup" in client.passage.fault.message


def test_the_content_type_of_a_stream_is_a_streams() -> None:
    assert Client().passage.headers["content-type"] == "text/event-stream"
    assert "content-type" not in Client(content_type="text/plain").passage.headers
