"""Tools and tool choice of a request."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.core.anthropic.known_tools import known_tool
from bridge.core.anthropic.policy import TOOL, TOOL_CHOICE, tool_type
from bridge.core.checks import (
    Notes,
    as_object,
    name,
    object_at,
    optional_bool,
    optional_list,
    optional_object,
    optional_string,
    shown,
    string,
    under,
    wrong,
)
from bridge.core.conversation import Json, Tool, ToolChoice
from bridge.core.jsontext import dumps_text
from bridge.errors import RequestError

_PLAIN = frozenset({"type", "name", "description", "input_schema", "cache_control"})
"""What most tools say, and nothing else."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The tools that can be called: ``shown`` to the model, or ``deferred`` until something refers to them.

    ``elsewhere`` are the names of those that Anthropic's servers would run.
    """

    shown: tuple[Tool, ...] = ()
    deferred: tuple[Tool, ...] = ()
    elsewhere: frozenset[str] = frozenset()

    def revealed(self, references: Iterable[str], forced: str = "") -> tuple[tuple[Tool, ...], tuple[Tool, ...]]:
        """The tools to show, and those that stay hidden.

        What is referred to stands behind the others, in the order of the references, and what is ``forced``
        behind that: from turn to turn the list only grows at its end.
        """
        if not self.deferred:
            return self.shown, ()
        hidden = {tool.name: tool for tool in self.deferred}
        found = [hidden.pop(name) for name in (*references, forced) if name in hidden]
        return (*self.shown, *found), tuple(hidden.values())


def read_tools(body: Json, notes: Notes) -> Declared:
    """The tools of a request. Those that Anthropic's servers run are dropped and noted."""
    tools: dict[str, Tool] = {}
    deferred: set[str] = set()
    elsewhere: set[str] = set()
    searchable = False
    for index, entry in enumerate(optional_list(body, "tools")):
        if not isinstance(entry, dict):
            raise wrong(f"tools.{index}", "Input should be an object")
        try:
            kind = "custom"
            if "type" in entry:
                kind = optional_string(entry, "type") or kind
                action = tool_type(kind).action
                if action in ("server", "search"):
                    elsewhere.add(optional_string(entry, "name"))
                    searchable |= action == "search"
                    _leave_out(kind, action == "search", notes)
                    continue
            tool = _tool(kind, entry, notes)
            if "defer_loading" in entry and optional_bool(entry, "defer_loading"):
                deferred.add(tool.name)
        except RequestError as error:
            raise under(f"tools.{index}", error) from None
        if tool.name in tools:
            raise wrong(f"tools.{index}.name", f"{shown(tool.name)} is there twice; tool names must be unique")
        tools[tool.name] = tool
    if searchable:
        deferred.clear()
    hidden = tuple([tool for tool in tools.values() if tool.name in deferred]) if deferred else ()
    visible = tuple([tool for tool in tools.values() if tool.name not in deferred] if hidden else tools.values())
    return Declared(visible, hidden, frozenset(elsewhere - tools.keys()))


def _leave_out(kind: str, search: bool, notes: Notes) -> None:
    if search:
        notes.drop(f"tools.{kind}", "there is no server to search; all deferred tools are shown", "adjusted")
    else:
        notes.drop(f"tools.{kind}", kind="server_tool")


def _tool(kind: str, entry: Json, notes: Notes) -> Tool:
    plain = _PLAIN.issuperset(entry)
    if not plain:
        notes.look(entry, TOOL, "tools.*.")
        callers = optional_list(entry, "allowed_callers")
        if callers and "direct" not in callers:
            raise wrong("allowed_callers", "Only the 'direct' caller is supported; add it, or leave this out")
    if kind == "custom":
        schema = object_at(entry, "input_schema")
        label, description = name(entry, "name"), optional_string(entry, "description")
    else:
        label, (description, schema) = name(entry, "name"), known_tool(kind)
    if plain:
        return Tool(label, description, schema)
    return Tool(
        label,
        _with_examples(description, optional_list(entry, "input_examples")),
        schema,
        strict=optional_bool(entry, "strict"),
        eager=bool(optional_bool(entry, "eager_input_streaming")),
    )


def _with_examples(description: str, examples: list[object]) -> str:
    if not examples:
        return description
    lines = "\n".join(dumps_text(as_object(f"input_examples.{index}", one)) for index, one in enumerate(examples))
    return "\n\n".join(filter(None, (description, f"Examples of its arguments:\n{lines}")))


def read_tool_choice(body: Json, declared: Declared, notes: Notes) -> ToolChoice:
    """How the model is to use the tools; one that is hidden may be forced."""
    choice = optional_object(body, "tool_choice")
    if choice is None:
        return ToolChoice()
    try:
        notes.look(choice, TOOL_CHOICE, "tool_choice.")
        return _choice(choice, declared)
    except RequestError as error:
        raise under("tool_choice", error) from None


def _choice(choice: Json, declared: Declared) -> ToolChoice:
    parallel = not optional_bool(choice, "disable_parallel_tool_use")
    mode = string(choice, "type")
    match mode:
        case "auto":
            return ToolChoice(parallel=parallel)
        case "any":
            if declared.shown or declared.deferred:
                return ToolChoice("any", parallel=parallel)
            if declared.elsewhere:
                raise wrong("type", "'any' needs a tool that the client runs; only Anthropic's servers run these")
            raise wrong("type", "'any' needs at least one tool in `tools`")
        case "tool":
            wanted = name(choice, "name")
            if any(tool.name == wanted for tool in (*declared.shown, *declared.deferred)):
                return ToolChoice("tool", wanted, parallel)
            if wanted in declared.elsewhere:
                raise wrong("name", f"Tool {shown(wanted)} cannot be forced; only Anthropic's servers run it")
            raise wrong("name", f"Tool {shown(wanted)} is not among the tools of this request")
        case "none":
            return ToolChoice("none")
    raise wrong("type", f"Input should be 'auto', 'any', 'tool' or 'none', not {shown(mode)}")
