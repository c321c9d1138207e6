"""The bytes of a 2xx answer -> events, whatever form the upstream chose for it."""

from __future__ import annotations

from bridge.core.events import Event
from bridge.core.openai.decoder import Decoder
from bridge.core.sse import FrameDecoder

MAX_BODY = 64 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"


class AnswerReader:
    """Feeds a ``Decoder``. What the first visible byte is decides: upstreams stream unasked, or answer
    with one JSON object, an error or a page where a stream was asked, and their content type lies.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._frames: FrameDecoder | None = None
        self._body: list[bytes] | None = None
        self._size = 0
        self._head = b""

    def feed(self, data: bytes) -> list[Event]:
        """The events of more bytes."""
        frames = self._frames
        if frames is None:
            return self._begin(data)
        events: list[Event] = []
        decoder = self._decoder
        for frame in frames.feed(data):
            said = decoder.frame(frame.data, frame.event)
            if events:
                events += said
            else:
                events = said
        if frames.overflow and not decoder.finished:
            events += decoder.end() if decoder.ended else [decoder.broken("a frame that is too large")]
        return events

    def eof(self) -> list[Event]:
        """The events of the end of the body."""
        decoder = self._decoder
        events: list[Event] = []
        if self._body is not None and not decoder.finished:
            events += decoder.body(b"".join(self._body))
            self._body.clear()
        elif self._frames is not None:
            for frame in self._frames.flush():
                events += decoder.frame(frame.data, frame.event)
        return events + decoder.end()

    def _begin(self, data: bytes) -> list[Event]:
        if self._body is not None:
            return self._collect(data)
        self._head += data
        start = self._head.removeprefix(_BOM).lstrip(_BLANK)
        if not start or _BOM.startswith(start):
            # Routers send blanks to keep a connection alive: enough to know that nothing came.
            if len(self._head) > 64:
                self._head = b"\n" if not start else self._head[-64:]
            return []
        head, self._head = self._head, b""
        if start[:1] in (b"{", b"["):
            self._body = []
            return self._collect(start)
        if start[:1] == b"<":
            return [self._decoder.broken("a page of markup instead of an answer")]
        self._frames = FrameDecoder()
        return self.feed(head)

    def _collect(self, data: bytes) -> list[Event]:
        assert self._body is not None
        if self._decoder.finished:
            return []
        self._body.append(data)
        self._size += len(data)
        if self._size > MAX_BODY:
            self._body.clear()
            return [self._decoder.broken("an answer that is too large")]
        return []
