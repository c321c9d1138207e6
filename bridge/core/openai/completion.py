"""Events of one answer -> one chat completion. It is the fold of what a stream would have said."""

from __future__ import annotations

from bridge.core.events import (
    Event,
    Fault,
    Finish,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from bridge.core.openai.shapes import COMPLETION, Head, Said, envelope, finish_word, step, usage_body


class CompletionFold:
    """Collects the events of one answer, in the order that ``ChunkEncoder`` would take them.

    ``fault`` is what went wrong, if anything did. A tool call that was not ended is never part of
    the completion. What comes after the end is ignored; an event that cannot come where it comes
    raises ValueError.
    """

    def __init__(self, head: Head, usage: Usage | None = None) -> None:
        self.fault: Fault | None = None
        self._head = head
        self._usage = usage or Usage()
        self._said = Said.NOTHING
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[dict[str, object]] = []
        self._call = ToolCallStart(-1, "", "")
        self._arguments: list[str] = []
        self._finish: Finish | None = None

    @property
    def finished(self) -> bool:
        """The answer is complete, or failed."""
        return self._said is Said.END

    def add(self, event: Event) -> None:
        """Take the next event."""
        if self.finished:
            return
        self._said = step(self._said, event)
        match event:
            case TextDelta(text):
                self._text.append(text)
            case ThinkingDelta(text):
                self._reasoning.append(text)
            case ToolCallStart():
                self._call = event
                self._arguments.clear()
            case ToolCallDelta(json=fragment):
                self._arguments.append(fragment)
            case ToolCallEnd():
                function = {"name": self._call.name, "arguments": "".join(self._arguments) or "{}"}
                self._calls.append({"id": self._call.id, "type": "function", "function": function})
            case Usage():
                self._usage = event
            case Finish():
                self._finish = event
            case Fault():
                self.fault = event

    def message(self) -> dict[str, object]:
        """The completion as it is known now; ``finish_reason`` is null until the answer finished."""
        finish = finish_word(self._head, self._finish) if self._finish is not None else None
        choice = {"index": 0, "message": self._message(), "logprobs": None, "finish_reason": finish}
        return envelope(self._head, COMPLETION, [choice]) | {"usage": usage_body(self._usage)}

    def _message(self) -> dict[str, object]:
        text = "".join(self._text)
        message: dict[str, object] = {"role": "assistant", "content": text or (None if self._calls else "")}
        message["refusal"] = None
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if self._calls and self._head.legacy:
            message["function_call"] = self._calls[0]["function"]
        elif self._calls:
            message["tool_calls"] = self._calls
        return message
