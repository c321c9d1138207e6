"""Bytes of an upstream: frames, and the exchange over them, down to what the client gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bundledparsers import SPECS
from playbook import CONVERSATION, DONE, ROUTE, call, chunk, delta, finish, play, reasoning, usage
from reading import TOOLS

from bridge.core.events import Event, Fault, Finish, ToolCallAbort, ToolCallEnd, ToolCallStart
from bridge.core.openai.decoder import Decoder
from bridge.core.sse import FrameDecoder
from fuzz.choices import HEAD, Choices

CASES = Path(__file__).parent.parent / "cases"


def run(data: bytes) -> None:
    """The payload as an answer's body, cut in several ways, streamed and not."""
    choices = Choices(data)
    flags = choices.byte()
    body = choices.rest
    cut = choices.pieces(body)
    ways = ([body], [body[at : at + 1] for at in range(len(body))], cut)
    for limit in (1 << 20, 48):
        frames = [_frames(pieces, limit) for pieces in ways]
        assert frames[0] == frames[1] == frames[2], "frames depend on the cuts"
    _decoded(body, eager=bool(flags & 1))
    route = replace(
        ROUTE, parsers=(SPECS["hermes"],) if flags & 2 else (), tool_streaming="eager" if flags & 4 else "complete"
    )
    asked = replace(CONVERSATION, tools=TOOLS if flags & 8 else ())
    streamed = [play(pieces, route, asked) for pieces in ways]
    assert streamed[0].blocks == streamed[1].blocks == streamed[2].blocks, "blocks depend on the cuts"
    assert streamed[0].client.count(b"event: message_start") <= 1
    whole = play(cut, route, replace(asked, stream=False))
    assert (whole.exchange.fault is None) == (streamed[0].exchange.fault is None)
    if whole.exchange.fault is None:
        assert whole.exchange.finished
        # A call that was cut is shown as begun by a stream, where it is eager, and never by a message.
        kept = [block for block in streamed[0].blocks if block[0] != "cut"]
        assert kept == whole.blocks or flags & 4, "a message is not the fold of its stream"


def _frames(pieces: list[bytes], limit: int) -> tuple[object, bool]:
    decoder = FrameDecoder(limit)
    frames = [frame for piece in pieces for frame in decoder.feed(piece)] + decoder.flush()
    return frames, decoder.overflow


def _decoded(body: bytes, *, eager: bool) -> None:
    """One end, nothing behind it, calls in order."""
    frames = FrameDecoder()
    decoder = Decoder(lambda: "call_x", "up", "model", eager=lambda _: eager)
    events: list[Event] = []
    for frame in [*frames.feed(body), *frames.flush()]:
        events += decoder.frame(frame.data, frame.event)
    _ends_once([*events, *decoder.end()], decoder)
    decoder = Decoder(lambda: "call_x", "up", "model")
    _ends_once([*decoder.body(body), *decoder.end()], decoder)


def _ends_once(events: list[Event], decoder: Decoder) -> None:
    assert decoder.finished
    assert sum(isinstance(event, Finish | Fault) for event in events) == 1
    assert isinstance(events[-1], Finish | Fault)
    begun = [event.index for event in events if isinstance(event, ToolCallStart)]
    ended = [event.index for event in events if isinstance(event, ToolCallEnd | ToolCallAbort)]
    assert begun == list(range(len(begun)))
    assert ended == begun[: len(ended)]


def seeds() -> Iterator[bytes]:
    """The golden cases, and every kind of frame."""
    bodies = [
        path.read_bytes().split(b"\n=== upstream\n")[-1].split(b"\n=== client")[0]
        for path in sorted(CASES.glob("*.txt"))
    ]
    bodies.append(
        delta(role="assistant") + reasoning("hm") + chunk("a <tool_call>") + call(0, "c", "f", '{"a":') + call(0, None, None, '"b"}')
        + finish("tool_calls") + usage(1, 2, completion_tokens_details={"reasoning_tokens": 1}) + DONE
    )  # fmt: skip
    bodies.append(
        b'{"choices": [{"index": 0, "message": {"content": "hi", "tool_calls": []}, "finish_reason": "stop"}]}'
    )
    bodies.append(
        b'event: error\ndata: {"error": {"message": "overloaded", "code": 529}}\r\n\r\n: ping\r\rerror: x\n\n'
    )
    for number, body in enumerate(bodies):
        yield bytes([number % 16]).ljust(HEAD, b"\0") + body


def words() -> Iterator[bytes]:
    """What the mutator may put in."""
    keys = ("choices", "delta", "message", "content", "tool_calls", "function", "function_call", "arguments", "name", "index", "id",
            "finish_reason", "stop", "length", "tool_calls", "usage", "prompt_tokens", "completion_tokens", "error", "code", "type",
            "reasoning_content", "reasoning", "refusal", "content_filter", "text", "base_resp", "status_code", "x_groq", "detail")  # fmt: skip
    yield from (b'"%b"' % key.encode() for key in keys)
    yield from (
        b"data: ",
        b"event: ",
        b"error: ",
        b"\n\n",
        b"\r\n\r\n",
        b"\r",
        b"[DONE]",
        b"\xef\xbb\xbf",
        b"null",
        b"1e999",
        b"\\ud800",
    )
