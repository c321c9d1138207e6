"""Servers that say how many tokens a request is: what to ask them, and how they answer.

========================  ========================================================  ==========================
llama.cpp (since 2026)    ``POST BASE/chat/completions/input_tokens``, the request  ``{"input_tokens": 7}``
vLLM                      ``POST ROOT/tokenize`` with messages and tools            ``{"count": 7, ...}``
llama.cpp                 ``POST ROOT/apply-template``, then ``POST ROOT/tokenize``  ``{"tokens": [1, 2, ...]}``
========================  ========================================================  ==========================

ROOT is the base URL without its ``/v1``. SGLang's ``/tokenize`` knows text only, and nothing there
applies the template.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bridge.core import jsontext
from bridge.core.openai.prompt import without_media

Way = Literal["input_tokens", "tokenize", "apply_template"]
WAYS: tuple[Way, ...] = ("input_tokens", "tokenize", "apply_template")

_TEMPLATE_FIELDS = ("model", "messages", "tools", "tool_choice", "chat_template_kwargs", "reasoning_effort")
_LARGEST = 1 << 40


@dataclass(frozen=True, slots=True)
class Question:
    """What to POST: ``at_root`` below ROOT, else below the base URL."""

    path: str
    body: bytes
    at_root: bool


def question(way: Way, body: Mapping[str, Any]) -> Question:
    """The first, mostly only, question about a chat completions body."""
    if way == "input_tokens":
        return Question("/chat/completions/input_tokens", jsontext.dumps(body), at_root=False)
    asked = {key: body[key] for key in _TEMPLATE_FIELDS if key in body}
    # Here a picture is a placeholder of a token or two: its price is added afterwards.
    asked["messages"] = without_media(body.get("messages"))
    if way == "tokenize":
        return Question("/tokenize", jsontext.dumps({**asked, "add_generation_prompt": True}), at_root=True)
    return Question("/apply-template", jsontext.dumps(asked), at_root=True)


def follow_up(answer: object) -> Question | None:
    """The second question of ``apply_template``: the tokens of the prompt that came back."""
    prompt = answer.get("prompt") if isinstance(answer, dict) else None
    if not isinstance(prompt, str):
        return None
    return Question("/tokenize", jsontext.dumps({"content": prompt, "add_special": True}), at_root=True)


def counted(way: Way, answer: object) -> int | None:
    """The count in the (last) answer; None if there is none, whatever was sent."""
    if not isinstance(answer, dict):
        return None
    if way == "apply_template":
        tokens = answer.get("tokens")
        return len(tokens) if isinstance(tokens, list) and tokens else None
    count = answer.get("input_tokens" if way == "input_tokens" else "count")
    return count if type(count) is int and 0 < count < _LARGEST else None
