from __future__ import annotations

import math

import pytest

from bridge.core.events import Fault, FaultKind, RetryClass
from bridge.core.failures import error_headers, error_status


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("invalid_request", 400),
        ("authentication", 401),
        ("billing", 402),
        ("permission", 403),
        ("not_found", 404),
        ("conflict", 409),
        ("too_large", 413),
        ("rate_limit", 429),
        ("api", 500),
        ("timeout", 504),
        ("overloaded", 529),
    ],
)
def test_the_status_of_every_kind(kind: FaultKind, status: int) -> None:
    assert error_status(Fault(kind, "why")) == status


def test_a_fault_may_keep_the_status_that_it_came_with() -> None:
    assert error_status(Fault("invalid_request", "no", status=422)) == 422


def test_the_request_id_is_there_if_there_is_one() -> None:
    assert error_headers(Fault("api", "x"), "req_1")["request-id"] == "req_1"
    assert "request-id" not in error_headers(Fault("api", "x"))


@pytest.mark.parametrize(
    ("asked", "sent"),
    [(None, "3"), (0, "1"), (-4, "1"), (1.2, "2"), (59.5, "60"), (3600, "60"), (math.inf, "60"), (math.nan, "1")],
)
@pytest.mark.parametrize("fault", [Fault("rate_limit", "x"), Fault("overloaded", "x"), Fault("api", "x", status=503)])
def test_where_waiting_helps_retry_after_is_whole_seconds_up_to_a_minute(
    fault: Fault, asked: float | None, sent: str
) -> None:
    headers = error_headers(Fault(fault.kind, "x", "transient", fault.status, retry_after=asked))
    assert headers["retry-after"] == sent
    assert "x-should-retry" not in headers


def test_an_upstream_that_asks_for_patience_is_passed_on_for_any_kind() -> None:
    assert error_headers(Fault("api", "x", retry="transient", retry_after=2))["retry-after"] == "2"


@pytest.mark.parametrize(
    ("retry", "hopeless"),
    [("never", True), ("timeout", True), ("safe", False), ("transient", False), ("ambiguous", False)],
)
def test_what_failed_for_good_tells_the_client_not_to_retry(retry: RetryClass, hopeless: bool) -> None:
    headers = error_headers(Fault("api", "x", retry=retry))
    assert headers.get("x-should-retry") == ("false" if hopeless else None)
    assert "retry-after" not in headers


def test_where_waiting_does_not_help_nobody_is_told_to_wait() -> None:
    """An account that is empty, for one."""
    headers = error_headers(Fault("rate_limit", "x", retry="never"))
    assert headers["x-should-retry"] == "false"
    assert "retry-after" not in headers
    assert error_headers(Fault("overloaded", "x", retry_after=2))["retry-after"] == "2"
