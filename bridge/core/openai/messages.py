"""The turns of a conversation -> the messages of a chat completions request.

Every turn is written without a look at what follows it, so that the messages of
the next request begin with those of this one and the upstream's prompt cache holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from bridge.core import jsontext
from bridge.core.conversation import (
    Conversation,
    Document,
    Image,
    Part,
    Text,
    ToolResult,
    ToolUse,
)
from bridge.core.losses import Loss
from bridge.core.openai.replay import Replay

JsonObject = dict[str, object]

_BREAK = "\n\n"


class MessageWriter:
    """Writes ``messages``; ``warnings`` names what could not be said in them.

    System text comes first. A ``system`` turn in the middle stays where it is, as a
    marked passage of the user message there: most chat templates refuse a system
    message that is not the first one. Neighbouring user turns become one message.
    Tool results come before the rest of their turn; pictures and files in them follow
    in a user message. What of earlier reasoning goes back, ``replay`` knows; without it, nothing does.
    """

    def __init__(self, replay: Replay | None) -> None:
        self.messages: list[JsonObject] = []
        self.warnings: list[Loss] = []
        self._replay = replay

    def write(self, conversation: Conversation) -> None:
        """The whole conversation; once."""
        turns = conversation.turns
        system = [part.text for part in conversation.system]
        first = 0
        while first < len(turns) and turns[first].role == "system":
            system.append(joined(turns[first].parts))
            first += 1
        system.append(self._tools_text(conversation))
        if text := _BREAK.join(filter(None, system)):
            self.messages.append({"role": "system", "content": text})
        for index, turn in enumerate(turns[first:], first):
            if turn.role == "user":
                self._asked(turn.parts)
            elif turn.role == "assistant":
                self._assistant(turn.parts, index)
            elif text := joined(turn.parts):
                self._user([{"type": "text", "text": f"<system-reminder>\n{text}\n</system-reminder>"}])
        if self._replay is not None:
            self.warnings += self._replay.warnings()

    def _tools_text(self, conversation: Conversation) -> str:
        """What the system text says of the tools: nothing, they have a field of their own."""
        return ""

    def _asked(self, parts: Sequence[Part]) -> None:
        """A user turn. What its tool results cannot hold comes first in the message behind them."""
        results: list[ToolResult] = []
        content: list[JsonObject] = []
        for part in parts:
            if isinstance(part, ToolResult):
                results.append(part)
            elif (written := _content(part)) is not None:
                content.append(written)
        if results:
            self._results(results)
            held = [part for result in results for part in result.parts if not isinstance(part, Text)]
            if held:
                content[:0] = [written for part in held if not _is_text_document(part) and (written := _content(part))]
        if content:
            self._user(content)

    def _user(self, content: list[JsonObject]) -> None:
        messages = self.messages
        if messages and messages[-1]["role"] == "user":
            before = messages.pop()["content"]
            content = (before if isinstance(before, list) else [{"type": "text", "text": before}]) + content
        texts = [str(part["text"]) for part in content if part["type"] == "text"]
        messages.append({"role": "user", "content": content if len(texts) < len(content) else _BREAK.join(texts)})

    def _assistant(self, parts: Sequence[Part], index: int) -> None:
        text, calls = self._said(parts)
        message: JsonObject = {"role": "assistant", "content": text}
        if self._replay is not None:
            self._replay.write(message, parts, index)
        if calls:
            message["content"] = message["content"] or None
            message["tool_calls"] = calls
        self.messages.append(message)

    def _said(self, parts: Sequence[Part]) -> tuple[str, list[JsonObject]]:
        """Text and structured calls of an earlier answer."""
        return joined(parts), [_call(part) for part in parts if isinstance(part, ToolUse)]

    def _results(self, results: Sequence[ToolResult]) -> None:
        for result in results:
            self.messages.append({"role": "tool", "tool_call_id": result.tool_use_id, "content": result_text(result)})


def _content(part: Part) -> JsonObject | None:
    """A part of a user message; None for what says nothing."""
    if isinstance(part, Text):
        return {"type": "text", "text": part.text} if part.text else None
    if isinstance(part, Image):
        url = part.url or f"data:{part.media_type};base64,{part.data}"
        return {"type": "image_url", "image_url": {"url": url} | ({"detail": part.detail} if part.detail else {})}
    if not isinstance(part, Document):
        return None
    if not part.data:
        return {"type": "text", "text": _document_text(part)}
    name = part.title or "document.pdf"
    data = f"data:{part.media_type};base64,{part.data}"
    return {"type": "file", "file": {"filename": name, "file_data": data}}


def _call(part: ToolUse) -> JsonObject:
    arguments = jsontext.dumps_text(part.input)
    return {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": arguments}}


def result_text(result: ToolResult) -> str:
    """What a tool gave back, as text; what is no text follows it elsewhere."""
    texts = [
        part.text if isinstance(part, Text) else _document_text(part)
        for part in result.parts
        if isinstance(part, Text) or _is_text_document(part)
    ]
    text = _BREAK.join(filter(None, texts))
    if not text and result.parts:
        text = "(see the next message)"
    return f"Error: {text}" if result.is_error else text


def _is_text_document(part: Part) -> TypeGuard[Document]:
    return isinstance(part, Document) and not part.data


def _document_text(part: Document) -> str:
    title = f' title="{part.title}"' if part.title else ""
    said = _BREAK.join(filter(None, (part.context, part.text or part.url)))
    return f"<document{title}>\n{said}\n</document>"


def joined(parts: Sequence[Part]) -> str:
    """The texts among ``parts``."""
    return _BREAK.join([part.text for part in parts if isinstance(part, Text) and part.text])
