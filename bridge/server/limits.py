"""How much is under way, and how much each client may do. Counted in memory, per process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bridge.config.snapshot import Client
from bridge.config.units import Rate
from bridge.core.events import Fault
from bridge.errors import RequestError

_SLOTS = 12


class Window:
    """How much happened in the last ``seconds``, to a twelfth of them."""

    __slots__ = ("_slots", "_total", "_width", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._width = seconds / _SLOTS
        self._slots: deque[tuple[int, int]] = deque()
        self._total = 0

    def add(self, now: float, amount: int) -> None:
        slot = int(now / self._width)
        self._total += amount
        if self._slots and self._slots[-1][0] == slot:
            amount += self._slots.pop()[1]
        self._slots.append((slot, amount))

    def total(self, now: float) -> int:
        oldest = int(now / self._width) - _SLOTS
        while self._slots and self._slots[0][0] <= oldest:
            self._total -= self._slots.popleft()[1]
        return self._total

    def frees_in(self, now: float) -> float:
        """Seconds until the oldest part of the total is forgotten."""
        if not self._slots:
            return 0.0
        return max(0.0, (self._slots[0][0] + 1 + _SLOTS) * self._width - now)


class _Account:
    """What one client has used."""

    __slots__ = ("concurrent", "requests", "tokens")

    def __init__(self) -> None:
        self.concurrent = 0
        self.requests: Window | None = None
        self.tokens: Window | None = None

    def follow(self, client: Client) -> None:
        """Count over the periods that the client's limits name now."""
        self.requests = _fitting(self.requests, client.requests)
        self.tokens = _fitting(self.tokens, client.tokens)


def _fitting(window: Window | None, rate: Rate | None) -> Window | None:
    if rate is None or (window is not None and window.seconds == rate.seconds):
        return window if rate else None
    return Window(rate.seconds)


class Limiter:
    """The accounts of all clients; they outlive reloads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    @contextmanager
    def admit(self, client: Client) -> Iterator[None]:
        """Count a request for as long as it runs. Raises RequestError (429) when a limit is reached."""
        account = self._accounts.get(client.name)
        if account is None:
            account = self._accounts[client.name] = _Account()
        account.follow(client)
        if client.concurrent is not None and account.concurrent >= client.concurrent:
            raise _refused(client.name, f"{client.concurrent} requests at once", 1.0)
        now = self._clock()
        for name, rate, window in (
            ("requests", client.requests, account.requests),
            ("tokens", client.tokens, account.tokens),
        ):
            if rate is not None and window is not None and window.total(now) >= rate.count:
                raise _refused(client.name, f"{rate.count} {name} in {rate.seconds} s", window.frees_in(now))
        if account.requests is not None:
            account.requests.add(now, 1)
        account.concurrent += 1
        try:
            yield
        finally:
            account.concurrent -= 1

    def spend(self, client: str, tokens: int) -> None:
        """Count what a finished request used."""
        account = self._accounts.get(client)
        if account is not None and account.tokens is not None:
            account.tokens.add(self._clock(), tokens)


def _refused(client: str, limit: str, wait: float) -> RequestError:
    return RequestError(
        Fault("rate_limit", f"client `{client}` has reached its limit of {limit}", retry_after=max(1.0, wait))
    )


class Load:
    """The requests under way in this process, and whether it still takes new ones."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.draining = False

    def admit(self, limit: int) -> Load:
        """Count a request for the length of a ``with``. Raises RequestError (529) when there are ``limit``."""
        if self.in_flight >= limit:
            message = f"the proxy is busy: {limit} requests are in flight (limits.in_flight)"
            raise RequestError(Fault("overloaded", message, retry_after=2.0))
        self.in_flight += 1
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, *problem: object) -> None:
        self.in_flight -= 1
