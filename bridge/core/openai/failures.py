"""A fault, as clients of chat completions are told: status, headers, body."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.events import Fault, FaultKind
from bridge.core.failures import error_headers, error_status
from bridge.core.jsontext import dumps
from bridge.core.openai.overflow import is_overflow

_CODES: Mapping[FaultKind, str] = {
    "authentication": "invalid_api_key",
    "billing": "insufficient_quota",
    "not_found": "model_not_found",
    "rate_limit": "rate_limit_exceeded",
    "api": "server_error",
    "timeout": "timeout",
    "overloaded": "server_overloaded",
}
_OVERFLOW = "context_length_exceeded"


def error_body(fault: Fault, request_id: str = "") -> dict[str, object]:
    """The JSON object that an error answer and an error frame both carry.

    Clients of the Messages API read it as well: the outer fields and the types are that API's.
    ``code`` is what OpenAI's clients look at.
    """
    kind = "request_too_large" if fault.kind == "too_large" else f"{fault.kind}_error"
    code = _OVERFLOW if is_overflow(fault.message) else _CODES.get(fault.kind)
    error = {"message": fault.message, "type": kind, "param": None, "code": code}
    return {"type": "error", "error": error, "request_id": request_id or None}


def error_response(fault: Fault, request_id: str = "") -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower-case names; see ``error_headers``) and body."""
    headers = error_headers(fault, request_id)
    if request_id:
        headers["x-request-id"] = request_id
    return error_status(fault), headers, dumps(error_body(fault, request_id))
