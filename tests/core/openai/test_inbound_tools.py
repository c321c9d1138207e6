from __future__ import annotations

from typing import Any

import pytest

from bridge.core.checks import Notes
from bridge.core.conversation import Tool, ToolChoice
from bridge.core.openai.inbound_tools import read_tool_choice, read_tools
from bridge.errors import RequestError

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
F = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}}
G = {"type": "function", "function": {"name": "g"}}
TOOLS = (Tool("f"), Tool("g"))


def tools(**body: Any) -> tuple[tuple[Tool, ...], bool, tuple[str, ...]]:
    notes = Notes()
    found, legacy = read_tools(body, notes)
    return found, legacy, tuple(map(str, notes.warnings()))


def choice(value: Any, declared: tuple[Tool, ...] = TOOLS, **body: Any) -> tuple[tuple[str, ...], ToolChoice]:
    allowed, chosen = read_tool_choice({"tool_choice": value, **body}, declared, legacy=False)
    return tuple(tool.name for tool in allowed), chosen


def test_tools() -> None:
    assert tools(tools=[F, G]) == ((Tool("f", "d", SCHEMA, strict=True), Tool("g")), False, ())
    assert tools() == tools(tools=None) == tools(tools=[]) == ((), False, ())


def test_functions_are_their_older_spelling() -> None:
    found, legacy, _ = tools(functions=[F["function"]])
    assert (found, legacy) == ((Tool("f", "d", SCHEMA, strict=True),), True)
    assert tools(tools=[G], functions=[F["function"]])[:2] == ((Tool("g"),), False)


def test_other_fields_are_dropped_and_named() -> None:
    other = {"type": "function", "function": {"name": "f", "cache": True, "note": None}}
    assert tools(tools=[other])[2] == ("tools.*.function.cache: not supported, dropped",)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"tools": {}}, "tools: Input should be a list"),
        ({"tools": ["f"]}, "tools.0: Input should be an object"),
        ({"tools": [F, {"type": "function"}]}, "tools.1.function: Field required"),
        ({"tools": [{"function": {}}]}, "tools.0.function.name: Field required"),
        ({"tools": [{"function": {"name": ""}}]}, "tools.0.function.name: String should have at least 1 character"),
        ({"tools": [F, F]}, 'tools.1.function.name: "f" is there twice; names must be unique'),
        ({"tools": [{"function": {"name": "f", "parameters": []}}]}, "tools.0.function.parameters: Input should be an object"),
        ({"functions": [1]}, "functions.0: Input should be an object"),
        ({"functions": [{}]}, "functions.0.name: Field required"),
        (
            {"tools": [{"type": "custom", "custom": {"name": "f"}}]},
            """tools.0.type: Input should be 'function', "custom" tools are not supported""",
        ),
    ],
)  # fmt: skip
def test_wrong_tools(body: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError) as raised:
        tools(**body)
    assert raised.value.fault.message == message


ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [G]}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ToolChoice()),
        ("auto", ToolChoice()),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("any")),
        ("any", ToolChoice("any")),
        ({"type": "function", "function": {"name": "g"}}, ToolChoice("tool", "g")),
        ({"type": "function", "name": "g"}, ToolChoice("tool", "g")),
    ],
)
def test_choices(value: Any, expected: ToolChoice) -> None:
    assert choice(value) == (("f", "g"), expected)


def test_only_some_tools_are_allowed() -> None:
    assert choice(ALLOWED) == (("g",), ToolChoice("any"))
    both = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [G, {"type": "function", "name": "f"}]}}
    assert choice(both) == (("f", "g"), ToolChoice())


def test_one_call_at_most() -> None:
    assert choice("auto", parallel_tool_calls=False)[1] == ToolChoice(parallel=False)
    assert choice("auto", parallel_tool_calls=True)[1] == ToolChoice()
    assert choice({"type": "function", "function": {"name": "g"}}, parallel_tool_calls=False)[1].parallel is False


def test_without_tools_only_a_call_cannot_be_asked_for() -> None:
    assert choice("auto", ()) == choice("auto", ()) == ((), ToolChoice())
    assert choice("none", ()) == ((), ToolChoice("none"))
    with pytest.raises(RequestError, match="tool_choice: 'required' needs at least one tool"):
        choice("required", ())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("all", """tool_choice: Input should be 'none', 'auto', 'required' or an object, not "all\""""),
        (1, "tool_choice: Input should be an object"),
        ({"type": "function"}, "tool_choice.name: Field required"),
        ({"type": "function", "function": {"name": "h"}}, 'tool_choice.name: Tool "h" is not among the tools of this request'),
        ({"type": "custom", "custom": {}}, """tool_choice.type: Input should be 'function', "custom" tools are not supported"""),
        ({"type": "allowed_tools"}, "tool_choice.allowed_tools: Field required"),
        ({"type": "allowed_tools", "allowed_tools": {"tools": [G]}}, "tool_choice.allowed_tools.mode: Field required"),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}},
            "tool_choice.allowed_tools.mode: 'required' needs at least one tool in `tools`",
        ),
    ],
)  # fmt: skip
def test_wrong_choices(value: Any, message: str) -> None:
    with pytest.raises(RequestError) as raised:
        choice(value)
    assert raised.value.fault.message == message


def test_choices_of_functions() -> None:
    def legacy(value: Any) -> ToolChoice:
        return read_tool_choice({"function_call": value, "tool_choice": "none"}, TOOLS, legacy=True)[1]

    assert legacy(None) == legacy("auto") == ToolChoice(parallel=False)
    assert legacy("none") == ToolChoice("none")
    assert legacy({"name": "g"}) == ToolChoice("tool", "g", parallel=False)
    with pytest.raises(RequestError, match=r"function_call\.name: Tool"):
        legacy({"name": "h"})
