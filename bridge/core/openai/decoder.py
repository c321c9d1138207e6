"""Chat completions, streamed or whole, in every vendor's spelling -> events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Literal

from bridge.core import jsontext
from bridge.core.errorrules import ErrorRule
from bridge.core.events import Event, Fault, Finish, StopReason, TextDelta, ThinkingDelta, Usage
from bridge.core.openai.errors import fault_from_error
from bridge.core.openai.halves import Halves, may_hold
from bridge.core.openai.parts import REASONING, content_events, reasoning_text
from bridge.core.openai.toolcalls import ToolCalls
from bridge.core.openai.usage import read_usage

_REASONS: Mapping[str, StopReason] = {
    "stop": "end_turn",
    "eos": "end_turn",
    "eos_token": "end_turn",
    "end_turn": "end_turn",
    "stop_sequence": "end_turn",
    "length": "max_tokens",
    "max_tokens": "max_tokens",
    "model_length": "context_window",
    "model_context_window_exceeded": "context_window",
    "tool_calls": "tool_use",
    "tool_call": "tool_use",
    "tool_use": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
    "sensitive": "refusal",
    "refusal": "refusal",
}
# The model did not end: something ended it.
_FAILURES = frozenset({"error", "abort", "network_error", "insufficient_system_resource"})
_REASONING = frozenset(REASONING)
_MINIMAX_STATUS = {1002: 429, 1004: 401, 1008: 402, 1039: 429}


class _PlainChoice(jsontext.Record, gc=False):
    delta: dict[str, str | None]
    index: Literal[0] | None = None
    finish_reason: Literal[""] | None = None
    error: None = None
    usage: None = None


class _PlainChunk(jsontext.Record, gc=False):
    """What nearly all frames are: the model says something and nothing else happens."""

    choices: list[_PlainChoice]
    error: None = None
    usage: None = None
    x_groq: None = None


_plain_chunk = jsontext.reader(_PlainChunk)


class Decoder:
    """Reads one answer. Give it either the frames of a stream or one whole body, then ``end``.

    Events come in the order of the answer. ``Usage`` and ``Finish`` come last and
    together, as soon as both are known: a ``Finish`` waits for the usage frame
    that may follow it. ``ended`` says that the model said why it stopped: only usage
    may still come. ``finished`` says that ``Finish`` or ``Fault`` was given: then nothing
    more comes. Text may still hold markup of any kind. Bad input becomes a ``Fault``;
    nothing is raised.

    ``eager``, ``repair`` and ``taken_ids`` are those of ``ToolCalls``.

    ``notes`` counts oddities of the upstream that were put right, by name. ``progress`` counts the
    frames in which the model said anything, shown or not: those of a call that is held back too.
    """

    def __init__(
        self,
        new_id: Callable[[], str],
        upstream: str,
        model: str,
        *,
        eager: Callable[[str], bool] | None = None,
        repair: Callable[[str], str | None] | None = None,
        taken_ids: Callable[[], Iterable[str]] = tuple,
        secrets: Collection[str] = (),
        rules: Collection[ErrorRule] = (),
    ) -> None:
        self.finished = False
        self.ended = False
        self.progress = 0
        self.notes: dict[str, int] = {}
        self._upstream = upstream
        self._model = model
        self._secrets = tuple(secrets)
        self._rules = tuple(rules)
        self._new_calls = partial(ToolCalls, new_id, eager=eager, repair=repair, taken=taken_ids)
        self._calls: ToolCalls | None = None
        self._halves = Halves()
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        self._refused = False
        self._spoke = False

    def frame(self, data: bytes, event: bytes = b"") -> list[Event]:
        """The events of one frame of a stream."""
        if self.finished:
            return []
        # Where calls have begun, frames are rarely plain.
        if self._calls is None and self._finish is None and not event:
            chunk = _plain_chunk(data)
            if chunk is not None and (events := self._plain(chunk)) is not None:
                # Text with half characters has no plain shape.
                return events if self._halves.held is None else self._halves.joined(events, last=False)
        return self._whole(data, self._any(data, event))

    def body(self, data: bytes) -> list[Event]:
        """The events of a whole answer that is not a stream."""
        try:
            value = jsontext.loads(data)
        except ValueError:
            return [self.broken("an answer that is not JSON")]
        completion = _object_in(value)
        if completion is None:
            return [self.broken("an answer that is not a chat completion")]
        events = self._chunk(completion, b"")
        if may_hold(data):
            events = self._halves.joined(events, last=True)
        if self.finished or self._finish is not None:
            return events
        if not self._spoke and not self._calls:
            return [*events, self.broken("an answer without content")]
        return [*events, *self._close("stop")]

    def _whole(self, data: bytes, events: list[Event]) -> list[Event]:
        """``events``, which are those of ``data``, in whole characters."""
        if self._halves.held is None and not may_hold(data):
            return events
        return self._halves.joined(events, last=self.ended or self.finished)

    def end(self) -> list[Event]:
        """The body of the answer ended."""
        if self.finished:
            return []
        if self._finish is not None:
            return self._complete()
        if self._spoke or self._calls:
            return [self._fault(f"upstream `{self._upstream}` ended its answer before it was complete", "ambiguous")]
        return [self.broken("an empty answer")]

    def broken(self, what: str) -> Fault:
        """The fault of an upstream that sent ``what``; ends the answer."""
        retry: Literal["ambiguous", "transient"] = "ambiguous" if self._spoke or self._calls else "transient"
        return self._fault(f"upstream `{self._upstream}` sent {what}", retry)

    def _fault(self, message: str, retry: Literal["ambiguous", "transient"]) -> Fault:
        self.finished = True
        return Fault("api", message, retry=retry, upstream_status=200)

    def _not_json(self, data: bytes, event: bytes) -> list[Event]:
        text = data.strip()
        if text == b"[DONE]":
            return self._done()
        if event == b"error":
            return self._failed(text.decode("utf-8", "replace"))
        if text[:1] in (b"{", b"[", b"<") and self._finish is None:
            return [self.broken("a frame that is not JSON")]
        return self._noise()

    def _noise(self) -> list[Event]:
        self._note("noise")
        return []

    def _done(self) -> list[Event]:
        if self._finish is not None:
            return self._complete()
        if not self._spoke and not self._calls:
            return [self.broken("an empty answer")]
        self._note("no_finish_reason")
        return [*self._close("stop"), *self.end()]

    def _plain(self, chunk: _PlainChunk) -> list[Event] | None:
        """The events of a chunk that says one thing or nothing; None leaves it to ``_chunk``."""
        if not chunk.choices:
            return None
        delta = chunk.choices[0].delta
        if len(delta) != 1:
            delta = {key: value for key, value in delta.items() if value and key != "role"}
            if not delta:
                return []
            if len(delta) > 1:
                return None
        key, text = delta.popitem()
        if not text or key == "role":
            return []
        if key == "content":
            event: Event = TextDelta(text)
        elif key in _REASONING:
            event = ThinkingDelta(text)
        else:
            return None
        self._spoke = True
        self.progress += 1
        return [event]

    def _any(self, data: bytes, event: bytes) -> list[Event]:
        """The events of any frame."""
        try:
            chunk = jsontext.loads(data)
        except ValueError:
            return self._not_json(data, event)
        if type(chunk) is not dict:
            chunk = _object_in(chunk)
        return self._noise() if chunk is None else self._chunk(chunk, event)

    def _chunk(self, chunk: dict[str, object], event: bytes) -> list[Event]:
        choices = chunk.get("choices")
        failure = chunk.get("error") or self._failure(chunk, choices, event)
        if failure:
            return self._failed(failure)
        events: list[Event] = []
        reason = ""
        choice = _choice_in(choices)
        if choice:
            said = choice.get("finish_reason")
            reason = said if isinstance(said, str) else ""
            if choice.get("error") or reason in _FAILURES:
                return self._failed(choice.get("error") or f"its answer ended with {reason}")
            events = self._choice(choice)
        usage = self._find_usage(chunk, choice)
        if usage:
            self._usage = usage
        if reason:
            events += self._close(reason, choice)
        if usage and self._finish is not None and not self.finished:
            events += self._complete()
        return events

    def _failure(self, chunk: dict[str, object], choices: object, event: bytes) -> object:
        """The error in a frame, in any of the places where it may be beside ``error``."""
        if event == b"error" or chunk.get("object") == "error":
            return chunk
        if choices:
            return None
        base = chunk.get("base_resp")
        if isinstance(base, dict) and base.get("status_code"):
            code = base["status_code"]
            status = _MINIMAX_STATUS.get(code, 500) if isinstance(code, int) else 500
            return {"message": base.get("status_msg"), "code": status}
        if ("message" in chunk or "detail" in chunk) and "usage" not in chunk:
            return chunk
        return None

    def _failed(self, error: object) -> list[Event]:
        if self._finish is not None:
            # The answer is complete: nothing that comes now can spoil it.
            self._note("late")
            return []
        self.finished = True
        return [fault_from_error(error, self._upstream, self._model, secrets=self._secrets, rules=self._rules)]

    def _choice(self, choice: dict[str, object]) -> list[Event]:
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = choice.get("message")
            if isinstance(delta, dict) and (self._spoke or self._calls):
                # Some repeat the whole answer at the end of the stream.
                self._note("repeated")
                return []
        if not isinstance(delta, dict):
            delta = {"content": choice.get("text")}
        events: list[Event] = []
        reasoning = reasoning_text(delta)
        if reasoning:
            events.append(ThinkingDelta(reasoning))
        content = delta.get("content")
        if content:
            events += content_events(content)
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            self._refused = True
            events.append(TextDelta(refusal))
        if self._finish is None:
            self._spoke = self._spoke or bool(events)
            calls, legacy = delta.get("tool_calls"), delta.get("function_call")
            if self._calls is not None or calls or legacy:
                events = self._call(events, calls, legacy)
            if events or calls or legacy:
                self.progress += 1
        elif events or delta.get("tool_calls"):
            self._note("late")
            return []
        return events

    def _call(self, events: list[Event], calls: object, legacy: object) -> list[Event]:
        """``events`` and those of calls, beside or behind each other as they may come."""
        if self._calls is None:
            self._calls = self._new_calls()
        events = self._calls.defer(events)
        if calls:
            events += self._calls.add(calls)
        if isinstance(legacy, dict):
            events += self._calls.add({"index": 0, "function": legacy})
        return events

    def _find_usage(self, chunk: dict[str, object], choice: dict[str, object]) -> Usage | None:
        for place in (chunk, choice, chunk.get("x_groq")):
            if isinstance(place, dict) and isinstance(usage := place.get("usage"), dict) and usage:
                return read_usage(usage)
        return None

    def _close(self, reason: str, choice: Mapping[str, object] | None = None) -> list[Event]:
        """The model ended: what was held of calls comes out, and the reason is kept for the end."""
        if self._finish is not None:
            self._note("repeated")
            return []
        stop = _REASONS.get(reason.lower())
        if stop is None:
            self._note("unknown_finish_reason")
            stop = "end_turn"
        events: list[Event] = []
        if self._calls is not None:
            events = self._calls.finish(cut=stop in ("max_tokens", "context_window", "refusal"))
            if self._calls.repaired:
                self._note("repair:arguments", self._calls.repaired)
            if self._calls.broken:
                name = self._calls.broken
                return [*events, self.broken(f"a call of tool `{name}` whose arguments are not a JSON object")]
            if self._calls.dropped:
                self._note("dropped", self._calls.dropped)
            elif self._calls.emitted and stop != "refusal":
                stop = "tool_use"
        if stop == "tool_use" and not (self._calls is not None and (self._calls.emitted or self._calls.dropped)):
            # It announced a call and made none that is structured; the text may hold it.
            stop = "end_turn"
        self._finish = self._with_sequence("refusal" if self._refused else stop, choice or {})
        self.ended = True
        return events

    def _with_sequence(self, stop: StopReason, choice: Mapping[str, object]) -> Finish:
        if stop == "end_turn":
            for matched in (choice.get("stop_reason"), choice.get("matched_stop")):
                if isinstance(matched, str) and matched:
                    return Finish("stop_sequence", matched)
        return Finish(stop)

    def _complete(self) -> list[Event]:
        self.finished = True
        assert self._finish is not None
        return [self._usage, self._finish] if self._usage is not None else [self._finish]

    def _note(self, name: str, count: int = 1) -> None:
        self.notes[name] = self.notes.get(name, 0) + count


def _choice_in(choices: object) -> dict[str, object]:
    """The answer that was asked for: only one was, whatever else is sent is not it."""
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("index") in (0, None):
            return choice
    return {}


def _object_in(value: object) -> dict[str, object] | None:
    """``value`` if it is an object, or the first one of a list: some wrap what is alone."""
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else None
