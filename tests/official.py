"""The official Python SDK as the judge of what our server answers.

``ask`` sends one request through it, streamed or not, and gives its final message. Streamed, the
events are also checked against the rules of the protocol, which the SDK does not do by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from anthropic import Anthropic
from anthropic.types import Message

PLAN = {
    "name": "plan",
    "description": "Write a plan down.",
    "input_schema": {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "number": {"type": "string"},
            "limit": {"type": "integer"},
            "ratio": {"type": "number"},
            "draft": {"type": "boolean"},
            "steps": {
                "type": "array",
                "items": {"type": "object", "properties": {"do": {"type": "string"}, "cost": {"type": "integer"}}},
            },
        },
        "required": ["title"],
    },
}
PING = {"name": "ping", "description": "No arguments.", "input_schema": {"type": "object", "properties": {}}}
TOOLS: list[Any] = [PLAN, PING]

ARGUMENTS = {
    "title": 'Café "au lait"\n  & <b>more</b> \\ {1}',
    "number": "007",
    "limit": 12,
    "ratio": 0.5,
    "draft": True,
    "steps": [{"do": "boil", "cost": 3}, {"do": "pour; drink", "cost": 0}],
}

_OPENS = {
    "text": {"text_delta", "citations_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "tool_use": {"input_json_delta"},
}


class Pause(threading.Event):
    """A step of a play that is over a moment after it was reached: what follows is a packet of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._looks = 0

    def is_set(self) -> bool:
        self._looks += 1
        return self._looks > 1


def routes(url: str, model: str = "some/unknown-model", *, upstream: str = "", extra: str = "", rest: str = "") -> str:
    """Every model id goes to ``model`` at ``url``; ``parsers`` is left at its default, "auto"."""
    return (
        f'[upstreams.up]\nbase_url = "{url}"\n{upstream}\n'
        f'[models."*"]\nupstream = "up"\nmodel = "{model}"\n{extra}\n{rest}\n'
    )


def ask(client: Anthropic, prompt: Any = "go", *, stream: bool = True, **params: Any) -> Message:
    """One request; ``prompt`` is the text of the user, or the whole list of messages."""
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    params = {"model": "any", "max_tokens": 1000, "messages": messages, **params}
    if not stream:
        return client.messages.create(**params)
    with client.messages.stream(**params) as events:
        check_events(list(events))
        return events.get_final_message()


def check_events(events: Iterable[Any]) -> None:
    """The rules of an event sequence; events that the SDK derives are passed over."""
    open_block = ""
    index = -1
    seen: list[str] = []
    for event in events:
        match event.type:
            case "message_start":
                assert not seen
            case "content_block_start":
                index += 1
                assert (open_block, event.index) == ("", index)
                open_block = event.content_block.type
            case "content_block_delta":
                assert event.index == index
                assert event.delta.type in _OPENS[open_block]
            case "content_block_stop":
                assert event.index == index
                assert open_block
                open_block = ""
            case "message_delta":
                assert open_block == ""
                assert "message_delta" not in seen
            case "message_stop":
                assert seen[-1] == "message_delta"
            case _:
                continue
        seen.append(event.type)
    assert seen[0] == "message_start"
    assert seen[-1] == "message_stop"
    assert seen.count("message_stop") == 1


def blocks(message: Message) -> list[Any]:
    """The content, ids aside: ("text", text), ("thinking", text) or (tool's name, input).

    Ids of calls must be such as the API makes them, and differ.
    """
    ids = [block.id for block in message.content if block.type == "tool_use"]
    assert len(set(ids)) == len(ids)
    assert all(ids)
    found: list[Any] = []
    for block in message.content:
        match block.type:
            case "text":
                found.append(("text", block.text))
            case "thinking":
                assert block.signature
                found.append(("thinking", block.thinking))
            case "tool_use":
                found.append((block.name, block.input))
            case other:
                raise AssertionError(other)
    return found
