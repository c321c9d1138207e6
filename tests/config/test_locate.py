"""The locator agrees with tomllib about every key, and its places are where the text says so."""

from __future__ import annotations

import datetime
import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.locate import Path, Place, locate, syntax_error

DOCUMENT = '''\
# comment = "no"
top = 1   # trailing
"quoted key" = 'x'
a.b."c.d" = 2

[table]
inline = { x = 1, y.z = [ 1, { deep = true } ], "w w" = {} }
multi = """
key = "not a key"
[not.a.table] \\""" still """
raw = \'\'\'
  a = 1\'\'\'\'
after = 1979-05-27 07:32:00

  [ table . "sub" ]
  k = [
    1, # one
    [2, 3],
    { q = "]" },
  ]

[[list]]
n = 1
[list.inner]
m = 1
[[list.more]]
p = 1
[[list]]
n = 2
'''


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("top",), (2, 1, 2, 7)),
        (("quoted key",), (3, 1, 3, 16)),
        (("a",), (4, 1, 4, 1)),
        (("a", "b", "c.d"), (4, 5, 4, 13)),
        (("table", "inline", "y", "z", 1, "deep"), (7, 32, 7, 39)),
        (("table", "inline", "w w"), (7, 49, 7, 57)),
        (("table", "multi"), (8, 1, 8, 9)),
        (("table", "after"), (13, 1, 13, 9)),
        (("table", "sub"), (15, 13, 15, 13)),
        (("table", "sub", "k", 1, 0), (18, 6, 18, 6)),
        (("table", "sub", "k", 2, "q"), (19, 7, 19, 11)),
        (("list", 0, "inner", "m"), (25, 1, 25, 5)),
        (("list", 0, "more", 0, "p"), (27, 1, 27, 5)),
        (("list", 1, "n"), (29, 1, 29, 5)),
    ],
)
def test_places(path: Path, place: tuple[int, int, int, int]) -> None:
    assert locate(DOCUMENT)[path] == Place(*place)


def test_every_key_of_the_document_is_found() -> None:
    assert set(locate(DOCUMENT)) == paths(tomllib.loads(DOCUMENT))


def test_windows_line_ends() -> None:
    places = locate("a = 1\r\n\r\n[b]\r\nc = [\r\n 1 ]\r\n")
    assert places["b", "c"] == Place(4, 1, 4, 5)
    assert places["b", "c", 0] == Place(5, 2, 5, 2)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('a = "open\n', 1, 10),
        ("a = 1\nb = = 2\n", 2, 5),
        ("[t]\na = [1,\n\n", 2, 8),
        ("a = 1\n  a = 2\n", 2, 3),
        ("[t]\n[t]\n", 2, 1),
    ],
)
def test_where_a_syntax_error_is(text: str, line: int, column: int) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    message, *place = syntax_error(text, str(caught.value))
    assert "(at" not in message
    assert place == [line, column]


def paths(value: Any, at: Path = ()) -> set[Path]:
    """All key paths below ``value``."""
    match value:
        case dict():
            items: list[tuple[str | int, Any]] = list(value.items())
        case list():
            items = list(enumerate(value))
        case _:
            items = []
    return {path for key, item in items for path in ({(*at, key)} | paths(item, (*at, key)))}


# ---- documents in every spelling ----------------------------------------------------------------

names = st.text(alphabet="ab-_1 .\"'\\é\t", min_size=0, max_size=4)
scalars = st.one_of(
    st.integers(-5, 5).map(str),
    st.booleans().map(lambda flag: str(flag).lower()),
    st.sampled_from(["1_000", "0x1F", "1e5", "-inf", "nan", "07:32:00", "1979-05-27 07:32:00Z"]),
    st.datetimes(datetime.datetime(2000, 1, 1)).map(lambda at: at.isoformat()),
    st.text(alphabet='a"\\#=[]{},.\n\'', max_size=6).map(json.dumps),
    st.text(alphabet='a"\\#=[]{},.', max_size=6).map(lambda text: f"'{text}'"),
    st.text(alphabet="a'#=[]\n \"", max_size=6).map(
        lambda text: '"""' + text.replace('"', '\\"') + '"""' if text.endswith('"') else f'"""\n{text}"""'
    ).filter(lambda text: '"""' not in text[3:-3]),
    st.sampled_from(['"""a"" """', '""""quoted\'""""', "''''x'''''", "'''\nk = 1\n'''"]),
)  # fmt: skip
blanks = st.sampled_from(["", " ", "\t", "  "])
breaks = st.sampled_from(["", " ", "\n", " # comment, [x] = {\n", "\r\n\t"])


@st.composite
def keys(draw: st.DrawFn, name: str) -> str:
    spelled = json.dumps(name, ensure_ascii=False)
    options = [spelled]
    if name and name.isascii() and all(char.isalnum() or char in "-_" for char in name):
        options.append(name)
    if "'" not in name:
        options.append(f"'{name}'")
    return draw(st.sampled_from(options))


@st.composite
def dotted(draw: st.DrawFn, parts: list[str]) -> str:
    return f"{draw(blanks)}.{draw(blanks)}".join([draw(keys(part)) for part in parts])


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.integers(0, 3)) if depth else 0
    if kind == 1:
        items = draw(st.lists(values(depth - 1), max_size=3))
        tail = "," if items and draw(st.booleans()) else ""
        return "[" + ",".join(draw(breaks) + item + draw(breaks) for item in items) + tail + draw(breaks) + "]"
    if kind == 2:
        found = draw(st.lists(names, unique=True, max_size=3))
        pairs = [f"{draw(blanks)}{draw(keys(name))}{draw(blanks)}= {draw(values(depth - 1))}" for name in found]
        return "{" + ",".join(pairs) + draw(blanks) + "}"
    return draw(scalars)


@st.composite
def documents(draw: st.DrawFn) -> str:
    lines = []
    for _ in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["pair", "pair", "table", "array", "comment"]))
        parts = draw(st.lists(names, min_size=1, max_size=3))
        key = draw(dotted(parts))
        pad = draw(blanks)
        if kind == "pair":
            lines.append(f"{pad}{key}{draw(blanks)}={draw(blanks)}{draw(values())}{draw(blanks)}# c")
        elif kind == "table":
            lines.append(f"{pad}[{draw(blanks)}{key}{draw(blanks)}]  # [x]")
        elif kind == "array":
            lines.append(f"{pad}[[{draw(blanks)}{key}{draw(blanks)}]]")
        else:
            lines.append(f'{pad}# k = "v')
    return "\n".join(lines) + draw(st.sampled_from(["", "\n"]))


@given(documents())
def test_the_keys_found_are_those_of_tomllib(text: str) -> None:
    try:
        expected = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # a key given twice
    places = locate(text.replace("\r\n", "\n"))
    assert set(places) == paths(expected)
    lines = text.replace("\r\n", "\n").split("\n")
    for place in places.values():
        assert lines[place.line - 1][place.column - 1 :].strip()
        assert lines[place.value_line - 1][place.value_column - 1 :].strip()
