from __future__ import annotations

from collections.abc import Sequence

from bridge.core.conversation import Tool
from bridge.core.toolset import Toolset, once

TOOLS = (Tool("a"), Tool("b"))


class Names:
    """Work that counts how often it is done."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, tools: Sequence[Tool], sign: str = "") -> str:
        self.times += 1
        return sign.join(tool.name for tool in tools)


def test_a_set_is_the_tuple_of_its_tools() -> None:
    assert Toolset(TOOLS) == TOOLS
    assert (*Toolset(TOOLS),) == TOOLS
    assert Toolset(()) == ()
    assert not Toolset(())


def test_work_is_done_once_for_a_set_and_every_time_for_a_tuple() -> None:
    names, tools = Names(), Toolset(TOOLS)
    assert [once(tools, names), once(tools, names), once(tools, names, "+"), once(tools, names, "+")] == ["ab"] * 2 + [
        "a+b"
    ] * 2
    assert names.times == 2
    assert once(TOOLS, names) == once(TOOLS, names) == "ab"
    assert names.times == 4
    assert once(Toolset(TOOLS[:1]), names) == "a"


def test_no_more_is_kept_than_there_are_dialects() -> None:
    names, tools = Names(), Toolset(TOOLS)
    signs = [f"{number}" for number in range(1_000)]
    assert [once(tools, names, sign) for sign in signs] == [f"a{sign}b" for sign in signs]
    assert once(tools, names, signs[-1]) == "a999b"
    assert names.times == 1_000
    assert once(tools, names, signs[0]) == "a0b"
    assert names.times == 1_001
