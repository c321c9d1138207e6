import json

import pytest

from bridge.core.anthropic.errors import error_body, error_event, error_response, is_error
from bridge.core.events import Fault


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        ("invalid_request", 400, "invalid_request_error"),
        ("authentication", 401, "authentication_error"),
        ("billing", 402, "billing_error"),
        ("permission", 403, "permission_error"),
        ("not_found", 404, "not_found_error"),
        ("conflict", 409, "conflict_error"),
        ("too_large", 413, "request_too_large"),
        ("rate_limit", 429, "rate_limit_error"),
        ("api", 500, "api_error"),
        ("timeout", 504, "timeout_error"),
        ("overloaded", 529, "overloaded_error"),
    ],
)
def test_status_and_type_of_every_kind(kind, status, word):
    answered, headers, body = error_response(Fault(kind, "why"), "req_1")
    assert answered == status
    assert headers["content-type"] == "application/json"
    assert headers["request-id"] == "req_1"
    assert json.loads(body) == {
        "type": "error",
        "error": {"type": word, "message": "why"},
        "request_id": "req_1",
    }


def test_a_fault_may_keep_the_status_that_it_came_with():
    fault = Fault("invalid_request", "no", status=422)
    assert error_response(fault)[0] == 422


def test_details_pass_through_and_no_request_id_is_null():
    body = error_body(Fault("invalid_request", "no", details={"error_code": "x", "unsupported": ["thread"]}))
    assert body["error"]["details"] == {"error_code": "x", "unsupported": ["thread"]}
    assert body["request_id"] is None
    assert "request-id" not in error_response(Fault("api", "x"))[1]


def test_the_event_that_ends_a_stream():
    frame = error_event(Fault("overloaded", "busy"), "req_1")
    name, data, *rest = frame.split(b"\n")
    assert (name, rest) == (b"event: error", [b"", b""])
    assert json.loads(data.removeprefix(b"data: ")) == error_body(Fault("overloaded", "busy"), "req_1")


@pytest.mark.parametrize(
    ("body", "is_one"),
    [
        (b'{"type":"error","error":{"type":"new_error","message":"m"},"request_id":null}', True),
        (b'{"type":"error","error":{"type":"new_error"}}', False),
        (b'{"type":"error","error":"no"}', False),
        (b'{"error":{"type":"a","message":"m"}}', False),
        (b"[]", False),
        (b"<html>", False),
        (b"", False),
    ],
)
def test_error_answers_of_others(body, is_one):
    assert is_error(body) is is_one
