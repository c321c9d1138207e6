"""One upstream call of an exchange: from the bytes of its answer to what may be shown of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from bridge.core import jsontext
from bridge.core.callgate import CallEvent, CallGate
from bridge.core.conversation import Conversation, call_ids
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
from bridge.core.parsing.jsonreader import read_json
from bridge.core.parsing.names import Streaming
from bridge.core.route import Route
from bridge.core.stops import StopGate

_LENGTH: frozenset[StopReason] = frozenset({"max_tokens", "context_window"})


class Attempt:
    """What arrives goes through decoder and text parser, and what is left is given to ``show``, in order.

    ``usage`` is what the upstream counted, if it did. ``Usage`` and ``Finish`` are not shown but returned,
    the latter with the reason that holds for the client. ``tool_names`` maps the upstream's name of a
    tool to the client's where they differ. ``cut_short``: the answer ended here, at a stop sequence of the
    client's, and the upstream has more to say. ``decoder`` knows how far the answer has come.
    """

    def __init__(
        self,
        conversation: Conversation,
        route: Route,
        new_call_id: Callable[[], str],
        show: Callable[[Event], None],
        tool_names: Mapping[str, str],
    ) -> None:
        self.route = route
        self.usage: Usage | None = None
        self.cut_short = False
        self._gate = CallGate(conversation, tool_names)
        self._streaming = streaming = _streaming(route, conversation)
        self._call_id = new_call_id
        self.decoder = Decoder(
            new_call_id,
            route.upstream.name,
            route.model,
            eager=None if streaming == "complete" else _always if streaming == "eager" else self._gate.eager,
            repair=read_json,
            taken_ids=partial(call_ids, conversation),
            secrets=(route.upstream.api_key,),
            rules=route.errors,
        )
        self._reader = AnswerReader(self.decoder)
        self._conversation = conversation
        self._said: list[str] | None = None
        schema = conversation.output_schema
        if schema is not None and conversation.strict_output and route.structured_output != "none":
            self._said = []
            show = _noting(show, self._said)
        self._stops = StopGate(conversation.stop_sequences, show) if conversation.stop_sequences else None
        self._show = self._stops or show
        self._reads_field = route.reasoning.source in ("auto", "field")
        self._emit = route.reasoning.emit
        self._counters: dict[str, int] = {}
        self._native = False
        self._text_ended = False
        self._current: list[CallEvent] = []
        self._made: list[tuple[str, object]] = []
        self._written: list[tuple[str, object]] = []
        self._held: list[CallEvent] = []
        self._cut = False
        self._thought = False
        self._engine = self._new_engine(_starts_open(route, conversation))

    def receive(self, data: bytes) -> Finish | Fault | None:
        """More of the answer's body; returns how the answer ended, once it did."""
        events = self._reader.feed(data)
        return self._handle(events) if events else None

    def receive_eof(self) -> Finish | Fault | None:
        """The body ended."""
        return self._handle(self._reader.eof())

    def broken(self, what: str) -> Fault:
        """The fault of an upstream that sent ``what``."""
        return self.decoder.broken(what)

    def flush(self) -> None:
        """The answer is given up: what was held back of its text comes out, but no call begins any more."""
        for event in self._end_text("cut"):
            if isinstance(event, ToolCallStart):
                break
            self._emit_event(event)
        if self._stops is not None:
            self._stops.flush()

    def unchecked(self, finish: Finish) -> str | None:
        """The text that the client's output schema has to hold for, if the answer ended so that it should."""
        if self._said is None or finish.reason != "end_turn" or self._gate.started:
            return None
        return "".join(self._said)

    def counters(self) -> dict[str, int]:
        """What decoder and parser noticed, by name."""
        counters = dict(self._counters)
        for more in (self._gate.counters, self.decoder.notes, self._engine.counters):
            if more:
                _add(counters, more)
        return counters

    def _handle(self, events: Iterable[Event]) -> Finish | Fault | None:
        stops = self._stops
        events = iter(events)
        for event in events:
            if stops is not None and stops.matched is not None:
                return self._stopped(stops.matched, [event, *events])
            if isinstance(event, TextDelta):
                self._emit_all(self._engine.feed(event.text))
                if self._cut:
                    return self._uncompletable()
            elif isinstance(event, ThinkingDelta):
                if self._reads_field:
                    self._emit_all(self._engine.feed_reasoning(event.text))
            elif isinstance(event, Usage):
                self.usage = event
            elif isinstance(event, Finish):
                return self._finish(event)
            elif isinstance(event, Fault):
                return event
            else:
                self._structured(event)
        if stops is not None and stops.matched is not None:
            return self._stopped(stops.matched, ())
        return None

    def _stopped(self, sequence: str, rest: Iterable[Event]) -> Finish:
        """The answer ends at a stop sequence; of what came behind it only the token counts matter."""
        self.cut_short = True
        for event in rest:
            if isinstance(event, Usage):
                self.usage = event
            elif isinstance(event, Finish):
                self.cut_short = False
        _add(self._counters, {"stopped_here": 1})
        return Finish("tool_use") if self._gate.finished else Finish("stop_sequence", stop_sequence=sequence)

    def _new_engine(self, starts_open: bool | None) -> ParserEngine:
        route = self.route
        return ParserEngine(
            route.parsers,
            self._gate.readable,
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

    def _structured(self, event: CallEvent) -> None:
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
        if isinstance(event, ToolCallStart):
            event = ToolCallStart(event.index, event.id, self._gate.named(event.name))
        if not self._written:
            self._emit_event(event)
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
            self._emit_all(held)

    def _emit_all(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, TextDelta) and not (self._thought or self._cut):
                self._show(event)
            else:
                self._emit_event(event)

    def _emit_event(self, event: Event) -> None:
        """Apply the route's and the client's wishes to an event and show what is left of it."""
        if self._cut or (self._stops is not None and self._stops.matched is not None):
            # Behind a call that cannot be completed nothing can be shown any more, and behind the end nothing comes.
            return
        if isinstance(event, TextDelta):
            if self._thought:
                self._thought = False
                event = TextDelta(f"\n\n{event.text}")
        elif isinstance(event, ThinkingDelta):
            if self._emit == "drop":
                return
            if self._emit == "text":
                self._thought = True
                event = TextDelta(event.text)
        elif isinstance(event, CallEvent):
            admitted = self._gate.admit(event)
            if admitted is None:
                return
            if not self._native:
                self._note(admitted)
            event, self._cut = admitted, isinstance(admitted, ToolCallAbort)
        self._show(event)

    def _note(self, event: CallEvent) -> None:
        """Keep a call that was read from the text: the upstream may structure it as well."""
        if isinstance(event, ToolCallStart):
            self._current = []
        self._current.append(event)
        if isinstance(event, ToolCallEnd):
            self._made.append(_call_of(self._current))

    def _finish(self, finish: Finish) -> Finish | Fault:
        """The model ended: let out what was held, and settle the reason."""
        reason = finish.reason
        self._emit_all(self._end_text("length" if reason in _LENGTH else "stop"))
        if self._stops is not None:
            if self._stops.matched is not None:
                return self._stopped(self._stops.matched, [finish])
            self._stops.flush()
        if self._cut and reason not in _LENGTH:
            return self._uncompletable()
        if reason == "refusal":
            return finish
        if self._gate.finished and not self._cut and not (reason in _LENGTH and self.counters().get("dropped")):
            return Finish("tool_use")
        if self._gate.unanswered and reason not in _LENGTH:
            _add(self._counters, {"no_call": 1})
        if reason == "tool_use":
            # All that it called was dropped.
            return Finish("end_turn")
        if reason == "stop_sequence" and finish.stop_sequence not in self._conversation.stop_sequences:
            # The route asked for it, not the client.
            return Finish("end_turn")
        if reason == "max_tokens" and self._window_is_full():
            return Finish("context_window")
        return finish

    def _uncompletable(self) -> Fault:
        return self.decoder.broken("a tool call that cannot be completed")

    def _window_is_full(self) -> bool:
        usage, window = self.usage, self.route.context_window
        if not self.decoder.progress and not (usage and usage.output_tokens):
            # Not one token fitted in.
            return True
        if usage is None or window is None:
            return False
        prompt = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
        return prompt + usage.output_tokens >= window


def _starts_open(route: Route, conversation: Conversation) -> bool | None:
    """Whether the answer begins inside the reasoning: as the route says, else never where none was asked for."""
    if route.reasoning.starts_open is None and conversation.thinking.mode == "disabled":
        return False
    return route.reasoning.starts_open


def _streaming(route: Route, conversation: Conversation) -> Streaming:
    """Nothing of a whole answer can be eager; otherwise the route speaks for all tools, or each for itself."""
    if not conversation.stream:
        return "complete"
    if route.tool_streaming == "complete" and any(tool.eager for tool in conversation.tools):
        return "per_tool"
    return route.tool_streaming


def _noting(show: Callable[[Event], None], said: list[str]) -> Callable[[Event], None]:
    """``show`` that keeps the text in ``said`` too."""

    def noting(event: Event) -> None:
        if isinstance(event, TextDelta):
            said.append(event.text)
        show(event)

    return noting


def _always(name: str) -> bool:
    return True


def _call_of(events: Iterable[CallEvent]) -> tuple[str, object]:
    """Name and arguments of the call that ``events`` are; None for arguments that are not whole."""
    name, pieces = "", []
    for event in events:
        if isinstance(event, ToolCallDelta):
            pieces.append(event.json)
        elif isinstance(event, ToolCallStart):
            name = event.name
        elif isinstance(event, ToolCallAbort):
            return name, None
    return name, jsontext.loads("".join(pieces) or "{}")


def _add(counters: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        counters[name] = counters.get(name, 0) + count
