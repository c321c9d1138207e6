"""Rule 4: a name is repaired where one tool is meant, never guessed."""

from __future__ import annotations

import pytest
from reading import HERMES, blocks, ran, say

from bridge.core.conversation import Tool
from bridge.core.parsing.names import Toolbox

TOOLS = [
    Tool(name) for name in ("read", "Read_File", "get-weather", "get_time", "functions.own", "GET_TIME", "mcp__a__b")
]


@pytest.mark.parametrize(
    ("written", "meant", "repair"),
    [
        ("read", "read", ""),
        ("functions.own", "functions.own", ""),
        ("get_time", "get_time", ""),
        ("GET_TIME", "GET_TIME", ""),
        ("functions.read", "read", "name_prefix"),
        ("function.read", "read", "name_prefix"),
        ("tools.read", "read", "name_prefix"),
        ("tool.read", "read", "name_prefix"),
        ("READ", "read", "name_case"),
        ("read_file", "Read_File", "name_case"),
        ("functions.READ", "read", "name_case"),
        ("readfile", "Read_File", "name_separators"),
        ("read-file", "Read_File", "name_separators"),
        ("read file", "Read_File", "name_separators"),
        ("get.weather", "get-weather", "name_separators"),
        ("mcp_a_b", "mcp__a__b", "name_separators"),
    ],
)
def test_meant(written: str, meant: str, repair: str) -> None:
    tool, how = Toolbox(TOOLS).find(written)
    assert tool is not None
    assert (tool.name, how) == (meant, repair)


@pytest.mark.parametrize(
    "written", ["", "rea", "reads", "Get_Time", "get-time", "my.read", "functions.", "functions.nope"]
)
def test_unknown(written: str) -> None:
    assert Toolbox(TOOLS).find(written) == (None, "")


def test_no_tools() -> None:
    assert not Toolbox([])
    assert Toolbox(TOOLS)
    assert Toolbox([]).find("read") == (None, "")


def test_types_are_read_once() -> None:
    box = Toolbox(TOOLS)
    assert box.types(TOOLS[0]) is box.types(TOOLS[0])


def test_in_an_answer() -> None:
    tools = (Tool("get_weather"),)
    assert blocks(HERMES, '<tool_call>{"name": "functions.get_weather"}</tool_call>', tools=tools) == [
        ran("get_weather")
    ]
    assert blocks(HERMES, '<tool_call>{"name": "GetWeather"}</tool_call>', tools=tools) == [ran("get_weather")]
    raw = '<tool_call>{"name": "weather"}</tool_call>'
    assert blocks(HERMES, raw, tools=tools) == [say(raw)]
