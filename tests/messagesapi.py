"""What an Anthropic upstream sends, for scripts of ``scripted.Upstream``."""

from __future__ import annotations

import json

from scripted import END, KEEP, Play, Step, head, part, reply

HEADERS = ("request-id: req_upstream", "anthropic-ratelimit-requests-remaining: 7", "set-cookie: a=b")
USAGE = {"input_tokens": 11, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2, "output_tokens": 1}


def event(name: str, **fields: object) -> bytes:
    """One frame."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


def start(model: str = "claude-real") -> bytes:
    message = {"id": "msg_up", "type": "message", "role": "assistant", "model": model, "content": []}
    return event("message_start", message={**message, "stop_reason": None, "stop_sequence": None, "usage": USAGE})


def delta(text: str) -> bytes:
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
BLOCK_STOP = event("content_block_stop", index=0)
STOPPED = event(
    "message_delta",
    delta={"stop_reason": "end_turn", "stop_sequence": None},
    usage={"output_tokens": 42, "output_tokens_details": {"thinking_tokens": 9}},
)
STOP = event("message_stop")
TAIL = (BLOCK_STOP, STOPPED, STOP)


def frames(*texts: str) -> list[bytes]:
    """A complete stream with these texts."""
    return [start(), BLOCK, PING, *map(delta, texts), *TAIL]


def stream(*pieces: bytes) -> list[Step]:
    """The beginning of a play: the head, and each piece as a chunk of its own."""
    return [head(200, "text/event-stream; charset=utf-8", *HEADERS), *map(part, pieces)]


def answer(*texts: str) -> Play:
    """A complete streamed answer."""
    return [*stream(*frames(*texts)), END, KEEP]


def message(text: str = "hi") -> bytes:
    """A whole answer, spelled as no encoder of ours would."""
    content = json.dumps([{"type": "text", "text": text}])
    usage = json.dumps(USAGE)
    return (
        f'{{ "id":"msg_up", "type" : "message","role":"assistant","model":"claude-real","unknown": 1.50e3,'
        f'"content":{content},"stop_reason":"end_turn","stop_sequence":null,"usage":{usage} }}\n'
    ).encode()


def whole(text: str = "hi") -> Play:
    return reply(200, message(text), "application/json", *HEADERS)


def error_body(kind: str, text: str = "no") -> bytes:
    """An error answer's body, spelled as no encoder of ours would."""
    return f'{{"type" : "error", "error":{{"type":"{kind}","message":"{text}"}}, "request_id":"req_upstream"}}'.encode()


def refusal(status: int, kind: str, *headers: str, text: str = "no") -> Play:
    return reply(status, error_body(kind, text), "application/json", *HEADERS, *headers)
