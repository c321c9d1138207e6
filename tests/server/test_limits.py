from __future__ import annotations

import pytest

from bridge.config.snapshot import Client
from bridge.config.units import Rate
from bridge.errors import RequestError
from bridge.server.limits import Limiter, Load, Window


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_window_forgets() -> None:
    window = Window(60)
    window.add(1000, 3)
    window.add(1030, 4)
    assert window.total(1030) == 7
    assert window.total(1062) == 4
    assert window.total(1100) == 0
    assert window.frees_in(1100) == 0


def test_requests_per_time() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    one = Client("one", "", requests=Rate(2, 60))
    for _ in range(2):
        with limiter.admit(one):
            pass
    with pytest.raises(RequestError) as caught, limiter.admit(one):
        pass
    wait = caught.value.fault.retry_after
    assert wait is not None
    assert 0 < wait <= 66
    with limiter.admit(Client("two", "", requests=Rate(2, 60))):
        pass
    clock.now += wait
    with limiter.admit(one):
        pass


def test_tokens_are_counted_afterwards() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    one = Client("one", "", tokens=Rate(100, 3600))
    with limiter.admit(one):
        limiter.spend("one", 150)
    with pytest.raises(RequestError, match="100 tokens in 3600 s"), limiter.admit(one):
        pass
    with limiter.admit(Client("one", "")):
        pass


def test_concurrent_requests() -> None:
    limiter = Limiter(Clock())
    one = Client("one", "", concurrent=1)
    with limiter.admit(one), pytest.raises(RequestError), limiter.admit(one):
        pass
    with limiter.admit(one):
        pass


def test_load() -> None:
    load = Load()
    with load.admit(1):
        assert load.in_flight == 1
        with pytest.raises(RequestError, match=r"limits\.in_flight"), load.admit(1):
            pass
    assert load.in_flight == 0
