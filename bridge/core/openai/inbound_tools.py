"""Tools and tool choice of a client's chat completions request; ``functions`` are their older spelling."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.core.checks import (
    Notes,
    as_object,
    name,
    optional_bool,
    optional_list,
    optional_object,
    optional_string,
    required,
    shown,
    string,
    under,
    wrong,
)
from bridge.core.conversation import Json, Tool, ToolChoice
from bridge.errors import RequestError

_HANDLED = frozenset({"name", "description", "parameters", "strict"})


def read_tools(body: Json, notes: Notes) -> tuple[tuple[Tool, ...], bool]:
    """The tools, and whether they were declared as ``functions``."""
    declared = optional_list(body, "tools")
    legacy = not declared and bool(body.get("functions"))
    tools: dict[str, Tool] = {}
    for path, function in _functions(body) if legacy else _of_tools(declared):
        try:
            tool = _tool(function, notes)
        except RequestError as error:
            raise under(path, error) from None
        if tool.name in tools:
            raise wrong(f"{path}.name", f"{shown(tool.name)} is there twice; names must be unique")
        tools[tool.name] = tool
    return tuple(tools.values()), legacy


def _functions(body: Json) -> Iterator[tuple[str, Json]]:
    for index, entry in enumerate(optional_list(body, "functions")):
        yield f"functions.{index}", as_object(f"functions.{index}", entry)


def _of_tools(entries: list[object]) -> Iterator[tuple[str, Json]]:
    for index, entry in enumerate(entries):
        path = f"tools.{index}"
        yield f"{path}.function", _function(path, as_object(path, entry))


def _function(path: str, entry: Json) -> Json:
    """The function that an entry names."""
    try:
        kind = optional_string(entry, "type") or "function"
        if kind != "function":
            raise wrong("type", f"Input should be 'function', {shown(kind)} tools are not supported")
        return as_object("function", required(entry, "function"))
    except RequestError as error:
        raise under(path, error) from None


def _tool(function: Json, notes: Notes) -> Tool:
    for key in function:
        if key not in _HANDLED and function[key] is not None:
            notes.drop(f"tools.*.function.{key}")
    return Tool(
        name=name(function, "name"),
        description=optional_string(function, "description"),
        schema=optional_object(function, "parameters"),
        strict=optional_bool(function, "strict"),
    )


def read_tool_choice(body: Json, tools: tuple[Tool, ...], *, legacy: bool) -> tuple[tuple[Tool, ...], ToolChoice]:
    """The tools that may be called, and how. With ``legacy`` there is at most one call."""
    key = "function_call" if legacy else "tool_choice"
    parallel = not legacy and optional_bool(body, "parallel_tool_calls") is not False
    choice = body.get(key)
    if choice is None:
        return tools, ToolChoice(parallel=parallel)
    if isinstance(choice, str):
        return tools, _mode(key, choice, tools, parallel)
    choice = as_object(key, choice)
    try:
        if not legacy and choice.get("type") == "allowed_tools":
            return _allowed(choice, tools, parallel)
        wanted = _name(choice) if not legacy else name(choice, "name")
        _check_declared(wanted, tools)
    except RequestError as error:
        raise under(key, error) from None
    return tools, ToolChoice("tool", wanted, parallel)


def _mode(path: str, word: str, tools: tuple[Tool, ...], parallel: bool) -> ToolChoice:
    match word:
        case "none":
            return ToolChoice("none")
        case "auto":
            return ToolChoice(parallel=parallel)
        case "required" | "any":
            if not tools:
                raise wrong(path, f"'{word}' needs at least one tool in `tools`")
            return ToolChoice("any", parallel=parallel)
    raise wrong(path, f"Input should be 'none', 'auto', 'required' or an object, not {shown(word)}")


def _allowed(choice: Json, tools: tuple[Tool, ...], parallel: bool) -> tuple[tuple[Tool, ...], ToolChoice]:
    """Only some of the tools: the others are not shown to the model."""
    allowed = as_object("allowed_tools", required(choice, "allowed_tools"))
    try:
        names = set()
        for index, entry in enumerate(optional_list(allowed, "tools")):
            wanted = _name(as_object(f"tools.{index}", entry))
            _check_declared(wanted, tools)
            names.add(wanted)
        tools = tuple(tool for tool in tools if tool.name in names)
        return tools, _mode("mode", string(allowed, "mode"), tools, parallel)
    except RequestError as error:
        raise under("allowed_tools", error) from None


def _name(entry: Json) -> str:
    """The function that an entry points at."""
    kind = optional_string(entry, "type") or "function"
    if kind != "function":
        raise wrong("type", f"Input should be 'function', {shown(kind)} tools are not supported")
    # Some clients leave the inner object out.
    return name(optional_object(entry, "function") or entry, "name")


def _check_declared(wanted: str, tools: tuple[Tool, ...]) -> None:
    if all(tool.name != wanted for tool in tools):
        raise wrong("name", f"Tool {shown(wanted)} is not among the tools of this request")
