from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from bridge.core.events import Fault, FaultKind, RetryClass
from bridge.core.retrying import Fallback, GiveUp, Retry, Situation, Verdict, cost, decide
from bridge.core.route import RetryPolicy

POLICY = RetryPolicy()


def at(fault: Fault, attempt: int = 1, **changes: object) -> Situation:
    situation = Situation(
        attempt=attempt,
        fault=fault,
        affordable=True,
        fallback=False,
        content_started=False,
        now=100.0,
        deadline=1000.0,
        unit=0.5,
    )
    return replace(situation, **changes)  # type: ignore[arg-type]


def fault(retry: RetryClass, status: int | None = None, kind: FaultKind = "api", after: float | None = None) -> Fault:
    return Fault(kind, "no", retry, upstream_status=status, retry_after=after)


SAFE, TRANSIENT, AMBIGUOUS, TIMEOUT, NEVER = (
    fault("safe"),
    fault("transient", 503),
    fault("ambiguous"),
    fault("timeout", kind="timeout"),
    fault("never"),
)
DECLARED = Fault("overloaded", "no", "transient", upstream_status=400, declared=True)


@pytest.mark.parametrize(
    ("situation", "verdict"),
    [
        (at(SAFE), Retry(0.0)),
        (at(SAFE, 2), Retry(0.25)),
        (at(SAFE, 3), GiveUp(SAFE)),
        (at(SAFE, fallback=True), Retry(0.0)),
        (at(SAFE, 2, fallback=True), Fallback()),
        (at(TRANSIENT), Retry(0.125)),
        (at(TRANSIENT, 2), Retry(0.25)),
        (at(TRANSIENT, 2, fallback=True), Retry(0.25)),
        (at(TRANSIENT, 3, fallback=True), Fallback()),
        (at(AMBIGUOUS), Retry(0.125)),
        (at(TIMEOUT), GiveUp(TIMEOUT)),
        (at(TIMEOUT, fallback=True), Fallback()),
        (at(NEVER), GiveUp(NEVER)),
        (at(DECLARED), Retry(0.125)),
        (at(replace(DECLARED, upstream_status=500), 2), Retry(0.25)),
        (at(replace(DECLARED, declared=False)), GiveUp(replace(DECLARED, declared=False))),
        (at(NEVER, fallback=True), Fallback()),
    ],
)
def test_verdicts(situation: Situation, verdict: Verdict) -> None:
    assert decide(POLICY, situation) == verdict


@pytest.mark.parametrize("each", [SAFE, TRANSIENT, AMBIGUOUS, TIMEOUT, NEVER])
def test_nothing_but_giving_up_after_content(each: Fault) -> None:
    assert decide(POLICY, at(each, content_started=True, fallback=True)) == GiveUp(each)


def test_a_500_is_repeated_once() -> None:
    internal = fault("transient", 500)
    assert isinstance(decide(POLICY, at(internal)), Retry)
    assert decide(POLICY, at(internal, 2)) == GiveUp(internal)


def test_only_the_statuses_of_the_route_are_repeated() -> None:
    policy = RetryPolicy(on=frozenset({429}))
    assert decide(policy, at(TRANSIENT)) == GiveUp(TRANSIENT)
    assert isinstance(decide(policy, at(fault("transient", 429))), Retry)
    in_a_stream = fault("transient", 200)
    assert isinstance(decide(policy, at(in_a_stream)), Retry)


@pytest.mark.parametrize(("asked", "waits"), [(0.0, 0.13125), (2.0, 2.1), (10.0, 10.5), (10.1, None), (1e9, None)])
def test_what_the_upstream_asks_for(asked: float, waits: float | None) -> None:
    limited = fault("transient", 429, "rate_limit", asked)
    verdict = decide(POLICY, at(limited))
    if waits is None:
        assert verdict == GiveUp(limited)
        assert decide(POLICY, at(limited, fallback=True)) == Fallback()
    else:
        assert isinstance(verdict, Retry)
        assert verdict.after == pytest.approx(waits)


def test_no_attempt_begins_too_late() -> None:
    assert decide(POLICY, at(SAFE, deadline=100.9, fallback=True)) == GiveUp(SAFE)
    slow = fault("transient", 503, after=5.0)
    assert decide(POLICY, at(slow, deadline=106.0)) == GiveUp(slow)
    assert decide(POLICY, at(slow, deadline=106.0, fallback=True)) == Fallback()


def test_backoff_is_limited() -> None:
    policy = RetryPolicy(attempts=10, backoff=1.0, max_backoff=3.0)
    waits = [decide(policy, at(TRANSIENT, attempt, unit=0.999)) for attempt in range(1, 5)]
    assert [round(wait.after, 1) for wait in waits if isinstance(wait, Retry)] == [1.0, 2.0, 3.0, 3.0]


@pytest.mark.parametrize("kind", ["invalid_request", "too_large", "not_found", "conflict"])
def test_a_wrong_request_is_wrong_everywhere(
    kind: Literal["invalid_request", "too_large", "not_found", "conflict"],
) -> None:
    wrong = fault("never", 400, kind)
    assert decide(POLICY, at(wrong, fallback=True)) == GiveUp(wrong)


def test_a_spent_budget_means_elsewhere_or_overloaded() -> None:
    assert decide(POLICY, at(TRANSIENT, affordable=False, fallback=True)) == Fallback()
    verdict = decide(POLICY, at(fault("safe"), affordable=False))
    assert isinstance(verdict, GiveUp)
    assert verdict.fault.kind == "overloaded"
    assert verdict.fault.retry_after == 5.0
    limited = fault("transient", 429, "rate_limit")
    assert decide(POLICY, at(limited, affordable=False)) == GiveUp(limited)


def test_cost() -> None:
    assert [cost(each) for each in (SAFE, TRANSIENT, AMBIGUOUS)] == [1, 1, 2]


def test_a_request_that_cannot_be_written_for_one_upstream_may_be_for_another() -> None:
    wrong = fault("never", kind="invalid_request")
    assert decide(POLICY, at(wrong, fallback=True, unfit=True)) == Fallback()
    assert decide(POLICY, at(wrong, unfit=True)) == GiveUp(wrong)
