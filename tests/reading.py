"""Reading model output under test: parser files in few words, and every case run whole, by character, at every split.

assert blocks(HERMES, 'Hi <tool_call>{"name": "f"}</tool_call>') == [say("Hi"), ran("f")]
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from chunking import bytewise, every_split, seeded_splits, whole

from bridge.core.conversation import Tool
from bridge.core.events import (
    ParserEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallAbort,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from bridge.core.parsing.engine import ParserEngine
from bridge.core.parsing.selftest import fold
from bridge.core.parsing.spec import (
    CallPattern,
    Channel,
    JsonRules,
    Marker,
    Noise,
    ParserSpec,
    PythonRules,
    ReasoningRules,
    Section,
    TagAttrs,
    TagRules,
    TextRules,
)

Block = dict[str, object]
Streaming = Literal["complete", "eager"]


def mark(*lit: str, **more: Any) -> Marker:
    return Marker(lit, **more)


def call(open_: Marker | str, codec: Any, close: Marker | str | None = None, **more: Any) -> CallPattern:
    return CallPattern(_marker(open_), codec, _marker(close) if close else None, **more)


def _marker(marker: Marker | str) -> Marker:
    return Marker((marker,)) if isinstance(marker, str) else marker


def say(text: str) -> Block:
    return {"text": text}


def think(text: str) -> Block:
    return {"thinking": text}


def ran(name: str, **input_: object) -> Block:
    return {"name": name, "input": input_}


def properties(**types: object) -> dict[str, object]:
    """A schema in few words: a type's name, a list of them, or a whole schema."""
    shown = {key: {"type": value} if isinstance(value, str | list) else value for key, value in types.items()}
    return {"type": "object", "properties": shown}


TOOLS = (
    Tool("f", schema=properties(a="string", b="string", n="integer", flag="boolean", o="object", l="array")),
    Tool("g"),
    Tool("get_weather", schema=properties(city="string")),
)

THINK = ReasoningRules(mark("<think>"), mark("</think>"))

HERMES = ParserSpec(
    "hermes",
    noise=Noise(("<|im_end|>",)),
    reasoning=THINK,
    calls=(call("<tool_call>", "json-call", "</tool_call>"),),
)
CODER = ParserSpec(
    "coder",
    noise=Noise(("<|im_end|>",)),
    reasoning=THINK,
    section=Section(mark("<tool_call>"), mark("</tool_call>"), optional=True),
    calls=(
        call(
            "<function={name}>",
            "tags",
            "</function>",
            tags=TagRules(mark("<parameter={key}>"), mark("</parameter>"), trim="newline"),
        ),
    ),
)
SECTIONED = ParserSpec(
    "sectioned",
    text=TextRules(trim="none", fences="ignore"),
    noise=Noise(("<|eos|>",)),
    reasoning=THINK,
    section=Section(mark("<|calls|>"), mark("<|/calls|>")),
    calls=(call("<|call|>{name}<|sep|>", "json", "<|/call|>"),),
)
BABBLING = ParserSpec(
    "babbling",
    text=TextRules(trim="none", fences="ignore"),
    noise=Noise(("<|eos|>",)),
    section=Section(mark("<|calls|>"), mark("<|/calls|>"), optional=True, junk="drop"),
    calls=(call(mark("<|call|>{ws}{name}:{id}{ws}<|sep|>", "<|call|>{ws}{name}{ws}<|sep|>"), "json", "<|/call|>"),),
)
INVOKE = ParserSpec(
    "invoke",
    section=Section(mark("<calls>"), mark("</calls>"), optional=True),
    calls=(
        call(
            "<invoke{attrs}>",
            "tags",
            "</invoke>",
            tags=TagRules(
                mark("<parameter{attrs}>"),
                mark("</parameter>"),
                attrs=TagAttrs(key="name", type="string"),
                types={"true": "string", "false": "json"},
            ),
        ),
    ),
)
PAIRS = ParserSpec(
    "pairs",
    calls=(
        call(
            "<tool_call>{ws}{name}",
            "tags",
            "</tool_call>",
            tags=TagRules(mark("<arg_key>{key}</arg_key>{ws}<arg_value>"), mark("</arg_value>")),
        ),
    ),
)
BRACKETS = ParserSpec(
    "brackets",
    text=TextRules(trim="none", fences="ignore"),
    calls=(
        call(mark("[CALLS]{ws}{name}[ARGS]", "[CALLS]{ws}{name}[ID]{id}[ARGS]"), "json"),
        call("[CALLS]", "json-call"),
    ),
)
NOTATION = ParserSpec(
    "notation",
    text=TextRules(trim="none", fences="ignore"),
    calls=(
        call(
            mark("<|call>call:{name}", "<|call>{ws}{name}"),
            "json",
            "<call|>",
            json=JsonRules(quotes=('<|"|>',), bare_keys=True, bare_values=True),
        ),
    ),
)
PYTHONIC = ParserSpec(
    "pythonic",
    distinctive=False,
    noise=Noise(("<|eot|>",)),
    calls=(
        call("<|py|>", "python", "<|/py|>"),
        call(mark("[", at="start", peek=True), "python", alone=True, python=PythonRules("required")),
    ),
)
BARE = ParserSpec(
    "bare",
    distinctive=False,
    text=TextRules(trim="none"),
    noise=Noise(("<|eot|>",)),
    reasoning=THINK,
    calls=(call(mark("{", at="start", peek=True), "json-call", alone=True, separators=";"),),
)
REACT = ParserSpec(
    "react",
    text=TextRules(after_calls="drop"),
    calls=(
        call(
            mark("Action: {name}\nAction Input:", at="line"),
            "text",
            mark("Observation:", at="line", peek=True),
        ),
    ),
)
NESTED = ParserSpec(
    "nested",
    section=Section(mark("]>[<calls>"), mark("]>[</calls>"), optional=True),
    calls=(
        call(
            "]>[<invoke{attrs}>",
            "tags",
            "]>[</invoke>",
            tags=TagRules(mark("]>[<{key}>"), mark("]>[</{key}>"), nest=True, item="item"),
        ),
    ),
)
_FOLLOWED = {"lit": ("<|end|>", "<|call|>"), "then": ("<|start|>", "$")}
MESSAGES = ParserSpec(
    "messages",
    text=TextRules(prefill="<|start|>assistant", fences="ignore"),
    reasoning=ReasoningRules(
        mark("<|start|>assistant{ws}<|channel|>analysis{ws}<|message|>"), Marker(**_FOLLOWED), calls="never"
    ),
    channels=(
        Channel(mark("<|start|>assistant{ws}<|channel|>final{_}<|message|>"), Marker(**_FOLLOWED), "text"),
        Channel(mark("<|start|>assistant{ws}<|channel|>{_} to={name}{_}<|message|>"), Marker(**_FOLLOWED), "drop"),
    ),
    calls=(
        call(
            mark(
                "<|start|>assistant{ws}to=functions.{name}<|channel|>{_}<|message|>",
                "<|start|>assistant{ws}<|channel|>{_} to=functions.{name}<|message|>",
            ),
            "json",
            mark("<|call|>", "<|end|>"),
        ),
    ),
)
FORMATS = (
    HERMES, CODER, SECTIONED, BABBLING, INVOKE, PAIRS, BRACKETS, NOTATION, PYTHONIC, BARE, REACT, NESTED, MESSAGES,
)  # fmt: skip


def engine(specs: ParserSpec | Sequence[ParserSpec], tools: Sequence[Tool] = TOOLS, **options: Any) -> ParserEngine:
    ids = itertools.count()
    armed = (specs,) if isinstance(specs, ParserSpec) else tuple(specs)
    return ParserEngine(armed, tools, lambda: f"call_{next(ids)}", **options)


def run(
    specs: ParserSpec | Sequence[ParserSpec], pieces: Iterable[str], *, finish: Any = "stop", **options: Any
) -> list[ParserEvent]:
    """The events of one way of splitting, neighbouring deltas joined."""
    reader = engine(specs, **options)
    events: list[ParserEvent] = []
    for piece in pieces:
        events += reader.feed(piece)
    events += reader.finish(finish)
    check(events)
    return joined(events)


def events(specs: ParserSpec | Sequence[ParserSpec], raw: str, **options: Any) -> list[ParserEvent]:
    """The events of ``raw``, which are the same whole, one character at a time and split at every point."""
    expected = run(specs, whole(raw), **options)
    for pieces in splits(raw):
        got = run(specs, pieces, **options)
        assert got == expected, f"split into {pieces if len(pieces) < 3 else 'characters'}"
    return expected


def splits(raw: str) -> Iterator[list[str]]:
    """Every point of a short text; of a long one, random ones."""
    yield bytewise(raw)
    yield from every_split(raw) if len(raw) <= 150 else seeded_splits(raw)


def blocks(specs: ParserSpec | Sequence[ParserSpec], raw: str, *, eager: bool = True, **options: Any) -> list[Block]:
    """What comes out of ``raw``, complete calls and, unless told otherwise, eager ones the same."""
    result = fold(events(specs, raw, **options))
    if eager:
        assert fold(events(specs, raw, streaming="eager", **options)) == result, "eager calls differ"
    return result


def arguments(specs: ParserSpec | Sequence[ParserSpec], raw: str, **options: Any) -> list[str]:
    """The arguments of every finished call of ``raw``, as they are written."""
    found, parts = [], list[str]()
    for event in events(specs, raw, **options):
        match event:
            case ToolCallStart():
                parts = []
            case ToolCallDelta(_, fragment):
                parts.append(fragment)
            case ToolCallEnd():
                found.append("".join(parts))
    return found


def joined(parts: Iterable[ParserEvent]) -> list[ParserEvent]:
    result: list[ParserEvent] = []
    for event in parts:
        match result[-1] if result else None, event:
            case TextDelta(before), TextDelta(more):
                result[-1] = TextDelta(before + more)
            case ThinkingDelta(before), ThinkingDelta(more):
                result[-1] = ThinkingDelta(before + more)
            case ToolCallDelta(index, before), ToolCallDelta(_, more):
                result[-1] = ToolCallDelta(index, before + more)
            case _:
                result.append(event)
    return result


def _no_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = [key for key, _ in pairs]
    assert len(set(keys)) == len(keys), f"repeated key in {keys}"
    return dict(pairs)


def _no_constant(word: str) -> None:
    raise AssertionError(f"{word} is not JSON")


def check(parts: Iterable[ParserEvent]) -> None:
    """What holds for every answer: calls count up and never interleave, deltas say something, and the
    arguments of a finished call are one JSON object with every key once."""
    ids: set[str] = set()
    index, body = -1, None
    for event in parts:
        match event:
            case TextDelta(text) | ThinkingDelta(text):
                assert text
                assert body is None, "text inside a call"
            case ToolCallStart(at, id_, name):
                assert body is None, "a call inside a call"
                assert at == index + 1
                assert name
                assert id_ not in ids
                ids.add(id_)
                index, body = at, ""
            case ToolCallDelta(at, fragment):
                assert at == index
                assert body is not None
                assert fragment
                body += fragment
            case ToolCallEnd(at):
                assert at == index
                assert body is not None
                value = json.loads(body, object_pairs_hook=_no_twins, parse_constant=_no_constant)
                assert isinstance(value, dict), body
                body = None
            case ToolCallAbort(at):
                assert at == index
                assert body is not None
                body = None
    assert body is None, "a call is left open"
