"""What an upstream of the Messages API says, read beside its bytes, which stay as they are."""

from __future__ import annotations

from typing import Literal

from bridge.core import jsontext
from bridge.core.anthropic.shapes import STOP_REASONS
from bridge.core.events import StopReason, Usage
from bridge.core.sse import FrameDecoder

Seen = Literal["start", "content", "stop", "error", "other"]
"""What a frame is: the message begins, the model says something, the message is complete, it failed, or neither."""

_DELTA = b"event: content_block_delta\n"
_CONTENT = frozenset({"content_block_start", "content_block_delta", "content_block_stop", "message_delta"})
_REASONS: dict[object, StopReason] = {name: reason for reason, name in STOP_REASONS.items()}


class Observer:
    """Reads one answer. ``error`` is the error object (or text) of an answer that failed."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.stop_reason: StopReason | None = None
        self.error: object = None

    def frame(self, raw: bytes) -> Seen:
        """What one frame of a stream is; its last line end and its blank line may be missing."""
        # Nearly all frames are one of these, and say nothing that is kept.
        if raw.startswith(_DELTA):
            return "content"
        decoder = FrameDecoder()
        for frame in [*decoder.feed(raw), *decoder.flush()]:
            try:
                value = jsontext.loads(frame.data)
            except ValueError:
                value = frame.data.decode("utf-8", "replace")
            return self._frame(frame.event.decode("latin-1"), value)
        return "other"

    def message(self, body: bytes) -> Seen:
        """What the body of an answer in one piece is: "stop" for a message."""
        try:
            value = jsontext.loads(body)
        except ValueError:
            return "other"
        if not isinstance(value, dict):
            return "other"
        match value.get("type"):
            case "message":
                self._note(value, value)
                return "stop"
            case "error":
                self.error = value.get("error")
                return "error"
        return "other"

    def _frame(self, event: str, value: object) -> Seen:
        fields = value if isinstance(value, dict) else {}
        match event or fields.get("type"):
            case "error":
                self.error = fields.get("error") or value
                return "error"
            case "message_start":
                message = fields.get("message")
                self._note(message, message)
                return "start"
            case "message_delta":
                self._note(fields.get("delta"), fields)
                return "content"
            case "message_stop" if fields:
                return "stop"
            case str(name) if name in _CONTENT:
                return "content"
        return "other"

    def _note(self, stopped: object, counted: object) -> None:
        """Keep the reason that one object gives for the end, and the counts of another."""
        if isinstance(stopped, dict) and stopped.get("stop_reason"):
            self.stop_reason = _REASONS.get(str(stopped["stop_reason"]))
        usage = counted.get("usage") if isinstance(counted, dict) else None
        if not isinstance(usage, dict):
            return
        # Each statement is about the whole answer so far; what it leaves out stands.
        known, details = self.usage, usage.get("output_tokens_details")
        thought = details.get("thinking_tokens") if isinstance(details, dict) else None
        self.usage = Usage(
            _count(usage.get("input_tokens"), known.input_tokens),
            _count(usage.get("output_tokens"), known.output_tokens),
            _count(usage.get("cache_read_input_tokens"), known.cache_read_tokens),
            _count(usage.get("cache_creation_input_tokens"), known.cache_write_tokens),
            _count(thought, known.reasoning_tokens),
        )


def _count(said: object, known: int) -> int:
    return said if type(said) is int and 0 <= said < 1 << 53 else known
