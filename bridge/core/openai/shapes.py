"""What chunks and whole completions have in common: their envelope, usage, finish reasons, and the order of events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from bridge.core.events import (
    Event,
    Fault,
    Finish,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolCallAbort,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)

CHUNK = "chat.completion.chunk"
COMPLETION = "chat.completion"

FINISH_WORDS: Mapping[StopReason, str] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "context_window": "length",
}
_LEGACY_CALL = "function_call"


@dataclass(frozen=True, slots=True)
class Head:
    """What every chunk of one answer repeats. ``legacy``: the client speaks of functions, not of tools."""

    id: str
    model: str
    created: int
    legacy: bool = False


class Said(Enum):
    """Where an answer is. ``CUT`` is behind a call that can never be completed; ``END`` admits nothing more."""

    NOTHING = "the beginning"
    WORDS = "text or a finished call"
    CALL = "a tool call"
    CUT = "a tool call that was cut off"
    END = "the end"

    # Each is only itself; an enum's own hash is that of its name, in Python.
    __hash__ = object.__hash__


class _Rule(NamedTuple):
    after: frozenset[Said]
    then: Said | None


_BETWEEN_CALLS = frozenset({Said.NOTHING, Said.WORDS})
_IN_CALL = frozenset({Said.CALL})
_ANY = frozenset(Said) - {Said.END}
_RULES: dict[type[Event], _Rule] = {
    TextDelta: _Rule(_BETWEEN_CALLS, Said.WORDS),
    ThinkingDelta: _Rule(_BETWEEN_CALLS, Said.WORDS),
    ToolCallStart: _Rule(_BETWEEN_CALLS, Said.CALL),
    ToolCallDelta: _Rule(_IN_CALL, None),
    ToolCallEnd: _Rule(_IN_CALL, Said.WORDS),
    ToolCallAbort: _Rule(_IN_CALL, Said.CUT),
    Usage: _Rule(_ANY, None),
    Finish: _Rule(_BETWEEN_CALLS | {Said.CUT}, Said.END),
    Fault: _Rule(_ANY, Said.END),
}


def step(said: Said, event: Event) -> Said:
    """Where the answer is after ``event``. Raises ValueError for one that cannot come where it comes."""
    rule = _RULES[type(event)]
    if said not in rule.after:
        raise ValueError(f"{type(event).__name__} cannot follow {said.value}")
    return said if rule.then is None else rule.then


def envelope(head: Head, kind: str, choices: Sequence[object]) -> dict[str, object]:
    """The object around the choices."""
    return {"id": head.id, "object": kind, "created": head.created, "model": head.model, "choices": choices}


def finish_word(head: Head, finish: Finish) -> str:
    """Why the answer ended."""
    return _LEGACY_CALL if head.legacy and finish.reason == "tool_use" else FINISH_WORDS[finish.reason]


def usage_body(usage: Usage) -> dict[str, object]:
    """Token counts; here what came from a cache is part of the prompt."""
    prompt = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": usage.output_tokens,
        "total_tokens": prompt + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
