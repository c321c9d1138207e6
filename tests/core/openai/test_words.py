from __future__ import annotations

from bridge.core.openai import words
from bridge.core.openai.answer import Head, Tokens, completion


def test_the_words_are_those_of_an_answer() -> None:
    body = completion(Head("c", "m", 0), "text", "thought", "stop", Tokens(1, 1)).decode()
    assert f'"{words.CONTENT}":' in body
    assert any(f'"{name}":' in body for name in words.REASONING)
