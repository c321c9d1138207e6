"""Runs the examples of a parser file: whole, at every split point, one character at a time."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.parsing.spec import ParserSpec


@dataclass(frozen=True, slots=True)
class ExampleFailure:
    """One example that came out wrong. ``split`` says how the text was fed."""

    index: int
    title: str
    split: str
    expected: str
    got: str


def check_examples(spec: ParserSpec) -> list[ExampleFailure]:
    """At most one failure per example (the first way of splitting that fails); empty when all pass."""
    raise NotImplementedError
