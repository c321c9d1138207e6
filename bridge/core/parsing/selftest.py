"""Runs the examples of a parser file: whole, at every split point, one character at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

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
from bridge.core.jsontext import dumps_text, loads
from bridge.core.parsing.engine import ParserEngine
from bridge.core.parsing.spec import Example, ParserSpec

Block = dict[str, object]
Splits = Literal["whole", "characters", "every"]


@dataclass(frozen=True, slots=True)
class ExampleFailure:
    """One example that came out wrong. ``split`` says how the text was fed."""

    index: int
    title: str
    split: str
    expected: str
    got: str


def check_examples(
    spec: ParserSpec, armed: Sequence[ParserSpec] = (), *, splits: Splits = "every"
) -> list[ExampleFailure]:
    """At most one failure per example (the first way of splitting that fails); empty when all pass.

    ``armed`` runs the examples with these files armed instead of ``spec`` alone. ``splits`` "whole" feeds each
    in one piece; "characters" one character at a time as well; "every" also in two pieces, at every point.
    """
    specs = armed or (spec,)
    failures: list[ExampleFailure] = []
    for index, example in enumerate(spec.examples):
        expected = [dict(block) for block in example.expect]
        tools = read_tools(example.tools)
        for split, pieces in _split(example.raw, splits):
            got = _run(specs, tools, example, pieces)
            if got != expected:
                shown = dumps_text(expected), dumps_text(got)
                failures.append(ExampleFailure(index, example.title, split, *shown))
                break
    return failures


def read_tools(tools: Iterable[object]) -> list[Tool]:
    """Declared tools out of JSON values in the Messages API's shape; others are left out."""
    read: list[Tool] = []
    for tool in tools:
        match tool:
            case {"name": str(name), "input_schema": dict(schema)}:
                read.append(Tool(name, schema=schema))
            case {"name": str(name)}:
                read.append(Tool(name))
    return read


def fold(events: Iterable[ParserEvent]) -> list[Block]:
    """The blocks that events make: {"text"}, {"thinking"} or {"name", "input"}; a call that has not
    ended is left out."""
    blocks: list[Block] = []
    name, parts = "", list[str]()
    for event in events:
        match event:
            case TextDelta(text):
                _append(blocks, "text", text)
            case ThinkingDelta(text):
                _append(blocks, "thinking", text)
            case ToolCallStart(_, _, name):
                parts = []
            case ToolCallDelta(_, fragment):
                parts.append(fragment)
            case ToolCallEnd():
                blocks.append({"name": name, "input": loads("".join(parts))})
            case ToolCallAbort():
                parts = []
    return blocks


def _append(blocks: list[Block], key: str, text: str) -> None:
    if blocks and key in blocks[-1]:
        blocks[-1][key] = str(blocks[-1][key]) + text
    else:
        blocks.append({key: text})


def _split(raw: str, splits: Splits) -> Iterator[tuple[str, list[str]]]:
    yield "whole", [raw]
    if splits != "whole":
        yield "one character at a time", list(raw)
    for at in range(1, len(raw) if splits == "every" else 0):
        yield f"split at {at}", [raw[:at], raw[at:]]


def _run(specs: Sequence[ParserSpec], tools: Sequence[Tool], example: Example, pieces: list[str]) -> list[Block]:
    ids = count()
    engine = ParserEngine(specs, tools, lambda: f"call_{next(ids)}", starts_open=example.starts_open)
    events: list[ParserEvent] = []
    for piece in pieces:
        events += engine.feed(piece)
    events += engine.finish(example.finish)
    return fold(events)
