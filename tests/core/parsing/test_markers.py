"""Markers and their holes: what they match, how far, and when more text is needed."""

from __future__ import annotations

import re
from itertools import product

import pytest

from bridge.core.parsing.markers import (
    HEADER_LIMIT,
    MORE,
    CompiledMarker,
    Match,
    Pattern,
    compile_marker,
    first_match,
    followed_by,
    literal_at,
)
from bridge.core.parsing.spec import Marker


def match(text: str, *lit: str, eof: bool = True, **more: object) -> Match | None:
    """How a marker matches ``text``, which is MORE or the same for every part of it."""
    marker = CompiledMarker(Marker(lit, **more))  # type: ignore[arg-type]
    found = marker.match(text, 0, eof)
    for end in range(len(text)):
        part = marker.match(text[:end], 0, False)
        assert part is MORE or part == found, text[:end]
    assert found is not MORE
    return found if isinstance(found, Match) else None


def holes(text: str, lit: str) -> dict[str, str] | None:
    found = match(text, lit)
    return dict(found.holes) if found else None


def test_a_literal() -> None:
    assert match("<a>x", "<a>") == Match(3)
    assert match("<b>", "<a>") is None
    assert match("<a", "<a>") is None


def test_the_longest_alternative_wins() -> None:
    assert match("<a><b>x", "<a>", "<a><b>") == Match(6)
    assert match("<a><c>", "<a>", "<a><b>") == Match(3)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("<f=read>", "read"),
        ("<f=a.b-c_d/e9>", "a.b-c_d/e9"),
        ("<f= read >", "read"),
        ('<f="read">', "read"),
        ("<f='read'>", "read"),
        ("<f=>", None),
        ("<f=re ad>", None),
        ("<f=\"read'>", None),
        ("<f=re<ad>", None),
        (f"<f={'n' * 128}>", "n" * 128),
        (f"<f={'n' * 129}>", None),
    ],
)
def test_name(text: str, name: str | None) -> None:
    found = holes(text, "<f={name}>")
    assert found == (None if name is None else {"name": name})


def test_a_trailing_name_ends_where_its_letters_end() -> None:
    assert holes("<c>read<k>", "<c>{name}") == {"name": "read"}
    assert holes("<c>read\nx", "<c>{ws}{name}") == {"name": "read"}
    assert holes("<c>\n read", "<c>{ws}{name}") == {"name": "read"}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("<p=a>", "a"),
        ("<p=two words>", "two words"),
        ("<p= a >", "a"),
        ('<p="a">', "a"),
        ("<p=-A>", "-A"),
        ("<p=>", None),
        ("<p= >", None),
        ("<p=a<b>", None),
        ("<p=a\nb>", None),
        (f"<p={'k' * 256}>", "k" * 256),
        (f"<p={'k' * 257}>", None),
    ],
)
def test_key(text: str, key: str | None) -> None:
    assert holes(text, "<p={key}>") == (None if key is None else {"key": key})


def test_id_and_type() -> None:
    assert holes("<c>functions.f:12<a>", "<c>{name}:{id}<a>") == {"name": "functions.f", "id": "12"}
    assert holes("<t:json>", "<t:{type}>") == {"type": "json"}
    assert holes("<t: >", "<t:{type}>") is None


@pytest.mark.parametrize(
    ("text", "attrs"),
    [
        ("<i>", {}),
        ('<i a="x">', {"a": "x"}),
        ("<i a='x' b=y  c = \"z\" >", {"a": "x", "b": "y", "c": "z"}),
        ('<i\n  a="x"\n>', {"a": "x"}),
        ('<i a="x > y">', {"a": "x > y"}),
        ('<i a="&lt;&amp;&quot;">', {"a": '<&"'}),
        ('<i a="1" a="2">', {"a": "1"}),
        ('<i a="">', {"a": ""}),
        ('<i x:y.z-w="1">', {"x:y.z-w": "1"}),
        ('<ia="x">', None),
        ("<i a>", None),
        ('<i a="x>', None),
        ("<i x y>", None),
    ],
)
def test_attrs(text: str, attrs: dict[str, str] | None) -> None:
    found = match(text, "<i{attrs}>")
    assert (dict(found.attrs) if found else None) == attrs


def test_attrs_may_close_themselves() -> None:
    for text in ("<i/>", '<i a="x"/>', '<i a="x" />', "<i a=x/>"):
        found = match(text, "<i{attrs}>")
        assert found is not None
        assert found.self_closing
        assert found.end == len(text)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("<|c|>final<|m|>x", 15),
        ("<|c|><|m|>", 10),
        ("<|c|>final json<|m|>", 20),
        ("<|c|>fi\nnal<|m|>", None),
        ("<|c|>a<|c|>b<|m|>", None),
        (f"<|c|>{'x' * 256}<|m|>", 266),
        (f"<|c|>{'x' * 257}<|m|>", None),
    ],
)
def test_anything(text: str, end: int | None) -> None:
    found = match(text, "<|c|>{_}<|m|>")
    assert (found.end if found else None) == end


def test_what_follows_a_hole_may_hold_what_the_hole_may_not() -> None:
    assert holes("Action: f\nInput:", "Action: {name}\nInput:") == {"name": "f"}
    assert match("do: x y\nInput:", "do: {_}\nInput:") == Match(14)
    assert holes("<k two words x<v>", "<k {key} x<v>") == {"key": "two words"}
    assert holes(f"<k>{'k' * 256}</k>", "<k>{key}</k>") == {"key": "k" * 256}


def test_anything_does_not_pass_the_last_literal() -> None:
    marker = CompiledMarker(Marker(("<|c|>{_} to={name}{_}<|m|>",)))
    assert marker.match("<|c|>final<|m|>", 0, False) is None
    found = marker.match("<|c|>x to=f json<|m|>", 0, False)
    assert isinstance(found, Match)
    assert found.holes == {"name": "f"}


def test_white_space() -> None:
    for space in ("", " ", "\n\t ", " " * 200):
        assert match(f"<a>{space}<b>", "<a>{ws}<b>") == Match(6 + len(space))
    assert match("<a>x<b>", "<a>{ws}<b>") is None


def test_then() -> None:
    closers = {"then": ("<s>", "$")}
    assert match("</a><s>", "</a>", **closers) == Match(4)
    assert match("</a> \n<s>", "</a>", **closers) == Match(4)
    assert match("</a> ", "</a>", **closers) == Match(4)
    assert match("</a> x", "</a>", **closers) is None
    assert match("</a> ", "</a>", then=("<s>",)) is None


def test_peek_consumes_nothing() -> None:
    assert match("{x", "{", peek=True) == Match(0)


def test_more_is_bounded() -> None:
    for lit in ("<i{attrs}>", "<f={name}>", "<p={key}>", "<c>{_}<m>", "<w>{ws}<b>"):
        first = lit.partition("{")[0]
        for filler in (' a="', " ", "x", " a=b"):
            text = first + filler * HEADER_LIMIT
            assert CompiledMarker(Marker((lit,))).match(text + "x" * HEADER_LIMIT, 0, False) is None, (lit, filler)


def test_what_the_prompt_holds_is_left_out() -> None:
    marker = CompiledMarker(Marker(("<s>a<m>", "<x>")), skip="<s>a")
    assert marker.literals == ("<m>",)
    assert marker.match("<m>", 0, True) == Match(3)


def test_literal_at() -> None:
    assert literal_at("xab", 1, "ab", True) is True
    assert literal_at("xa", 1, "ab", False) is MORE
    assert literal_at("xa", 1, "ab", True) is False
    assert literal_at("xb", 1, "ab", False) is False


def test_several_markers() -> None:
    one, two = CompiledMarker(Marker(("<a>",))), CompiledMarker(Marker(("<ab>",)))
    assert first_match((one, two), "<a>", 0, False) == Match(3)
    assert first_match((one, two), "<a", 0, False) is MORE
    assert first_match((one, two), "<b", 0, False) is None
    assert first_match((), "<b", 0, False) is None


def test_followed_by() -> None:
    markers = (CompiledMarker(Marker(("<a>",))),)
    assert followed_by(markers, " \n<a>", 0, False) is True
    assert followed_by(markers, " x", 0, False) is False
    assert followed_by(markers, " <", 0, False) is MORE
    assert followed_by(markers, "  ", 0, False) is MORE
    assert followed_by(markers, "  ", 0, True) is True
    assert followed_by(markers, " " * 5000, 0, False) is False


def test_no_marker() -> None:
    assert compile_marker(None) is None


@pytest.mark.parametrize(
    "source", ["<a>", "{ws}<a>", "{name}<a>", "{ws}{name}<a>", "{key}<a>", "{_}<a>", "{id}", "{name}"]
)
def test_a_beginning_leaves_out_nothing(source: str) -> None:
    """What its beginning does not find, a pattern never matches, whatever follows."""
    pattern = Pattern(source)
    begins = re.compile(pattern.beginning).match
    texts = ["".join(chars) for size in range(6) for chars in product("a '\"<>(\n", repeat=size)]
    wrong = [text for text in texts if not begins(text) and pattern.match(text, 0, False) is not None]
    assert wrong == []


def test_a_beginning_rules_out_usual_text() -> None:
    beginnings = [Pattern(source).beginning for source in ("<a>", "{ws}<a>", "{name}<a>")]
    assert not any(re.match(beginning, "The answer") for beginning in beginnings)
    assert all(re.match(beginning, "<") for beginning in beginnings)
