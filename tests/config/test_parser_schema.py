"""The tables of a parser file: their defaults are those of the engine's grammar."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bridge.config.parser_schema import Call, ParserFile
from bridge.core.parsing.spec import CallPattern, Marker, ParserSpec


def test_an_empty_file_is_a_parser_that_does_nothing() -> None:
    assert ParserFile().value("x", "", None) == ParserSpec("x")


def test_a_short_call_has_the_defaults_of_the_grammar() -> None:
    call = Call.model_validate({"open": "<c>", "codec": "json-call"})
    assert call.value() == CallPattern(Marker(("<c>",)), "json-call")


@pytest.mark.parametrize(
    ("given", "lit"),
    [("<c>", ("<c>",)), (["<c>", "<d>"], ("<c>", "<d>")), ({"lit": "<c>"}, ("<c>",)), ({"lit": ["<c>"]}, ("<c>",))],
)
def test_markers_short_and_long(given: object, lit: tuple[str, ...]) -> None:
    assert Call.model_validate({"open": given, "codec": "json-call"}).open.lit == lit


@pytest.mark.parametrize("lit", ["{name}", "", " \n", "<{Name>{nam}"])
def test_markers_that_cannot_be_searched_for(lit: str) -> None:
    with pytest.raises(ValidationError):
        Call.model_validate({"open": lit, "codec": "json-call"})


def test_braces_that_are_no_hole() -> None:
    assert Call.model_validate({"open": "call:{name}{", "codec": "json"}).open.lit == ("call:{name}{",)
