"""Any history of an answer, encoded, cut anywhere and read by the official SDK, is the message that the fold makes;
and no order of calls gets an illegal stream out of the encoder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import httpx2
import pytest
from anthropic import Anthropic, APIStatusError
from anthropic.types import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.anthropic.encoder import StreamEncoder
from bridge.core.anthropic.errors import error_body
from bridge.core.anthropic.message import MessageFold
from bridge.core.events import (
    Event,
    Fault,
    Finish,
    TextDelta,
    ThinkingDelta,
    ToolCallAbort,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from bridge.core.signature import Signer

Draw = st.DrawFn
Frame = tuple[str, dict[str, Any]]

SIGNER = Signer(b"key", "up-model")


def streaming(*, shown: bool = True) -> StreamEncoder:
    stream = StreamEncoder("msg_1", "claude-x", 12, show_thinking=shown)
    stream.sign_as(SIGNER)
    return stream


def folding(*, shown: bool = True) -> MessageFold:
    return MessageFold("msg_1", "claude-x", SIGNER, 12, show_thinking=shown)


# Histories.

PLAIN = st.text(min_size=1, max_size=6) | st.sampled_from(["\u2028", "\x85", "\r\n", '"\\', "data: x\n\n", "🙂"])
TEXTS = PLAIN | st.just("\ud800")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | PLAIN,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(PLAIN, inner, max_size=2),
    max_leaves=4,
)
COUNTS = st.integers(0, 10**6)
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
FAULTS = st.builds(Fault, st.sampled_from(["api", "timeout", "overloaded", "rate_limit", "invalid_request"]), TEXTS)
FINISHES = st.sampled_from(
    [
        Finish("end_turn"),
        Finish("max_tokens"),
        Finish("context_window"),
        Finish("tool_use"),
        Finish("stop_sequence", "x"),
        Finish("refusal", explanation="y"),
    ]
)
STEPS = ["open", "ping", "keep_alive"]


@st.composite
def pieces(draw: Draw, text: str) -> list[str]:
    """``text`` in up to five pieces, some of them empty."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]


@st.composite
def calls(draw: Draw, index: int) -> list[Event]:
    arguments = draw(st.dictionaries(PLAIN, JSON, max_size=2))
    written = json.dumps(arguments, ensure_ascii=draw(st.booleans())) if arguments or draw(st.booleans()) else ""
    deltas = [ToolCallDelta(index, piece) for piece in draw(pieces(written))] if written else []
    return [ToolCallStart(index, f"toolu_{index}", draw(TEXTS)), *deltas, ToolCallEnd(index)]


@st.composite
def histories(draw: Draw) -> list[Event]:
    """What one answer may consist of, down to its end: in good order, cut inside a call, or failed anywhere."""
    events: list[Event] = []
    index = 0
    for kind in draw(st.lists(st.sampled_from(["text", "thinking", "call", "usage"]), max_size=7)):
        match kind:
            case "text":
                events += map(TextDelta, draw(st.lists(TEXTS, min_size=1, max_size=3)))
            case "thinking":
                events += map(ThinkingDelta, draw(st.lists(TEXTS, min_size=1, max_size=3)))
            case "usage":
                events.append(draw(USAGES))
            case _:
                events += draw(calls(index))
                index += 1
    match draw(st.sampled_from(["finish", "finish", "abort", "fault"])):
        case "finish":
            return [*events, draw(FINISHES)]
        case "fault":
            return [*events[: draw(st.integers(0, len(events)))], draw(FAULTS)]
    begun = draw(calls(index))[:-1]
    last = draw(FINISHES | FAULTS)  # inside a call, only a length limit is an end
    return [*events, *begun[: draw(st.integers(1, len(begun)))], ToolCallAbort(index), last]


# The grammar of a stream, told once more and independently of the code.

GRAMMAR: dict[str, dict[str, str]] = {
    "nothing": {"message_start": "begun"},
    "begun": {"text": "in text", "thinking": "in thinking", "tool_use": "in tool_use"},
    "in text": {"text_delta": "in text", "content_block_stop": "between"},
    "in thinking": {"thinking_delta": "in thinking", "signature_delta": "signed"},
    "signed": {"content_block_stop": "between"},
    "in tool_use": {"input_json_delta": "in tool_use", "content_block_stop": "between"},
    "between": {"text": "in text", "thinking": "in thinking", "tool_use": "in tool_use", "message_delta": "stopping"},
    "stopping": {"message_stop": "over"},
    "over": {},
    "failed": {},
}
"""What may follow, in each state; a block starts with its type. Pings and an error may come until the end."""
EMPTY_BLOCKS = [
    {"type": "text", "text": ""},
    {"type": "thinking", "thinking": "", "signature": ""},
]


class Grammar:
    """Reads frames; whatever is not the beginning of a legal stream is an AssertionError."""

    def __init__(self) -> None:
        self.state = "nothing"
        self.index = -1

    def read(self, data: bytes) -> None:
        for name, body in frames(data):
            self._take(name, body)

    def _take(self, name: str, body: dict[str, Any]) -> None:
        assert self.state not in ("over", "failed"), f"{name} after the end"
        word = name
        match name:
            case "ping":
                assert body == {"type": "ping"}
                return
            case "error":
                assert isinstance(body["error"]["type"], str)
                assert isinstance(body["error"]["message"], str)
                self.state = "failed"
                return
            case "message_start":
                assert body["message"]["content"] == []
                assert body["message"]["stop_reason"] is None
                assert body["message"]["usage"]["input_tokens"] >= 0
            case "content_block_start":
                block = body["content_block"]
                word = block["type"]
                self.index += 1
                assert block in EMPTY_BLOCKS or (set(block) == {"type", "id", "name", "input"} and block["input"] == {})
            case "content_block_delta":
                word = body["delta"]["type"]
                (text,) = (value for key, value in body["delta"].items() if key != "type")
                assert isinstance(text, str)
            case "message_delta":
                assert body["delta"]["stop_reason"]
                assert body["usage"]["output_tokens"] >= 0
        if name.startswith("content_block"):
            assert body["index"] == self.index
        assert word in GRAMMAR[self.state], f"{word} {self.state}"
        self.state = GRAMMAR[self.state][word]


def frames(data: bytes) -> Iterator[Frame]:
    """Event and data of each frame; each is exactly two lines and names itself twice."""
    assert data.endswith(b"\n\n") or not data
    for raw in data.decode().split("\n\n")[:-1]:
        event, line = raw.split("\n")
        assert event.startswith("event: ")
        assert line.startswith("data: ")
        body = json.loads(line.removeprefix("data: "))
        assert body["type"] == event.removeprefix("event: ")
        yield body["type"], body


# The SDK at the other end.


@pytest.fixture(scope="module")
def read() -> Iterator[Callable[[Sequence[bytes]], tuple[Message | None, dict[str, Any] | None]]]:
    """What the SDK makes of a body that comes in these pieces: its message, and the error it raised."""
    body: list[bytes] = []

    def respond(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=iter(body))

    def ask(data: Sequence[bytes]) -> tuple[Message | None, dict[str, Any] | None]:
        body[:] = data
        prompt: Any = [{"role": "user", "content": "x"}]
        with client.messages.stream(model="m", max_tokens=1, messages=prompt) as events:
            try:
                return events.get_final_message(), None
            except APIStatusError as error:
                told: Any = error.body
                try:
                    return events.current_message_snapshot, told
                except AssertionError:  # nothing but the error came
                    return None, told

    with (
        httpx2.Client(transport=httpx2.MockTransport(respond)) as http,
        Anthropic(api_key="x", base_url="http://test", max_retries=0, http_client=http) as client,
    ):
        yield ask


@settings(max_examples=250)
@given(st.data(), histories(), st.booleans())
def test_the_sdk_reads_the_message_that_the_fold_makes(
    read: Callable[[Sequence[bytes]], tuple[Message | None, dict[str, Any] | None]],
    data: st.DataObject,
    events: list[Event],
    shown: bool,
) -> None:
    stream, whole = streaming(shown=shown), folding(shown=shown)
    sent = b""
    for event in events:
        for step in data.draw(st.lists(st.sampled_from(STEPS), max_size=1)):
            sent += getattr(stream, step)()
        sent += stream.encode(event)
        whole.add(event)
    assert stream.finished
    assert whole.finished
    Grammar().read(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=6)))
    message, error = read([sent[a:b] for a, b in pairwise([0, *cuts, len(sent)])])
    expected = whole.message()
    if whole.fault is not None:
        assert error == error_body(whole.fault)
        # What was said is the same; a block that was open stays open: no signature, a call that the fold does not have.
        said: Any = expected["content"]
        got_said: Any = message.to_dict()["content"] if message else []
        for block in (said[-1:], got_said[: len(said)][-1:]):
            if block:
                block[0].pop("signature", None)
        assert got_said[: len(said)] == said
        assert [block["type"] for block in got_said[len(said) :]] in ([], ["tool_use"])
        return
    assert error is None
    assert message is not None
    got = message.to_dict()
    if any(isinstance(event, ToolCallAbort) for event in events):
        # Streamed it was begun, and ends as the API ends it: max_tokens says that it must not be run.
        assert got["content"].pop()["type"] == "tool_use"  # type: ignore[attr-defined]
        assert got["stop_reason"] in ("max_tokens", "model_context_window_exceeded")
        got["content"] = got["content"] or [{"type": "text", "text": ""}]
    details = got.pop("stop_details", None), expected.pop("stop_details", None)
    assert details[0] == details[1] or details == (None, None)
    assert got == expected


@settings(max_examples=30)
@given(st.data(), histories())
def test_one_byte_at_a_time(
    read: Callable[[Sequence[bytes]], tuple[Message | None, dict[str, Any] | None]],
    data: st.DataObject,
    events: list[Event],
) -> None:
    stream = streaming()
    sent = b"".join(stream.encode(event) for event in events)
    assert read([sent[i : i + 1] for i in range(len(sent))]) == read([sent])


INDICES = st.integers(0, 2)
ANY_EVENT = (
    st.builds(TextDelta, TEXTS)
    | st.builds(ThinkingDelta, TEXTS)
    | st.builds(ToolCallStart, INDICES, TEXTS, TEXTS)
    | st.builds(ToolCallDelta, INDICES, st.sampled_from(["", "{}", '{"a":']))
    | st.builds(ToolCallEnd, INDICES)
    | st.builds(ToolCallAbort, INDICES)
    | USAGES
    | FINISHES
    | FAULTS
)
ANY_STEP = ANY_EVENT | st.sampled_from([*STEPS, "speaking"]) | FAULTS.map(lambda fault: ("error", fault))


@settings(max_examples=500)
@given(st.lists(ANY_STEP, max_size=14), st.booleans())
def test_no_order_of_calls_makes_an_illegal_stream(steps: list[Any], shown: bool) -> None:
    stream, grammar = streaming(shown=shown), Grammar()
    whole = folding(shown=shown)
    for step in steps:
        over = stream.finished
        match step:
            case "speaking":
                sent = stream.keep_alive(speaking=True)
                if b"content_block_start" in sent:
                    whole.add(TextDelta(""))
            case str():
                sent = getattr(stream, step)()
            case ("error", fault):
                sent = stream.error(fault)
                whole.add(fault)
            case event:
                sent, refused = attempt(stream.encode, event)
                _, also = attempt(whole.add, event)
                assert refused == also, "stream and message differ in what they take"
        assert not (over and sent), "something after the end"
        grammar.read(sent)
        assert stream.finished is whole.finished is (grammar.state in ("over", "failed"))
        assert stream.started is (grammar.state != "nothing") or grammar.state == "failed"
        assert stream.content_started is (grammar.index >= 0)


def attempt(take: Callable[[Event], bytes | None], event: Event) -> tuple[bytes, str]:
    """What came out, and why the event was refused, if it was."""
    try:
        return take(event) or b"", ""
    except ValueError as error:
        return b"", str(error)


@pytest.mark.parametrize(
    "names",
    [
        ["message_stop"],
        ["message_start", "message_start"],
        ["message_start", "message_delta"],
        ["message_start", "text", "message_delta"],
        ["message_start", "text", "text"],
        ["message_start", "text", "thinking_delta"],
        ["message_start", "thinking", "content_block_stop"],
        ["message_start", "text", "content_block_stop", "message_delta", "message_stop", "ping"],
        ["message_start", "error", "message_stop"],
    ],
)
def test_the_grammar_refuses(names: list[str]) -> None:
    """A checker that takes everything would prove nothing."""
    grammar = Grammar()
    bodies: dict[str, dict[str, Any]] = {
        "message_start": {"message": {"content": [], "stop_reason": None, "usage": {"input_tokens": 1}}},
        "message_delta": {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        "error": {"error": {"type": "api_error", "message": ""}},
        "text": {"index": 0, "content_block": EMPTY_BLOCKS[0]},
        "thinking": {"index": 0, "content_block": EMPTY_BLOCKS[1]},
        "thinking_delta": {"index": 0, "delta": {"type": "thinking_delta", "thinking": "x"}},
        "content_block_stop": {"index": 0},
    }
    kinds = {"text": "content_block_start", "thinking": "content_block_start", "thinking_delta": "content_block_delta"}
    sent = []
    for name in names:
        kind = kinds.get(name, name)
        sent.append(f"event: {kind}\ndata: {json.dumps({'type': kind, **bodies.get(name, {})})}\n\n".encode())
    grammar.read(b"".join(sent[:-1]))
    with pytest.raises(AssertionError):
        grammar.read(sent[-1])
