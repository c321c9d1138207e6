"""Token counts, in the spellings of many upstreams."""

from __future__ import annotations

from bridge.core.events import Usage

_CACHE_READ = (
    ("prompt_tokens_details", "cached_tokens"),
    ("input_tokens_details", "cached_tokens"),
    ("prompt_cache_hit_tokens",),
    ("cache_read_input_tokens",),
    ("cached_tokens",),
    ("num_cached_tokens",),
)
_CACHE_WRITE = (
    ("cache_creation_input_tokens",),
    ("prompt_tokens_details", "cache_write_tokens"),
    ("prompt_tokens_details", "cache_creation_tokens"),
)
_PROMPT = (("prompt_tokens",), ("input_tokens",))
_COMPLETION = (("completion_tokens",), ("output_tokens",))
_REASONING = (
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
    ("reasoning_tokens",),
)


def read_usage(usage: dict[str, object]) -> Usage:
    """The counts with the three input counters disjoint; what is not a sensible number counts as 0."""
    prompt = _first(usage, _PROMPT)
    read = _first(usage, _CACHE_READ)
    write = _first(usage, _CACHE_WRITE)
    # Nearly everyone counts cached tokens as part of the prompt; who cannot have done so did not.
    fresh = prompt - read - write if read + write <= prompt else prompt
    return Usage(
        input_tokens=fresh,
        output_tokens=_first(usage, _COMPLETION),
        cache_read_tokens=read,
        cache_write_tokens=write,
        reasoning_tokens=_first(usage, _REASONING),
    )


def _first(usage: dict[str, object], places: tuple[tuple[str, ...], ...]) -> int:
    for place in places:
        value: object = usage
        for key in place:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None and isinstance(value, int | float) and 0 < value < 1 << 53:
            return int(value)
    return 0
