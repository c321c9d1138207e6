"""Events of one answer -> one message. A message is the fold of what a stream would have said."""

from __future__ import annotations

from bridge.core.anthropic.blocks import Block, BlockOrder
from bridge.core.anthropic.shapes import UsageTally, message_body, stop_fields
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
from bridge.core.jsontext import loads
from bridge.core.signature import Signer

_WORDS = (TextDelta, ThinkingDelta)


class MessageFold:
    """Collects the events of one answer, in the order that ``StreamEncoder`` would take them.

    ``fault`` is what went wrong, if anything did: then there is no message to
    send. A tool call that was not ended is never part of the message. What
    comes after the end is ignored; an event that cannot come where it comes
    raises ValueError.
    """

    def __init__(
        self,
        message_id: str,
        model: str,
        signer: Signer,
        input_tokens: int = 0,
        *,
        show_thinking: bool = True,
    ) -> None:
        self._message_id = message_id
        self._model = model
        self._signer = signer
        self._show_thinking = show_thinking
        self._usage = UsageTally(input_tokens)
        self._order = BlockOrder()
        self._content: list[dict[str, object]] = []
        self._pieces: list[str] = []
        self._call = ToolCallStart(-1, "", "")
        self._finish: Finish | None = None
        self.fault: Fault | None = None

    @property
    def finished(self) -> bool:
        """The answer is complete, or failed."""
        return self._order.block is Block.END

    def add(self, event: Event) -> None:
        """Take the next event."""
        before = self._order.block
        if before is Block.END:
            return
        if isinstance(event, Usage):
            self._usage.add(event)
            return
        if before is Block.CUT:
            event = self._order.settle(event)
        after = self._order.step(event)
        if after is not before:
            self._close(before, event)
        if isinstance(event, _WORDS):
            self._pieces.append(event.text)
        elif isinstance(event, ToolCallDelta):
            self._pieces.append(event.json)
        elif isinstance(event, ToolCallStart):
            self._call = event
        elif isinstance(event, Finish):
            self._finish = event
        elif isinstance(event, Fault):
            self.fault = event

    def message(self) -> dict[str, object]:
        """The message as it is known now; ``stop_reason`` is null until the answer finished."""
        body = message_body(self._message_id, self._model, self._usage.body())
        body["content"] = self._content.copy()
        if self._finish is not None:
            body |= stop_fields(self._finish)
            if not self._content:
                body["content"] = [{"type": "text", "text": ""}]
        return body

    def _close(self, block: Block, event: Event) -> None:
        """Put away the block that ``event`` closed."""
        if block is Block.NONE:
            return
        whole = "".join(self._pieces)
        self._pieces.clear()
        if block is Block.TEXT:
            self._content.append({"type": "text", "text": whole})
        elif block is Block.THINKING:
            shown = self._show_thinking
            signature = self._signer.sign(whole, carried=not shown)
            self._content.append({"type": "thinking", "thinking": whole if shown else "", "signature": signature})
        elif isinstance(event, ToolCallEnd):
            call = {"type": "tool_use", "id": self._call.id, "name": self._call.name}
            self._content.append({**call, "input": loads(whole) if whole else {}})
