"""One answer's text in, events out: the engine that runs parser files.

The engine is in a ``Mode`` (text, reasoning, a channel, a section) and looks for the
markers that are legal in it (``scanner``). At an opener of calls every pattern that may
begin there is tried in step (``spans``, ``race``, ``attempt``); the first one to be
certain wins. What fails costs nothing: its characters come back as text, and are read
again once, never twice.
"""

from __future__ import annotations

from typing import Literal

from bridge.core.events import ParserEvent
from bridge.core.parsing.spans import NATIVE, SpanReader
from bridge.core.parsing.trace import Trace

FinishReason = Literal["stop", "length", "cut"]


class ParserEngine(SpanReader):
    """Reads one answer. Text in, events out; the same events for every way of splitting the text.

    ``specs`` are armed at once, in order. ``tools`` are what the request declares: nothing
    else is ever a call. ``new_id`` gives tool call ids. ``starts_open`` overrides the first
    file's ``[reasoning] start``. ``thinking`` False leaves reasoning tags in the text.

    ``counters`` says what happened, for metrics: "calls", "dropped" (cut by the end),
    "unknown_name", "repair:NAME". ``trace`` is told why, for people.
    """

    def feed(self, text: str) -> list[ParserEvent]:
        """More of the answer's text."""
        if not text:
            return []
        if self._quiet is not None and not self._buffer and self._quiet(text):
            events = self._out.plain(text)
            if events is not None:
                self._base += len(text)
                return events
        if NATIVE in self._modes:
            self._leave_native()
        self._push(text)
        if self._trace:
            self._trace_held(self._trace)
        return self._out.take()

    def feed_reasoning(self, text: str) -> list[ParserEvent]:
        """More of the reasoning that the upstream sends in a field of its own (calls may hide in it)."""
        if not text:
            return []
        if NATIVE not in self._modes:
            self._settle()
            if self._tentative is not None and self._tentative.native_end is None:
                # Reasoning is something else than calls, whatever it says.
                self._revert(self._base)
                self._push("")
            self._at_zero = False
            self._modes.append(NATIVE)
            self._refresh()
        self._push(text)
        if self._trace:
            self._trace_held(self._trace)
        return self._out.take()

    def disarm(self) -> None:
        """The upstream sends structured calls: from here on only noise, channels and reasoning are handled."""
        if self._armed:
            self._armed = False
            self._settle()
            if self._tentative is not None:
                self._revert(self._base)
                self._push("")
            self._refresh()

    def finish(self, reason: FinishReason) -> list[ParserEvent]:
        """The end: "stop" as the model ended, "length" when cut by max_tokens, "cut" when the upstream died."""
        self._ended = True
        self._cut = reason != "stop"
        if self._buffer or self._racing:
            self._push("")
        self._accept_tentative()
        self._out.finish()
        return self._out.take()

    def _trace_held(self, trace: Trace) -> None:
        end = self._base + len(self._buffer)
        if self._tentative is not None:
            trace.held(self._tentative.start, end, "counts only if nothing but calls follows")
        elif self._race is not None:
            trace.held(self._race.start, end, "may be a call")
        elif self._buffer:
            trace.held(self._base, end, "may become a marker")
