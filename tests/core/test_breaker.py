from __future__ import annotations

import pytest

from bridge.core.breaker import CircuitBreaker, severity
from bridge.core.events import Fault
from bridge.core.route import Breaker

HARD = Fault("overloaded", "no", "transient", upstream_status=503)
SOFT = Fault("rate_limit", "no", "transient", upstream_status=429)
WRONG = Fault("invalid_request", "no", "never", upstream_status=400)
MIDDLE = 0.5  # neither stretches nor shortens


def opened(now: float = 100.0) -> CircuitBreaker:
    breaker = CircuitBreaker(Breaker(failures=5, open=5.0))
    for _ in range(5):
        assert breaker.admit(now)
        breaker.failed(now, HARD, MIDDLE, sole=False)
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = CircuitBreaker(Breaker())
    for _ in range(4):
        breaker.failed(1.0, HARD, MIDDLE, sole=False)
    breaker.succeeded(1.0)
    for _ in range(4):
        breaker.failed(1.0, HARD, MIDDLE, sole=False)
    assert breaker.admit(1.0)
    breaker.failed(1.0, HARD, MIDDLE, sole=False)
    assert not breaker.admit(1.0)
    assert breaker.state == "open"
    assert breaker.retry_in(2.0) == pytest.approx(4.0)


def test_one_probe_at_a_time_and_its_success_closes_it() -> None:
    breaker = opened(100.0)
    assert not breaker.admit(104.9)
    assert breaker.admit(105.0)
    assert not breaker.admit(105.0)
    assert breaker.state == "half_open"
    breaker.succeeded(106.0)
    assert breaker.state == "closed"
    assert breaker.admit(106.0)
    breaker.failed(106.0, HARD, MIDDLE, sole=False)
    assert breaker.admit(106.0)


def test_a_probe_that_was_given_up_is_replaced() -> None:
    breaker = opened(100.0)
    assert breaker.admit(105.0)
    breaker.abandoned()
    assert breaker.admit(105.0)
    breaker.failed(105.0, WRONG, MIDDLE, sole=False)
    assert breaker.admit(105.0)


def test_each_failed_probe_doubles_the_pause() -> None:
    breaker, now, pauses = opened(100.0), 100.0, []
    for _ in range(6):
        pauses.append(round(breaker.retry_in(now)))
        now += pauses[-1]
        assert breaker.admit(now)
        breaker.failed(now, SOFT, MIDDLE, sole=False)
    assert pauses == [5, 10, 20, 40, 60, 60]


def test_a_sole_upstream_is_not_left_alone_for_long() -> None:
    breaker = CircuitBreaker(Breaker(failures=1, open=60.0))
    breaker.failed(0.0, HARD, 0.99, sole=True)
    assert breaker.retry_in(0.0) == 10.0


def test_what_the_upstream_asks_for_is_respected() -> None:
    breaker = CircuitBreaker(Breaker(failures=1, open=5.0))
    breaker.failed(0.0, Fault("overloaded", "", "transient", upstream_status=503, retry_after=1e6), MIDDLE, sole=False)
    assert breaker.retry_in(0.0) == pytest.approx(300.0)


def test_late_failures_never_shorten_the_pause() -> None:
    breaker = opened(100.0)
    before = breaker.retry_in(100.0)
    breaker.failed(100.0, HARD, 0.0, sole=False)
    assert breaker.retry_in(100.0) == before
    breaker.failed(101.0, HARD, MIDDLE, sole=False)
    assert breaker.retry_in(101.0) == pytest.approx(5.0)


def test_429_opens_it_by_rate_only() -> None:
    breaker = CircuitBreaker(Breaker())
    for _ in range(9):
        breaker.failed(50.0, SOFT, MIDDLE, sole=False)
    assert breaker.state == "closed"
    breaker.failed(50.0, SOFT, MIDDLE, sole=False)
    assert breaker.state == "open"


def test_old_outcomes_are_forgotten() -> None:
    breaker = CircuitBreaker(Breaker())
    for _ in range(9):
        breaker.failed(50.0, SOFT, MIDDLE, sole=False)
    breaker.failed(90.0, SOFT, MIDDLE, sole=False)
    assert breaker.state == "closed"


def test_a_reload_keeps_what_was_seen() -> None:
    breaker = CircuitBreaker(Breaker(failures=5))
    breaker.failed(1.0, HARD, MIDDLE, sole=False)
    breaker.retune(Breaker(failures=2))
    breaker.failed(1.0, HARD, MIDDLE, sole=False)
    assert breaker.state == "open"


@pytest.mark.parametrize(
    ("fault", "weight"),
    [
        (HARD, "hard"),
        (SOFT, "soft"),
        (WRONG, "none"),
        (Fault("permission", "", upstream_status=401), "none"),
        (Fault("api", "", "safe"), "hard"),
        (Fault("api", "", "ambiguous"), "hard"),
        (Fault("timeout", "", "timeout"), "hard"),
        (Fault("api", "", "transient", upstream_status=200), "hard"),
        (Fault("overloaded", "a full bulkhead"), "none"),
    ],
)
def test_severity(fault: Fault, weight: str) -> None:
    assert severity(fault) == weight
