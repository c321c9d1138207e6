from __future__ import annotations

import math

import pytest

from bridge.core import jsontext


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"b":1,"a":[true,null,"x"]}', {"b": 1, "a": [True, None, "x"]}),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("-1", -1),
        ("0.5", 0.5),
        (r'"\ud83d\ude00"', "😀"),
        (r'"\ud800"', "\ud800"),
        (r'{"\udc00":1}', {"\udc00": 1}),
        ('"\u2028"', "\u2028"),
    ],
)
def test_values_survive_both_ways(text: str, value: object) -> None:
    for data in (text, text.encode()):
        assert jsontext.loads(data) == value
    assert jsontext.loads(jsontext.dumps(value)) == value
    assert jsontext.loads(jsontext.dumps_text(value)) == value


def test_output_is_compact_and_one_line() -> None:
    assert jsontext.dumps({"b": "ä\n", "a": [1, 2]}) == '{"b":"ä\\n","a":[1,2]}'.encode()


def test_lone_surrogates_are_written_as_escapes() -> None:
    assert jsontext.dumps({"a": "\ud800"}) == rb'{"a":"\ud800"}'


def test_invalid_utf8_becomes_the_replacement_character() -> None:
    assert jsontext.loads(b'"a\xffb"') == "a\ufffdb"


@pytest.mark.parametrize("text", ["", " ", "{", "NaN", "Infinity", "-Infinity", "[NaN]", '{"a":1}x', "'a'", "{a:1}"])
def test_what_is_not_json_is_refused(text: str) -> None:
    for data in (text, text.encode()):
        with pytest.raises(ValueError, match=r"."):
            jsontext.loads(data)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_is_refused_and_does_not_crash(opening: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        jsontext.loads(opening * 100_000)


def test_not_a_number_never_leaves() -> None:
    assert jsontext.dumps([math.nan, math.inf]) == b"[null,null]"


def test_members_are_spelled_as_they_were() -> None:
    text = b' {"a" : [1 , 2.50],"b":"\\u0041", "a": {} } '
    assert jsontext.members(text) == {"a": b"{}", "b": b'"\\u0041"'}


@pytest.mark.parametrize("text", [b"[]", b"7", b"", b'{"a":', b'{"a":"\\ud800"}', b'{"a":' + b"[" * 100_000])
def test_what_has_no_members(text: bytes) -> None:
    assert jsontext.members(text) == {}


def test_one_member_is_taken_apart() -> None:
    text = ' {"a" : [1 , 2.50],"b":{"a":0}, "ä":"\\u0041", "a": [ 1e2 ] } '.encode()
    assert jsontext.taken_apart(text, "a") == ({"a": None, "b": {"a": 0}, "ä": "A"}, b"[ 1e2 ]")
    assert jsontext.taken_apart(text, "ä") == ({"a": [100.0], "b": {"a": 0}, "ä": None}, b'"\\u0041"')
    assert jsontext.taken_apart(text, "c") is None


@pytest.mark.parametrize("rest", [b'"\\ud800"', b"1e999", b'"\xff"', b"[" * 100_000, b"", b"9" * 5_000])
def test_what_needs_a_second_reading_is_not_taken_apart(rest: bytes) -> None:
    assert jsontext.taken_apart(b'{"a":1,"b":' + rest + b"}", "a") is None
    assert jsontext.taken_apart(b"[" + rest + b"]", "a") is None


@pytest.mark.parametrize("beside", ["x", "ä", "\ud800"])
@pytest.mark.parametrize("value", [[1, 1.0, -0.0, 1e22, 2**70, True, None, "ä\n", {"b": {}}], {"a": "\\udc00"}, "s"])
def test_written_values_stand_in_others_as_if_they_were_not(value: object, beside: str) -> None:
    assert jsontext.dumps({"a": jsontext.written(value), "b": beside}) == jsontext.dumps({"a": value, "b": beside})
    assert jsontext.written([value, "\udc00"]) is None


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("", ""),
        ('{"a":"ä🙂"}', '{"a":"ä🙂"}'),
        ('{"a":"a\ud800b"}', '{"a":"a\ufffdb"}'),
        ('"\ud83d', '"\ufffd'),
        ('\ude42"', '\ufffd"'),
        ('"\ud83d\ude42 ä"', '"🙂 ä"'),
        (r'{"a":"\ud83d\uDE42"}', r'{"a":"\ud83d\uDE42"}'),
        (r'{"a":"a\ud800b"}', r'{"a":"a\ufffdb"}'),
        (r'{"\uD800\ud83d\ude42\udc00":1}', r'{"\ufffd\ud83d\ude42\ufffd":1}'),
        (r'{"a":"\\ud800 \n\\\ud800"}', r'{"a":"\\ud800 \n\\\ufffd"}'),
        (r'{"a":"\u00e4\u2028\ud7ff"}', r'{"a":"\u00e4\u2028\ud7ff"}'),
        (r'{"a":"\ud83d', r'{"a":"\ud83d'),
        (r'\ude42"}', r'\ude42"}'),
    ],
)
def test_half_characters_are_replaced(text: str, whole: str) -> None:
    assert jsontext.whole_characters(text) == whole


class _Point(jsontext.Record, frozen=True, gc=False):
    x: int
    label: str | None = None


def test_a_reader_reads_one_shape() -> None:
    read = jsontext.reader(_Point)
    assert read(b'{"x":1,"more":{"deep":[1]}}') == _Point(1)
    assert read(b'{"x":1,"label":"a"}') == _Point(1, "a")
    refused = [
        b"",
        b"[DONE]",
        b"[1]",
        b'{"x":"1"}',
        b'{"label":"a"}',
        b'{"x":1',
        b'{"x":1}]',
        b'{"x":1,"label":"\\ud800"}',
    ]
    refused += [b'{"x":1,"label":"\xff"}', b'{"x":1,"y":' + b"[" * 100_000]
    assert [read(data) for data in refused] == [None] * len(refused)


def test_a_record_is_a_value() -> None:
    point = _Point(1, "a")
    assert (point, repr(point), hash(point)) == (_Point(1, "a"), "_Point(x=1, label='a')", hash(_Point(1, "a")))
    with pytest.raises(AttributeError):
        point.x = 2  # type: ignore[misc]
    match point:
        case _Point(x, label):
            assert (x, label) == (1, "a")


def test_numbers_beyond_json_are_null_whatever_stands_beside_them() -> None:
    value = {"a": [1e999, {"b": (-1e999, 1.5)}]}
    assert jsontext.dumps(value) == b'{"a":[null,{"b":[null,1.5]}]}'
    assert jsontext.dumps({**value, "c": "\ud800"}) == b'{"a":[null,{"b":[null,1.5]}],"c":"\\ud800"}'
