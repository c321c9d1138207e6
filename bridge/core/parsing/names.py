"""Which declared tool a name means (toolcall_formats rule 4: repaired, never guessed)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Literal

from bridge.core.conversation import Tool
from bridge.core.parsing.typed import ArgumentTypes

Streaming = Literal["complete", "per_tool", "eager"]
"""Whether calls begin before they are whole: never, where the tool asks for it, always."""

_PREFIXES = ("functions.", "function.", "tools.", "tool.")
_SQUEEZE = str.maketrans("", "", "-_. ")


def _unique(tools: Iterable[Tool], key: Callable[[str], str]) -> dict[str, Tool | None]:
    found: dict[str, Tool | None] = {}
    for tool in tools:
        folded = key(tool.name)
        found[folded] = None if folded in found else tool
    return found


def _squeeze(name: str) -> str:
    return name.lower().translate(_SQUEEZE)


class Toolbox:
    """The tools of one request, and how their calls come out."""

    def __init__(self, tools: Sequence[Tool], streaming: Streaming = "eager") -> None:
        self._tools = tools
        self._streaming = streaming
        self._lower: dict[str, Tool | None] | None = None
        self._squeezed: dict[str, Tool | None] = {}
        self._types: dict[str, ArgumentTypes] = {}

    def __bool__(self) -> bool:
        return bool(self._tools)

    @cached_property
    def _exact(self) -> dict[str, Tool]:
        return {tool.name: tool for tool in self._tools}

    def find(self, name: str) -> tuple[Tool | None, str]:
        """The declared tool that ``name`` means and how it was repaired ("" if it was exact)."""
        if name in self._exact:
            return self._exact[name], ""
        for prefix in _PREFIXES:
            if name.startswith(prefix) and name[len(prefix) :] in self._exact:
                return self._exact[name[len(prefix) :]], "name_prefix"
        if self._lower is None:
            self._lower = _unique(self._tools, str.lower)
            self._squeezed = _unique(self._tools, _squeeze)
        bare = next((name[len(p) :] for p in _PREFIXES if name.startswith(p)), name)
        if tool := self._lower.get(bare.lower()):
            return tool, "name_case"
        if tool := self._squeezed.get(_squeeze(bare)):
            return tool, "name_separators"
        return None, ""

    def streams(self, tool: Tool | None) -> bool:
        """Whether a call of ``tool`` (None: one that nobody declared) may begin before it is whole."""
        return self._streaming == "eager" or (self._streaming == "per_tool" and tool is not None and tool.eager)

    def types(self, tool: Tool) -> ArgumentTypes:
        """What the schema of ``tool`` says of its arguments."""
        types = self._types.get(tool.name)
        if types is None:
            types = self._types[tool.name] = ArgumentTypes(tool.schema)
        return types
