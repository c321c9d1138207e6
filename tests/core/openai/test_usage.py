"""Token counts of many vendors, with the input counters disjoint."""

from __future__ import annotations

import pytest

from bridge.core.events import Usage
from bridge.core.openai.usage import read_usage

SPELLINGS: dict[str, tuple[dict[str, object], Usage]] = {
    "plain": ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, Usage(10, 5)),
    "OpenAI, cached": (
        {"prompt_tokens": 1000, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 800}},
        Usage(200, 5, 800),
    ),
    "DeepSeek": (
        {"prompt_tokens": 1000, "prompt_cache_hit_tokens": 800, "prompt_cache_miss_tokens": 200},
        Usage(200, 0, 800),
    ),
    "Moonshot": ({"prompt_tokens": 10, "cached_tokens": 4}, Usage(6, 0, 4)),
    "two spellings of one count": (
        {"prompt_tokens": 10, "prompt_cache_hit_tokens": 4, "prompt_tokens_details": {"cached_tokens": 4}},
        Usage(6, 0, 4),
    ),
    "written to the cache": (
        {"prompt_tokens": 10, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 3},
        Usage(3, 0, 4, 3),
    ),
    "OpenRouter": (
        {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}},
        Usage(3, 0, 4, 3),
    ),
    "cache counted beside the prompt": ({"prompt_tokens": 10, "cache_read_input_tokens": 90}, Usage(10, 0, 90)),
    "reasoning": (
        {"prompt_tokens": 1, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 7}},
        Usage(1, 9, reasoning_tokens=7),
    ),
    "other names": ({"input_tokens": 3, "output_tokens": 4}, Usage(3, 4)),
    "floats": ({"prompt_tokens": 3.0, "completion_tokens": 4.0}, Usage(3, 4)),
    "null": ({"prompt_tokens": 3, "completion_tokens": None, "prompt_tokens_details": None}, Usage(3)),
    "nonsense": ({"prompt_tokens": -3, "completion_tokens": "x", "prompt_tokens_details": [1]}, Usage()),
    "too large": ({"prompt_tokens": 10**30, "completion_tokens": 1e300}, Usage()),
    "nothing": ({}, Usage()),
}


@pytest.mark.parametrize(("said", "usage"), SPELLINGS.values(), ids=SPELLINGS.keys())
def test_spelling(said: dict[str, object], usage: Usage) -> None:
    assert read_usage(said) == usage
