"""Recorded model outputs of the canitoolcall corpus: what a correct parser gives, streamed and not.

Each fixture is read with the parser files that "auto" picks from its model id alone, whole, one
character at a time and at random splits. The result must equal the expected one strictly.
"""

from __future__ import annotations

import itertools
import json
from functools import cache

import pytest
from canitoolcall.checks import check_expected_error, compare, expected_as_result
from canitoolcall.fixtures import Fixture, load_fixtures
from canitoolcall.results import Observation, ParsedToolCall, ParseResult, Status
from chunking import bytewise, seeded_splits, whole
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

FAILING = {
    "gemma4/vllm-text-before-call": "wants the blank before the call removed, which others of the family want kept",
}
"""Fixtures that come out otherwise, by id, and why. Nothing else may fail, and none of these may pass unnoticed."""


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
    blocks = fold(events)
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


def passes(fixture: Fixture, result: ParseResult) -> bool:
    if fixture.expected is not None:
        return compare(expected_as_result(fixture.expected), result) is Status.PASS
    rows = check_expected_error(fixture, None, Observation(nonstream=result, streams={}))
    return all(row.status in (Status.PASS, Status.SOFT_PASS) for row in rows)


def streams(raw: str) -> list[list[str]]:
    return [bytewise(raw), *seeded_splits(raw, count=6, seed=len(raw))] if raw else []


def test_the_corpus_is_there() -> None:
    families = {fixture.family for fixture in FIXTURES.values()}
    assert len(FIXTURES) == 469
    assert families == {"deepseek", "gemma4", "glm", "gpt-oss", "kimi", "llama", "mistral", "qwen3-hermes", "qwen3-xml"}
    assert set(FAILING) <= set(FIXTURES)


@pytest.mark.parametrize("family", sorted({fixture.family for fixture in FIXTURES.values()}))
def test_whole(family: str) -> None:
    failing = {
        name
        for name, fixture in FIXTURES.items()
        if fixture.family == family and not passes(fixture, read(fixture, whole(fixture.raw_output)))
    }
    assert failing == {name for name in FAILING if FIXTURES[name].family == family}


@pytest.mark.parametrize("name", FIXTURES)
def test_streamed(name: str) -> None:
    fixture = FIXTURES[name]
    expected = read(fixture, whole(fixture.raw_output))
    for pieces in streams(fixture.raw_output):
        assert read(fixture, pieces) == expected


def test_every_fixture_finds_its_format() -> None:
    for fixture in FIXTURES.values():
        specs = resolve_parsers("auto", fixture.models[0], bundled())
        assert len(specs) < 4, f"{fixture.models[0]}: no file names this model"
