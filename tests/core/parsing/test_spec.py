"""Defaults of a parser file are those that the documentation of the keys gives."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from bridge.core.parsing.spec import (
    CallPattern,
    JsonRules,
    Marker,
    ParserSpec,
    PythonRules,
    ReasoningRules,
    Section,
    TagRules,
    TextRules,
)


def test_defaults() -> None:
    marker = Marker(("x",))
    assert (marker.at, marker.then, marker.peek) == ("any", (), False)
    assert TextRules() == TextRules("both", "protect", "", "keep")
    assert (ReasoningRules().start, ReasoningRules().calls) == ("closed", "final")
    assert (Section(marker).optional, Section(marker).junk) == (False, "text")
    assert JsonRules() == JsonRules(
        ("name",), ("arguments", "parameters"), ("function",), False, (), False, False, "}]"
    )
    assert (TagRules().trim, TagRules().untyped, TagRules().cdata, TagRules().entities) == (
        "none",
        "json",
        False,
        False,
    )
    assert PythonRules().list == "optional"
    pattern = CallPattern(marker, "json")
    assert (pattern.alone, pattern.separators, pattern.unknown, pattern.name_attr) == (False, "", "text", "name")
    assert ParserSpec("x").distinctive


def test_values_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        ParserSpec("x").name = "y"  # type: ignore[misc]
