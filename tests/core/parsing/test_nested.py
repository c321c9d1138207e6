"""Child elements become objects and lists (``nest``, rule 7)."""

from __future__ import annotations

import pytest
from reading import NESTED, blocks, fold, properties, ran, run

from bridge.core.conversation import Tool

TOOL = Tool(
    "f",
    schema=properties(
        s="string",
        n="integer",
        tags={"type": "array", "items": {"type": "string"}},
        rows={
            "type": "array",
            "items": {"type": "object", "properties": {"n": {"type": "integer"}, "s": {"type": "string"}}},
        },
        o=properties(n="integer", s="string", more={"type": "object", "additionalProperties": {"type": "string"}}),
        item="string",
    ),
)


def element(key: str, *inside: str) -> str:
    return f"]>[<{key}>{''.join(inside)}]>[</{key}>"


def nested(*arguments: str) -> list[dict[str, object]]:
    return blocks(NESTED, f']>[<calls>]>[<invoke name="f">{"".join(arguments)}]>[</invoke>]>[</calls>', tools=(TOOL,))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([element("s", "x")], {"s": "x"}),
        ([element("s", "5"), element("n", "5")], {"s": "5", "n": 5}),
        ([element("tags", element("item", "a"), element("item", "5"))], {"tags": ["a", "5"]}),
        ([element("tags", element("item", "a"))], {"tags": ["a"]}),
        ([element("tags")], {"tags": []}),
        ([element("o")], {"o": {}}),
        ([element("o", element("n", "5"), element("s", "5"))], {"o": {"n": 5, "s": "5"}}),
        ([element("o", element("more", element("k", "5")))], {"o": {"more": {"k": "5"}}}),
        (
            [element("rows", element("item", element("n", "1")), element("item", element("s", "2")))],
            {"rows": [{"n": 1}, {"s": "2"}]},
        ),
        ([element("zz", element("a", "1"), element("b", "x"))], {"zz": {"a": 1, "b": "x"}}),
        ([element("zz", element("item", "1"), element("item", "2"))], {"zz": [1, 2]}),
        ([element("o", '{"n": 7}')], {"o": {"n": 7}}),
        ([element("tags", '["a"]')], {"tags": ["a"]}),
        ([element("zz", "plain")], {"zz": "plain"}),
        ([element("-A", "3")], {"-A": 3}),
        ([element("o", element("n", "1"), element("n", "2"))], {"o": {"n": 1}}),
        (["\n", element("o", "\n ", element("n", "1"), "\n"), "\n"], {"o": {"n": 1}}),
    ],
)
def test_elements(arguments: list[str], expected: dict[str, object]) -> None:
    assert nested(*arguments) == [ran("f", **expected)]


def test_a_string_may_hold_elements() -> None:
    assert nested(element("s", "<b>bold</b>")) == [ran("f", s="<b>bold</b>")]


def test_text_among_elements_is_no_call() -> None:
    raw = f']>[<invoke name="f">{element("o", element("n", "1"), "text")}]>[</invoke> x'
    got = blocks(NESTED, raw, tools=(TOOL,), eager=False)
    assert [block for block in got if "name" in block] == []


def test_depth_has_a_limit() -> None:
    raw = ']>[<invoke name="f">' + "]>[<zz>" * 400
    assert [block for block in blocks(NESTED, raw, tools=(TOOL,), eager=False) if "name" in block] == []


def test_whatever_a_nested_value_was_cut_off_in_goes_with_its_markup() -> None:
    head = 'A ]>[<calls>]>[<invoke name="f">'
    rest = element("tags", element("item", "a"), element("item", "b")) + "]>[</invoke>"
    for end in range(len(rest)):
        got = fold(run(NESTED, [head + rest[:end]], tools=(TOOL,), finish="length"))
        assert got[:1] == [{"text": "A"}]
        assert got[1:] in ([], [ran("f", tags=["a", "b"])])
