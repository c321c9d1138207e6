"""Token counts, in the spellings of many upstreams."""

from __future__ import annotations

from bridge.core.events import Usage

_DETAILS = frozenset(
    {
        "prompt_tokens_details",
        "input_tokens_details",
        "completion_tokens_details",
        "output_tokens_details",
        "prompt_cache_hit_tokens",
        "cache_read_input_tokens",
        "cached_tokens",
        "num_cached_tokens",
        "cache_creation_input_tokens",
        "reasoning_tokens",
    }
)
"""All places where more than the two sums is said."""

_NUMBERS = (int, float)
_MOST = 1 << 53


def read_usage(usage: dict[str, object]) -> Usage:
    """The counts with the three input counters disjoint; what is not a sensible number counts as 0."""
    get = usage.get
    prompt = _count(get("prompt_tokens")) or _count(get("input_tokens"))
    completion = _count(get("completion_tokens")) or _count(get("output_tokens"))
    if _DETAILS.isdisjoint(usage):
        return Usage(prompt, completion)
    of_prompt, of_input = _inside(get("prompt_tokens_details")), _inside(get("input_tokens_details"))
    of_completion, of_output = _inside(get("completion_tokens_details")), _inside(get("output_tokens_details"))
    read = (
        _count(of_prompt.get("cached_tokens"))
        or _count(of_input.get("cached_tokens"))
        or _count(get("prompt_cache_hit_tokens"))
        or _count(get("cache_read_input_tokens"))
        or _count(get("cached_tokens"))
        or _count(get("num_cached_tokens"))
    )
    write = (
        _count(get("cache_creation_input_tokens"))
        or _count(of_prompt.get("cache_write_tokens"))
        or _count(of_prompt.get("cache_creation_tokens"))
    )
    reasoning = (
        _count(of_completion.get("reasoning_tokens"))
        or _count(of_output.get("reasoning_tokens"))
        or _count(get("reasoning_tokens"))
    )
    # Nearly everyone counts cached tokens as part of the prompt; who cannot have done so did not.
    fresh = prompt - read - write if read + write <= prompt else prompt
    return Usage(fresh, completion, read, write, reasoning)


def _inside(details: object) -> dict[str, object]:
    return details if isinstance(details, dict) else {}


def _count(value: object) -> int:
    return int(value) if isinstance(value, _NUMBERS) and 0 < value < _MOST else 0
