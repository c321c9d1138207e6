"""Durations, sizes, rates, addresses: what is read, what is refused, and back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import units
from bridge.config.units import Rate


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (units.duration, "250ms", 0.25),
        (units.duration, "5s", 5.0),
        (units.duration, "1.5m", 90.0),
        (units.duration, "1h", 3600.0),
        (units.size, "32MB", 32_000_000),
        (units.size, "4MiB", 4_194_304),
        (units.size, "1.5KB", 1500),
        (units.size, "0B", 0),
        (units.rate, "60/minute", Rate(60, 60)),
        (units.rate, "1/day", Rate(1, 86_400)),
        (units.listen_address, "127.0.0.1:4100", ("127.0.0.1", 4100)),
        (units.listen_address, "[::1]:0", ("::1", 0)),
        (units.listen_address, "localhost:65535", ("localhost", 65535)),
    ],
)
def test_read(parse: Callable[[object], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "value", "message"),
    [
        (units.duration, 5, 'write the unit: "5s" (ms, s, m or h), not 5'),
        (units.duration, "5", 'must be a duration such as "250ms", "5s", "30m" or "1h", not "5"'),
        (units.duration, "5 s", 'must be a duration such as "250ms", "5s", "30m" or "1h", not "5 s"'),
        (units.duration, "5s\n", 'must be a duration such as "250ms", "5s", "30m" or "1h", not "5s\n"'),
        (units.duration, True, 'must be a duration such as "250ms", "5s", "30m" or "1h", not true'),
        (units.size, 5, 'write the unit: "5B" (B, KB, MB, GB, KiB, MiB or GiB), not 5'),
        (units.size, "32mb", 'unknown unit `mb`; write "32MB"'),
        (units.size, "32XB", 'must be a size such as "32MB" or "4MiB", not "32XB"'),
        (units.size, "1.2.3MB", 'must be a size such as "32MB" or "4MiB", not "1.2.3MB"'),
        (units.rate, "0/minute", 'must be a rate such as "60/minute" (second, minute, hour or day), not "0/minute"'),
        (units.rate, "60/min", 'must be a rate such as "60/minute" (second, minute, hour or day), not "60/min"'),
        (units.listen_address, "4100", 'must be HOST:PORT such as "127.0.0.1:4100", not "4100"'),
        (units.listen_address, "h:65536", 'must be HOST:PORT such as "127.0.0.1:4100", not "h:65536"'),
    ],
)
def test_refused(parse: Callable[[object], object], value: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse(value)
    assert str(caught.value) == message


@given(st.integers(0, 10**9))
def test_durations_and_sizes_are_spelled_exactly(number: int) -> None:
    assert units.size(units.size_text(number)) == number
    assert units.duration(units.duration_text(number / 1000)) == pytest.approx(number / 1000)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [("5s", "5s"), ("60s", "1m"), ("250ms", "250ms"), ("90m", "90m"), ("0s", "0s"), ("1.5s", "1500ms")],
)
def test_the_shortest_spelling(text: str, spelled: str) -> None:
    assert units.duration_text(units.duration(text)) == spelled


def test_rates_are_spelled_as_read() -> None:
    assert units.rate_text(units.rate("200000/hour")) == "200000/hour"
