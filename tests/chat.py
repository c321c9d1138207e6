"""Reading what a client of chat completions gets; a stream is checked against the rules of the protocol on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PATH = "/v1/chat/completions"


@dataclass
class Call:
    id: str
    name: str
    arguments: str = ""


@dataclass
class Chat:
    """One answer. ``finish`` is "" if it has none; ``text`` is None where the content is null."""

    text: str | None = None
    reasoning: str = ""
    calls: list[Call] = field(default_factory=list)
    finish: str = ""
    usage: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None

    @property
    def said(self) -> tuple[Any, ...]:
        """All of it but the ids and the usage."""
        calls = [(call.name, json.loads(call.arguments)) for call in self.calls]
        return (self.text or "", self.reasoning, calls, self.finish)


def read_stream(sent: bytes) -> Chat:
    """The answer in a stream, which may have ended anywhere between two frames."""
    chat = Chat()
    frames = sent.decode().split("\n\n")
    assert frames.pop() == ""
    done, heads, role = False, set(), ""
    for raw in frames:
        if raw.startswith(":"):
            assert "\n" not in raw
            continue
        assert not done, f"{raw} after the end"
        assert chat.error is None, f"{raw} after an error"
        assert raw.startswith("data: "), raw
        if raw == "data: [DONE]":
            assert chat.finish
            done = True
            continue
        chunk = json.loads(raw[6:])
        if "error" in chunk:
            chat.error = chunk["error"]
            continue
        assert chunk["object"] == "chat.completion.chunk"
        heads.add((chunk["id"], chunk["model"], chunk["created"]))
        if not chunk["choices"]:
            assert chat.finish
            assert chat.usage is None
            chat.usage = chunk["usage"]
            continue
        (choice,) = chunk["choices"]
        assert choice["index"] == 0
        assert not chat.finish, f"{raw} after the finish reason"
        role = _take(chat, choice["delta"], role)
        chat.finish = choice["finish_reason"] or ""
    assert len(heads) <= 1
    assert done == bool(chat.finish)
    return chat


def _take(chat: Chat, delta: dict[str, Any], role: str) -> str:
    if not role:
        assert delta["role"] == "assistant", "the role comes first"
        chat.text = delta["content"]
        assert not chat.text
        return "assistant"
    assert "role" not in delta
    assert len(delta) <= 1
    chat.text = chat.text if "content" not in delta else (chat.text or "") + delta["content"]
    chat.reasoning += delta.get("reasoning_content", "")
    for item in delta.get("tool_calls", ()):
        if "id" in item:
            assert item["index"] == len(chat.calls)
            assert item["type"] == "function"
            assert item["function"]["arguments"] == ""
            chat.calls.append(Call(item["id"], item["function"]["name"]))
        else:
            assert item["index"] == len(chat.calls) - 1, "calls never interleave"
            assert item.keys() == {"index", "function"}
            chat.calls[-1].arguments += item["function"]["arguments"]
    if "function_call" in delta:
        call = delta["function_call"]
        if "name" in call:
            assert not chat.calls
            chat.calls.append(Call("", call["name"]))
        chat.calls[-1].arguments += call["arguments"]
    return role


def read_whole(body: bytes) -> Chat:
    """A completion that was not streamed."""
    value = json.loads(body)
    assert value["object"] == "chat.completion"
    (choice,) = value["choices"]
    message = choice["message"]
    assert message["role"] == "assistant"
    calls = [
        Call(call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls", ())
    ]
    if legacy := message.get("function_call"):
        calls.append(Call("", legacy["name"], legacy["arguments"]))
    return Chat(
        text=message["content"],
        reasoning=message.get("reasoning_content", ""),
        calls=calls,
        finish=choice["finish_reason"] or "",
        usage=value["usage"],
    )


def function(name: str, **properties: object) -> dict[str, object]:
    """A tool as a request declares it."""
    schema = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "description": f"does {name}", "parameters": schema}}


def ask(text: str = "hi", **fields: object) -> dict[str, object]:
    """A minimal streaming request."""
    return {"model": "m", "stream": True, "messages": [{"role": "user", "content": text}], **fields}
