"""What is known of a parser file before any text comes."""

from __future__ import annotations

from reading import BRACKETS, CODER, INVOKE, PYTHONIC, SECTIONED

from bridge.core.parsing.compiled import CompiledCall, CompiledSpec
from bridge.core.parsing.markers import CompiledMarker
from bridge.core.parsing.spec import ParserSpec


def first_call(spec: ParserSpec) -> CompiledCall:
    return CompiledSpec(spec).calls[0]


def literals(markers: tuple[CompiledMarker, ...]) -> set[str]:
    return {literal for marker in markers for literal in marker.literals}


def test_what_confirms_a_values_closer() -> None:
    call = first_call(CODER)
    assert literals(call.value_after) == {"<parameter=", "</function>", "</tool_call>", "<function=", "<tool_call>"}
    assert literals(call.after) == {"</tool_call>", "<function=", "<tool_call>"}


def test_what_a_value_may_quote() -> None:
    assert len(first_call(INVOKE).nesting) == 2
    assert first_call(BRACKETS).nesting == ()
    assert CompiledSpec(PYTHONIC).calls[1].nesting == ()


def test_markers_that_a_file_leaves_out() -> None:
    compiled = CompiledSpec(BRACKETS)
    assert compiled.section_open is compiled.section_close is compiled.reasoning_open is None
    assert compiled.calls[0].close is None
    assert CompiledSpec(SECTIONED).section_close is not None
