"""The recorded model outputs of the canitoolcall corpus, and what our engine makes of them."""

from __future__ import annotations

import itertools
import json
from functools import cache

from canitoolcall.checks import check_expected_error, compare, expected_as_result
from canitoolcall.fixtures import Fixture, load_fixtures
from canitoolcall.results import Observation, ParsedToolCall, ParseResult, Status
from reading import check

from bridge.config.document import Problems
from bridge.config.inputs import Inputs
from bridge.config.parsers import ParserCache, load_parsers, resolve_parsers
from bridge.core.conversation import Tool
from bridge.core.events import ParserEvent
from bridge.core.parsing.engine import ParserEngine
from bridge.core.parsing.selftest import fold
from bridge.core.parsing.spec import ParserSpec

FIXTURES = {fixture.id: fixture for fixture in load_fixtures()}

DIFFERENT = {
    "gemma4/vllm-text-before-call": "wants the blank before the call removed, which others of the family want kept",
}
"""Fixtures that differ in white space, by id, and why. Nothing else may differ, and none of these may pass unnoticed."""


@cache
def bundled() -> dict[str, ParserSpec]:
    problems = Problems()
    parsers = load_parsers([], Inputs(), problems, ParserCache(check=lambda spec: ()))
    assert not problems.found
    return {name: parser.spec for name, parser in parsers.items()}


def read(fixture: Fixture, pieces: list[str]) -> ParseResult:
    specs = resolve_parsers("auto", fixture.models[0], bundled())
    functions = [tool.get("function", tool) for tool in fixture.tools]
    tools = [Tool(function["name"], schema=function.get("parameters")) for function in functions]
    ids = itertools.count()
    engine = ParserEngine(specs, tools, lambda: f"call_{next(ids)}", starts_open=starts_open(fixture))
    events: list[ParserEvent] = []
    for piece in pieces:
        events += engine.feed(piece)
    events += engine.finish("length" if fixture.truncated else "stop")
    check(events)
    return result(fold(events))


def result(blocks: list[dict[str, object]]) -> ParseResult:
    """Blocks of ours as the corpus states results: ``{"text"}``, ``{"thinking"}`` or ``{"name", "input"}``."""
    return ParseResult(
        content="".join(str(block["text"]) for block in blocks if "text" in block) or None,
        reasoning_content="".join(str(block["thinking"]) for block in blocks if "thinking" in block) or None,
        tool_calls=tuple(
            ParsedToolCall(str(block["name"]), json.dumps(block["input"])) for block in blocks if "name" in block
        ),
    )


OPENED = ("<think>", "think<|sep|>", "[THINK]", "<|channel>thought")


def starts_open(fixture: Fixture) -> bool | None:
    """Whether the prompt opened the reasoning: what a route's ``starts_open`` says."""
    if fixture.generation_prompt is not None:
        prefilled = fixture.thinking is True and "reasoning-prefilled" in fixture.tags
        return fixture.generation_prompt.rstrip().endswith(OPENED) or prefilled
    if "truncated" in fixture.tags and "reasoning" in fixture.tags:
        return True
    return True if "</think>" in fixture.raw_output and "<think>" not in fixture.raw_output else None


def passes(fixture: Fixture, got: ParseResult, *, strictly: bool = True) -> bool:
    """Whether it is what the corpus expects; not ``strictly`` forgives white space at the edges of text."""
    accepted = (Status.PASS,) if strictly else (Status.PASS, Status.SOFT_PASS)
    if fixture.expected is not None:
        return compare(expected_as_result(fixture.expected), got) in accepted
    rows = check_expected_error(fixture, None, Observation(nonstream=got, streams={}))
    return all(row.status in (Status.PASS, Status.SOFT_PASS) for row in rows)
