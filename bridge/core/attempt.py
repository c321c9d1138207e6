"""One upstream call of an exchange: from the bytes of its answer to what may be shown of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Literal

from bridge.core import jsontext
from bridge.core.conversation import Conversation
from bridge.core.events import (
    Event,
    Fault,
    Finish,
    ParserEvent,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolCallAbort,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from bridge.core.openai.decoder import Decoder
from bridge.core.openai.reader import AnswerReader
from bridge.core.parsing.engine import FinishReason, ParserEngine
from bridge.core.route import Route

_LENGTH: frozenset[StopReason] = frozenset({"max_tokens", "context_window"})

_CallEvent = ToolCallStart | ToolCallDelta | ToolCallEnd | ToolCallAbort


class Attempt:
    """What arrives goes through decoder and text parser, and what is left is given to ``show``, in order.

    ``usage`` is what the upstream counted, if it did. ``Usage`` and ``Finish`` are not shown but returned,
    the latter with the reason that holds for the client.
    """

    def __init__(
        self,
        conversation: Conversation,
        route: Route,
        new_id: Callable[[str], str],
        taken: frozenset[str],
        show: Callable[[Event], None],
    ) -> None:
        self.route = route
        self.usage: Usage | None = None
        self._streaming: Literal["complete", "eager"] = route.tool_streaming if conversation.stream else "complete"
        self._call_id = partial(new_id, "toolu")
        self._decoder = Decoder(
            self._call_id,
            route.upstream.name,
            route.model,
            streaming=self._streaming,
            taken_ids=taken,
            secrets=(route.upstream.api_key,),
        )
        self._reader = AnswerReader(self._decoder)
        self._conversation = conversation
        self._show = show
        self._reads_field = route.reasoning.source in ("auto", "field")
        self._emit = route.reasoning.emit
        self._parallel = conversation.tool_choice.parallel
        self._counters: dict[str, int] = {}
        self._native = False
        self._text_ended = False
        self._calls = 0
        self._started = 0
        self._current: list[_CallEvent] = []
        self._made: list[tuple[str, object]] = []
        self._written: list[tuple[str, object]] = []
        self._held: list[_CallEvent] = []
        self._cut = False
        self._skipping = False
        self._thought = False
        self._engine = self._new_engine(_starts_open(route, conversation))

    @property
    def ended(self) -> bool:
        """The model said why it stopped; nothing but token counts can still come."""
        return self._decoder.ended

    @property
    def progress(self) -> int:
        """Grows with everything that the model says, shown or not."""
        return self._decoder.progress

    def receive(self, data: bytes) -> Finish | Fault | None:
        """More of the answer's body; returns how the answer ended, once it did."""
        return self._handle(self._reader.feed(data))

    def receive_eof(self) -> Finish | Fault | None:
        """The body ended."""
        return self._handle(self._reader.eof())

    def broken(self, what: str) -> Fault:
        """The fault of an upstream that sent ``what``."""
        return self._decoder.broken(what)

    def flush(self) -> None:
        """The answer is given up: what was held back of its text comes out, but no call begins any more."""
        for event in self._end_text("cut"):
            if isinstance(event, ToolCallStart):
                break
            self._emit_event(event)

    def counters(self) -> dict[str, int]:
        """What decoder and parser noticed, by name."""
        counters = dict(self._counters)
        _add(counters, self._decoder.notes)
        _add(counters, self._engine.counters)
        return counters

    def _handle(self, events: Iterable[Event]) -> Finish | Fault | None:
        engine = self._engine
        for event in events:
            if type(event) is TextDelta:
                self._emit_all(engine.feed(event.text))
                if self._cut:
                    return self._uncompletable()
                continue
            match event:
                case ThinkingDelta(text):
                    if self._reads_field:
                        self._emit_all(engine.feed_reasoning(text))
                case Usage():
                    self.usage = event
                case Finish():
                    return self._finish(event)
                case Fault():
                    return event
                case ToolCallStart() | ToolCallDelta() | ToolCallEnd() | ToolCallAbort():
                    self._structured(event)
                    engine = self._engine
        return None

    def _new_engine(self, starts_open: bool | None) -> ParserEngine:
        route, conversation = self.route, self._conversation
        return ParserEngine(
            route.parsers,
            conversation.tools if conversation.tool_choice.mode != "none" else (),
            self._call_id,
            streaming=self._streaming,
            starts_open=starts_open,
            thinking=route.reasoning.source in ("auto", "tags"),
        )

    def _end_text(self, reason: FinishReason) -> list[ParserEvent]:
        """The end of the text, for the one engine or for the first of the two."""
        if self._text_ended:
            return []
        self._text_ended = True
        return self._engine.finish(reason)

    def _structured(self, event: _CallEvent) -> None:
        """An event of a call that the upstream structured by itself."""
        if not self._native:
            # The text before the call is complete, and the text after it holds no calls.
            self._engine.disarm()
            self._emit_all(self._end_text("stop"))
            self._native = True
            _add(self._counters, self._engine.counters)
            self._engine = self._new_engine(starts_open=False)
            self._engine.disarm()
            self._text_ended = False
            self._written = self._made.copy()
        if not self._written:
            self._emit_event(self._numbered(event))
            return
        self._held.append(event)
        if isinstance(event, ToolCallEnd | ToolCallAbort):
            held, self._held = self._held, []
            call = _call_of(held)
            if call in self._written:
                # The upstream structured a call and left it in the text as well.
                self._written.remove(call)
                _add(self._counters, {"repeated_call": 1})
                return
            for each in held:
                self._emit_event(self._numbered(each))

    def _numbered(self, event: _CallEvent) -> _CallEvent:
        """The event with the number that its call has among all calls shown."""
        match event:
            case ToolCallStart(_, id_, name):
                return ToolCallStart(self._started, id_, name)
            case ToolCallDelta(_, json):
                return ToolCallDelta(self._started - 1, json)
            case ToolCallEnd():
                return ToolCallEnd(self._started - 1)
        return ToolCallAbort(self._started - 1)

    def _emit_all(self, events: Iterable[Event]) -> None:
        for event in events:
            if type(event) is TextDelta and not (self._thought or self._cut):
                self._show(event)
            else:
                self._emit_event(event)

    def _emit_event(self, event: Event) -> None:
        """Apply the route's and the client's wishes to an event and show what is left of it."""
        if self._cut:
            # Behind a call that cannot be completed nothing can be shown any more.
            return
        match event:
            case TextDelta(text):
                if self._thought:
                    self._thought = False
                    event = TextDelta(f"\n\n{text}")
            case ThinkingDelta(text):
                if self._emit == "drop":
                    return
                if self._emit == "text":
                    self._thought = True
                    event = TextDelta(text)
            case ToolCallStart():
                self._skipping = self._calls > 0 and not self._parallel
                if self._skipping:
                    _add(self._counters, {"not_parallel": 1})
                    return
                self._started += 1
                self._current = [event]
            case ToolCallDelta() | ToolCallEnd() | ToolCallAbort():
                if self._skipping:
                    return
                self._current.append(event)
                if isinstance(event, ToolCallEnd):
                    self._calls += 1
                    if not self._native:
                        self._made.append(_call_of(self._current))
                self._cut = isinstance(event, ToolCallAbort)
        self._show(event)

    def _finish(self, finish: Finish) -> Finish | Fault:
        """The model ended: let out what was held, and settle the reason."""
        reason = finish.reason
        self._emit_all(self._end_text("length" if reason in _LENGTH else "stop"))
        dropped = self.counters().get("dropped", 0)
        if self._cut and reason not in _LENGTH:
            return self._uncompletable()
        if reason == "refusal":
            return finish
        if self._calls and not self._cut and not (reason in _LENGTH and dropped):
            return Finish("tool_use")
        if reason == "stop_sequence" and finish.stop_sequence not in self._conversation.stop_sequences:
            # The route asked for it, not the client.
            return Finish("end_turn")
        if reason == "max_tokens" and self._window_is_full():
            return Finish("context_window")
        return finish

    def _uncompletable(self) -> Fault:
        return self._decoder.broken("a tool call that cannot be completed")

    def _window_is_full(self) -> bool:
        usage, window = self.usage, self.route.context_window
        if usage is None or window is None:
            return False
        prompt = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
        return prompt + usage.output_tokens >= window


def _starts_open(route: Route, conversation: Conversation) -> bool | None:
    """Whether the answer begins inside the reasoning: as the route says, else never where none was asked for."""
    if route.reasoning.starts_open is None and conversation.thinking.mode == "disabled":
        return False
    return route.reasoning.starts_open


def _call_of(events: Iterable[_CallEvent]) -> tuple[str, object]:
    """Name and arguments of the call that ``events`` are; None for arguments that are not whole."""
    name, pieces = "", []
    for event in events:
        match event:
            case ToolCallStart(name=name):
                pass
            case ToolCallDelta(json=piece):
                pieces.append(piece)
            case ToolCallAbort():
                return name, None
    return name, jsontext.loads("".join(pieces) or "{}")


def _add(counters: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        counters[name] = counters.get(name, 0) + count
