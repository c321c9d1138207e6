"""The facts of one exchange, gathered while it runs; the log and the counters are written from them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from bridge.core.events import NOT_COUNTED, Fault, StopReason, Usage

Outcome = Literal["ok", "error", "client_gone", "client_stalled"]


@dataclass(slots=True)
class RequestRecord:
    """``started`` and the other times are of one monotonic clock; 0 means never.

    ``outcome`` is "error" both for an error answer and for an error event in a stream; ``fault``
    says which. ``status`` is the HTTP status that was sent, 0 if none was.
    """

    request_id: str
    started: float
    path: str = "/v1/messages"
    client: str = ""
    model: str = ""
    route: str = ""
    reason: str = ""
    upstream: str = ""
    upstream_model: str = ""
    upstream_request_id: str = ""
    revision: str = ""
    stream: bool = False
    attempts: int = 0
    status: int = 0
    outcome: Outcome = "ok"
    stop_reason: StopReason | None = None
    usage: Usage = NOT_COUNTED
    fault: Fault | None = None
    first_byte: float = 0.0
    ended: float = 0.0
    counters: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Records:
    """The last ``keep`` records, and totals over all of them."""

    keep: int = 200
    requests: int = 0
    in_flight: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    attempts: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    recent: deque[RequestRecord] = field(init=False)

    def __post_init__(self) -> None:
        self.recent = deque(maxlen=self.keep)

    def add(self, record: RequestRecord) -> None:
        """Take a finished record."""
        self.requests += 1
        self.attempts += record.attempts
        self.outcomes[record.outcome] = self.outcomes.get(record.outcome, 0) + 1
        self.input_tokens += record.usage.input_tokens
        self.output_tokens += record.usage.output_tokens
        self.recent.append(record)
