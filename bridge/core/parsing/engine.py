"""The engine's public face; see docs/explanation of the rules in this package's modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from bridge.core.conversation import Tool
from bridge.core.events import ParserEvent
from bridge.core.parsing.spec import ParserSpec

FinishReason = Literal["stop", "length", "cut"]


class ParserEngine:
    """Reads one answer. Text in, events out; the same events for every way of splitting the text.

    ``specs`` are armed at once, in order. ``tools`` are what the request declares: nothing
    else is ever a call. ``new_id`` gives tool call ids. ``starts_open`` overrides the first
    file's ``[reasoning] start``. ``thinking`` False leaves reasoning tags in the text.
    """

    def __init__(
        self,
        specs: Sequence[ParserSpec],
        tools: Sequence[Tool],
        new_id: Callable[[], str],
        *,
        streaming: Literal["complete", "eager"] = "complete",
        starts_open: bool | None = None,
        thinking: bool = True,
    ) -> None:
        raise NotImplementedError

    def feed(self, text: str) -> list[ParserEvent]:
        """More of the answer's text."""
        raise NotImplementedError

    def feed_reasoning(self, text: str) -> list[ParserEvent]:
        """More of the reasoning that the upstream sends in a field of its own (calls may hide in it)."""
        raise NotImplementedError

    def disarm(self) -> None:
        """The upstream sends structured calls: from here on only noise, channels and reasoning are handled."""
        raise NotImplementedError

    def finish(self, reason: FinishReason) -> list[ParserEvent]:
        """The end: "stop" as the model ended, "length" when cut by max_tokens, "cut" when the upstream died."""
        raise NotImplementedError

    counters: dict[str, int]
    """What happened, for metrics: "calls", "dropped" (cut by the end), "repair:NAME", "unknown_name"."""
