"""Rule 6: calls whose body is JSON."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reading import BRACKETS, HERMES, NOTATION, SECTIONED, Block, arguments, blocks, call, mark, ran, say

from bridge.core.parsing.spec import JsonRules, ParserSpec


def hermes(body: str) -> list[Block]:
    return blocks(HERMES, f"<tool_call>{body}</tool_call>")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"name": "f", "arguments": {"a": "x"}}', ran("f", a="x")),
        ('\n{"name": "f", "arguments": {"a": "x"}}\n', ran("f", a="x")),
        ('{"name": "f", "parameters": {"a": "x"}}', ran("f", a="x")),
        ('{"arguments": {"a": "x"}, "name": "f"}', ran("f", a="x")),
        ('{"id": 7, "name": "f", "arguments": {"a": "x"}, "type": ["function"]}', ran("f", a="x")),
        ('{"type": "function", "function": {"name": "f", "arguments": {"a": "x"}}}', ran("f", a="x")),
        ("{'name': 'f', 'arguments': {'a': 'x', 'flag': True}}", ran("f", a="x", flag=True)),
        ('{"name": "f", "arguments": "{\\"a\\": \\"x\\"}"}', ran("f", a="x")),
        ('{"name": "f", "arguments": "{\'a\': None}"}', ran("f", a=None)),
        ('{"name": "f", "arguments": ""}', ran("f")),
        ('{"name": "f", "arguments": " "}', ran("f")),
        ('{"name": "f", "arguments": "null"}', ran("f")),
        ('{"name": "f", "arguments": null}', ran("f")),
        ('{"name": "f", "arguments": None}', ran("f")),
        ('{"name": "f"}', ran("f")),
        ('{"name": "f", "arguments": {"a": "x"}, "arguments": {"a": "y"}}', ran("f", a="x")),
        ('{"name": "f", "name": "g", "arguments": {}}', ran("f")),
        ('"{\\"name\\": \\"f\\", \\"arguments\\": {\\"a\\": \\"x\\"}}"', ran("f", a="x")),
        ('{"name": "f", "arguments": {"a": 1, "n": "2", "x": [1.0]}}', ran("f", a=1, n="2", x=[1.0])),
        ('{"name": "f", "arguments": {"a": "x",},}', ran("f", a="x")),
    ],
)
def test_one_call(body: str, expected: Block) -> None:
    assert hermes(body) == [expected]


@pytest.mark.parametrize(
    "body",
    [
        '{"name": "f", "arguments": [1]}',
        '{"name": "f", "arguments": 5}',
        '{"name": "f", "arguments": true}',
        '{"name": "f", "arguments": "[1]"}',
        '{"name": "f", "arguments": "hello"}',
        '{"name": "f", "arguments": {"a": NaN}}',
        '{"name": null, "arguments": {}}',
        '{"name": "", "arguments": {}}',
        '{"function": {"arguments": {}}}',
        '{"arguments": {}}',
        "{}",
        '"hello"',
        '"{\\"name\\": \\"f\\"} x"',
        "hello",
        "12",
        '{"name": "f", "arguments": {}',
    ],
)
def test_no_call(body: str) -> None:
    raw = f"<tool_call>{body}</tool_call>"
    assert blocks(HERMES, raw, eager=False) == [say(raw)]


def test_values_are_never_retyped() -> None:
    raw = '<tool_call>{"name": "f", "arguments": {"n": "5", "flag": "true", "a": 1.50, "o": 1e400}}</tool_call>'
    assert arguments(HERMES, raw) == ['{"n":"5","flag":"true","a":1.50,"o":1e400}']


@pytest.mark.parametrize("slop", ["}", "]", "}}", " }\n}", "]}", "}" * 16])
def test_slop_in_front_of_the_closer(slop: str) -> None:
    raw = f'<tool_call>{{"name": "f", "arguments": {{}}}}{slop}</tool_call> ok'
    assert blocks(HERMES, raw) == [ran("f"), say("ok")]


def test_too_much_slop_is_text() -> None:
    slop = "}" * 17
    raw = f'<tool_call>{{"name": "f", "arguments": {{}}}}{slop}</tool_call>'
    assert blocks(HERMES, raw)[:1] == [ran("f")]
    assert str(blocks(HERMES, raw)[1]["text"]).startswith(slop)


def test_what_is_no_slop_is_text() -> None:
    raw = '<tool_call>{"name": "f", "arguments": {}} then'
    assert blocks(HERMES, raw) == [ran("f"), say("then")]


@pytest.mark.parametrize("between", ["", "\n", ", ", ";", " ;\n", ",\n"])
def test_several_objects(between: str) -> None:
    one, two = '{"name": "f", "arguments": {"a": "x"}}', '{"name": "g", "arguments": {}}'
    assert hermes(f"{one}{between}{two}") == [ran("f", a="x"), ran("g")]


def test_an_array() -> None:
    one, two = '{"name": "f", "arguments": {"a": "x"}}', '{"name": "g"}'
    assert hermes(f"[{one}, {two}]") == [ran("f", a="x"), ran("g")]
    assert hermes(f"[{one};{two},]") == [ran("f", a="x"), ran("g")]
    assert hermes(f"[{one}]") == [ran("f", a="x")]


def test_the_second_element_fails_alone() -> None:
    one = '{"name": "f", "arguments": {"a": "x"}}'
    got = blocks(BRACKETS, f'[CALLS][{one}, {{"name": "g", "arguments": [}}]', eager=False)
    assert got[0] == ran("f", a="x")
    assert str(got[1]["text"]).startswith('{"name": "g", "arguments": [')


def test_a_cut_array_keeps_its_whole_calls() -> None:
    one = '{"name": "f", "arguments": {"a": "x"}}'
    for rest in (",", ', {"na', ', {"name": "g", "arguments": {"x"'):
        assert blocks(BRACKETS, f"[CALLS][{one}{rest}", finish="length") == [ran("f", a="x")]


def test_the_name_may_be_in_the_opener() -> None:
    assert blocks(BRACKETS, 'Hi[CALLS]f[ARGS]{"a": "x"}') == [say("Hi"), ran("f", a="x")]
    assert blocks(BRACKETS, '[CALLS]f[ID]abc[ARGS]{"a": "x"}[CALLS]g[ARGS]{}') == [ran("f", a="x"), ran("g")]
    assert blocks(SECTIONED, "<|calls|>\n<|call|>g<|sep|>\n{}\n<|/call|>\n<|/calls|>") == [ran("g")]


def test_no_arguments_at_all() -> None:
    assert blocks(SECTIONED, "<|calls|><|call|>g<|sep|><|/call|><|/calls|>") == [ran("g")]
    assert blocks(SECTIONED, "<|calls|><|call|>g<|sep|>null<|/call|><|/calls|>") == [ran("g")]
    assert blocks(SECTIONED, '<|calls|><|call|>g<|sep|>""<|/call|><|/calls|>') == [ran("g")]


def test_arguments_in_a_string() -> None:
    raw = '<|calls|><|call|>g<|sep|>"{\\"a\\": 1}"<|/call|><|/calls|>'
    assert blocks(SECTIONED, raw) == [ran("g", a=1)]


@pytest.mark.parametrize("body", ["[1]", "5", "hello", '"hello"', "{a: 1}"])
def test_arguments_of_another_type(body: str) -> None:
    raw = f"<|call|>g<|sep|>{body}<|/call|>"
    spec = replace(SECTIONED, section=None)
    assert blocks(spec, raw, eager=False) == [say(raw)]


def test_keyed() -> None:
    spec = ParserSpec("keyed", calls=(call("<tools>", "json-call", "</tools>", json=JsonRules(keyed=True)),))
    assert blocks(spec, '<tools>[{"f": {"a": "x"}}, {"g": {}}]</tools>') == [ran("f", a="x"), ran("g")]
    assert blocks(spec, '<tools>{"g": null}</tools>') == [ran("g")]
    assert blocks(spec, '<tools>[{"nope": {}}]</tools>') == [say('<tools>[{"nope": {}}]</tools>')]


def test_other_keys() -> None:
    rules = JsonRules(name_keys=("tool_name",), args_keys=("input", "args"), descend=("call", "inner"))
    spec = ParserSpec("keys", calls=(call("<t>", "json-call", "</t>", json=rules),))
    assert blocks(spec, '<t>{"tool_call_id": 0, "tool_name": "f", "input": {"a": "x"}}</t>') == [ran("f", a="x")]
    assert blocks(spec, '<t>{"call": {"inner": {"tool_name": "f", "args": {}}}}</t>') == [ran("f")]
    assert blocks(spec, '<t>{"name": "f", "arguments": {}}</t>') == [say('<t>{"name": "f", "arguments": {}}</t>')]


def test_names_wait_for_nothing_but_arguments_wait_for_names() -> None:
    raw = '<tool_call>{"arguments": {"a": {"name": "g"}}, "name": "f"}</tool_call>'
    assert blocks(HERMES, raw) == [ran("f", a={"name": "g"})]


def test_object_notation() -> None:
    raw = 'Hi<|call>call:f{a:<|"|>x, {y}<|"|>,n:1,flag:true}<call|>'
    assert blocks(NOTATION, raw) == [say("Hi"), ran("f", a="x, {y}", n=1, flag=True)]
    assert blocks(NOTATION, "<|call>call:g{}<call|><|call>f{a:b c}<call|>") == [ran("g"), ran("f", a="b c")]
    assert blocks(NOTATION, '<|call>call:f{a:<|"|><call|> }<|"|>}<call|>') == [ran("f", a="<call|> }")]


def test_descending_has_a_limit() -> None:
    raw = "<tool_call>" + '{"function":' * 100_000
    spec = HERMES
    assert blocks(spec, raw[:2000], eager=False) == []
    reader_text = blocks(replace(spec, calls=(replace(spec.calls[0]),)), "<tool_call>" + '{"function":' * 300 + "x")
    assert reader_text == [say("<tool_call>" + '{"function":' * 300 + "x")]


def test_a_call_without_a_closer_in_the_file_ends_with_its_json() -> None:
    assert blocks(BRACKETS, "[CALLS]g[ARGS]{} and more") == [ran("g"), say(" and more")]
    spec = ParserSpec("bare_marker", calls=(call(mark("<fn>"), "json-call"),))
    assert blocks(spec, '<fn>{"name": "g"} <fn>{"name": "f"} end') == [ran("g"), ran("f"), say("end")]
