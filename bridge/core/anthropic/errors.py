"""A fault, as the Messages API words it: status, headers, body."""

from __future__ import annotations

from bridge.core.events import Fault, FaultKind
from bridge.core.failures import error_headers, error_status
from bridge.core.jsontext import dumps, loads

TYPES: dict[FaultKind, str] = {
    "invalid_request": "invalid_request_error",
    "authentication": "authentication_error",
    "billing": "billing_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "conflict": "conflict_error",
    "too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
    "api": "api_error",
    "timeout": "timeout_error",
    "overloaded": "overloaded_error",
}

DECLARABLE: dict[str, FaultKind] = {word: kind for kind, word in TYPES.items() if kind != "authentication"}
"""The types that a configuration may give a failure: not the one that makes agents log out."""


def error_body(fault: Fault, request_id: str = "") -> dict[str, object]:
    """The JSON object that an error answer and an error frame both carry."""
    error: dict[str, object] = {"type": TYPES[fault.kind], "message": fault.message}
    if fault.details:
        error["details"] = dict(fault.details)
    return {"type": "error", "error": error, "request_id": request_id or None}


def error_response(fault: Fault, request_id: str = "") -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower-case names; see ``error_headers``) and body."""
    return error_status(fault), error_headers(fault, request_id), dumps(error_body(fault, request_id))


def error_event(fault: Fault, request_id: str = "") -> bytes:
    """The frame that ends a stream with this fault."""
    return b"event: error\ndata: %b\n\n" % dumps(error_body(fault, request_id))


def is_error(body: bytes) -> bool:
    """Whether a body has the shape of an error answer of the Messages API."""
    try:
        value = loads(body)
    except ValueError:
        return False
    match value:
        case {"type": "error", "error": {"type": str(), "message": str()}}:
            return True
    return False
