"""Tools and tool choice of a request."""

from __future__ import annotations

from bridge.core.anthropic.known_tools import known_tool
from bridge.core.checks import (
    Notes,
    as_object,
    name,
    optional_bool,
    optional_list,
    optional_string,
    required,
    shown,
    string,
    under,
    wrong,
)
from bridge.core.conversation import Json, Tool, ToolChoice
from bridge.errors import RequestError

_HANDLED = frozenset(
    {"type", "name", "description", "input_schema", "strict", "eager_input_streaming", "allowed_callers"}
)
# Hints whose loss changes nothing in the answer.
_SILENT = frozenset({"cache_control", "defer_loading"})


def read_tools(body: Json, notes: Notes) -> tuple[Tool, ...]:
    """The tools that the client runs. Those that Anthropic's servers run are dropped and noted."""
    tools: dict[str, Tool] = {}
    for index, entry in enumerate(optional_list(body, "tools")):
        entry = as_object(f"tools.{index}", entry)
        try:
            kind = optional_string(entry, "type")
            tool = _tool(entry, notes) if kind in ("", "custom") else known_tool(kind, entry)
        except RequestError as error:
            raise under(f"tools.{index}", error) from None
        if tool is None:
            notes.drop(f"tools.{kind}")
            continue
        if tool.name in tools:
            raise wrong(f"tools.{index}.name", f"{shown(tool.name)} is there twice; tool names must be unique")
        tools[tool.name] = tool
    return tuple(tools.values())


def _tool(entry: Json, notes: Notes) -> Tool:
    for key in entry:
        if key not in _HANDLED and key not in _SILENT and entry[key] is not None:
            notes.drop(f"tools.*.{key}")
    callers = optional_list(entry, "allowed_callers")
    if callers and "direct" not in callers:
        raise wrong("allowed_callers", "Only the 'direct' caller is supported; add it, or leave this out")
    return Tool(
        name=name(entry, "name"),
        description=optional_string(entry, "description"),
        schema=as_object("input_schema", required(entry, "input_schema")),
        strict=optional_bool(entry, "strict"),
        eager=bool(optional_bool(entry, "eager_input_streaming")),
    )


def read_tool_choice(body: Json, tools: tuple[Tool, ...]) -> ToolChoice:
    """How the model is to use ``tools``."""
    choice = body.get("tool_choice")
    if choice is None:
        return ToolChoice()
    choice = as_object("tool_choice", choice)
    try:
        return _choice(choice, tools, declared=bool(body.get("tools")))
    except RequestError as error:
        raise under("tool_choice", error) from None


def _choice(choice: Json, tools: tuple[Tool, ...], declared: bool) -> ToolChoice:
    parallel = not optional_bool(choice, "disable_parallel_tool_use")
    mode = string(choice, "type")
    if mode not in ("auto", "any", "tool", "none"):
        raise wrong("type", f"Input should be 'auto', 'any', 'tool' or 'none', not {shown(mode)}")
    wanted = name(choice, "name") if mode == "tool" else ""
    if not tools and declared:
        # All of them were dropped: nothing is left to choose from.
        return ToolChoice()
    match mode:
        case "tool":
            if all(tool.name != wanted for tool in tools):
                raise wrong("name", f"Tool {shown(wanted)} is not among the tools of this request")
            return ToolChoice("tool", wanted, parallel)
        case "any":
            if not tools:
                raise wrong("type", "'any' needs at least one tool in `tools`")
            return ToolChoice("any", parallel=parallel)
        case "none":
            return ToolChoice("none")
    return ToolChoice(parallel=parallel)
