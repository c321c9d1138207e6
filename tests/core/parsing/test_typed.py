"""Rule 7: raw text becomes what the schema asks for, or stays the string that it is."""

from __future__ import annotations

import json
import time

import pytest

from bridge.core.parsing.typed import ArgumentTypes, ValueType, typed


def read(text: str, schema: object, untyped: str = "json", **root: object) -> str:
    types = ArgumentTypes({"type": "object", "properties": {"k": schema}, **root})
    value = typed(text, types.of("k"), untyped)
    json.loads(value)
    return value


def kinds(*names: str) -> dict[str, object]:
    return {"type": list(names) if len(names) > 1 else names[0]}


STRING, NULLABLE = kinds("string"), kinds("string", "null")

CASES = [
    # only a string: as it stands
    ("5", STRING, '"5"'),
    (" a\n", STRING, '" a\\n"'),
    ("null", STRING, '"null"'),
    ("", STRING, '""'),
    ('{"a": 1}', STRING, '"{\\"a\\": 1}"'),
    ("null", NULLABLE, "null"),
    ("None", NULLABLE, "null"),
    (" null", NULLABLE, '" null"'),
    ("NULL", NULLABLE, '"NULL"'),
    ("null", {"type": "string", "nullable": True}, "null"),
    # null
    ("null", kinds("null"), "null"),
    (" None ", kinds("null"), "null"),
    ("nil", kinds("null"), '"nil"'),
    # integer
    ("5", kinds("integer"), "5"),
    (" -5\n", kinds("integer"), "-5"),
    ("5.0", kinds("integer"), "5"),
    ("5.00", kinds("integer"), "5"),
    ("5.5", kinds("integer"), '"5.5"'),
    ("1e3", kinds("integer"), '"1e3"'),
    ("007", kinds("integer"), '"007"'),
    ("+5", kinds("integer"), '"+5"'),
    ("٣", kinds("integer"), '"٣"'),
    ("five", kinds("integer"), '"five"'),
    ("", kinds("integer"), '""'),
    ("true", kinds("integer"), '"true"'),
    ("9" * 40, kinds("integer"), "9" * 40),
    ("9" * 5000, kinds("integer"), f'"{"9" * 5000}"'),
    ("9" * 5000, kinds("number"), f'"{"9" * 5000}"'),
    ("9" * 5000, {}, f'"{"9" * 5000}"'),
    # number
    ("1.50", kinds("number"), "1.50"),
    ("5", kinds("number"), "5"),
    ("5.0", kinds("integer", "number"), "5"),
    ("1E-7", kinds("number"), "1E-7"),
    (".5", kinds("number"), '".5"'),
    ("NaN", kinds("number"), '"NaN"'),
    ("0x10", kinds("number"), '"0x10"'),
    # boolean
    ("true", kinds("boolean"), "true"),
    ("True", kinds("boolean"), "true"),
    ("FALSE", kinds("boolean"), "false"),
    ("1", kinds("boolean"), '"1"'),
    ("yes", kinds("boolean"), '"yes"'),
    # object and array, leniently
    ('{"a": 1}', kinds("object"), '{"a":1}'),
    ("{'a': True,}", kinds("object"), '{"a":true}'),
    ("[1, 2]", kinds("object"), '"[1, 2]"'),
    ("[1, 'b', None]", kinds("array"), '[1,"b",null]'),
    ("1, 2", kinds("array"), '"1, 2"'),
    ("{broken", kinds("object"), '"{broken"'),
    # several types: the first that fits
    ("5", kinds("boolean", "integer"), "5"),
    ("null", kinds("integer", "null"), "null"),
    ("None", kinds("integer", "null"), "null"),
    ("x", kinds("integer", "null"), '"x"'),
    # beside a string only strict JSON counts
    ("5", kinds("integer", "string"), "5"),
    ("5.0", kinds("integer", "string"), '"5.0"'),
    ("True", kinds("boolean", "string"), '"True"'),
    ("true", kinds("string", "boolean"), "true"),
    ("None", kinds("integer", "string", "null"), '"None"'),
    ('{"a": 1}', kinds("object", "string"), '{"a":1}'),
    ("{'a': 1}", kinds("object", "string"), "\"{'a': 1}\""),
    ("[1,]", kinds("array", "string"), '"[1,]"'),
    # enum and const
    ("b", {"enum": ["a", "b"]}, '"b"'),
    (" b\n", {"type": "string", "enum": ["a", "b"]}, '"b"'),
    ("2", {"enum": [1, 2]}, "2"),
    ("2", {"enum": ["2", 2]}, '"2"'),
    ("true", {"enum": [True, None]}, "true"),
    ("None", {"enum": [True, None]}, "null"),
    ("5", {"const": 5}, "5"),
    ("2.5", {"enum": [1.5]}, "2.5"),
    ("[2]", {"enum": [[1]]}, "[2]"),
    ('{"b": 1}', {"enum": [{"a": 1}]}, '{"b":1}'),
    ("false", {"enum": [True]}, "false"),
    ("5", {"const": "5"}, '"5"'),
    ("c", {"type": "string", "enum": ["a"]}, '"c"'),
    ("7", {"type": "integer", "enum": [1]}, "7"),
    # combinations
    ("5", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "5"),
    ("null", {"anyOf": [{"type": "string"}, {"type": "null"}]}, "null"),
    ("5", {"anyOf": [{"type": "string"}, {"type": "null"}]}, '"5"'),
    ("5", {"oneOf": [{"type": "boolean"}, {"const": 5}]}, "5"),
    ("5", {"allOf": [{"type": "string"}, {"description": "x"}]}, '"5"'),
    ("5", {"allOf": [{"allOf": [{"type": "string"}]}]}, '"5"'),
    ("[1]", {"items": {"type": "integer"}}, "[1]"),
    ('{"a": 1}', {"properties": {}}, '{"a":1}'),
    # nothing is declared: a JSON value other than a string, else the string
    ("5", {}, "5"),
    ("5.0", {}, "5.0"),
    ("true", {}, "true"),
    ("null", {}, "null"),
    ("[1, 2]", {}, "[1,2]"),
    ('{"a": "b"}', {}, '{"a":"b"}'),
    ('"5"', {}, '"\\"5\\""'),
    ("hello", {}, '"hello"'),
    (" 5 ", {}, "5"),
    ("", {}, '""'),
]


@pytest.mark.parametrize(("text", "schema", "expected"), CASES, ids=lambda value: repr(value)[:40])
def test_typed(text: str, schema: object, expected: str) -> None:
    assert read(text, schema) == expected


def test_untyped_values_may_stay_strings() -> None:
    assert read("5", {}, "string") == '"5"'
    assert read("5", kinds("integer"), "string") == "5"


def test_references() -> None:
    defs = {
        "city": {"type": "string"},
        "n": {"$ref": "#/$defs/m"},
        "m": {"type": "integer"},
        "a/b~c": {"type": "string"},
    }
    assert read("5", {"$ref": "#/$defs/city"}, **{"$defs": defs}) == '"5"'
    assert read("5.0", {"$ref": "#/$defs/n"}, **{"$defs": defs}) == "5"
    assert read("5", {"$ref": "#/$defs/a~1b~0c"}, **{"$defs": defs}) == '"5"'
    assert read("5", {"$ref": "#/definitions/s"}, definitions={"s": {"type": "string"}}) == '"5"'
    assert read("5", {"anyOf": [{"$ref": "#/$defs/city"}, {"type": "null"}]}, **{"$defs": defs}) == '"5"'
    assert read("5", {"allOf": [{"$ref": "#/$defs/city"}]}, **{"$defs": defs}) == '"5"'
    assert read("5", {"$ref": "#/nowhere"}) == "5"
    assert read("5", {"$ref": "other.json#/x"}) == "5"


HOSTILE: list[tuple[object, dict[str, object]]] = [
    ({"$ref": "#/$defs/a"}, {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}),
    ({"$ref": "#/$defs/a"}, {"a": {"allOf": [{"$ref": "#/$defs/a"}] * 64}}),
    ({"$ref": "#/$defs/a"}, {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 64}}),
    ({"$ref": "#/$defs/a0"}, {f"a{i}": {"oneOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 16} for i in range(40)}),
    ({"anyOf": [{"$ref": "#/$defs/a"}] * 8}, {"a": {"anyOf": [{"$ref": "#/properties/k"}] * 8}}),
]


@pytest.mark.parametrize(("schema", "defs"), HOSTILE)
def test_a_schema_that_refers_to_itself_ends(schema: object, defs: dict[str, object]) -> None:
    began = time.process_time()
    assert read("5", schema, **{"$defs": defs}) == "5"
    assert time.process_time() - began < 2


def test_a_deep_schema_ends() -> None:
    for word in ("anyOf", "oneOf", "allOf"):
        schema: dict[str, object] = {"type": "string"}
        for _ in range(5000):
            schema = {word: [schema]}
        assert read("5", schema) == "5"


@pytest.mark.parametrize(
    "schema",
    [None, True, 5, "x", [], {"type": {}}, {"type": ["x", 5]}, {"enum": 5}, {"enum": []}, {"enum": {}}, {"anyOf": 5},
     {"anyOf": [5]}, {"allOf": [None]}, {"$ref": 5}, {"$ref": "#"}, {"nullable": True}, {"type": "weird"}],
)  # fmt: skip
def test_a_schema_that_is_none_declares_nothing_harmful(schema: object) -> None:
    assert read("x", schema) == '"x"'


def test_which_arguments_a_tool_has() -> None:
    types = ArgumentTypes({"properties": {"a": STRING, "b": {}}, "required": ["b", "zz"]})
    assert types.order == ("a", "b")
    assert types.only == "b"
    assert types.declares("a")
    assert not types.declares("zz")
    assert ArgumentTypes({"properties": {"a": {}}}).only == "a"
    assert ArgumentTypes({"properties": {"a": {}, "b": {}}}).only is None
    assert ArgumentTypes({"properties": [1]}).order == ()
    assert ArgumentTypes(None).only is None


def test_arguments_of_a_referred_or_merged_schema() -> None:
    referred = ArgumentTypes({"$ref": "#/$defs/r", "$defs": {"r": {"properties": {"a": STRING}}}})
    assert referred.order == ("a",)
    assert referred.of("a").verbatim
    merged = ArgumentTypes(
        {"allOf": [{"properties": {"a": STRING}}, {"properties": {"b": {}}}], "properties": {"c": {}}}
    )
    assert merged.order == ("a", "b", "c")


def test_what_may_be_passed_on_as_it_comes() -> None:
    assert ValueType(frozenset({"string"})).verbatim
    assert not ValueType(frozenset({"string"}), ("a",)).verbatim
    assert not ValueType(frozenset({"string", "null"})).verbatim
    assert not ValueType().verbatim
