"""A circuit breaker: an upstream that keeps failing is left alone for a while.

CLOSED  --too many failures-->  OPEN  --its time is over-->  HALF-OPEN (one probe)
   ^                              ^                             |
   +---------- first event of the probe's answer ---------------+
                                  +------- the probe fails -----+
"""

from __future__ import annotations

from typing import Literal

from bridge.core.events import Fault
from bridge.core.route import Breaker

State = Literal["closed", "open", "half_open"]

_SLOTS = 10
_WINDOW = 30.0
_FEWEST = 10
_LONGEST = 60.0
_LONGEST_SOLE = 10.0
_LONGEST_ASKED = 300.0


def severity(fault: Fault) -> Literal["hard", "soft", "none"]:
    """How a failed attempt counts: 429 only for the rate, a refusal of the request not at all."""
    status = fault.upstream_status
    if status == 429:
        return "soft"
    if fault.retry == "never" or (status is not None and 400 <= status < 500):
        return "none"
    return "hard"


class CircuitBreaker:
    """The breaker of one upstream. ``now``: any clock that only moves forward; ``unit``: random in [0, 1)."""

    __slots__ = ("_failed", "_ok", "_opened", "_policy", "_probing", "_row", "_slot", "_until", "state")

    def __init__(self, policy: Breaker) -> None:
        self.state: State = "closed"
        self._policy = policy
        self._until = 0.0
        self._opened = 0
        self._probing = False
        self._reset()

    def retune(self, policy: Breaker) -> None:
        """Follow a reload; what was observed stays."""
        self._policy = policy

    def admit(self, now: float) -> bool:
        """Whether a call may start; ``succeeded``, ``failed`` or ``abandoned`` tells what became of it."""
        if self.state == "open" and now >= self._until:
            self.state = "half_open"
            self._probing = False
        if self.state == "half_open":
            if self._probing:
                return False
            self._probing = True
            return True
        return self.state == "closed"

    def retry_in(self, now: float) -> float:
        """Seconds until a call may be admitted again, as far as is known."""
        return max(0.0, self._until - now)

    def succeeded(self, now: float) -> None:
        """The first event of an answer arrived."""
        if self.state == "half_open":
            self.state = "closed"
            self._opened = 0
            self._reset()
        self._advance(now)
        self._row = 0
        self._ok[self._slot % _SLOTS] += 1

    def abandoned(self) -> None:
        """The call ended without telling anything about the upstream (the client left)."""
        self._probing = False

    def failed(self, now: float, fault: Fault, unit: float, *, sole: bool) -> None:
        """An attempt failed. ``sole``: its route has no other upstream, so the pause stays short."""
        weight = severity(fault)
        if weight == "none":
            self.abandoned()
            return
        self._advance(now)
        self._failed[self._slot % _SLOTS] += 1
        if weight == "hard":
            self._row += 1
        if self.state == "half_open" or self._row >= self._policy.failures or self._mostly_failing():
            self._open(now, fault, unit, sole)

    def _mostly_failing(self) -> bool:
        ok, failed = sum(self._ok), sum(self._failed)
        return ok + failed >= _FEWEST and ok < failed

    def _open(self, now: float, fault: Fault, unit: float, sole: bool) -> None:
        asked = min(_LONGEST_ASKED, fault.retry_after or 0.0)
        # Calls that were under way when it opened fail too: that is not yet another failed probe.
        if self.state != "open":
            self._opened += 1
        usual = min(_LONGEST, self._policy.open * 2.0 ** min(self._opened - 1, 10))
        length = max(asked, usual) * (0.8 + 0.4 * unit)
        if sole:
            length = min(length, _LONGEST_SOLE)
        self.state = "open"
        self._probing = False
        self._until = max(self._until, now + length)

    def _reset(self) -> None:
        self._row = 0
        self._slot = 0
        self._ok = [0] * _SLOTS
        self._failed = [0] * _SLOTS

    def _advance(self, now: float) -> None:
        slot = int(now * _SLOTS / _WINDOW)
        for passed in range(max(self._slot + 1, slot - _SLOTS + 1), slot + 1):
            self._ok[passed % _SLOTS] = 0
            self._failed[passed % _SLOTS] = 0
        self._slot = max(self._slot, slot)
