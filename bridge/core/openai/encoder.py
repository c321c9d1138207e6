"""Events of one answer -> bytes of a chat completions stream."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.events import Event, Fault, Finish, TextDelta, ThinkingDelta, ToolCallDelta, ToolCallEnd, ToolCallStart
from bridge.core.events import Usage as Counted
from bridge.core.jsontext import dumps
from bridge.core.openai.failures import error_body
from bridge.core.openai.shapes import CHUNK, Head, Said, envelope, finish_word, step, usage_body
from bridge.core.signature import Signer

DONE = b"data: [DONE]\n\n"
_PING = b": ping\n\n"
_NO_ARGUMENTS = "{}"


class ChunkEncoder:
    """Encodes the events of one answer, in order.

    What it returned so far is always the beginning of a legal stream: the role first, one finish
    reason, with ``include_usage`` the counts behind it, then ``[DONE]`` and nothing more. An event
    that cannot come where it comes raises ValueError and emits nothing; after the end all methods
    return ``b""``. A failure is one frame with an ``error``: no finish reason, no ``[DONE]``.
    """

    def __init__(self, head: Head, usage: Counted | None = None, *, include_usage: bool = False, request_id: str = ""):
        self._head = head
        self._usage = usage or Counted()
        self._include_usage = include_usage
        self._request_id = request_id
        self._said = Said.NOTHING
        self._started = False
        self._bare = False
        before, after = dumps(_chunk(head, {})).split(b'"delta":{}')
        self._before = b"data: " + before + b'"delta":'
        self._after = after[:-1] + (b',"usage":null}\n\n' if include_usage else b"}\n\n")
        self._text = self._before + b'{"content":'
        self._thought = self._before + b'{"reasoning_content":'
        self._tail = b"}" + self._after

    @property
    def started(self) -> bool:
        """The chunk with the role was sent."""
        return self._started

    @property
    def content_started(self) -> bool:
        """Something of the model has been shown."""
        return self._said is not Said.NOTHING

    @property
    def finished(self) -> bool:
        """The stream is complete, or ended in an error."""
        return self._said is Said.END

    def sign_as(self, signer: Signer) -> None:
        """Nothing is signed here: reasoning goes back as it came, in a field of its own."""

    def encode(self, event: Event) -> bytes:
        """The frames of ``event``; a ``Fault`` becomes the frame that ends the stream."""
        # Nearly all calls are this one, once per chunk of an answer.
        if self._said is Said.WORDS and isinstance(event, TextDelta):
            return self._text + dumps(event.text) + self._tail
        if self.finished:
            return b""
        if isinstance(event, Fault):
            return self.error(event)
        said = step(self._said, event)
        if isinstance(event, Counted):
            self._usage = event
            return b""
        opening = b"" if self._started else self._open(silent=not isinstance(event, TextDelta | Finish))
        self._said = said
        return opening + self._frames(event)

    def open(self) -> bytes:
        """The chunk with the role, if it was not sent yet."""
        return b"" if self._started or self.finished else self._open()

    def ping(self) -> bytes:
        """A comment; it may come at any time, also first."""
        return b"" if self.finished else _PING

    def keep_alive(self, *, speaking: bool = False) -> bytes:
        """A chunk that says nothing, which clients take for progress."""
        return b"" if self.finished else self._delta({})

    def error(self, fault: Fault, request_id: str = "") -> bytes:
        """The error frame. It ends the stream."""
        if self.finished:
            return b""
        self._said = Said.END
        return frame(error_body(fault, request_id or self._request_id))

    def _open(self, *, silent: bool = False) -> bytes:
        self._started = True
        return self._delta({"role": "assistant", "content": None if silent else ""})

    def _frames(self, event: Event) -> bytes:
        match event:
            case TextDelta(text):
                return self._text + dumps(text) + self._tail
            case ThinkingDelta(text):
                return self._thought + dumps(text) + self._tail
            case ToolCallStart():
                self._bare = True
                return self._delta(self._call(event))
            case ToolCallDelta(index, json):
                self._bare = False
                return self._delta(self._arguments(index, json))
            case ToolCallEnd(index) if self._bare:
                return self._delta(self._arguments(index, _NO_ARGUMENTS))
            case Finish():
                return self._end(event)
        return b""

    def _call(self, call: ToolCallStart) -> Mapping[str, object]:
        function = {"name": call.name, "arguments": ""}
        if self._head.legacy:
            return {"function_call": function}
        return {"tool_calls": [{"index": call.index, "id": call.id, "type": "function", "function": function}]}

    def _arguments(self, index: int, fragment: str) -> Mapping[str, object]:
        if self._head.legacy:
            return {"function_call": {"arguments": fragment}}
        return {"tool_calls": [{"index": index, "function": {"arguments": fragment}}]}

    def _delta(self, delta: Mapping[str, object]) -> bytes:
        return self._before + dumps(delta) + self._after

    def _end(self, finish: Finish) -> bytes:
        last = _chunk(self._head, {}, finish_word(self._head, finish))
        if not self._include_usage:
            return frame(last) + DONE
        counts = envelope(self._head, CHUNK, ()) | {"usage": usage_body(self._usage)}
        return frame(last | {"usage": None}) + frame(counts) + DONE


def frame(value: object) -> bytes:
    """One event of a stream."""
    return b"data: " + dumps(value) + b"\n\n"


def _chunk(head: Head, delta: Mapping[str, object], finish: str | None = None) -> dict[str, object]:
    return envelope(head, CHUNK, [{"index": 0, "delta": delta, "finish_reason": finish}])
