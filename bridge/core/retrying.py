"""What to do after a failed attempt: again, elsewhere, or give up. Pure policy, no clock, no dice.

An attempt may be repeated as long as nothing of the model was shown to the client. How a
failure may be repeated is its ``Fault.retry``; a route's policy and its upstream's budget
limit how often.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bridge.core.events import Fault
from bridge.core.route import RetryPolicy

LONGEST_WAIT = 10.0
"""An upstream that asks for a longer pause is not waited for."""

SHORTEST_ATTEMPT = 1.0
"""No attempt begins with less than this many seconds left."""

_CLIENTS_FAULT = frozenset({"invalid_request", "too_large", "not_found", "conflict"})


@dataclass(frozen=True, slots=True)
class Retry:
    """Call the same upstream again after ``after`` seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class Fallback:
    """Call the next upstream of the chain now."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Tell the client about ``fault``."""

    fault: Fault


Verdict = Retry | Fallback | GiveUp


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a request stands after an attempt failed with ``fault``.

    ``attempt`` counts the upstream calls so far, over the whole chain. ``affordable`` says
    whether the upstream's budget covers ``cost(fault)``. ``fallback``: another upstream is left.
    ``now`` and ``deadline`` are of one clock; ``unit`` is a random number in [0, 1). ``unfit``: there was
    no call, since the request cannot be written for this upstream; for another one it may be possible.
    """

    attempt: int
    fault: Fault
    affordable: bool
    fallback: bool
    content_started: bool
    now: float
    deadline: float
    unit: float
    unfit: bool = False


def cost(fault: Fault) -> int:
    """What repeating this takes from the budget: an attempt that may have done its work counts twice."""
    return 2 if fault.retry == "ambiguous" else 1


def decide(policy: RetryPolicy, situation: Situation) -> Verdict:
    """The verdict. ``Fallback`` only if one is left; never anything but ``GiveUp`` after content."""
    fault = situation.fault
    left = situation.deadline - situation.now
    if situation.content_started or left < SHORTEST_ATTEMPT:
        return GiveUp(fault)
    other = situation.unfit or _elsewhere(fault)
    elsewhere: Verdict = Fallback() if situation.fallback and other else GiveUp(fault)
    if not _repeatable(policy, situation):
        return elsewhere
    wait = _wait(policy, situation)
    if wait is None or wait > left - SHORTEST_ATTEMPT:
        return elsewhere
    if situation.affordable:
        return Retry(wait)
    return GiveUp(_spent(fault)) if isinstance(elsewhere, GiveUp) else elsewhere


def _elsewhere(fault: Fault) -> bool:
    """Whether another upstream may succeed where this one failed: not if the request itself is wrong."""
    return fault.kind not in _CLIENTS_FAULT


def _repeatable(policy: RetryPolicy, situation: Situation) -> bool:
    fault = situation.fault
    if fault.retry in ("never", "timeout") or situation.attempt >= policy.attempts:
        return False
    if fault.upstream_status is not None and fault.upstream_status >= 400 and not fault.declared:
        if fault.upstream_status not in policy.on:
            return False
        # An internal error is more often the request's doing than the moment's.
        if fault.upstream_status == 500:
            return situation.attempt == 1
    # Nobody listens there: after one more try at once, a fallback is quicker than waiting.
    return not (fault.retry == "safe" and situation.fallback and situation.attempt > 1)


def _wait(policy: RetryPolicy, situation: Situation) -> float | None:
    """Seconds until the next attempt: full jitter, or what the upstream asked for; None if too long."""
    if situation.fault.retry == "safe" and situation.attempt == 1:
        return 0.0
    ceiling = min(policy.max_backoff, policy.backoff * 2.0 ** (situation.attempt - 1))
    jitter = ceiling * situation.unit
    asked = situation.fault.retry_after
    if asked is None:
        return jitter
    if asked > LONGEST_WAIT:
        return None
    return max(jitter, asked) * (1 + situation.unit / 10)


def _spent(fault: Fault) -> Fault:
    if fault.kind in ("rate_limit", "overloaded"):
        return fault
    return replace(
        fault,
        kind="overloaded",
        message=f"{fault.message} (the retry budget of this upstream is spent)",
        status=None,
        retry_after=fault.retry_after or 5.0,
    )
