from __future__ import annotations

import pytest

from bridge.cli.regexes import NoMarker, marker_text, sequences

SAID = {
    r"<tool_call>": ["<tool_call>"],
    r"<\|tool_call\|>\s*": ["<|tool_call|>"],
    r"\n?</response>": ["</response>"],
    r"<a>\s*<b=(?P<name>\w+)>": ["<a>{ws}<b={name}>"],
    r"<a>[ \n]*<b>": ["<a>{ws}<b>"],
    r"<a>\n?\s*<b>": ["<a>{ws}<b>"],
    r"(?:<a>|<b>)x": ["<a>x", "<b>x"],
    r"<a>(?:x)?</a>": ["<a>x</a>", "<a></a>"],
    r"<a b.*?>": ["<a b{_}>"],
    r"<a [^>]+>": ["<a {_}>"],
    r"<k>(?P<key>[^<]+)</k>": ["<k>{key}</k>"],
    r"\[TOOL_CALLS\](?P<name>\w+)\[ARGS\]": ["[TOOL_CALLS]{name}[ARGS]"],
}


@pytest.mark.parametrize("regex", SAID)
def test_what_a_marker_can_say(regex: str) -> None:
    assert [marker_text(sequence) for sequence in sequences(regex)] == SAID[regex]


@pytest.mark.parametrize(
    ("regex", "why"),
    [
        (r"(?=<a>)", "looking ahead or behind"),
        (r"(?<=<a>)x", "looking ahead or behind"),
        (r"(?:<a>)*", "repeats"),
        (r"<a+>", "repeats"),
        (r"<a>\d", "without a quantifier"),
        (r"<a>\bx", "`\\b`"),
        (r"<a>)", "closes nothing"),
        (r"(<a>", "without `)`"),
        (r"<a>[", "without `]`"),
        (r"*a", "repeats nothing"),
        (r"(?P<name>fixed)", "more than a run"),
        (r"<a>(?P<other>\w+)", "the group `other`"),
        ("(?:a|b|c|d)" * 4, "alternatives"),
    ],
)
def test_what_it_cannot_say(regex: str, why: str) -> None:
    with pytest.raises(NoMarker) as problem:
        [marker_text(sequence) for sequence in sequences(regex)]
    assert why in str(problem.value)


@pytest.mark.parametrize("regex", [r"\w+<a>", r"<a>^b", r"<a>\{name\}"])
def test_what_is_no_marker_text(regex: str) -> None:
    with pytest.raises(NoMarker):
        [marker_text(sequence) for sequence in sequences(regex)]


def test_edges_stay_visible() -> None:
    assert sequences(r"^|<a>\s*") == [(("edge", "^"),), (("text", "<"), ("text", "a"), ("text", ">"), ("hole", "ws"))]
