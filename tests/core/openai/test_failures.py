from __future__ import annotations

import json

import pytest

from bridge.core.anthropic.errors import error_response as for_messages
from bridge.core.events import Fault, FaultKind
from bridge.core.openai.errors import fault_from_error
from bridge.core.openai.failures import error_body, error_response


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("invalid_request", None),
        ("authentication", "invalid_api_key"),
        ("billing", "insufficient_quota"),
        ("permission", None),
        ("not_found", "model_not_found"),
        ("conflict", None),
        ("too_large", None),
        ("rate_limit", "rate_limit_exceeded"),
        ("api", "server_error"),
        ("timeout", "timeout"),
        ("overloaded", "server_overloaded"),
    ],
)
def test_both_kinds_of_client_read_it(kind: FaultKind, code: str | None) -> None:
    fault = Fault(kind, "why")
    status, headers, body = error_response(fault, "req_1")
    other_status, other_headers, other_body = for_messages(fault, "req_1")
    assert status == other_status
    assert headers == other_headers | {"x-request-id": "req_1"}
    other = json.loads(other_body)
    assert json.loads(body) == other | {"error": other["error"] | {"param": None, "code": code}}


def test_without_an_id() -> None:
    assert error_body(Fault("api", "x"))["request_id"] is None
    assert not {"request-id", "x-request-id"} & error_response(Fault("api", "x"))[1].keys()


def test_a_prompt_that_is_too_long_has_the_code_that_clients_look_for() -> None:
    said = "This model's maximum context length is 8192 tokens, you requested 9000 tokens"
    error = error_body(fault_from_error({"message": said, "code": 400}, "up", "m"))["error"]
    assert isinstance(error, dict)
    assert error["code"] == "context_length_exceeded"
