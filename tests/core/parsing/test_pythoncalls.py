"""Rule 8: calls written as Python expressions."""

from __future__ import annotations

import pytest
from reading import PYTHONIC, arguments, blocks, call, properties, ran, say

from bridge.core.conversation import Tool
from bridge.core.parsing.spec import ParserSpec, PythonRules

TOOLS = (Tool("f", schema=properties(a="string", b="integer", c="array")), Tool("g"), Tool("ns.h"))


def python(body: str) -> list[dict[str, object]]:
    return blocks(PYTHONIC, f"<|py|>{body}<|/py|>", tools=TOOLS)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("'x'", "x"),
        ('"x"', "x"),
        ("'''a\n'b' \"c\"'''", "a\n'b' \"c\""),
        ('"""x"""', "x"),
        ('""', ""),
        (r"'it\'s \"q\" \n\t\\'", 'it\'s "q" \n\t\\'),
        (r"'\x41\u00e9\U0001f338'", "Aé🌸"),
        (r"'\d \8'", "\\d \\8"),
        (r"r'\d\n'", "\\d\\n"),
        (r'R"\w"', "\\w"),
        ("u'x'", "x"),
        ("'a' 'b' \"c\"", "abc"),
        ("'a'\n'b'", "ab"),
        ("'brackets ])} , ='", "brackets ])} , ="),
        ("1", 1),
        ("-5", -5),
        ("+5", 5),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0o17", 15),
        ("0b101", 5),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1.5e-3", -0.0015),
        ("True", True),
        ("true", True),
        ("False", False),
        ("None", None),
        ("null", None),
        ("[1, 'a', None]", [1, "a", None]),
        ("[]", []),
        ("(1, 2)", [1, 2]),
        ("(1,)", [1]),
        ("{'k': [1, {'l': 2}], \"m\": ()}", {"k": [1, {"l": 2}], "m": []}),
        ("{}", {}),
        ("{1: 2}", {"1": 2}),
        ("{'a': 1, 'a': 2,}", {"a": 1}),
    ],
)
def test_values(source: str, expected: object) -> None:
    assert python(f"[g(x={source})]") == [ran("g", x=expected)]
    assert python(f"[g( x = {source} , y=1)]") == [ran("g", x=expected, y=1)]


@pytest.mark.parametrize(
    "source",
    ["word", "f'x'", "b'x'", "1 + 2", "len('x')", "x.y", "'a' + 'b'", "[1, 2", "[x]", "not True", "-'a'", "1..2", "0xg",
     "1.2.3", "{'a'}", "*args", "lambda: 1", "[i for i in x]", "3px", "'a'.upper()", "NaN", ""],
)  # fmt: skip
def test_everything_else_is_malformed(source: str) -> None:
    raw = f"<|py|>[g(x={source})]<|/py|>"
    assert blocks(PYTHONIC, raw, tools=TOOLS, eager=False) == [say(raw)]


def test_positional_arguments_by_schema_order() -> None:
    assert python("[f('x', 2)]") == [ran("f", a="x", b=2)]
    assert python("[f('x', c=[1])]") == [ran("f", a="x", c=[1])]


def test_more_positions_than_the_schema_has() -> None:
    raw = "<|py|>[f('x', 2, [], 'extra')]<|/py|>"
    assert blocks(PYTHONIC, raw, tools=TOOLS, eager=False) == [say(raw)]


def test_several_calls() -> None:
    assert python("[f(a='x'), g(), ns.h(y=1)]") == [ran("f", a="x"), ran("g"), ran("ns.h", y=1)]
    assert python("f(a='x')") == [ran("f", a="x")]
    assert python("f(a='x')\ng()") == [ran("f", a="x"), ran("g")]
    assert python("f(a='x'), g()") == [ran("f", a="x"), ran("g")]
    assert python("f(a='x'); g()") == [ran("f", a="x"), ran("g")]
    assert python("[\n  f(a='x'),\n  g(),\n]") == [ran("f", a="x"), ran("g")]


def test_a_list_may_be_required() -> None:
    spec = ParserSpec("listed", calls=(call("<|py|>", "python", "<|/py|>", python=PythonRules("required")),))
    assert blocks(spec, "<|py|>[g()]<|/py|>") == [ran("g")]
    assert blocks(spec, "<|py|>g()<|/py|>") == [say("<|py|>g()<|/py|>")]
    assert blocks(spec, "<|py|>[]<|/py|>") == [say("<|py|>[]<|/py|>")]


def test_argument_names_that_are_keywords() -> None:
    assert python("[g(from='a', class='b', True=1)]") == [ran("g", **{"from": "a", "class": "b", "True": 1})]


def test_numbers_keep_their_digits() -> None:
    raw = "<|py|>[g(x=1.50, y=12345678901234567890123, z=5.)]<|/py|>"
    assert arguments(PYTHONIC, raw, tools=TOOLS) == ['{"x":1.50,"y":12345678901234567890123,"z":5.0}']


def test_a_repeated_argument_counts_once() -> None:
    assert python("[g(x=1, x=2)]") in ([ran("g", x=1)], [say("<|py|>[g(x=1, x=2)]<|/py|>")])


def test_bare_list_as_the_whole_answer() -> None:
    assert blocks(PYTHONIC, "[f(a='x'), g()]", tools=TOOLS) == [ran("f", a="x"), ran("g")]
    assert blocks(PYTHONIC, "[nope(a='x')]", tools=TOOLS) == [say("[nope(a='x')]")]
    assert blocks(PYTHONIC, "[1, 2, 3] is a list", tools=TOOLS) == [say("[1, 2, 3] is a list")]


def test_unknown_among_known() -> None:
    assert python("[nope(), g()]") == [say("<|py|>[nope(),"), ran("g")]
    assert python("[g(), nope(x=1), f(a='x')]") == [ran("g"), say("nope(x=1)"), ran("f", a="x")]


def test_depth_and_length_have_limits() -> None:
    long_numbers = ["[g(x=" + "9" * 5000, "[g(x=0x" + "f" * 4000]
    for body in ("[g(x=" + "[" * 300, "[g(x=" + "{1:" * 300, "[" + "a" * 300, *long_numbers):
        got = blocks(PYTHONIC, f"<|py|>{body}) x", tools=TOOLS, eager=False)
        assert [block for block in got if "name" in block] == []


def test_names_across_pieces_and_odd_ends() -> None:
    for body in ("[g(x={1 2})]", "[g(x='\\", "[g(x='\\u12')]", "[g(x='\\xzz')]", "[g(x=1,, y=2)]", "[g()g()]"):
        raw = f"<|py|>{body}<|/py|>"
        got = blocks(PYTHONIC, raw, tools=TOOLS, eager=False)
        assert all(block.get("name", "g") == "g" for block in got), body
    assert python("[g(x='\\u12', y='\\xzz')]") == [ran("g", x="\\u12", y="\\xzz")]


@pytest.mark.parametrize("word", ["T", "Tru", "fals", "None", "r"])
def test_a_word_that_was_cut_off(word: str) -> None:
    spec = ParserSpec("t", calls=(call("<py>", "python", "</py>"),))
    assert blocks(spec, f"A <py>f(a={word}", finish="length") == [say("A")]


def test_a_cut_word_that_can_become_no_literal_is_no_call() -> None:
    spec = ParserSpec("t", calls=(call("<py>", "python", "</py>"),))
    assert blocks(spec, "A <py>f(a=xyz", finish="length", eager=False) == [say("A <py>f(a=xyz")]
