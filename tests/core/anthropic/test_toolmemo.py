from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.core import jsontext
from bridge.core.anthropic.toolmemo import ToolMemo
from bridge.core.anthropic.tools import Declared, read_tools
from bridge.core.checks import Notes
from bridge.core.conversation import Json
from bridge.core.toolset import Toolset
from bridge.errors import RequestError

SEARCH = {"type": "web_search_20250305", "name": "web_search"}


def tool(name: str, size: int = 3_000) -> dict[str, Any]:
    return {"name": name, "description": "d" * size, "input_schema": {"type": "object"}}


def body(*tools: object, **more: object) -> dict[str, Any]:
    return {"model": "m", "tools": list(tools), **more}


def read(memo: ToolMemo, asked: Json, text: bytes = b"") -> tuple[Declared, tuple[str, ...]]:
    notes = Notes()
    asked, text = (asked, text) if text else memo.apart(asked)
    return memo.read(asked, text, notes), tuple(map(str, notes.warnings()))


def fresh(asked: dict[str, Any]) -> tuple[Declared, tuple[str, ...]]:
    notes = Notes()
    return read_tools(asked, notes), tuple(map(str, notes.warnings()))


def test_the_same_tools_are_read_once() -> None:
    memo, asked = ToolMemo(), body(tool("a"), {**tool("b"), "defer_loading": True, "odd": 1}, SEARCH)
    first, again = read(memo, asked), read(memo, json.loads(json.dumps(asked)))
    assert first == again == fresh(asked)
    assert len(first[1]) == 2
    assert first[0] is again[0]
    assert isinstance(first[0].shown, Toolset)
    assert len(memo) == 1


def test_what_was_noted_before_comes_first() -> None:
    memo, asked = ToolMemo(), body({**tool("a"), "odd": 1})
    for _ in range(2):
        notes = Notes()
        notes.drop("speed")
        notes.drop("tools.*.odd", "seen elsewhere")
        memo.read(*memo.apart(asked), notes)
        assert list(map(str, notes.warnings())) == ["speed: not supported, dropped", "tools.*.odd: seen elsewhere"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1}, {"a": True}),
        ({"a": 0}, {"a": False}),
        ({"a": 0.0}, {"a": -0.0}),
        ({"a": "\ud800"}, {"a": "\\ud800"}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": None}, {}),
    ],
)
def test_tools_that_python_takes_for_equal_are_told_apart(one: object, other: object) -> None:
    memo = ToolMemo()
    for schema in (one, other):
        asked = body({"name": "f", "input_schema": schema})
        assert json.dumps(read(memo, asked)[0].shown[0].schema) == json.dumps(schema)
    assert len(memo) == 2


def test_what_is_refused_is_not_kept() -> None:
    memo, bad = ToolMemo(), body(tool("a"), {"name": "b"})
    for _ in range(2):
        with pytest.raises(RequestError, match=r"tools\.1\.input_schema: Field required"):
            read(memo, bad)
    for tools in ("x", {}, 7, False, [], None):
        asked = {"model": "m", "tools": tools}
        try:
            expected: object = fresh(asked)
        except RequestError as refused:
            with pytest.raises(RequestError, match=refused.fault.message):
                read(memo, asked)
        else:
            assert read(memo, asked) == expected
    assert read(memo, {"model": "m"}) == (Declared(), ())
    assert len(memo) == 0


def test_what_was_not_asked_for_goes_first() -> None:
    memo = ToolMemo(most=2)
    first, _ = read(memo, body(tool("a")))
    second, _ = read(memo, body(tool("b")))
    assert read(memo, body(tool("a")))[0] is first
    read(memo, body(tool("c")))
    assert len(memo) == 2
    assert read(memo, body(tool("a")))[0] is first
    again, _ = read(memo, body(tool("b")))
    assert again == second
    assert again is not second


def test_no_more_bytes_are_kept_than_allowed() -> None:
    memo = ToolMemo(size=14_000)
    for number in range(20):
        read(memo, body(tool(f"t{number}")))
    assert len(memo) == 4
    large, small = body(tool("large", 3_600)), body(tool("small", 10))
    assert read(memo, large)[0] == read(memo, large)[0] == fresh(large)[0]
    assert read(memo, large)[0] is not read(memo, large)[0]
    assert len(memo) == 4
    assert read(memo, small)[0] is read(memo, small)[0]


def known(memo: ToolMemo, asked: dict[str, Any]) -> bytes:
    """The body, with these tools in the memo."""
    read(memo, asked)
    return json.dumps(asked, separators=(",", ":")).encode()


def test_known_tools_are_not_decoded() -> None:
    memo, asked = ToolMemo(), body(tool("a"), tool("b"), messages=[{"role": "user", "content": "hi"}])
    raw = known(memo, asked)
    decoded = memo.decoded(raw)
    assert decoded is not None
    rest, text = decoded
    assert list(rest.items()) == list({**asked, "tools": None}.items())
    assert json.loads(text) == asked["tools"]
    assert read(memo, rest, text)[0] is read(memo, asked)[0]


def test_unknown_ones_are_known_by_their_own_spelling_the_next_time() -> None:
    memo, asked = ToolMemo(), body(tool("a"), tool("b"))
    known(memo, body(tool("c"), tool("d")))
    raw = json.dumps(asked, indent=1).encode()
    for left_out in (False, True):
        decoded = memo.decoded(raw)
        assert decoded is not None
        assert (decoded[0]["tools"] is None) is left_out
        assert read(memo, *decoded) == fresh(asked)


def test_tools_that_were_forgotten_in_between_are_read_again() -> None:
    memo, asked = ToolMemo(most=1), body(tool("a"), tool("b"))
    decoded = memo.decoded(known(memo, asked))
    assert decoded is not None
    assert decoded[0]["tools"] is None
    read(memo, body(tool("c")))
    assert read(memo, *decoded) == fresh(asked)


def test_bodies_that_are_better_decoded_as_a_whole() -> None:
    memo, asked = ToolMemo(), body(tool("a"), tool("b"))
    raw = json.dumps(asked).encode()
    assert memo.decoded(raw) is None
    known(memo, asked)
    assert memo.decoded(raw) is not None
    assert memo.decoded(json.dumps({**asked, "system": "s" * 50_000}).encode()) is None
    assert memo.decoded(json.dumps(body(tool("a", 10))).encode()) is None
    assert memo.decoded(json.dumps({"model": "m", "system": "s" * 5_000}).encode()) is None
    assert memo.decoded(b"[" + raw + b"]") is None


@pytest.mark.parametrize(
    "odd",
    [
        b'"\\ud800"',
        b'"\xff"',
        b"1e999",
        b"[" * 2_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"9" * 5_000,
        b"nul",
        b"1,",
        b"",
    ],
)
def test_what_has_to_be_read_twice_or_refused_is_not_taken_apart(odd: bytes) -> None:
    memo, asked = ToolMemo(), body(tool("a"), tool("b"))
    raw = known(memo, asked)
    assert memo.decoded(raw[:-1] + b',"x":' + odd + b"}") is None
    elsewhere = b'{"system":"' + b"s" * 5_000 + b'","tools":[' + odd + b"]}"
    if (decoded := memo.decoded(elsewhere)) is not None:
        assert decoded[0] == jsontext.loads(elsewhere)
