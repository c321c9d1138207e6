"""The bytes of the benchmark: what clients ask and what the upstream answers, made once."""

from __future__ import annotations

import json
from typing import Literal

Kind = Literal["whole", "paced", "burst"]

UPSTREAM_MODEL = "NousResearch/Hermes-3-Llama-3.1-8B"
PACED_CHUNKS = 100
PACED_EVERY = 0.020
BURST_CHUNKS = 200
MARK = b"@"
"""Stands once in every streamed piece of text and nowhere else."""
STAMP_WIDTH = 17

_TOKENS = 200
_SENTENCE = "The proxy reads what the model says, looks for a call in it, and hands on the rest as it came. "
_PROMPT = "Say what you see in this directory, and use the tools if they help. " * 4
_FILE = "        return self.names.get(key, default)  # what is not known has a default\n" * 75
_STAMP = "#" * STAMP_WIDTH


def answer_text() -> str:
    """An answer of 200 tokens, as far as four characters are one."""
    return (_SENTENCE * 20)[: _TOKENS * 4]


def whole_answer() -> bytes:
    """The upstream's answer in one piece, with its HTTP head."""
    body = _json(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1,
            "model": UPSTREAM_MODEL,
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": answer_text()}, "finish_reason": "stop"}
            ],
            "usage": {"prompt_tokens": 120, "completion_tokens": _TOKENS, "total_tokens": 320},
        }
    )
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def text_frame(text: str) -> bytes:
    """One event of an upstream's stream, as it stands in the body."""
    return b"data: %b\n\n" % _json(_frame({"content": text}))


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def stamped_chunk() -> tuple[bytes, bytes]:
    """What stands before and after the time stamp in a chunk of a paced stream."""
    before, _, after = _chunk({"content": f" {MARK.decode()}{_STAMP}"}).partition(_STAMP.encode())
    return before, after


def burst_chunk() -> bytes:
    return _chunk({"content": f" word{MARK.decode()}"})


def stream_end() -> bytes:
    """The reason, the token counts and the end of the stream."""
    usage = {"prompt_tokens": 120, "completion_tokens": _TOKENS, "total_tokens": 320}
    counts = _json({"id": "chatcmpl-bench", "object": "chat.completion.chunk", "choices": [], "usage": usage})
    return _chunk({}, "stop") + _framed(b"data: %b\n\n" % counts) + _framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def anthropic_request(kind: Kind, tools: int, turns: int, port: int) -> bytes:
    """The request to this proxy, behind so many calls of a tool; the model's name picks the upstream's behaviour."""
    messages: list[dict[str, object]] = [{"role": "user", "content": _PROMPT}]
    for n in range(turns):
        call = {"type": "tool_use", "id": f"toolu_{n}", "name": "read_0", "input": {"path": f"/src/{n}.py"}}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{n}", "content": [{"type": "text", "text": _FILE}]}
        said = {"type": "text", "text": "I will look at the next file."}
        messages += [{"role": "assistant", "content": [said, call]}, {"role": "user", "content": [result]}]
    body = {
        "model": kind,
        "max_tokens": 1024,
        "system": "You are an assistant in a terminal.",
        "messages": messages,
        "tools": [
            {"name": name, "description": description, "input_schema": schema}
            for name, description, schema in _tools(tools)
        ],
        "stream": kind != "whole",
    }
    return _request("/v1/messages", port, _json(body), "x-api-key: bench\r\nanthropic-version: 2023-06-01\r\n")


def openai_request(kind: Kind, tools: int, turns: int, port: int) -> bytes:
    """The request that nginx passes on, and that the upstream gets without any proxy."""
    messages: list[dict[str, object]] = [
        {"role": "system", "content": "You are an assistant in a terminal."},
        {"role": "user", "content": _PROMPT},
    ]
    for n in range(turns):
        function = {"name": "read_0", "arguments": f'{{"path":"/src/{n}.py"}}'}
        call = {"id": f"toolu_{n}", "type": "function", "function": function}
        messages += [
            {"role": "assistant", "content": "I will look at the next file.", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"toolu_{n}", "content": _FILE},
        ]
    body = {
        "model": UPSTREAM_MODEL,
        "messages": messages,
        "max_tokens": 1024,
        "tools": [
            {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}
            for name, description, schema in _tools(tools)
        ],
        "stream": kind != "whole",
    }
    return _request(f"/{kind}/v1/chat/completions", port, _json(body), "authorization: Bearer bench\r\n")


def _tools(count: int) -> list[tuple[str, str, dict[str, object]]]:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "The path, absolute or below the working directory."},
            "limit": {"type": "integer", "minimum": 1, "description": "How many lines at most."},
            "recursive": {"type": "boolean"},
        },
        "required": ["path"],
    }
    return [(f"read_{n}", f"Read file number {n} and give its lines. " * 3, schema) for n in range(count)]


def _request(path: str, port: int, body: bytes, own: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nuser-agent: bench\r\naccept: application/json\r\n{own}"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _chunk(delta: dict[str, object], reason: str | None = None) -> bytes:
    return _framed(b"data: %b\n\n" % _json(_frame(delta, reason)))


def _frame(delta: dict[str, object], reason: str | None = None) -> dict[str, object]:
    return {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": UPSTREAM_MODEL,
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}],
    }


def _framed(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
