"""The other side of the Messages API: what a client asks, and how it reads the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bridge.core import jsontext
from bridge.core.events import (
    Event,
    Fault,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)

PATH = "/v1/messages"


def request_headers(key: str) -> dict[str, str]:
    """The headers of a request by the client that ``key`` belongs to."""
    return {"content-type": "application/json", "anthropic-version": "2023-06-01", "x-api-key": key}


def request_body(model: str, prompt: str, tools: Sequence[object], max_tokens: int, *, stream: bool) -> bytes:
    """A request with one user message; ``tools`` are definitions in the API's own shape."""
    body: dict[str, object] = {
        "model": model,
        "max_tokens": max_tokens,
        "stream": stream,
        "messages": [{"role": "user", "content": prompt}],
    }
    return jsontext.dumps(body | ({"tools": tools} if tools else {}))


def error_message(body: bytes) -> str:
    """What an error answer says, or its first characters if it is not one of the API's."""
    try:
        return str(jsontext.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace").strip()


class StreamReader:
    """Reads a stream line by line. A stream that ends while ``ended`` is False was cut off."""

    def __init__(self) -> None:
        self.ended = False
        self._call = -1
        self._in_call = False

    def read_line(self, line: bytes) -> list[Event]:
        """The events of one line of the stream; most lines have none. Raises ValueError on anything strange."""
        if not line.startswith(b"data:"):
            return []
        frame = jsontext.loads(line[5:])
        if not isinstance(frame, dict):
            raise ValueError("a frame that is not an object")
        match frame.get("type"):
            case "content_block_start":
                return self._opened(_object(frame, "content_block"))
            case "content_block_delta":
                return self._delta(_object(frame, "delta"))
            case "content_block_stop" if self._in_call:
                self._in_call = False
                return [ToolCallEnd(self._call)]
            case "message_stop":
                self.ended = True
            case "error":
                self.ended = True
                return [Fault("api", str(_object(frame, "error").get("message", "")))]
        return []

    def _opened(self, block: Mapping[str, object]) -> list[Event]:
        if block.get("type") != "tool_use":
            return []
        self._call += 1
        self._in_call = True
        return [ToolCallStart(self._call, str(block.get("id", "")), str(block.get("name", "")))]

    def _delta(self, delta: Mapping[str, object]) -> list[Event]:
        match delta:
            case {"type": "text_delta", "text": str(text)} if text:
                return [TextDelta(text)]
            case {"type": "thinking_delta", "thinking": str(text)} if text:
                return [ThinkingDelta(text)]
            case {"type": "input_json_delta", "partial_json": str(text)} if text:
                return [ToolCallDelta(self._call, text)]
        return []


def _object(frame: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = frame.get(key)
    if not isinstance(value, dict):
        raise ValueError(f"a frame without `{key}`")
    return value
