"""The turns of a conversation -> the messages of a chat completions request.

Every turn is written without a look at what follows it, so that the messages of
the next request begin with those of this one and the upstream's prompt cache holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    Turn,
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
    in a user message. What of earlier reasoning goes back, ``replay`` knows.
    """

    def __init__(self, replay: Replay) -> None:
        self.messages: list[JsonObject] = []
        self.warnings: list[Loss] = []
        self._replay = replay
        self._index = 0

    def write(self, conversation: Conversation) -> None:
        """The whole conversation; once."""
        turns = list(conversation.turns)
        system = [part.text for part in conversation.system]
        while turns and turns[0].role == "system":
            system.append(joined(turns.pop(0).parts))
        system.append(self._tools_text(conversation))
        if any(system):
            self.messages.append({"role": "system", "content": _BREAK.join(filter(None, system))})
        for index, turn in enumerate(turns, len(conversation.turns) - len(turns)):
            self._index = index
            self._turn(turn)
        self.warnings += self._replay.warnings()

    def _tools_text(self, conversation: Conversation) -> str:
        """What the system text says of the tools: nothing, they have a field of their own."""
        return ""

    def _turn(self, turn: Turn) -> None:
        match turn.role:
            case "system":
                text = joined(turn.parts)
                if text:
                    self._user([{"type": "text", "text": f"<system-reminder>\n{text}\n</system-reminder>"}])
            case "assistant":
                self._assistant(turn.parts)
            case "user":
                self._results([part for part in turn.parts if isinstance(part, ToolResult)])
                self._user(list(self._moved(turn.parts)))

    def _moved(self, parts: Sequence[Part]) -> Iterator[JsonObject]:
        """What of a user turn goes into a user message: first what its tool results could not hold."""
        for part in parts:
            if isinstance(part, ToolResult):
                for inner in part.parts:
                    if not _is_text(inner):
                        yield from self._content(inner)
        for part in parts:
            if not isinstance(part, ToolResult):
                yield from self._content(part)

    def _user(self, content: list[JsonObject]) -> None:
        if not content:
            return
        last = self.messages[-1] if self.messages else None
        if last is not None and last["role"] == "user":
            before = last["content"]
            content = (before if isinstance(before, list) else [{"type": "text", "text": before}]) + content
            self.messages.pop()
        if all(part["type"] == "text" for part in content):
            text = _BREAK.join(str(part["text"]) for part in content)
            self.messages.append({"role": "user", "content": text})
        else:
            self.messages.append({"role": "user", "content": content})

    def _assistant(self, parts: Sequence[Part]) -> None:
        text, calls = self._said(parts)
        message: JsonObject = {"role": "assistant", "content": text}
        self._replay.write(message, parts, self._index)
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

    def _content(self, part: Part) -> Iterator[JsonObject]:
        match part:
            case Image():
                url = part.url or f"data:{part.media_type};base64,{part.data}"
                yield {
                    "type": "image_url",
                    "image_url": {"url": url} | ({"detail": part.detail} if part.detail else {}),
                }
            case Document() if part.data:
                name = part.title or "document.pdf"
                data = f"data:{part.media_type};base64,{part.data}"
                yield {"type": "file", "file": {"filename": name, "file_data": data}}
            case Text() | Document():
                text = _text_of(part)
                if text:
                    yield {"type": "text", "text": text}


def _call(part: ToolUse) -> JsonObject:
    arguments = jsontext.dumps_text(part.input)
    return {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": arguments}}


def result_text(result: ToolResult) -> str:
    """What a tool gave back, as text; what is no text follows it elsewhere."""
    texts = [_text_of(part) for part in result.parts if _is_text(part)]
    text = _BREAK.join(filter(None, texts))
    if not text and result.parts:
        text = "(see the next message)"
    return f"Error: {text}" if result.is_error else text


def _is_text(part: Part) -> TypeGuard[Text | Document]:
    return isinstance(part, Text) or (isinstance(part, Document) and not part.data)


def _text_of(part: Text | Document) -> str:
    if isinstance(part, Text):
        return part.text
    title = f' title="{part.title}"' if part.title else ""
    said = _BREAK.join(filter(None, (part.context, part.text or part.url)))
    return f"<document{title}>\n{said}\n</document>"


def joined(parts: Sequence[Part]) -> str:
    """The texts among ``parts``."""
    return _BREAK.join(part.text for part in parts if isinstance(part, Text) and part.text)
