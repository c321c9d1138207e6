"""Recorded model outputs of the canitoolcall corpus: what a correct parser gives, streamed and not.

Each is read with the parser files that "auto" picks from its model id alone, whole, cut at everything that may be a
marker, one character at a time and at random splits. The result must equal the expected one strictly.
"""

from __future__ import annotations

import re

import pytest
from chunking import bytewise, seeded_splits
from recorded import DIFFERENT, FIXTURES, bundled, passes, read

from bridge.config.parsers import resolve_parsers

_MARKER = re.compile(r"(?<=[>\]})`\n])|(?=[<\[{(`])")


def streams(raw: str) -> list[list[str]]:
    if not raw:
        return []
    at_markers = [piece for piece in _MARKER.split(raw) if piece]
    return [at_markers, bytewise(raw), *seeded_splits(raw, count=6, seed=len(raw))]


def test_the_corpus_is_there() -> None:
    families = {fixture.family for fixture in FIXTURES.values()}
    assert len(FIXTURES) == 469
    assert families == {"deepseek", "gemma4", "glm", "gpt-oss", "kimi", "llama", "mistral", "qwen3-hermes", "qwen3-xml"}
    assert set(DIFFERENT) <= set(FIXTURES)


def test_whole() -> None:
    results = {name: read(fixture, [fixture.raw_output]) for name, fixture in FIXTURES.items()}
    assert [name for name, got in results.items() if not passes(FIXTURES[name], got, strictly=False)] == []
    assert [name for name, got in results.items() if not passes(FIXTURES[name], got)] == list(DIFFERENT)


@pytest.mark.parametrize("name", FIXTURES)
def test_streamed(name: str) -> None:
    fixture = FIXTURES[name]
    expected = read(fixture, [fixture.raw_output])
    for pieces in streams(fixture.raw_output):
        assert read(fixture, pieces) == expected


def test_every_fixture_finds_its_format() -> None:
    for fixture in FIXTURES.values():
        specs = resolve_parsers("auto", fixture.models[0], bundled())
        assert len(specs) < 4, f"{fixture.models[0]}: no file names this model"
