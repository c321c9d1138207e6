"""Tools for an upstream that knows none: declared, called and answered in the text of the messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from bridge.core.conversation import Conversation, Part, Text, Tool, ToolChoice, ToolResult, ToolUse
from bridge.core.events import Fault
from bridge.core.losses import Loss
from bridge.core.openai.messages import JsonObject, MessageWriter, joined, result_text
from bridge.core.openai.replay import Replay
from bridge.core.toolset import once
from bridge.errors import ConfigError, RequestError

if TYPE_CHECKING:
    from bridge.core.parsing.spec import Prompt

NO_ARGUMENTS: JsonObject = {"type": "object", "properties": {}}


class PromptWriter(MessageWriter):
    """Writes messages in which a parser file's templates say all that there is to say of tools.

    The declared tools, and in words how they are to be used, stand behind the client's system text;
    calls stand in the text of their answer, where they were made; results are user text. Every turn
    has the same text in every later request. Raises RequestError where a template fails.
    """

    def __init__(self, replay: Replay | None, prompt: Prompt) -> None:
        super().__init__(replay)
        self._prompt = prompt
        self._made: dict[str, tuple[str, int]] = {}
        self._count = 0

    def _tools_text(self, conversation: Conversation) -> str:
        if not conversation.tools or conversation.tool_choice.mode == "none":
            return ""
        if any(tool.strict for tool in conversation.tools):
            self.warnings.append(Loss("tools.*.strict", "not sent, the tools are written into the prompt"))
        shown = once(conversation.tools, _declaration, self._prompt.system)
        return "\n\n".join(filter(None, (shown.strip("\n"), choice_in_words(conversation.tool_choice))))

    def _said(self, parts: Sequence[Part]) -> tuple[str, list[JsonObject]]:
        pieces = list(filter(None, self._pieces(parts)))
        if len(pieces) > 1:
            # Models write on as they see it written: line breaks must not grow from turn to turn.
            pieces = [piece.strip("\n") for piece in pieces]
        return "\n".join(pieces), []

    def _pieces(self, parts: Sequence[Part]) -> Iterator[str]:
        said = [part for part in parts if isinstance(part, Text | ToolUse)]
        for _, group in groupby(said, key=type):
            neighbours = list(group)
            calls = [self._call(part) for part in neighbours if isinstance(part, ToolUse)]
            yield _render(self._prompt.call, calls=calls).removesuffix("\n") if calls else joined(neighbours)

    def _call(self, use: ToolUse) -> JsonObject:
        index = self._count
        self._count += 1
        self._made[use.id] = use.name, index
        return {"id": use.id, "name": use.name, "arguments": use.input, "index": index}

    def _results(self, results: Sequence[ToolResult]) -> None:
        if results:
            text = _render(self._prompt.result, results=[self._result(result) for result in results])
            self._user([{"type": "text", "text": text.strip("\n")}])

    def _result(self, result: ToolResult) -> JsonObject:
        name, index = self._made.get(result.tool_use_id, ("unknown", 0))
        return {
            "id": result.tool_use_id,
            "name": name,
            "content": result_text(result),
            "is_error": result.is_error,
            "index": index,
        }


def choice_in_words(choice: ToolChoice) -> str:
    """How the tools are to be used, for a model that is told so in its prompt; "" if it is free."""
    words = []
    match choice.mode:
        case "any":
            words.append("Your next answer has to call at least one tool.")
        case "tool":
            words.append(f"Your next answer has to call the tool {choice.name}, and no other one.")
    if not choice.parallel:
        words.append("Make at most one call per answer.")
    return " ".join(words)


def _declaration(tools: Sequence[Tool], template: Callable[..., str]) -> str:
    return _render(template, tools=[_shown(tool) for tool in tools])


def _shown(tool: Tool) -> JsonObject:
    return {"name": tool.name, "description": tool.description, "parameters": tool.schema or NO_ARGUMENTS}


def _render(template: Callable[..., str], **variables: object) -> str:
    try:
        return template(**variables)
    except ConfigError as error:
        fault = Fault("api", f"the request cannot be written as a prompt: {error}; the parser file needs a change")
        raise RequestError(fault) from error
