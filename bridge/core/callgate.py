"""Which of an answer's calls the client gets to see, and under which names.

Upstreams ignore what they do not support: a client that forced one tool must not be
handed a call of another one. docs/adr/0006-tool-choice.md says why calls are dropped
and answers are not repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

from bridge.core.conversation import Conversation, Tool
from bridge.core.events import ToolCallAbort, ToolCallDelta, ToolCallEnd, ToolCallStart
from bridge.core.jsontext import whole_characters
from bridge.core.parsing.names import Toolbox

CallEvent = ToolCallStart | ToolCallDelta | ToolCallEnd | ToolCallAbort


class CallGate:
    """Passes on the events of the calls that the request allows, numbered from 0.

    With tool choice ``none`` there are none; with ``tool`` those of that tool; with ``parallel``
    False the first one. ``counters`` says what was dropped ("excluded_call", "not_parallel") and which
    names were repaired. A tool that is still hidden from the model may be called: the client declares it. ``spelled``
    maps the upstream's name of a tool to the client's where they differ.
    """

    def __init__(self, conversation: Conversation, spelled: Mapping[str, str]) -> None:
        self.counters: dict[str, int] = {}
        self.started = 0
        self.finished = 0
        self._choice = conversation.tool_choice
        self._tools = conversation.tools if not conversation.hidden else (*conversation.tools, *conversation.hidden)
        self._spelled = spelled
        self._dropping = False

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The declared tools, and those that have two names under both."""
        if not self._spelled:
            return self._tools
        declared = self._declared
        others = (replace(declared[name], name=other) for other, name in self._spelled.items() if name in declared)
        return (*declared.values(), *others)

    @property
    def readable(self) -> tuple[Tool, ...]:
        """The tools whose calls are to be looked for in the text: where none is allowed, its markup is text."""
        return () if self._choice.mode == "none" else self.tools

    @property
    def unanswered(self) -> bool:
        """The client wanted a call and has got none."""
        return self._choice.mode in ("any", "tool") and bool(self._tools) and not self.started

    def eager(self, name: str) -> bool:
        """Whether the tool that a structured call names asks for arguments as they come."""
        tool = self._declared.get(self._find(name)[0])
        return tool is not None and tool.eager

    def named(self, name: str) -> str:
        """The client's name for the tool that a structured call names; repaired only if it means exactly one."""
        found, repair = self._find(name)
        if repair:
            self._count(f"repair:{repair}")
        return found

    def admit(self, event: CallEvent) -> CallEvent | None:
        """What the client gets of an event: None if it belongs to a call that is dropped."""
        if isinstance(event, ToolCallStart):
            name = self._spelled.get(event.name, event.name)
            self._dropping = self._drops(name)
            if self._dropping:
                return None
            self.started += 1
            return ToolCallStart(self.started - 1, event.id, name)
        if self._dropping:
            return None
        if isinstance(event, ToolCallDelta):
            return ToolCallDelta(self.started - 1, whole_characters(event.json))
        if isinstance(event, ToolCallEnd):
            self.finished += 1
            return ToolCallEnd(self.started - 1)
        return ToolCallAbort(self.started - 1)

    @cached_property
    def _declared(self) -> dict[str, Tool]:
        return {tool.name: tool for tool in self._tools}

    @cached_property
    def _toolbox(self) -> Toolbox:
        return Toolbox(self.tools)

    def _find(self, name: str) -> tuple[str, str]:
        if name in self._spelled:
            return self._spelled[name], ""
        if name in self._declared:
            return name, ""
        tool, repair = self._toolbox.find(name)
        return (self._spelled.get(tool.name, tool.name), repair) if tool else (name, "")

    def _drops(self, name: str) -> bool:
        mode = self._choice.mode
        if mode == "none" or (mode == "tool" and name != self._choice.name):
            self._count("excluded_call")
            return True
        if self.started and not self._choice.parallel:
            self._count("not_parallel")
            return True
        return False

    def _count(self, what: str) -> None:
        self.counters[what] = self.counters.get(what, 0) + 1
