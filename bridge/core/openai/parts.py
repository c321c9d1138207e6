"""What a delta or a message carries as reasoning and as content, in every vendor's spelling."""

from __future__ import annotations

from typing import Any

from bridge.core.events import Event, TextDelta, ThinkingDelta

REASONING = (
    "reasoning_content",
    "reasoning",
    "reasoning_text",
    "thinking",
    "thinking_content",
    "reasoning_details",
    "thinking_blocks",
)
_SPELLINGS = frozenset(REASONING)
_TEXT_OF_PART = ("text", "thinking", "summary", "content", "reasoning")
_THINKING_TYPES = frozenset(
    {"thinking", "reasoning", "reasoning.text", "reasoning.summary", "reasoning_text", "reasoning_content"}
)


def reasoning_text(delta: dict[str, Any]) -> str:
    """The reasoning of ``delta``. Some say it in two spellings at once: the first one counts."""
    if _SPELLINGS.isdisjoint(delta):
        return ""
    for key in REASONING:
        value = delta.get(key)
        if value:
            text = _text(value)
            if text:
                return text
    return ""


def content_events(content: object) -> list[Event]:
    """Text and reasoning in ``content``: a string, or a list of typed parts."""
    if isinstance(content, str):
        return [TextDelta(content)] if content else []
    events: list[Event] = []
    for part in content if isinstance(content, list) else [content]:
        text = _text(part)
        if text:
            thinking = isinstance(part, dict) and str(part.get("type")) in _THINKING_TYPES
            events.append(ThinkingDelta(text) if thinking else TextDelta(text))
    return events


def _text(value: object, depth: int = 4) -> str:
    if isinstance(value, str):
        return value
    if depth == 0:
        return ""
    if isinstance(value, list):
        return "".join(_text(item, depth - 1) for item in value)
    if isinstance(value, dict):
        for key in _TEXT_OF_PART:
            text = _text(value.get(key), depth - 1)
            if text:
                return text
    return ""
