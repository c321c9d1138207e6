"""Failures of upstreams, as the client is to understand them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.core.errorrules import ErrorRule, compile_wording
from bridge.core.events import Fault
from bridge.core.openai.errors import clean, fault_from_error, fault_from_response, retry_after


def answered(status: int, body: object = b"", **headers: str) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return fault_from_response(status, named, data, "local", "qwen", now=1_000_000_000.0)


STATUSES = {
    301: ("api", None, "never"),
    400: ("invalid_request", None, "never"),
    401: ("permission", None, "never"),
    402: ("billing", None, "never"),
    403: ("permission", None, "never"),
    404: ("not_found", None, "never"),
    405: ("api", None, "never"),
    408: ("timeout", None, "transient"),
    409: ("conflict", None, "transient"),
    413: ("too_large", None, "never"),
    418: ("api", None, "never"),
    422: ("invalid_request", 422, "never"),
    425: ("api", None, "transient"),
    429: ("rate_limit", None, "transient"),
    500: ("api", None, "transient"),
    501: ("api", None, "never"),
    502: ("api", None, "transient"),
    503: ("overloaded", None, "transient"),
    504: ("timeout", None, "transient"),
    520: ("api", None, "transient"),
    524: ("timeout", None, "transient"),
    529: ("overloaded", None, "transient"),
}


@pytest.mark.parametrize(("status", "meaning"), STATUSES.items())
def test_status(status: int, meaning: tuple[str, int | None, str]) -> None:
    fault = answered(status, {"error": {"message": "why"}})
    assert (fault.kind, fault.status, fault.retry) == meaning
    assert fault.upstream_status == status
    assert "`local`" in fault.message


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_the_operators_to_mend(status: int) -> None:
    fault = answered(status, {"error": {"message": "Incorrect API key provided: sk-abc"}})
    assert "`upstreams.local.api_key`" in fault.message
    assert "sk-abc" not in fault.message


def test_an_unknown_model_is_named() -> None:
    fault = answered(404, {"error": "model 'qwen' not found"})
    assert fault.message == "upstream `local` does not serve model `qwen` (404): model 'qwen' not found"


BODIES: dict[str, tuple[object, str]] = {
    "OpenAI": ({"error": {"message": "why", "type": "x", "code": None}}, ": why"),
    "text": ({"error": "why"}, ": why"),
    "vLLM": ({"object": "error", "message": "why"}, ": why"),
    "FastAPI": ({"detail": "why"}, ": why"),
    "FastAPI, list": (
        {"detail": [{"loc": ["body", "stop"], "msg": "bad"}, {"loc": ["body", 0], "msg": "worse"}]},
        ": body.stop: bad; body.0: worse",
    ),
    "nested": ({"error": {"error": {"message": "why"}}}, ": why"),
    "router": (
        {"error": {"message": "Provider returned error", "metadata": {"raw": "too hot"}}},
        ": Provider returned error (too hot)",
    ),
    "in a list": ([{"error": {"message": "why"}}], ": why"),
    "plain": (b"no healthy upstream", ": no healthy upstream"),
    "markup": (b"\xef\xbb\xbf\n <!doctype html><title>Bad Gateway", ""),
    "markup inside": ({"error": {"message": "<html>x</html>"}}, ""),
    "empty": (b"", ""),
    "number": (b"17", ""),
    "endless": (b'{"error":' * 500 + b"1" + b"}" * 500, ""),
    "control characters": ({"error": "a\x1b[31m\r\n\tb\u2028c\x00"}, ": a [31m b c"),
    "binary": (b"\xff\xfe\x00", ": ��"),
}


@pytest.mark.parametrize(("body", "told"), BODIES.values(), ids=BODIES.keys())
def test_what_a_body_says(body: object, told: str) -> None:
    assert answered(502, body).message == f"upstream `local` answered 502{told}"


def test_long_messages_are_cut() -> None:
    assert len(answered(400, {"error": "x" * 10_000}).message) < 700


def test_secrets_are_masked() -> None:
    fault = fault_from_response(400, {}, b'{"error":"key k-123 is bad"}', "u", "m", secrets=("k-123", ""))
    assert fault.message == "upstream `u` answered 400: key [secret] is bad"
    assert fault_from_error("k-123!", "u", "m", secrets=("k-123",)).message == "upstream `u` failed: [secret]!"
    assert clean("a k-123", ["k-123"]) == "a [secret]"


def test_an_empty_account_is_not_worth_a_retry() -> None:
    fault = answered(429, {"error": {"message": "pay", "code": "insufficient_quota"}})
    assert (fault.kind, fault.retry) == ("rate_limit", "never")


WAITS: dict[str, tuple[dict[str, str], float | None]] = {
    "none": ({}, None),
    "seconds": ({"retry-after": "2"}, 2.0),
    "fraction": ({"retry-after": "0.5"}, 0.5),
    "milliseconds first": ({"retry-after": "9", "retry-after-ms": "1500"}, 1.5),
    "negative": ({"retry-after": "-1"}, 0.0),
    "word": ({"retry-after": "soon"}, None),
    "not a number": ({"retry-after": "nan"}, None),
    "endless": ({"retry-after": "inf"}, None),
    "date": ({"retry-after": "Sun, 09 Sep 2001 01:47:10 GMT"}, 30.0),
    "date gone by": ({"retry-after": "Sun, 09 Sep 2001 01:46:00 GMT"}, 0.0),
    "nonsense date": ({"retry-after": "Sun, 99 Sep 99999 01:46:00 GMT"}, None),
    "empty": ({"retry-after": ""}, None),
}


@pytest.mark.parametrize(("headers", "seconds"), WAITS.values(), ids=WAITS.keys())
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, 1_000_000_000.0) == seconds
    fault = fault_from_response(429, headers, b"", "u", "m", now=1_000_000_000.0)
    assert fault.retry_after == seconds


def test_a_date_without_a_clock_says_nothing() -> None:
    assert retry_after({"retry-after": "Sun, 09 Sep 2001 01:47:10 GMT"}) is None


INSIDE: dict[str, tuple[object, str]] = {
    "text": ("boom", "api"),
    "code": ({"code": 429}, "rate_limit"),
    "code as text": ({"code": "503"}, "overloaded"),
    "status": ({"status": 504}, "timeout"),
    "kind of overload": ({"type": "overloaded_error"}, "overloaded"),
    "kind of limit": ({"type": "rate_limit_exceeded"}, "rate_limit"),
    "kind of request": ({"type": "invalid_request_error"}, "invalid_request"),
    "kind in words": ({"code": "model_not_found"}, "not_found"),
    "quota": ({"code": "insufficient_quota"}, "billing"),
    "code out of range": ({"code": 7}, "api"),
    "nothing": ({}, "api"),
    "not an error": ([1, 2], "api"),
}


@pytest.mark.parametrize(("error", "kind"), INSIDE.values(), ids=INSIDE.keys())
def test_error_object_inside_a_good_answer(error: object, kind: str) -> None:
    fault = fault_from_error(error, "u", "m")
    assert fault.kind == kind
    assert fault.upstream_status == 200


BUSY = ErrorRule(
    compile_wording("queue of {n} is full"), frozenset({400, 500}), "overloaded", ("{n} are waiting",), True
)
GONE = ErrorRule(compile_wording("model was retired"), kind="not_found", retry=False)


def test_rules_come_before_everything_else() -> None:
    body = b'{"error":{"message":"The queue of 12 is full; reduce the length of the messages"}}'
    fault = fault_from_response(400, {"retry-after": "7"}, body, "u", "m", rules=(BUSY, GONE))
    assert fault == Fault("overloaded", "12 are waiting", "transient", None, 400, 7.0, declared=True)
    assert fault_from_response(422, {}, body, "u", "m", rules=(BUSY,)).message.startswith("prompt is too long")


def test_a_rule_without_a_message_keeps_what_was_said() -> None:
    body = b'{"error":{"message":"no","code":"model was retired"}}'
    fault = fault_from_response(503, {"retry-after": "7"}, body, "u", "m", rules=(BUSY, GONE))
    assert fault == Fault("not_found", "upstream `u` answered 503: no", "never", None, 503)


def test_rules_hold_for_errors_inside_an_answer() -> None:
    fault = fault_from_error({"message": "The queue of 3 is full"}, "u", "m", rules=(BUSY,))
    assert fault == Fault("overloaded", "3 are waiting", "transient", None, 200, declared=True)
    told = fault_from_error({"message": "prompt is too long: 9 tokens > 5 maximum"}, "u", "m").message
    assert told == "prompt is too long: 9 tokens > 5 maximum"


def test_a_rules_message_holds_no_secret() -> None:
    rule = ErrorRule(status=frozenset({400}), messages=("call k-123\nnow",))
    assert fault_from_response(400, {}, b"", "u", "m", secrets=("k-123",), rules=(rule,)).message == "call [secret] now"


def test_nobody_waits_for_an_empty_account() -> None:
    body = b'{"error":{"code":"insufficient_quota"}}'
    fault = fault_from_response(429, {"retry-after": "7"}, body, "u", "m")
    assert (fault.kind, fault.retry, fault.retry_after) == ("rate_limit", "never", None)
