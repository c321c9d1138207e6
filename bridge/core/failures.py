"""A fault as an HTTP answer, as far as that is the same in every client protocol: its status and headers."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bridge.core.events import Fault, FaultKind

_STATUSES: Mapping[FaultKind, int] = {
    "invalid_request": 400,
    "authentication": 401,
    "billing": 402,
    "permission": 403,
    "not_found": 404,
    "conflict": 409,
    "too_large": 413,
    "rate_limit": 429,
    "api": 500,
    "timeout": 504,
    "overloaded": 529,
}

_WAITING_HELPS = frozenset({429, 503, 529})
_HOPELESS = frozenset({"never", "timeout"})
_DEFAULT_WAIT = 3.0
_MAX_WAIT = 60.0


def error_status(fault: Fault) -> int:
    """The HTTP status of an answer that is nothing but this fault."""
    return fault.status or _STATUSES[fault.kind]


def error_headers(fault: Fault, request_id: str = "") -> dict[str, str]:
    """Its headers, with lower-case names.

    ``retry-after`` is there where waiting helps, always 1 to 60 whole seconds.
    ``x-should-retry: false`` stops clients that would repeat what failed here
    for good; the two never come together.
    """
    headers = {"content-type": "application/json"}
    if request_id:
        headers["request-id"] = request_id
    if fault.retry_after is not None or (error_status(fault) in _WAITING_HELPS and fault.retry != "never"):
        headers["retry-after"] = str(_seconds(fault.retry_after))
    elif fault.retry in _HOPELESS:
        headers["x-should-retry"] = "false"
    return headers


def _seconds(asked: float | None) -> int:
    # In this order of operands, NaN ends as the lower bound.
    return math.ceil(min(_MAX_WAIT, max(1.0, _DEFAULT_WAIT if asked is None else asked)))
