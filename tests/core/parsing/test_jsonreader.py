"""Rule 6: what is accepted instead of JSON and how it is written again; everything else is refused."""

from __future__ import annotations

import json

import pytest
from chunking import chunkings

from bridge.core.parsing.jsonreader import DEPTH_LIMIT, JsonReader, escape, quote, read_json
from bridge.core.parsing.spec import JsonRules

STRICT = JsonRules()
NOTATION = JsonRules(quotes=('<|"|>',), bare_keys=True, bare_values=True)


def read(text: str, rules: JsonRules = STRICT) -> str | None:
    """What ``text`` is as JSON, the same for every split; None if it is refused."""
    expected = read_json(text, rules)
    for pieces in chunkings(text):
        assert in_pieces(pieces, rules) == expected, pieces
    return expected


def in_pieces(pieces: list[str], rules: JsonRules) -> str | None:
    out: list[str] = []
    reader = JsonReader(out.append, rules)
    unread = ""
    for piece in pieces:
        unread += piece
        unread = unread[reader.feed(unread, 0, eof=False) :]
    unread = unread[reader.feed(unread, 0, eof=True) :]
    return "".join(out) if reader.done and not unread.strip() else None


@pytest.mark.parametrize(
    "text",
    [
        "{}", "[]", '""', "0", "-1", "1.50", "1e400", "-0.0", "12345678901234567890123", "true", "false", "null",
        '{"a":1}', '{"a":{"b":[1,2,{"c":null}]},"d":"e"}', '["a",["b",[]],{}]',
        r'"\"\\\/\b\f\n\r\t\u00e9\ud83c\udf38"', '"é 🌸 \u2028"', '{"":""}',
    ],
)  # fmt: skip
def test_json_is_copied_through(text: str) -> None:
    assert read(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (' { "a" : [ 1 , 2 ] } ', '{"a":[1,2]}'),
        ("\n[\n1\t,\r\n2]\n", "[1,2]"),
        ('"a\nb\tc\x01"', '"a\\nb\\tc\\u0001"'),
        ('{"a": 1,}', '{"a":1}'),
        ("[1, 2, ]", "[1,2]"),
        ("{'a': 'b'}", '{"a":"b"}'),
        ("'say \"hi\"'", '"say \\"hi\\""'),
        (r"'it\'s'", '"it\'s"'),
        (r'"it\'s"', '"it\'s"'),
        ('"it\'s"', '"it\'s"'),
        ("True", "true"),
        ("[True, False, None]", "[true,false,null]"),
        (r'"\d+ \. \x"', r'"\\d+ \\. \\x"'),
        (r'"C:\dir"', r'"C:\\dir"'),
        (r'"\u12"', r'"\\u12"'),
        (r'"\uzz"', r'"\\uzz"'),
        (r'"\u12\n"', r'"\\u12\n"'),
        ('{"a": 1, "a": 2}', '{"a":1}'),
        ('{"a": 1, "a": {"b": [2, "x"]}, "c": 3}', '{"a":1,"c":3}'),
        ('{"a": {"b": 1, "b": 2}, "b": 3}', '{"a":{"b":1},"b":3}'),
        ('[{"a": 1}, {"a": 2}]', '[{"a":1},{"a":2}]'),
    ],
)
def test_what_models_write_instead(text: str, expected: str) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "NaN", "Infinity", "-Infinity", "[NaN]", '{"a": Infinity}', "01", "1.", ".5", "+1", "0x10", "1_000",
        "tru", "TRUE", "undefined", "nil", "{a: 1}", "{1: 2}", '{"a" 1}', '{"a": }', '{"a"}', '{"a": 1 "b": 2}', "[1 2]",
        "[,]", "[1,,2]", '{,"a":1}', "[1", '{"a": 1', '"a', "'a", "{]", "[}", '{"a": 1} x', "1 2", "// c\n1", "/* */ 1",
        '{"a": 1, , "b": 2}', ":", "}", "]",
    ],
)  # fmt: skip
def test_everything_else_is_refused(text: str) -> None:
    assert read(text) is None


def test_depth_has_a_limit() -> None:
    deepest = "[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT
    assert DEPTH_LIMIT == 256
    assert read_json(deepest) == deepest
    assert read_json(f"[{deepest}]") is None
    objects = '{"a":' * 100_000
    assert read_json(objects) is None


def test_a_lone_surrogate_is_escaped() -> None:
    assert quote("\ud800") == '"\\ud800"'
    assert read('"\ud800 é"') == '"\\ud800 é"'
    json.loads(quote("\ud83c\udf38 \ud800")).encode("utf-16", "surrogatepass")


def test_escape_is_the_inside_of_a_string() -> None:
    assert escape('a"b\\\n') == 'a\\"b\\\\\\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{city:<|"|>Paris<|"|>,n:1}', '{"city":"Paris","n":1}'),
        ('{a:<|"|>{ , : } \\ "x" <|<|"|>}', '{"a":"{ , : } \\\\ \\"x\\" <|"}'),
        ('{a:<|"|>line\nbreak<|"|>}', '{"a":"line\\nbreak"}'),
        ("{two words:true,b : null}", '{"two words":true,"b":null}'),
        ("{a:bare text,b:x y}", '{"a":"bare text","b":"x y"}'),
        ('{a:[1,<|"|>b<|"|>,{c:d}],e:{}}', '{"a":[1,"b",{"c":"d"}],"e":{}}'),
        ('{<|"|>k<|"|>:1}', '{"k":1}'),
        ("{a:1,a:2}", '{"a":1}'),
        ('{"a":"b"}', '{"a":"b"}'),
        ("{}", "{}"),
        ('{a:<|"|><|"|>}', '{"a":""}'),
    ],
)
def test_object_notation(text: str, expected: str) -> None:
    assert read(text, NOTATION) == expected


@pytest.mark.parametrize("text", ['{a:<|"|>x', "{a", "{:1}", "{a:}", "{" + "k" * 300 + ":1}", "{a:b"])
def test_object_notation_refused(text: str) -> None:
    assert read_json(text, NOTATION) is None


def test_a_bare_key_has_a_limit() -> None:
    assert read("{" + "k" * 255 + ":1}", NOTATION) == '{"' + "k" * 255 + '":1}'
    assert read("{" + "k" * 256 + ":1}", NOTATION) is None
    assert read("{" + "k" * 400 + ":1}", NOTATION) is None


def test_fragments_come_as_they_become_certain() -> None:
    out: list[str] = []
    reader = JsonReader(out.append)
    for piece, shown in [
        ('{"a', "{"),
        ('": ', '{"a":'),
        ('"x\\', '{"a":"x'),
        ("n", '{"a":"x\\n'),
        ('", "b": 1', '{"a":"x\\n","b":'),
        ("}", '{"a":"x\\n","b":1}'),
    ]:
        reader.feed(piece, 0, eof=False)
        assert "".join(out) == shown
    assert reader.done


def test_a_number_that_no_reader_of_json_takes_is_refused() -> None:
    assert read_json("9" * 5000) is None
    assert read_json("{a:" + "9" * 5000 + "}", NOTATION) == '{"a":"' + "9" * 5000 + '"}'


def test_a_word_has_a_limit() -> None:
    reader = JsonReader(lambda text: None)
    for _ in range(5000):
        reader.feed("9", 0, eof=False)
    assert reader.failed


def test_a_bare_key_without_its_end_is_undecided_at_the_end_of_the_text() -> None:
    reader = JsonReader([].append, JsonRules(bare_keys=True))
    reader.feed("{ci", 0, True)
    assert not reader.failed
    assert not reader.done
