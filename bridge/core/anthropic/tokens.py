"""How many tokens a conversation is, roughly, before anything is known of the model that reads it."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.core.conversation import (
    Conversation,
    Document,
    Image,
    Part,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
    Turn,
)
from bridge.core.jsontext import dumps_text
from bridge.core.media import document_tokens, image_tokens
from bridge.core.tokens import estimate_text

_PER_TURN = 4
_PER_TOOL = 8


def estimate_tokens(conversation: Conversation) -> int:
    """The estimated input of a request: system, messages, tools, calls and results, media. At least 1."""
    texts = [part.text for part in conversation.system]
    media = 0
    for turn, thinking_counts in _turns(conversation.turns):
        for part in turn.parts:
            if thinking_counts or not isinstance(part, Thinking):
                media += _add(part, texts)
    for tool in conversation.tools:
        _add_tool(tool, texts)
    if conversation.output_schema is not None:
        texts.append(dumps_text(conversation.output_schema))
    frame = _PER_TURN * (len(conversation.turns) + 1) + _PER_TOOL * len(conversation.tools)
    return max(1, frame + media + estimate_text(" ".join(texts)))


def _turns(turns: tuple[Turn, ...]) -> Iterator[tuple[Turn, bool]]:
    """Each turn, and whether its thinking goes upstream: that before the last question does not."""
    question = 0
    for index, turn in enumerate(turns):
        if turn.role == "user" and not any(isinstance(part, ToolResult) for part in turn.parts):
            question = index
    for index, turn in enumerate(turns):
        yield turn, index > question


def _add(part: Part, texts: list[str]) -> int:
    """Put the part's text to ``texts``; the tokens of what is not text."""
    match part:
        case Text(text) | Thinking(text):
            texts.append(text)
        case ToolUse():
            texts += (part.id, part.name, dumps_text(part.input))
        case ToolResult():
            texts.append(part.tool_use_id)
            return sum(_add(inner, texts) for inner in part.parts)
        case Document():
            texts += (part.title, part.context, part.text)
            if part.data or part.url:
                return document_tokens(part.data)
        case Image(data=data):
            return image_tokens(data)
    return 0


def _add_tool(tool: Tool, texts: list[str]) -> None:
    texts += (tool.name, tool.description, dumps_text(tool.schema or {}))
