"""What a file's ``[prompt]`` writes as earlier calls, its parser reads: same tools, same arguments, in order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from typing import NamedTuple

import pytest
from bundledparsers import NAMES, SPECS
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.conversation import Tool
from bridge.core.parsing.engine import ParserEngine
from bridge.core.parsing.selftest import fold
from bridge.core.parsing.spec import Marker, ParserSpec

Schema = Mapping[str, object]


class Typed(NamedTuple):
    """A value and a schema that it fits."""

    schema: Schema
    value: object


class Case(NamedTuple):
    tools: Sequence[Tool]
    calls: Sequence[tuple[str, Mapping[str, object]]]


# What templates cannot say: a tool's name is one of the API's, a name in a tag holds none of these, Python has identifiers.
TOOL_NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
JSON_KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
IDENTIFIERS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
TAG_KEYS = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="<>'\""), min_size=1, max_size=12)


def markup(spec: ParserSpec) -> list[str]:
    """The pieces of the format: literals of its markers, with something plausible in the holes."""
    markers: list[Marker | None] = [spec.reasoning.open, spec.reasoning.close]
    if spec.section:
        markers += [spec.section.open, spec.section.close]
    for call in spec.calls:
        markers += [call.open, call.close, call.tags.open, call.tags.close]
    pieces = [literal for marker in markers if marker for literal in marker.lit] + list(spec.noise.anywhere)
    holes = {"name": "f", "key": "k", "id": "0", "type": "t", "attrs": ' name="k" string="true"', "ws": "\n", "_": ""}
    for hole, text in holes.items():
        pieces = [piece.replace("{" + hole + "}", text) for piece in pieces]
    return sorted(set(pieces))


def strings(spec: ParserSpec) -> st.SearchStrategy[str]:
    """Text of any kind, and text made of the format's own markup, whole calls included."""
    words = [
        *markup(spec),
        written(spec, [("f", {"k": "v"})]),
        "\n",
        "\r\n",
        " ",
        "\t",
        '"',
        "'",
        "\\",
        "{",
        "}",
        "[",
        "]",
        "```",
        "null",
        "true",
        "1",
        "word",
        "é🌦",
    ]
    any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    return any_text | st.lists(st.sampled_from(words), max_size=8).map("".join)


def json_values(text: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    numbers = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
    leaves = st.none() | st.booleans() | numbers | text
    shallow = leaves | st.lists(leaves, max_size=3)
    return shallow | st.dictionaries(JSON_KEYS, shallow, max_size=3) | st.lists(shallow, max_size=2)


def clear(spec: ParserSpec, typed: Typed) -> bool:
    """Whether the format has a way to say this value at all."""
    for call in spec.calls:
        if call.codec == "tags" and not call.tags.types and typed.value in ("null", "None"):
            return typed.schema["type"] == "string"  # raw text, and no flag that tells the word from null
        if call.tags.trim == "newline" and str(typed.value).endswith("\r"):
            return False  # with the newline of the markup behind it, it is a line break of Windows
    return True


def typed_values(spec: ParserSpec) -> st.SearchStrategy[Typed]:
    """Values with the schema that says what they are."""
    text = strings(spec)
    inner = json_values(text)
    kinds: dict[str, st.SearchStrategy[object]] = {
        "string": text,
        "integer": st.integers(-(10**20), 10**20),
        "number": st.floats(allow_nan=False, allow_infinity=False),
        "boolean": st.booleans(),
        "null": st.none(),
        "array": st.lists(inner, max_size=3),
        "object": st.dictionaries(JSON_KEYS, inner, max_size=3),
    }
    plain = [st.builds(Typed, st.just({"type": kind}), values) for kind, values in kinds.items()]
    nullable = [
        st.builds(Typed, st.just({"type": [kind, "null"]}), values | st.none())
        for kind, values in kinds.items() if kind != "null"
    ]  # fmt: skip
    return st.one_of(*plain, *nullable).filter(partial(clear, spec))


def cases(spec: ParserSpec) -> st.SearchStrategy[Case]:
    codecs = {call.codec for call in spec.calls}
    names, keys = TOOL_NAMES, TAG_KEYS if "tags" in codecs else JSON_KEYS
    if "python" in codecs:
        names = keys = IDENTIFIERS
    arguments = st.dictionaries(keys, typed_values(spec), max_size=4)
    return st.dictionaries(names, arguments, min_size=1, max_size=3).map(_case)


def _case(drawn: Mapping[str, Mapping[str, Typed]]) -> Case:
    tools, calls = [], []
    for name, arguments in drawn.items():
        properties = {key: typed.schema for key, typed in arguments.items()}
        tools.append(Tool(name, schema={"type": "object", "properties": properties}))
        calls.append((name, {key: typed.value for key, typed in arguments.items()}))
    return Case(tools, calls)


def written(spec: ParserSpec, calls: Sequence[tuple[str, Mapping[str, object]]]) -> str:
    assert spec.prompt is not None
    return spec.prompt.call(
        calls=[
            {"id": f"call_{i}", "name": name, "arguments": arguments, "index": i}
            for i, (name, arguments) in enumerate(calls)
        ]
    )


def read(spec: ParserSpec, tools: Sequence[Tool], pieces: Sequence[str]) -> list[dict[str, object]]:
    ids = count()
    engine = ParserEngine([spec], tools, lambda: f"call_{next(ids)}")
    events = [event for piece in pieces for event in engine.feed(piece)]
    return fold(events + engine.finish("stop"))


def exact(blocks: object) -> str:
    """Tells 1 from 1.0 and from True."""
    return json.dumps(blocks, sort_keys=True)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_prompt_writes_the_parser_reads(name: str) -> None:
    spec = SPECS[name]

    @settings(max_examples=40)
    @given(cases(spec))
    def check(case: Case) -> None:
        raw = written(spec, case.calls)
        expected = exact([{"name": name, "input": arguments} for name, arguments in case.calls])
        assert exact(read(spec, case.tools, [raw])) == expected, raw
        assert exact(read(spec, case.tools, list(raw))) == expected, raw

    check()
