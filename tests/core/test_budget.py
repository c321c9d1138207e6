from __future__ import annotations

import random

import pytest

from bridge.core.budget import Budget
from bridge.core.route import RetryBudget


def test_the_reserve_is_there_at_once() -> None:
    budget = Budget(RetryBudget())
    assert budget.balance(5000.0) == pytest.approx(3.0)


def test_deposits_and_withdrawals_are_forgotten_after_ttl() -> None:
    budget = Budget(RetryBudget(ratio=0.5, min_per_second=0.0, ttl=10.0))
    for _ in range(10):
        budget.deposit(100.0)
    assert budget.balance(100.0) == 5.0
    budget.withdraw(104.0, 2)
    assert budget.balance(104.0) == 3.0
    assert budget.balance(110.5) == -2.0
    assert budget.balance(114.5) == 0.0


def test_a_long_pause_clears_everything() -> None:
    budget = Budget(RetryBudget(ratio=1.0, min_per_second=0.0))
    budget.deposit(0.0)
    assert budget.balance(1e9) == 0.0


def test_a_reload_keeps_the_window() -> None:
    budget = Budget(RetryBudget(ratio=0.5, min_per_second=0.0))
    budget.deposit(1.0)
    budget.retune(RetryBudget(ratio=1.0, min_per_second=0.0))
    assert budget.balance(1.0) == 1.0
    budget.retune(RetryBudget(ratio=1.0, min_per_second=0.0, ttl=60.0))
    assert budget.balance(1.0) == 0.0


@pytest.mark.parametrize(("rate", "most"), [(50, 1.25), (10, 1.25), (1, 1.4)])
def test_amplification_when_everything_fails(rate: int, most: float) -> None:
    """Three attempts for each request, all of which fail, for five minutes."""
    budget, calls, now, dice = Budget(RetryBudget()), 0, 1000.0, random.Random(1)
    originals = rate * 300
    for _ in range(originals):
        now += dice.expovariate(rate)
        budget.deposit(now)
        calls += 1
        for _ in range(2):
            if budget.balance(now) < 1:
                break
            budget.withdraw(now, 1)
            calls += 1
    assert calls / originals < most
