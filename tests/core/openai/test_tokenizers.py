from __future__ import annotations

import json

import pytest

from bridge.core.openai.tokenizers import WAYS, counted, follow_up, question

BODY = {
    "model": "m",
    "messages": [{"role": "user", "content": "hi"}],
    "max_tokens": 7,
    "stop": ["x"],
    "tools": [{"type": "function", "function": {"name": "n", "parameters": {}}}],
}


def test_one_server_is_asked_with_the_whole_request() -> None:
    asked = question("input_tokens", BODY)
    assert (asked.path, asked.at_root, json.loads(asked.body)) == ("/chat/completions/input_tokens", False, BODY)


def test_the_others_with_what_a_template_reads() -> None:
    asked = question("tokenize", BODY)
    sent = json.loads(asked.body)
    assert (asked.path, asked.at_root) == ("/tokenize", True)
    assert sent == {key: BODY[key] for key in ("model", "messages", "tools")} | {"add_generation_prompt": True}
    asked = question("apply_template", BODY)
    assert (asked.path, asked.at_root, "add_generation_prompt" in json.loads(asked.body)) == (
        "/apply-template",
        True,
        False,
    )


def test_the_prompt_that_came_back_is_tokenized() -> None:
    asked = follow_up({"prompt": "<s>hi"})
    assert asked is not None
    assert (asked.path, json.loads(asked.body)) == ("/tokenize", {"content": "<s>hi", "add_special": True})
    for nothing in ({}, {"prompt": 3}, [], None):
        assert follow_up(nothing) is None


def test_counts() -> None:
    assert counted("input_tokens", {"input_tokens": 7}) == 7
    assert counted("tokenize", {"count": 8, "tokens": [1]}) == 8
    assert counted("apply_template", {"tokens": [4, 5, 6]}) == 3


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "answer", [None, [], 5, {}, {"count": "7", "input_tokens": "7", "tokens": "7"}, {"tokens": []},
               {"count": True, "input_tokens": True}, {"count": -1, "input_tokens": 0}, {"count": 7.0},
               {"count": 10**30, "input_tokens": 10**30}],
)  # fmt: skip
def test_anything_else_is_no_count(way: str, answer: object) -> None:
    assert counted(way, answer) is None  # type: ignore[arg-type]
