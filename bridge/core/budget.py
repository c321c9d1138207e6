"""How much extra load the retries of one upstream may add."""

from __future__ import annotations

from bridge.core.route import RetryBudget

_SLOTS = 10


class Budget:
    """A retry budget over a sliding window: every original request deposits, every retry withdraws.

    The balance is what the reserve and the deposits of the last ``ttl`` allow, less what was
    withdrawn in that time. Nothing is refunded. ``now`` is any clock that only moves forward.
    """

    __slots__ = ("_deposits", "_policy", "_slot", "_width", "_withdrawals")

    def __init__(self, policy: RetryBudget) -> None:
        self._begin(policy)

    def _begin(self, policy: RetryBudget) -> None:
        self._policy = policy
        self._width = policy.ttl / _SLOTS
        self._slot = 0
        self._deposits = [0] * _SLOTS
        self._withdrawals = [0] * _SLOTS

    def retune(self, policy: RetryBudget) -> None:
        """Follow a reload: the counts stay, unless the window itself has another length."""
        if policy.ttl == self._policy.ttl:
            self._policy = policy
        elif policy != self._policy:
            self._begin(policy)

    def deposit(self, now: float) -> None:
        """Count one original request. A request that the client itself repeats is none."""
        self._advance(now)
        self._deposits[self._slot % _SLOTS] += 1

    def balance(self, now: float) -> float:
        self._advance(now)
        reserve = self._policy.min_per_second * self._policy.ttl
        return reserve + self._policy.ratio * sum(self._deposits) - sum(self._withdrawals)

    def withdraw(self, now: float, cost: int) -> None:
        self._advance(now)
        self._withdrawals[self._slot % _SLOTS] += cost

    def _advance(self, now: float) -> None:
        slot = int(now / self._width)
        for passed in range(max(self._slot + 1, slot - _SLOTS + 1), slot + 1):
            self._deposits[passed % _SLOTS] = 0
            self._withdrawals[passed % _SLOTS] = 0
        self._slot = max(self._slot, slot)
