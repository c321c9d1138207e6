"""A fault, as the Messages API words it: status, headers, body."""

from __future__ import annotations

import math

from bridge.core.events import Fault, FaultKind
from bridge.core.jsontext import dumps

KINDS: dict[FaultKind, tuple[int, str]] = {
    "invalid_request": (400, "invalid_request_error"),
    "authentication": (401, "authentication_error"),
    "billing": (402, "billing_error"),
    "permission": (403, "permission_error"),
    "not_found": (404, "not_found_error"),
    "conflict": (409, "conflict_error"),
    "too_large": (413, "request_too_large"),
    "rate_limit": (429, "rate_limit_error"),
    "api": (500, "api_error"),
    "timeout": (504, "timeout_error"),
    "overloaded": (529, "overloaded_error"),
}

_WAITING_HELPS = frozenset({429, 503, 529})
_HOPELESS = frozenset({"never", "timeout"})
_DEFAULT_WAIT = 3.0
_MAX_WAIT = 60.0


def error_status(fault: Fault) -> int:
    """The HTTP status of an answer that is nothing but this fault."""
    return fault.status or KINDS[fault.kind][0]


def error_body(fault: Fault, request_id: str = "") -> dict[str, object]:
    """The JSON object that an error answer and an error frame both carry."""
    error: dict[str, object] = {"type": KINDS[fault.kind][1], "message": fault.message}
    if fault.details:
        error["details"] = dict(fault.details)
    return {"type": "error", "error": error, "request_id": request_id or None}


def error_response(fault: Fault, request_id: str = "") -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower-case names) and body.

    ``retry-after`` is there where waiting helps, always 1 to 60 whole seconds.
    ``x-should-retry: false`` stops clients that would repeat what failed here
    for good; the two never come together.
    """
    status = error_status(fault)
    headers = {"content-type": "application/json"}
    if request_id:
        headers["request-id"] = request_id
    if fault.retry_after is not None or status in _WAITING_HELPS:
        headers["retry-after"] = str(_seconds(fault.retry_after))
    elif fault.retry in _HOPELESS:
        headers["x-should-retry"] = "false"
    return status, headers, dumps(error_body(fault, request_id))


def _seconds(asked: float | None) -> int:
    # In this order of operands, NaN ends as the lower bound.
    return math.ceil(min(_MAX_WAIT, max(1.0, _DEFAULT_WAIT if asked is None else asked)))
