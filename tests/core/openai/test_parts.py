"""Content and reasoning, in every shape."""

from __future__ import annotations

import pytest

from bridge.core.events import Event, TextDelta, ThinkingDelta
from bridge.core.openai.parts import content_events, reasoning_text


@pytest.mark.parametrize(
    ("content", "events"),
    [
        ("a", [TextDelta("a")]),
        ("", []),
        (None, []),
        (5, []),
        ({"type": "text", "text": "a"}, [TextDelta("a")]),
        (["a", {"text": "b"}, {"type": "output_text", "text": "c"}], [TextDelta("a"), TextDelta("b"), TextDelta("c")]),
        ([{"type": "reasoning", "text": "a"}, {"type": "text", "text": "b"}], [ThinkingDelta("a"), TextDelta("b")]),
        (
            [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}, "b"],
            [ThinkingDelta("a"), TextDelta("b")],
        ),
        (["a", {"type": "reasoning_content", "text": "b"}, "c"], [TextDelta("a"), ThinkingDelta("b"), TextDelta("c")]),
        ([{"type": "image_url", "image_url": {"url": "x"}}], []),
        ([{"type": "text", "text": {"text": {"text": {"text": {"text": "too deep"}}}}}], []),
    ],
)
def test_content(content: object, events: list[Event]) -> None:
    assert content_events(content) == events


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        ({}, ""),
        ({"reasoning_content": None, "reasoning": ""}, ""),
        ({"reasoning_content": "a", "reasoning": "b"}, "a"),
        ({"reasoning_content": [], "thinking": "b"}, "b"),
        ({"reasoning": {"content": "a"}}, "a"),
        ({"reasoning_details": [{"text": "a"}, {"data": "x"}, {"summary": "b"}]}, "ab"),
        ({"reasoning_text": "a"}, "a"),
        ({"thinking_content": "a"}, "a"),
        ({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}], "reasoning": None}, ""),
        ({"thinking_blocks": [{"type": "thinking", "thinking": "a"}]}, "a"),
    ],
)
def test_reasoning(delta: dict[str, object], text: str) -> None:
    assert reasoning_text(delta) == text
