"""The compiled decision for a model: frozen values that the core reads and configuration builds.

Durations are seconds, sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bridge.core.errorrules import ErrorRule
    from bridge.core.parsing.spec import ParserSpec

Protocol = Literal["openai", "anthropic", "demo"]
Path = tuple[str, ...]
"""The way to a field of a body: keys of tables, then the field's own."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    connect: float = 5.0
    first_token: float = 120.0
    stall: float = 120.0
    total: float = 1800.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``attempts`` counts every upstream call of a request, over its whole fallback chain."""

    attempts: int = 3
    backoff: float = 0.25
    max_backoff: float = 8.0
    on: frozenset[int] = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """Retries may add ``ratio`` of the load of the last ``ttl``, and ``min_per_second`` beside."""

    ratio: float = 0.2
    min_per_second: float = 0.1
    ttl: float = 30.0


@dataclass(frozen=True, slots=True)
class Breaker:
    failures: int = 5
    open: float = 5.0


@dataclass(frozen=True, slots=True)
class Reasoning:
    """How reasoning is read and shown.

    ``source``: "field" (reasoning_content and its spellings), "tags" (<think>), "auto" (both), "none".
    ``emit``: "thinking" blocks, "text", "drop", or "auto" (thinking).
    ``starts_open``: the output starts inside the reasoning; None leaves it to the parser file.
    ``replay``: how earlier reasoning goes back to the upstream: in this key of its message, as "tags" in
    the text, or ("") not at all.
    ``effort``, ``budget``, ``switch``: where in the body the client's wishes go, () for nowhere.
    ``efforts``: the words that ``effort`` takes. ``on``, ``off``: what ``switch`` takes.
    """

    source: Literal["auto", "field", "tags", "none"] = "auto"
    emit: Literal["auto", "thinking", "text", "drop"] = "auto"
    starts_open: bool | None = None
    replay: str = ""
    effort: Path = ()
    efforts: tuple[str, ...] = ("low", "medium", "high")
    budget: Path = ()
    switch: Path = ()
    on: bool | str = True
    off: bool | str = False


@dataclass(frozen=True, slots=True)
class BodyPatch:
    """Changes to the upstream body: ``default`` where the client said nothing, ``set`` always, ``drop`` last."""

    default: Mapping[str, object] = field(default_factory=dict)
    set: Mapping[str, object] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolSchema:
    """What tools' schemas lose on their way: the keywords ``drop``, and with ``inline`` their references."""

    drop: frozenset[str] = frozenset()
    inline: bool = False


@dataclass(frozen=True, slots=True)
class UpstreamRef:
    """A server that we call. ``api_key`` is never printed. ``off`` says why it cannot be used, if so.

    ``signing_key`` signs what its models think; with b"" everyone can.
    """

    name: str
    base_urls: tuple[str, ...] = ()
    protocol: Protocol = "openai"
    api_key: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    max_connections: int = 200
    max_in_flight: int = 64
    retry_budget: RetryBudget = RetryBudget()
    breaker: Breaker = Breaker()
    balance: Literal["session", "least_busy", "round_robin"] = "session"
    off: str = ""
    signing_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Route:
    """What happens to a request for ``key``: which upstream, which model there, and how it is read.

    ``parsers`` are armed in this order. ``fallbacks`` are keys of other routes, tried in order.
    ``errors`` come before the built-in rules.
    """

    key: str
    upstream: UpstreamRef
    model: str
    display_name: str = ""
    match: tuple[str, ...] = ()
    parsers: tuple[ParserSpec, ...] = ()
    tools: Literal["native", "prompt"] = "native"
    tool_streaming: Literal["complete", "eager"] = "complete"
    reasoning: Reasoning = Reasoning()
    unsupported: Literal["warn", "reject"] = "warn"
    max_output_tokens: int | None = 32_000
    context_window: int | None = None
    count_tokens: Literal["auto", "estimate", "upstream"] = "auto"
    timeouts: Timeouts = Timeouts()
    retry: RetryPolicy = RetryPolicy()
    request: BodyPatch = BodyPatch()
    fallbacks: tuple[str, ...] = ()
    errors: tuple[ErrorRule, ...] = ()
    server_tools: Literal["drop", "reject"] = "drop"
    max_tokens_field: str = "max_tokens"
    max_stop_sequences: int = 4
    tool_schema: ToolSchema = ToolSchema()
    structured_output: Literal["response_format", "prompt", "none"] = "response_format"
    user_field: Path = ()
