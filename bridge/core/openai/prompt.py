"""How long the prompt is that a server makes of a chat completions request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.core.media import UNKNOWN_IMAGE, document_tokens, image_tokens
from bridge.core.openai.words import CALLS, CONTENT, REASONING
from bridge.core.tokens import TextSize, text_size

_PER_TOOL = 5
_PER_CALL = 12
"""What chat templates write around a tool and around an earlier call: the mean of those in ``bench/tokens``."""


@dataclass(frozen=True, slots=True)
class PromptSize:
    """The parts of a prompt that a calibration weighs, and what is the same for every model.

    ``fixed``: tokens around tools and calls. ``media``: tokens of pictures and documents, a rough guess:
    no two servers agree on their price.
    """

    text: TextSize
    messages: int
    tools: int
    fixed: int = 0
    media: int = 0


def prompt_size(body: Mapping[str, Any]) -> PromptSize:
    """The size of what the model will read: messages and tools."""
    texts: list[str] = []
    fixed = media = 0
    messages = _objects(body.get("messages"))
    question = max((index for index, message in enumerate(messages) if message.get("role") == "user"), default=0)
    for index, message in enumerate(messages):
        calls = _objects(message.get(CALLS))
        texts += _texts(message, calls, index > question)
        media += sum(map(_media_tokens, _objects(message.get(CONTENT))))
        fixed += _PER_CALL * len(calls)
    tools = _objects(body.get("tools"))
    # Templates write JSON with spaces, as Python does.
    texts += (json.dumps(tool, ensure_ascii=False) for tool in tools)
    fixed += _PER_TOOL * len(tools)
    return PromptSize(text_size("\n".join(texts)), len(messages), len(tools), fixed, media)


def without_media(messages: object) -> list[dict[str, Any]]:
    """The messages without their pictures and documents."""
    return [
        {**message, CONTENT: [part for part in content if not _media_tokens(part)]}
        if (content := _objects(message.get(CONTENT)))
        else message
        for message in _objects(messages)
    ]


def _objects(value: object) -> list[dict[str, Any]]:
    """The objects of a list; of anything else none: a route's ``request.set`` can put anything anywhere."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(message: Mapping[str, Any], calls: list[dict[str, Any]], thinking_counts: bool) -> Iterator[str]:
    """What is to be read of a message. Templates leave out the reasoning before the last question."""
    content = message.get(CONTENT)
    candidates = [content, *(part.get("text") for part in _objects(content))]
    for call in calls:
        function = call.get("function")
        candidates += function.values() if isinstance(function, dict) else ()
    if thinking_counts:
        candidates += (message.get(key) for key in REASONING)
    for text in candidates:
        if isinstance(text, str):
            yield text


def _media_tokens(part: Mapping[str, Any]) -> int:
    match part:
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            scheme, _, data = url.partition(";base64,")
            return image_tokens(data) if scheme.startswith("data:") else UNKNOWN_IMAGE
        case {"type": "file", "file": {"file_data": str(data)}}:
            return document_tokens(data)
    return 0
