"""What a model says, in the order in which it says it, in no protocol's words.

The decoder of an upstream protocol and the text parser produce these; the
encoder of a client protocol consumes them. All are immutable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bridge.core.jsontext import Record

FaultKind = Literal[
    "invalid_request",
    "authentication",
    "billing",
    "permission",
    "not_found",
    "conflict",
    "too_large",
    "rate_limit",
    "api",
    "timeout",
    "overloaded",
]
"""What went wrong, as the client is to understand it."""

RetryClass = Literal["never", "safe", "transient", "ambiguous", "timeout"]
"""How a failed attempt may be repeated.

``safe``: the upstream did no work. ``transient``: it said that it could not.
``ambiguous``: it may have done the work (the connection died after the request
was sent). ``timeout``: only another upstream is worth trying. ``never``: the
same request fails again.
"""

StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "context_window"]
"""Why the model stopped."""


class TextDelta(Record, frozen=True, gc=False):
    """More of the answer's text. Never empty."""

    text: str


class ThinkingDelta(Record, frozen=True, gc=False):
    """More of the model's reasoning. Never empty."""

    text: str


class ToolCallStart(Record, frozen=True, gc=False):
    """A call begins. ``index`` counts the calls of one answer from 0; calls never interleave."""

    index: int
    id: str
    name: str


class ToolCallDelta(Record, frozen=True, gc=False):
    """A fragment of the call's arguments: the fragments of a call concatenate to one JSON object."""

    index: int
    json: str


class ToolCallEnd(Record, frozen=True, gc=False):
    """The call is whole: its arguments are a complete JSON object and may be run."""

    index: int


class ToolCallAbort(Record, frozen=True, gc=False):
    """The call was begun (eager streaming only) and can never be completed; it must not be run."""

    index: int


class Usage(Record, frozen=True, gc=False):
    """Token counts. The three input counters are disjoint; their sum is the prompt."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


NOT_COUNTED = Usage()
"""What is known before anyone has counted."""


class Finish(Record, frozen=True, gc=False):
    """The answer is complete. ``stop_sequence`` is set exactly when the reason is ``stop_sequence``."""

    reason: StopReason
    stop_sequence: str | None = None
    explanation: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure, with what the client is told and how it may be retried.

    ``status`` overrides the kind's usual HTTP status (422 stays 422).
    ``upstream_status`` is what the upstream answered, if it answered.
    ``retry_after`` is in seconds, as the upstream asked. ``message`` is fit for
    the client: it holds no secret and no raw upstream page. ``declared``: the
    configuration says that it may be repeated, whatever its status.
    """

    kind: FaultKind
    message: str
    retry: RetryClass = "never"
    status: int | None = None
    upstream_status: int | None = None
    retry_after: float | None = None
    details: Mapping[str, object] | None = None
    declared: bool = False


ParserEvent = TextDelta | ThinkingDelta | ToolCallStart | ToolCallDelta | ToolCallEnd | ToolCallAbort
"""What the text parser engine yields."""

Event = ParserEvent | Usage | Finish | Fault
"""What an answer consists of. ``Finish`` or ``Fault`` is the last one."""
