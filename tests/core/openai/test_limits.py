"""How long an answer may be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playbook import CONVERSATION, ROUTE

from bridge.core.losses import Loss
from bridge.core.openai.limits import LEAST, allowed, room

NEVER = 10**9


def test_the_route_caps() -> None:
    warnings: list[Loss] = []
    asked = replace(CONVERSATION, max_tokens=5_000)
    assert allowed(asked, replace(ROUTE, max_output_tokens=None), warnings) == 5_000
    assert allowed(asked, replace(ROUTE, max_output_tokens=5_000), warnings) == 5_000
    assert not warnings
    assert allowed(asked, replace(ROUTE, max_output_tokens=4_999), warnings) == 4_999
    assert warnings == [Loss("max_tokens", "5000 is lowered to 4999", "adjusted")]


@pytest.mark.parametrize(
    ("limit", "window", "prompt", "left"),
    [
        (32_000, 131_072, 90_000, 32_000),
        # An eighth of the prompt, but at least 256, is kept free: it is only an estimate.
        (32_000, 131_072, 100_000, 131_072 - 100_000 - 12_500),
        (8_000, 8_192, 400, 8_192 - 400 - 256),
        (32_000, 131_072, 130_000, LEAST),
        # Nobody is given more than was asked for.
        (100, 131_072, 131_000, 100),
        # The prompt does not fit: the upstream says so, and clients understand that.
        (32_000, 131_072, 131_072, 32_000),
        (32_000, 131_072, 500_000, 32_000),
    ],
)
def test_the_room_that_is_left(limit: int, window: int, prompt: int, left: int) -> None:
    assert room(limit, window, NEVER, lambda: prompt) == left


@pytest.mark.parametrize(
    ("limit", "window", "size"),
    [(32_000, None, NEVER), (0, 131_072, NEVER), (32_000, 131_072, 2 * (131_072 - 32_000))],
)
def test_nothing_is_estimated_in_vain(limit: int, window: int | None, size: int) -> None:
    def estimate() -> int:
        raise AssertionError("not needed")

    assert room(limit, window, size, estimate) == limit
