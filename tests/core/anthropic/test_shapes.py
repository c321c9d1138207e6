import pytest

from bridge.core.anthropic.shapes import UsageTally
from bridge.core.events import Usage


def tally(estimate: int, *usages: Usage) -> tuple[int, int, int, int]:
    total = UsageTally(estimate)
    for usage in usages:
        total.add(usage)
    body = total.body()
    return (
        body["input_tokens"],
        body["cache_read_input_tokens"],
        body["cache_creation_input_tokens"],
        body["output_tokens"],
    )


@pytest.mark.parametrize(
    ("usages", "expected"),
    [
        ([], (50, 0, 0, 0)),
        ([Usage(output_tokens=3)], (50, 0, 0, 3)),
        ([Usage(200, 1), Usage(0, 9)], (200, 0, 0, 9)),
        ([Usage(200, 9), Usage()], (200, 0, 0, 9)),
        # All of the prompt was read from the cache: the earlier counter does not stay beside it.
        ([Usage(200, 1), Usage(0, 5, cache_read_tokens=200)], (0, 200, 0, 5)),
        ([Usage(10, 1, 20, 30)], (10, 20, 30, 1)),
    ],
)
def test_later_statements_win_and_the_prompt_is_never_counted_twice(usages, expected):
    assert tally(50, *usages) == expected


def test_thinking_tokens_appear_when_known():
    total = UsageTally(0)
    assert "output_tokens_details" not in total.body()
    total.add(Usage(1, 9, reasoning_tokens=4))
    total.add(Usage(1, 9))
    assert total.body()["output_tokens_details"] == {"thinking_tokens": 4}
