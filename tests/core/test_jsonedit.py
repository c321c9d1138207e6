"""Members of a JSON text change; everything else stays."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core import jsontext
from bridge.core.jsonedit import replace_members

CASES = {
    "plain": (b'{"model":"a","x":1}', b'{"model":"new","x":1}'),
    "last": (b'{"x":[{"model":"a"}],"model":"a"}', b'{"x":[{"model":"a"}],"model":"new"}'),
    "white space": (b' {\n\t"model" :\r\n "a" , "x":\t1 }\n', b' {\n\t"model" :\r\n "new" , "x":\t1 }\n'),
    "numbers": (b'{"a":1.50E+3,"b":-0.0,"model":"a"}', b'{"a":1.50E+3,"b":-0.0,"model":"new"}'),
    "escapes": (rb'{"a":"\u0041\/\ud800","model":"\"}{"}', rb'{"a":"\u0041\/\ud800","model":"new"}'),
    "an escaped name": (rb'{"mod\u0065l":"a"}', rb'{"mod\u0065l":"new"}'),
    "twice": (b'{"model":"a","model":"b"}', b'{"model":"new","model":"new"}'),
    "twice, of other kinds": (
        b'{"model":{"model":[1,"}"]},"model":[[],{}],"model":7,"model":"b"}',
        b'{"model":"new","model":"new","model":"new","model":"new"}',
    ),
    "a value that begins like the last one": (
        b'{"a":[1],"a":[1,2],"a":[1],"model":"b"}',
        b'{"a":[1],"a":[1,2],"a":[1],"model":"new"}',
    ),
    "only below": (b'{"x":{"model":"a"}}', b'{"x":{"model":"a"}}'),
    "in a text": (rb'{"x":"\"model\":\"a\"","model":"a"}', rb'{"x":"\"model\":\"a\"","model":"new"}'),
    "as a value": (b'{"x":"model","model":"a"}', b'{"x":"model","model":"new"}'),
    "the same in other letters": (rb'{"model":"n\u0065w"}', rb'{"model":"n\u0065w"}'),
    "empty": (b"{ }", b"{ }"),
    "unicode": ('{"é":"日本","model":"ü"}'.encode(), '{"é":"日本","model":"new"}'.encode()),
}


@pytest.mark.parametrize("name", CASES)
def test_a_value_is_replaced(name: str) -> None:
    before, after = CASES[name]
    assert replace_members(before, {"model": "new"}) == after


def test_values_of_other_kinds() -> None:
    assert replace_members(b'{"a": 1, "b": [1], "c": null}', {"a": 2, "b": {"x": 1}, "d": 3}) == (
        b'{"a": 2, "b": {"x":1}, "c": null}'
    )


@pytest.mark.parametrize("text", [b"", b"[]", b"7", b'{"a"}', b'{"a":[1', b'{"a":'])
def test_what_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        replace_members(text, {"a": 1})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
PAIRS = st.lists(st.tuples(st.sampled_from(["model", "m", "x", 'q"\\', "é"]), JSON), max_size=6)


@given(PAIRS, st.sampled_from([(",", ":"), (" , ", " : "), (",\r\n\t", ":\n")]), st.booleans())
def test_only_the_value_changes(pairs: list[tuple[str, Any]], separators: tuple[str, str], plain: bool) -> None:
    comma, colon = separators

    def written(value: object) -> str:
        return json.dumps(value, separators=separators, ensure_ascii=not plain)

    def text(values: list[Any]) -> bytes:
        members = (f"{written(key)}{colon}{value}" for (key, _), value in zip(pairs, values, strict=True))
        return ("{" + comma.join(members) + "}").encode("utf-8", "surrogatepass")

    before = text([written(value) for _, value in pairs])
    try:
        jsontext.loads(before.decode())
    except ValueError:
        return
    after = text(['"new"' if key == "model" and value != "new" else written(value) for key, value in pairs])
    assert replace_members(before, {"model": "new"}) == after


@pytest.mark.parametrize(
    "filler",
    [b'"' + b"\\n" * 50_000 + b'"', b"[" + b"{}," * 15_000 + b"1]", b'"' + b"x" * 200_000 + b'"', b'"\\ud800"'],
    ids=["escapes", "objects", "text", "surrogate"],
)
def test_the_time_is_linear(filler: bytes) -> None:
    def seconds(times: int) -> float:
        members = b",".join(b'"k%d":%b' % (number, filler) for number in range(times))
        text = b'{"\\ud800":1,' + members + b',"model":"a"}'
        best = 1e9
        for _ in range(3):
            began = time.perf_counter()
            assert replace_members(text, {"model": "b"}).endswith(b'"model":"b"}')
            best = min(best, time.perf_counter() - began)
        return best

    assert seconds(8) < 0.1 + 30 * seconds(1)
