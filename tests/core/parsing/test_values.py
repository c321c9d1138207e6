"""Rule 5: a closer ends a value only where something that may follow it follows."""

from __future__ import annotations

import pytest
from reading import CODER, INVOKE, PAIRS, blocks, call, mark, ran, say

from bridge.core.parsing.spec import ParserSpec, TagAttrs, TagRules


def coder(value: str, rest: str = "\n</function>") -> str:
    return f"<function=f>\n<parameter=a>\n{value}\n</parameter>{rest}"


@pytest.mark.parametrize(
    "value",
    [
        "a </parameter> b",
        "</parameter>x",
        "</function>",
        "</function> and more",
        "say </parameter> or </function> or </tool_call>",
        "x <parameter=b> y",
        "<function=f>",
        "</tool_call>",
        "<tool_call>",
        "<parameter=zz>\ninner",
        "<parameter=a>\nagain",
        "</param",
        "é 🌸 </ paramete",
        '{"json": "</parameter>"}',
        "if a < b and b > c:",
        "\n\nlines\n\n",
    ],
)
def test_a_value_may_hold_markup(value: str) -> None:
    assert blocks(CODER, coder(value)) == [ran("f", a=value)]
    assert blocks(CODER, f"<tool_call>\n{coder(value)}\n</tool_call>") == [ran("f", a=value)]


@pytest.mark.parametrize(
    ("value", "rest"),
    [
        ("see:\n<function=f>\n<parameter=b>\nx\n</parameter>\n</function>\nend", "\n</function>"),
        ("<tool_call>\n<function=g>\n</function>\n</tool_call>", "\n</function>"),
        ("<function=g>\n<parameter=b>\nx\n</parameter>\n</function>", "\n<parameter=b>\ny\n</parameter>\n</function>"),
    ],
)
def test_a_quoted_example_of_a_call_is_value(value: str, rest: str) -> None:
    expected = ran("f", a=value, b="y") if "=b>\ny" in rest else ran("f", a=value)
    assert blocks(CODER, coder(value, rest)) == [expected]


def test_the_next_parameter_confirms_a_closer() -> None:
    assert blocks(CODER, coder("x", "\n<parameter=n>\n5\n</parameter>\n</function>")) == [ran("f", a="x", n=5)]


def test_the_end_confirms_a_closer() -> None:
    assert blocks(CODER, f"<tool_call>\n{coder('x', '')}", finish="stop") in ([], [ran("f", a="x")])
    assert blocks(CODER, coder("x"), finish="length") == [ran("f", a="x")]


def test_a_forgotten_value_closer_before_the_calls_closer() -> None:
    assert blocks(CODER, "<tool_call>\n<function=f>\n<parameter=a>\nx\n</function>\n</tool_call> ok") == [
        ran("f", a="x"), say("ok")
    ]  # fmt: skip
    assert blocks(CODER, "<function=f>\n<parameter=a>\nx\n</function>\n<function=g>\n</function>") == [
        ran("f", a="x"), ran("g")
    ]  # fmt: skip
    assert blocks(CODER, "<function=f>\n<parameter=a>\nx\n</function>") == [ran("f", a="x")]
    assert blocks(PAIRS, "<tool_call>f<arg_key>a</arg_key><arg_value>x</tool_call>") == [ran("f", a="x")]


def test_a_forgotten_value_closer_before_the_next_parameter() -> None:
    raw = "<function=f>\n<parameter=a>\nx\n<parameter=b>\ny\n</parameter>\n</function>"
    assert blocks(CODER, raw) == [ran("f", a="x", b="y")]


def test_a_parameter_opener_in_a_value_needs_a_line_a_declaration_and_to_be_new() -> None:
    for value in ("x <parameter=b>\ny", "x\n<parameter=zz>\ny", "x\n<parameter=a>\ny"):
        assert blocks(CODER, coder(value)) == [ran("f", a=value)]
    raw = "<function=f>\n<parameter=b>\nz\n</parameter>\n<parameter=a>\nx\n<parameter=b>\ny\n</parameter>\n</function>"
    assert blocks(CODER, raw) == [ran("f", b="z", a="x\n<parameter=b>\ny")]


def test_values_without_trimming() -> None:
    for value in (
        "</parameter>",
        " </invoke> ",
        "</calls>",
        '<parameter name="b">',
        "<invoke",
        "a</parameter>b</invoke>c",
    ):
        raw = f'<calls><invoke name="f"><parameter name="a">{value}</parameter></invoke></calls>'
        assert blocks(INVOKE, raw) == [ran("f", a=value)], value


def test_white_space_between_closer_and_what_confirms_it_is_free() -> None:
    for space in ("", "\n\n", " \t\r\n", " " * 900):
        raw = f'<invoke name="f"><parameter name="a">x</parameter>{space}</invoke>'
        assert blocks(INVOKE, raw) == [ran("f", a="x")]


def test_a_pair_value_may_hold_the_calls_closer() -> None:
    raw = "<tool_call>f<arg_key>a</arg_key><arg_value>x </tool_call> y</arg_value></tool_call>"
    assert blocks(PAIRS, raw) == [ran("f", a="x </tool_call> y")]


def test_values_come_as_they_become_certain() -> None:
    raw = "<function=f>\n<parameter=a>\n" + "x" * 100 + "</parameter" + "y" * 100 + "\n</parameter>\n</function>"
    assert blocks(CODER, raw) == [ran("f", a="x" * 100 + "</parameter" + "y" * 100)]


def test_an_opener_that_holds_another_one_is_quoted_once() -> None:
    spec = ParserSpec(
        "t",
        calls=(
            call(
                mark("<begin>{ws}<invoke{attrs}>", "<invoke{attrs}>"),
                "tags",
                mark("</invoke>{ws}<end>", "</invoke>"),
                tags=TagRules(mark("<p{attrs}>"), mark("</p>"), attrs=TagAttrs(key="name")),
            ),
        ),
    )
    example = '<begin><invoke name="f"><p name="a">x</p></invoke><end>'
    raw = f'<begin><invoke name="f"><p name="a">see {example} so</p></invoke><end>'
    assert blocks(spec, raw) == [ran("f", a=f"see {example} so")]
