from __future__ import annotations

from bridge.core.events import Finish, TextDelta, ThinkingDelta, ToolCallEnd, ToolCallStart
from bridge.core.jsontext import dumps
from bridge.core.openai import words
from bridge.core.openai.completion import CompletionFold
from bridge.core.openai.shapes import Head


def test_the_words_are_those_of_an_answer() -> None:
    fold = CompletionFold(Head("c", "m", 0))
    for event in (ThinkingDelta("a"), TextDelta("b"), ToolCallStart(0, "c", "f"), ToolCallEnd(0), Finish("tool_use")):
        fold.add(event)
    body = dumps(fold.message()).decode()
    assert f'"{words.CONTENT}":' in body
    assert f'"{words.CALLS}":' in body
    assert any(f'"{name}":' in body for name in words.REASONING)
