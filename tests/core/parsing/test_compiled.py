"""What is known of a parser file before any text comes."""

from __future__ import annotations

from reading import BRACKETS, CODER, INVOKE, PYTHONIC, SECTIONED, blocks, call, mark, ran, say

from bridge.core.parsing.compiled import CompiledCall, CompiledSpec
from bridge.core.parsing.markers import CompiledMarker
from bridge.core.parsing.spec import ParserSpec, TagRules


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


def test_a_closer_that_holds_the_name() -> None:
    tags = TagRules(mark("<{key}>"), mark("</{key}>"))
    spec = ParserSpec("per_tool", distinctive=False, calls=(call("<{name}>", "tags", "</{name}>", tags=tags),))
    assert blocks(spec, "Hi <f><a>x <b>y</b> </g></a></f> ok") == [say("Hi"), ran("f", a="x <b>y</b> </g>"), say("ok")]
    assert blocks(spec, "<g></g><f><n>5</n></f>") == [ran("g"), ran("f", n=5)]
    assert blocks(spec, "<b>bold</b>") == [say("<b>bold</b>")]
    compiled = CompiledSpec(spec).calls[0]
    assert compiled.named("f") is compiled.named("f")
    for index in range(300):
        compiled.named(f"f{index}")
    plain = first_call(CODER)
    assert plain.named("f") is plain
