"""Events of one answer -> bytes of a Messages stream."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.anthropic.blocks import Block, BlockOrder
from bridge.core.anthropic.errors import error_body
from bridge.core.anthropic.shapes import UsageTally, message_body, stop_fields
from bridge.core.events import (
    Event,
    Fault,
    Finish,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
)
from bridge.core.jsontext import dumps
from bridge.core.signature import Seal, Signer

_TAIL = b"}}\n\n"
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_BLOCK_START = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
_BLOCK_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":'

_BLOCK_HEADS = {
    Block.TEXT: b'{"type":"text","text":""}',
    Block.THINKING: b'{"type":"thinking","thinking":"","signature":""}',
}
_DELTA_KEYS = {
    Block.TEXT: b'"text_delta","text":',
    Block.THINKING: b'"thinking_delta","thinking":',
    Block.CALL: b'"input_json_delta","partial_json":',
    Block.CUT: b'"input_json_delta","partial_json":',
}


def _frame(name: str, body: Mapping[str, object]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), dumps({"type": name, **body}))


_NOBODY = Signer(b"", "")


class StreamEncoder:
    """Encodes the events of one answer, in order.

    Whatever it is given, what it returned so far is the beginning of a legal
    stream: one block open at a time, indices without gaps, usage and stop
    reason once, nothing after the end. An event that cannot come where it comes
    raises ValueError and emits nothing; after the end all methods return
    ``b""``. ``message_start`` goes out with the first content, or by ``open()``.

    ``input_tokens`` is an estimate, shown until the upstream counts. With
    ``show_thinking`` False, thinking blocks have no text; their signature carries it.
    """

    def __init__(
        self,
        message_id: str,
        model: str,
        input_tokens: int = 0,
        *,
        request_id: str = "",
        show_thinking: bool = True,
    ) -> None:
        self._message_id = message_id
        self._model = model
        self._signer = _NOBODY
        self._request_id = request_id
        self._show_thinking = show_thinking
        self._usage = UsageTally(input_tokens)
        self._order = BlockOrder()
        self._index = -1
        self._prefix = b""
        self._started = False
        self._seal: Seal

    @property
    def started(self) -> bool:
        """``message_start`` was sent."""
        return self._started

    @property
    def content_started(self) -> bool:
        """A block was begun: something of the model has been shown."""
        return self._index >= 0

    @property
    def finished(self) -> bool:
        """The stream is complete, or ended in an error."""
        return self._order.block is Block.END

    def sign_as(self, signer: Signer) -> None:
        """Who signs the reasoning; to be said before there is any."""
        self._signer = signer

    def encode(self, event: Event) -> bytes:
        """The frames of ``event``; a ``Fault`` becomes the error frame that ends the stream."""
        before = self._order.block
        # Nearly all calls are one of these two, once per chunk of an answer.
        if before is Block.TEXT and isinstance(event, TextDelta):
            return self._prefix + dumps(event.text) + _TAIL
        if before is Block.THINKING and isinstance(event, ThinkingDelta) and self._show_thinking:
            self._seal.add(event.text)
            return self._prefix + dumps(event.text) + _TAIL
        if before is Block.END:
            return b""
        if isinstance(event, Usage):
            self._usage.add(event)
            return b""
        if before is Block.CUT:
            event = self._order.settle(event)
        if isinstance(event, Fault):
            return self.error(event)
        after = self._order.step(event)
        frames = b"" if self._started else self._start()
        if after is not before and after is not Block.CUT:
            frames += self._close(before) + self._begin(after, event)
        return frames + self._delta(event)

    def open(self) -> bytes:
        """``message_start``, if it was not sent yet."""
        return b"" if self._started or self.finished else self._start()

    def ping(self) -> bytes:
        """A frame without meaning; it may come at any time, also first."""
        return b"" if self.finished else PING

    def keep_alive(self, *, speaking: bool = False) -> bytes:
        """An empty delta of the open block, which clients take for progress.

        If none is open, a ping; but while the model is ``speaking`` unseen, a text block is opened for it.
        """
        block = self._order.block
        if block in _DELTA_KEYS:
            return self._prefix + b'""' + _TAIL
        if speaking and block is Block.NONE:
            return self.encode(TextDelta(""))
        return self.ping()

    def error(self, fault: Fault, request_id: str = "") -> bytes:
        """The error frame. It ends the stream; a block that was open stays open."""
        if self.finished:
            return b""
        self._order.end()
        return _frame("error", error_body(fault, request_id or self._request_id))

    def _start(self) -> bytes:
        self._started = True
        message = message_body(self._message_id, self._model, self._usage.body())
        return _frame("message_start", {"message": message})

    def _begin(self, block: Block, event: Event) -> bytes:
        """The frames that open ``block``, or end the message."""
        if block is Block.NONE:
            return b""
        if isinstance(event, Finish):
            return self._end(event)
        if isinstance(event, ToolCallStart):
            head = b'{"type":"tool_use","id":%b,"name":%b,"input":{}}' % (dumps(event.id), dumps(event.name))
        else:
            head = _BLOCK_HEADS[block]
        if block is Block.THINKING:
            self._seal = self._signer.begin(carried=not self._show_thinking)
        return self._begin_block(block, head)

    def _begin_block(self, block: Block, head: bytes) -> bytes:
        self._index += 1
        self._prefix = _DELTA % self._index + _DELTA_KEYS[block]
        return _BLOCK_START % (self._index, head)

    def _close(self, block: Block) -> bytes:
        if block is Block.NONE:
            return b""
        stop = _BLOCK_STOP % self._index
        if block is Block.THINKING:
            signature = dumps(self._seal.close())
            return _DELTA % self._index + b'"signature_delta","signature":' + signature + _TAIL + stop
        return stop

    def _delta(self, event: Event) -> bytes:
        if isinstance(event, TextDelta):
            return self._prefix + dumps(event.text) + _TAIL
        if isinstance(event, ToolCallDelta):
            return self._prefix + dumps(event.json) + _TAIL
        if isinstance(event, ThinkingDelta):
            self._seal.add(event.text)
            return self._prefix + dumps(event.text) + _TAIL if self._show_thinking else b""
        return b""

    def _end(self, finish: Finish) -> bytes:
        empty = b""
        if not self.content_started:
            # Strict clients want a block.
            empty = self._begin_block(Block.TEXT, _BLOCK_HEADS[Block.TEXT]) + self._close(Block.TEXT)
        body = {"delta": stop_fields(finish), "usage": self._usage.body()}
        return empty + _frame("message_delta", body) + _MESSAGE_STOP
