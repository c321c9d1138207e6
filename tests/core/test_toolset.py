from __future__ import annotations

from collections.abc import Sequence

from bridge.core import jsontext
from bridge.core.conversation import Tool
from bridge.core.jsontext import Written
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
    assert Toolset(TOOLS, 1_000) == TOOLS
    assert (*Toolset(TOOLS, 1_000),) == TOOLS
    assert Toolset((), 0) == ()
    assert not Toolset((), 0)


def test_work_is_done_once_for_a_set_and_every_time_for_a_tuple() -> None:
    names, tools = Names(), Toolset(TOOLS, 1_000)
    assert [once(tools, names), once(tools, names), once(tools, names, "+"), once(tools, names, "+")] == ["ab"] * 2 + [
        "a+b"
    ] * 2
    assert names.times == 2
    assert once(TOOLS, names) == once(TOOLS, names) == "ab"
    assert names.times == 4
    assert once(Toolset(TOOLS[:1], 10), names) == "a"


def test_no_more_is_kept_than_there_are_dialects() -> None:
    names, tools = Names(), Toolset(TOOLS, 1_000)
    for number in range(100):
        for _ in range(2):
            assert once(tools, names, str(number)) == f"a{number}b"
        assert len(tools.results) <= 16
        assert tools.held == sum(map(len, tools.results.values()))
    assert names.times == 100


def written(tools: Sequence[Tool], times: int) -> Written | None:
    return jsontext.written([tool.name for tool in tools] * times)


def test_no_more_is_kept_than_there_is_room_for() -> None:
    tools = Toolset(TOOLS, 20)
    for times in (9, 2, 2, 9, 1, 1, 2):
        assert jsontext.dumps(once(tools, written, times)) == jsontext.dumps(["a", "b"] * times)
        assert tools.held <= 20
    assert once(tools, written, 2) is once(tools, written, 2)
    assert once(tools, written, 9) is not once(tools, written, 9)
    assert tools.held == len('["a","b","a","b"]')
    assert once(tools, Names(), "-") == "a-b"
    assert tools.held == len('["a","b","a","b"]a-b')


def test_wide_characters_take_the_room_that_they_take() -> None:
    tools = Toolset(TOOLS, 20)
    assert once(tools, Names(), "😀" * 3) == "a😀😀😀b"
    assert tools.held == 20
    assert once(tools, Names(), "😀" * 4) == "a😀😀😀😀b"
    assert tools.held == 20
    assert len(tools.results) == 1


def test_that_there_is_nothing_is_kept_too() -> None:
    names, tools = [], Toolset((Tool("\ud800"),), 0)

    def work(tools: Sequence[Tool]) -> Written | None:
        names.append(tools[0].name)
        return jsontext.written(names)

    assert once(tools, work) is once(tools, work) is None
    assert names == ["\ud800"]
