"""Rules 5 and 7: calls of key and value markup. Where a value ends is tested in test_values.py."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reading import CODER, HERMES, INVOKE, PAIRS, Block, arguments, blocks, call, mark, ran, say

from bridge.core.conversation import Tool
from bridge.core.parsing.spec import ParserSpec, TagAttrs, TagRules


def with_tags(**rules: object) -> ParserSpec:
    tags = replace(INVOKE.calls[0].tags, **rules)  # type: ignore[arg-type]
    return replace(INVOKE, calls=(replace(INVOKE.calls[0], tags=tags),))


def invoke(*parameters: str, name: str = "f") -> str:
    return f'<invoke name="{name}">{"".join(parameters)}</invoke>'


def parameter(key: str, value: str, more: str = "") -> str:
    return f'<parameter name="{key}"{more}>{value}</parameter>'


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("<function=f>\n<parameter=a>\nx\n</parameter>\n</function>", ran("f", a="x")),
        ("<function=f><parameter=a>x</parameter><parameter=n>5</parameter></function>", ran("f", a="x", n=5)),
        ("<tool_call>\n<function=f>\n<parameter=n>\n5\n</parameter>\n</function>\n</tool_call>", ran("f", n=5)),
        ("<function=g>\n</function>", ran("g")),
        ("<function=g></function>", ran("g")),
        ("<function=f>\n<parameter=flag>\nTrue\n</parameter>\n</function>", ran("f", flag=True)),
        ("<function=f>\n<parameter=o>\n{'a': [1]}\n</parameter>\n</function>", ran("f", o={"a": [1]})),
        ("<function=f>\n<parameter=zz>\n[1, 2]\n</parameter>\n</function>", ran("f", zz=[1, 2])),
        ('<function="f">\n<parameter="a">\nx\n</parameter>\n</function>', ran("f", a="x")),
        ("<function=f>\n<parameter=a>\nx\n</parameter>\n<parameter=a>\ny\n</parameter>\n</function>", ran("f", a="x")),
    ],
)
def test_one_call(raw: str, expected: Block) -> None:
    assert blocks(CODER, raw) == [expected]


def test_several_calls_in_and_without_the_wrapper() -> None:
    one, two = "<function=f>\n<parameter=a>\nx\n</parameter>\n</function>", "<function=g>\n</function>"
    for raw in (
        f"{one}\n{two}",
        f"<tool_call>\n{one}\n</tool_call>\n<tool_call>\n{two}\n</tool_call>",
        f"<tool_call>{one}{two}</tool_call>",
    ):
        assert blocks(CODER, f"Hi\n{raw}\nbye") == [say("Hi"), ran("f", a="x"), ran("g"), say("bye")]


@pytest.mark.parametrize(
    "raw",
    ["<function=f>hello</function>", "<function=f>\n<parameter>x</parameter></function>", "<function=>\n</function>"],
)
def test_no_call(raw: str) -> None:
    assert blocks(CODER, f"{raw} x", eager=False) == [say(f"{raw} x")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("\nx\n", "x"),
        ("x", "x"),
        ("\n\nx\n\n", "\nx\n"),
        ("\r\nx\r\n", "x"),
        ("\n  x \n", "  x "),
        ("\n\n", ""),
        ("\n", ""),
        ("", ""),
        ("\n \n", " "),
        ("\nx\ny\n", "x\ny"),
        ("\nx\n\r\n", "x\n"),
    ],
)
def test_newline_trim_takes_one_line_break_at_each_end(value: str, expected: str) -> None:
    assert blocks(CODER, f"<function=f>\n<parameter=a>{value}</parameter>\n</function>") == [ran("f", a=expected)]


def test_other_trims() -> None:
    raw = invoke(parameter("a", "\n x \n"))
    assert blocks(INVOKE, raw) == [ran("f", a="\n x \n")]
    assert blocks(with_tags(trim="both"), raw) == [ran("f", a="x")]
    assert blocks(with_tags(trim="newline"), raw) == [ran("f", a=" x ")]


def test_attributes_in_any_order_and_form() -> None:
    expected = [ran("f", a="x")]
    for head in ('name="f"', "name='f'", "name=f", 'id="1" name="f"', 'name = "f" x=y', '\n name="f" '):
        for key in ('name="a"', "name='a'", 'string="true" name="a"'):
            assert blocks(INVOKE, f"<invoke {head}><parameter {key}>x</parameter></invoke>") == expected


def test_attributes_are_entity_decoded() -> None:
    assert blocks(INVOKE, invoke(parameter("x &amp; &quot;y&quot;", "1"))) == [ran("f", **{'x & "y"': 1})]


def test_self_closing_tags() -> None:
    assert blocks(INVOKE, 'Hi <invoke name="g"/> ok') == [say("Hi"), ran("g"), say("ok")]
    assert blocks(INVOKE, '<invoke name="f"><parameter name="a"/><parameter name="b">x</parameter></invoke>') == [
        ran("f", a="", b="x")
    ]


def test_a_declared_type_word_wins_over_the_schema() -> None:
    true, false = ' string="true"', ' string="false"'
    assert blocks(INVOKE, invoke(parameter("n", "5", true))) == [ran("f", n="5")]
    assert blocks(INVOKE, invoke(parameter("n", "5", false))) == [ran("f", n=5)]
    assert blocks(INVOKE, invoke(parameter("a", "5", false))) == [ran("f", a=5)]
    assert blocks(INVOKE, invoke(parameter("a", '"5"', false))) == [ran("f", a="5")]
    assert blocks(INVOKE, invoke(parameter("a", "not json", false))) == [ran("f", a="not json")]
    assert blocks(INVOKE, invoke(parameter("a", "5", ' string="maybe"'))) == [ran("f", a="5")]
    assert blocks(INVOKE, invoke(parameter("a", "5"))) == [ran("f", a="5")]


def test_numbers_keep_their_digits() -> None:
    assert arguments(INVOKE, invoke(parameter("x", "1.50"), parameter("n", "5.0"))) == ['{"x":1.50,"n":5}']


def test_untyped_strings() -> None:
    assert blocks(with_tags(untyped="string"), invoke(parameter("zz", "5"))) == [ran("f", zz="5")]


def test_cdata() -> None:
    spec = with_tags(cdata=True)
    assert blocks(spec, invoke(parameter("a", "<![CDATA[x </parameter></invoke> y]]>"))) == [
        ran("f", a="x </parameter></invoke> y")
    ]
    assert blocks(spec, invoke(parameter("a", "plain"))) == [ran("f", a="plain")]
    assert blocks(spec, invoke(parameter("a", "\n<![CDATA[ x ]]>\n"))) == [ran("f", a=" x ")]
    assert blocks(INVOKE, invoke(parameter("a", "<![CDATA[x]]>"))) == [ran("f", a="<![CDATA[x]]>")]


def test_entities() -> None:
    raw = invoke(parameter("a", "1 &lt; 2 &amp; 3"))
    assert blocks(with_tags(entities=True), raw) == [ran("f", a="1 < 2 & 3")]
    assert blocks(INVOKE, raw) == [ran("f", a="1 &lt; 2 &amp; 3")]


def test_json_where_tags_were_expected() -> None:
    assert blocks(CODER, '<function=f>\n{"a": "x", "n": "5"}\n</function>') == [ran("f", a="x", n="5")]
    assert blocks(INVOKE, '<calls><invoke name="f">{"a": "x"}</invoke></calls>') == [ran("f", a="x")]


def test_name_then_pairs() -> None:
    one = "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>x</arg_value>\n<arg_key>n</arg_key>\n<arg_value>5</arg_value>\n</tool_call>"
    assert blocks(PAIRS, one) == [ran("f", a="x", n=5)]
    assert blocks(PAIRS, one.replace("\n", "")) == [ran("f", a="x", n=5)]
    assert blocks(PAIRS, "<tool_call>g</tool_call>") == [ran("g")]
    assert blocks(PAIRS, "<tool_call>g\n</tool_call>\n<tool_call>g</tool_call>") == [ran("g"), ran("g")]
    assert blocks(PAIRS, "<tool_call>f<arg_key>a</arg_key><arg_value> x\n</arg_value></tool_call>") == [
        ran("f", a=" x\n")
    ]


def test_a_call_without_its_closer() -> None:
    head = "<function=f>\n<parameter=a>\nx\n</parameter>"
    assert blocks(CODER, f"<tool_call>\n{head}\n</tool_call> ok") == [ran("f", a="x"), say("ok")]
    assert blocks(CODER, f"{head}\n<function=g>\n</function>") == [ran("f", a="x"), ran("g")]


def test_the_type_may_be_a_hole_of_the_tag() -> None:
    tags = TagRules(mark("<v {key}:{type}>"), mark("</v>"), types={"s": "string", "j": "json"})
    spec = ParserSpec("typed", calls=(call("<c {name}>", "tags", "</c>", tags=tags),))
    assert blocks(spec, "<c f><v a:j>5</v><v n:s>5</v><v n2:x>5</v></c>") == [ran("f", a=5, n="5", n2=5)]


def test_a_key_in_an_attribute_needs_the_attribute() -> None:
    raw = '<invoke name="f"><parameter key="a">x</parameter></invoke>'
    assert blocks(INVOKE, raw, eager=False) == [say(raw)]
    spec = with_tags(attrs=TagAttrs(key="key"))
    assert blocks(spec, raw) == [ran("f", a="x")]


def test_the_name_may_be_in_another_attribute() -> None:
    spec = replace(INVOKE, calls=(replace(INVOKE.calls[0], name_attr="tool"),))
    assert blocks(spec, '<invoke tool="g"></invoke>') == [ran("g")]
    assert blocks(spec, '<invoke name="g"></invoke>') == [say('<invoke name="g"></invoke>')]


def test_names_with_schemas_of_their_own() -> None:
    tools = (Tool("h", schema={"properties": {"x": {"$ref": "#/$defs/t"}}, "$defs": {"t": {"type": "string"}}}),)
    assert blocks(INVOKE, invoke(parameter("x", "5"), name="h"), tools=tools) == [ran("h", x="5")]


def test_formats_with_the_same_opener() -> None:
    raw = "<tool_call>f<arg_key>a</arg_key><arg_value>x</arg_value></tool_call>"
    assert blocks((HERMES, CODER, PAIRS), raw) == [ran("f", a="x")]


def test_what_makes_a_call_malformed_late() -> None:
    for raw in (
        '<invoke name="g">hello',
        '<invoke name="f"><parameter name="a">x</parameter></invoke',
        '<invoke name="g"><x>',
    ):
        got = blocks(INVOKE, f"{raw} there", eager=False)
        assert [block for block in got if "name" in block] == []


def test_a_file_without_tags() -> None:
    spec = ParserSpec("no_tags", calls=(call("<c {name}>", "tags", "</c>"),))
    assert blocks(spec, "<c g></c>") == [ran("g")]
    assert blocks(spec, '<c g>{"x": 1}</c>') == [ran("g", x=1)]
    assert blocks(spec, "<c g><k>x</k></c>") == [say("<c g><k>x</k></c>")]
