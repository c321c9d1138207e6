"""Tests of an exchange that read as a script: ``>>`` what the upstream sends, ``<<`` what the client gets.

    assert Playbook() >> chunk("Hel") >> chunk("lo") >> finish("stop") >> DONE << text("Hello") << stop("end_turn")

A playbook that is true has been played streamed and not streamed, with the upstream's bytes
whole, byte by byte and cut at random. Everything in it is a value; nothing is a mock.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chunking import bytewise, seeded_splits, whole

from bridge.core.anthropic.voice import MESSAGES
from bridge.core.conversation import Conversation, Text, Tool, Turn
from bridge.core.events import Fault
from bridge.core.exchange import Exchange
from bridge.core.route import Route, UpstreamRef
from bridge.core.voice import Voice

DONE = b"data: [DONE]\n\n"


def frame(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def delta(finish: str | None = None, /, **fields: object) -> bytes:
    """A chunk with any delta."""
    choice = {"index": 0, "delta": fields, "finish_reason": finish}
    return frame({"id": "c1", "object": "chat.completion.chunk", "model": "up", "choices": [choice]})


def chunk(content: str) -> bytes:
    return delta(content=content)


def reasoning(content: str) -> bytes:
    return delta(reasoning_content=content)


def call(index: int | None, id_: str | None = None, name: str | None = None, arguments: object = None) -> bytes:
    """A fragment of a structured call."""
    item: dict[str, object] = {"function": {"name": name, "arguments": arguments}}
    if index is not None:
        item["index"] = index
    if id_ is not None:
        item |= {"id": id_, "type": "function"}
    return delta(tool_calls=[item])


def finish(reason: str, **more: object) -> bytes:
    choice = {"index": 0, "delta": {}, "finish_reason": reason, **more}
    return frame({"id": "c1", "object": "chat.completion.chunk", "model": "up", "choices": [choice]})


def usage(prompt: int, completion: int, **more: object) -> bytes:
    return frame({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion, **more}})


Expected = tuple[Any, ...]


def text(content: str) -> Expected:
    return ("text", content)


def thinking(content: str) -> Expected:
    return ("thinking", content)


def tool(name: str, input_: dict[str, object]) -> Expected:
    return ("tool", name, input_)


def stop(reason: str, sequence: str | None = None) -> Expected:
    return ("stop", reason, sequence)


def fault(kind: str, retry: str) -> Expected:
    """The attempt failed; what was shown before it stays unfinished."""
    return ("fault", kind, retry)


ROUTE = Route("k", UpstreamRef("up", ("http://up.test/v1",)), "up-model")
CONVERSATION = Conversation("asked-model", 1000, (Turn("user", (Text("hi"),)),), stream=True)


def counting() -> Callable[[str], str]:
    numbers = itertools.count(1)
    return lambda prefix: f"{prefix}_{next(numbers)}"


@dataclass(frozen=True)
class Played:
    """What came of one run: blocks in order, how it ended, the exchange itself."""

    blocks: list[Expected]
    exchange: Exchange
    client: bytes


def play(
    chunks: Iterable[bytes],
    route: Route = ROUTE,
    conversation: Conversation = CONVERSATION,
    voice: Voice = MESSAGES,
) -> Played:
    """One run of an exchange over an upstream's answer, up to its clean end. Only messages are read into blocks."""
    exchange = Exchange(conversation, counting(), "req_1", voice)
    exchange.attempt(route)
    exchange.receive_head("text/event-stream")
    for piece in chunks:
        exchange.receive(piece)
    exchange.receive_eof()
    if conversation.stream:
        sent = exchange.client_bytes()
        blocks = read_stream(sent) if voice is MESSAGES else []
    else:
        sent = exchange.message() if exchange.finished else b""
        blocks = read_message(json.loads(sent)) if sent and voice is MESSAGES else []
    if exchange.fault is not None:
        blocks.append(fault(exchange.fault.kind, exchange.fault.retry))
    return Played(blocks, exchange, sent)


def read_stream(sent: bytes) -> list[Expected]:
    """The blocks of a client stream, which is checked for legality on the way; an open block is left out."""
    blocks: list[Expected] = []
    index, open_block, stopped = -1, None, False
    for block in sent.decode().split("\n\n"):
        if not block:
            continue
        name_line, data_line = block.split("\n")
        data = json.loads(data_line.removeprefix("data: "))
        assert name_line == f"event: {data['type']}"
        assert not stopped, f"{data['type']} after the end"
        match data["type"]:
            case "content_block_start":
                assert open_block is None
                index += 1
                assert data["index"] == index
                open_block = [data["content_block"], ""]
            case "content_block_delta":
                assert data["index"] == index
                assert open_block is not None
                open_block[1] += "".join(data["delta"].get(key, "") for key in ("text", "thinking", "partial_json"))
            case "content_block_stop":
                assert data["index"] == index
                assert open_block is not None
                blocks.append(_block(*open_block))
                open_block = None
            case "message_delta":
                assert open_block is None
                blocks.append(stop(data["delta"]["stop_reason"], data["delta"]["stop_sequence"]))
            case "error":
                if open_block is not None:
                    blocks.append(("open", *_open(*open_block)))
                blocks.append(("error", data["error"]["type"]))
                stopped = True
            case "message_stop":
                stopped = True
    return blocks


def _block(head: dict[str, Any], body: str) -> Expected:
    match head["type"]:
        case "tool_use":
            try:
                return tool(head["name"], json.loads(body or "{}"))
            except ValueError:
                return ("cut", head["name"], body)
        case kind:
            return (kind, body)


def _open(head: dict[str, Any], body: str) -> Expected:
    return (head["type"], body)


def read_message(message: dict[str, Any]) -> list[Expected]:
    blocks: list[Expected] = []
    for block in message["content"]:
        match block["type"]:
            case "tool_use":
                blocks.append(tool(block["name"], block["input"]))
            case kind:
                blocks.append((kind, block[kind]))
    return [*blocks, stop(message["stop_reason"], message["stop_sequence"])]


@dataclass(frozen=True)
class Playbook:
    """An upstream's answer and what must come of it. True if it does; an AssertionError shows where not."""

    route: Route = ROUTE
    conversation: Conversation = CONVERSATION
    sent: bytes = b""
    expected: tuple[Expected, ...] = ()

    @classmethod
    def asking(cls, route: Route = ROUTE, tools: Sequence[str] = (), **fields: Any) -> Playbook:
        """A playbook for a request with these tools and fields."""
        declared = tuple(Tool(name) for name in tools)
        return cls(route, replace(CONVERSATION, tools=declared, **fields))

    def __rshift__(self, sent: bytes) -> Playbook:
        return replace(self, sent=self.sent + sent)

    def __lshift__(self, expected: Expected) -> Playbook:
        return replace(self, expected=(*self.expected, expected))

    def __bool__(self) -> bool:
        wanted = list(self.expected)
        for chunks in (whole(self.sent), bytewise(self.sent), *seeded_splits(self.sent, 4)):
            for stream in (True, False):
                played = play(chunks, self.route, replace(self.conversation, stream=stream))
                if played.exchange.fault is None:
                    assert played.blocks == wanted, f"{stream=}, {len(chunks)} chunks"
                else:
                    # What is not finished is not shown at once; the failure is the same.
                    assert played.blocks[-1] == wanted[-1], f"{stream=}, {played.exchange.fault}"
                    assert not any(block[0] == "stop" for block in played.blocks)
        return True


def give_up(played: Played) -> list[Expected]:
    """The whole client stream of a failed attempt that is not repeated."""
    failure = played.exchange.fault
    assert isinstance(failure, Fault)
    played.exchange.open()
    played.exchange.fail(failure)
    return read_stream(played.client + played.exchange.client_bytes())
