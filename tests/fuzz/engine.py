"""The engine, under the bundled parser files: any text, any of them armed, any tools, any way of cutting."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence

from bundledparsers import NAMES, SPECS
from reading import TOOLS, check, joined

from bridge.core.conversation import Tool
from bridge.core.events import ParserEvent, TextDelta, ThinkingDelta, ToolCallDelta, ToolCallStart
from bridge.core.parsing.engine import ParserEngine
from bridge.core.parsing.selftest import read_tools
from bridge.core.parsing.spec import Marker, ParserSpec
from fuzz.choices import HEAD, Choices

TOOL_SETS: list[Sequence[Tool]] = [TOOLS, ()]
OF_FILE = len(TOOL_SETS)
"""The choice of tools that takes those of an example of the first armed file."""
LONGEST_ESCAPE = 6
ROOM_PER_CALL = 400
"""Further characters that a call may come to: its name, and keys that a schema adds."""


def run(data: bytes) -> None:
    """Read the payload in several ways; they must agree, and lose and invent nothing."""
    choices = Choices(data)
    specs = _armed(choices)
    tools = _tools(choices, specs[0])
    flags = choices.byte()
    finish = ("stop", "length", "cut", "stop")[flags & 3]
    starts_open = (None, None, True, False)[flags >> 2 & 3]
    streaming = ("complete", "eager")[flags >> 4 & 1]
    thinking = not flags >> 5 & 1
    raw = choices.rest.decode("utf-8", "surrogateescape" if flags >> 6 & 1 else "replace")
    cut = choices.pieces(raw)
    results, counters = [], []
    for pieces in ([raw], list(raw), cut):
        ids = itertools.count()
        reader = ParserEngine(
            specs,
            tools,
            lambda ids=ids: f"call_{next(ids)}",
            streaming=streaming,
            starts_open=starts_open,
            thinking=thinking,
        )
        events = [event for piece in pieces for event in reader.feed(piece)] + reader.finish(finish)
        check(events)
        results.append(joined(events))
        counters.append(reader.counters)
    assert results[0] == results[1], "whole and by character differ"
    assert results[0] == results[2], "whole and in pieces differ"
    assert counters[0] == counters[1] == counters[2]
    _bounded(raw, results[0])
    _in_order(raw, results[0])
    # What a call was cut in goes with its markup, whatever ended it.
    if finish == "stop" and not counters[0].get("dropped"):
        _conserved(raw, results[0], specs)


def _armed(choices: Choices) -> list[ParserSpec]:
    names = dict.fromkeys(choices.pick(NAMES) for _ in range(1 + choices.byte() % 3))
    if len(names) == 1:
        return [SPECS[name] for name in names]
    # Together are only armed those that may be.
    armed = [SPECS[name] for name in names if SPECS[name].distinctive]
    return armed or [SPECS[next(iter(names))]]


def _tools(choices: Choices, spec: ParserSpec) -> Sequence[Tool]:
    number = choices.byte()
    if number < OF_FILE or not spec.examples:
        return TOOL_SETS[number % len(TOOL_SETS)]
    return read_tools(spec.examples[(number - OF_FILE) % len(spec.examples)].tools)


def _bounded(raw: str, events: list[ParserEvent]) -> None:
    assert len(_shown(events)) <= len(raw) + sum(isinstance(event, ToolCallStart) for event in events), (
        "more text than there was"
    )
    calls = sum(isinstance(event, ToolCallStart) for event in events)
    arguments = sum(len(event.json) for event in events if isinstance(event, ToolCallDelta))
    assert arguments <= LONGEST_ESCAPE * len(raw) + ROOM_PER_CALL * calls, "arguments out of proportion"


def _shown(events: list[ParserEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta | ThinkingDelta))


def _in_order(raw: str, events: list[ParserEvent]) -> None:
    rest = iter(raw)
    assert all(char in rest for char in _shown(events)), "text that the model did not write in this order"


def _conserved(raw: str, events: list[ParserEvent], specs: list[ParserSpec]) -> None:
    """Without calls and framing, what is shown is all of the answer."""
    calls = any(isinstance(event, ToolCallStart) for event in events)
    # The answer may begin within a marker that began in the prompt.
    written = specs[0].text.prefill + raw
    if not calls and not any(part in written for part in _framing(specs)):
        assert _shown(events).strip() == raw.strip(), "text was lost"


def _framing(specs: list[ParserSpec]) -> Iterator[str]:
    """The fixed beginnings of everything that may be removed where nothing is called."""
    for spec in specs:
        yield from spec.noise.anywhere
        yield from spec.noise.tail
        markers: list[Marker | None] = [spec.reasoning.open, spec.reasoning.close]
        for channel in spec.channels:
            markers += [channel.open, channel.close]
        if spec.section and spec.section.junk == "drop":
            markers.append(spec.section.open)
        markers += [pattern.open for pattern in spec.calls if pattern.unknown == "drop"]
        for marker in markers:
            if marker is not None:
                yield from (_fixed(lit) for lit in marker.lit)


def _fixed(literal: str) -> str:
    """A marker's text up to its first hole."""
    return literal.partition("{")[0] or literal


def seeds() -> Iterator[bytes]:
    """Every example of every file, armed alone."""
    for number, name in enumerate(NAMES):
        for at, example in enumerate(SPECS[name].examples):
            finish = ("stop", "length", "cut").index(example.finish)
            flags = finish | (0 if example.starts_open is None else 8 if example.starts_open else 12)
            # Drawn in this order: how many files, the file, the tools, the flags.
            yield bytes([0, number, OF_FILE + at, flags]).ljust(HEAD, b"\0") + example.raw.encode("utf-8", "replace")


def words() -> Iterator[bytes]:
    """What the mutator may put in."""
    for spec in SPECS.values():
        literals = [*spec.noise.anywhere, *spec.noise.tail]
        for pattern in spec.calls:
            for marker in (pattern.open, pattern.close, pattern.tags.open, pattern.tags.close):
                literals += marker.lit if marker else ()
        for marker in (spec.reasoning.open, spec.reasoning.close, spec.section and spec.section.open):
            literals += marker.lit if marker else ()
        yield from (part.encode() for literal in literals for part in literal.replace("}", "{").split("{")[::2] if part)
    yield from (json.dumps(word).encode() for word in ("name", "arguments", "parameters", "f", "get_weather"))
