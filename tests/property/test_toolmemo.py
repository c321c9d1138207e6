"""No request sees from its answer, and no upstream from its request, which other requests came before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.core import jsontext
from bridge.core.anthropic.request import parse_count_request, parse_request
from bridge.core.anthropic.toolmemo import ToolMemo
from bridge.core.conversation import Conversation
from bridge.core.openai.request import UpstreamRequest, build_request
from bridge.core.route import BodyPatch, Route, ToolSchema, UpstreamRef
from bridge.errors import RequestError
from bridge.server.body import parse_json
from bridge.server.door import question_in

UPSTREAM = UpstreamRef("up", ("http://127.0.0.1:1",), api_key="key")
ROUTES = (
    Route("m", UPSTREAM, "up-m"),
    Route("m", UPSTREAM, "up-m", tool_schema=ToolSchema(frozenset({"default", "title"}), inline=True)),
    Route("m", UPSTREAM, "up-m", context_window=6_000, request=BodyPatch(set={"tools": []}, drop=("top_k",))),
)
SPELLINGS: tuple[dict[str, Any], ...] = (
    {"separators": (",", ":")},
    {"separators": (",", ":"), "ensure_ascii": False},
    {"indent": 1},
)

WORDS = st.sampled_from(["", "a", "ä", "long " * 500, "\ud800", "\\ud800", "{[" * 70, "\u2028"])
VALUES = st.sampled_from([0, 0.0, -0.0, False, 1, 1.0, True, None, "", [], {}, 2**70, 1e22, "\ud800"])
SCHEMAS = st.fixed_dictionaries(
    {"type": st.just("object")},
    optional={
        "default": VALUES,
        "title": WORDS,
        "properties": st.dictionaries(WORDS, st.fixed_dictionaries({"const": VALUES}), max_size=2),
        "$ref": st.just("#/$defs/x"),
        "$defs": st.just({"x": {"title": "x", "default": 1}}),
    },
)
TOOLS = st.fixed_dictionaries(
    {"name": st.sampled_from(["read", "write", "fs.list", "find it", "x" * 70])},
    optional={
        "input_schema": SCHEMAS,
        "description": WORDS,
        "type": st.sampled_from([None, "custom", "bash_20250124", "web_search_20250305", "tool_search_tool_regex", 7]),
        "strict": st.sampled_from([True, None, "yes"]),
        "eager_input_streaming": st.booleans(),
        "defer_loading": st.booleans(),
        "input_examples": st.lists(st.fixed_dictionaries({"a": VALUES}), max_size=1),
        "allowed_callers": st.sampled_from([["direct"], ["code"]]),
        "odd": VALUES,
    },
)
DEEP: list[object] = []
for _ in range(130):
    DEEP = [DEEP]
DECLARED = st.lists(TOOLS, max_size=3) | st.sampled_from(
    [None, {}, "x", [None], [{"name": "deep", "input_schema": DEEP}]]
)
MESSAGES = st.lists(
    st.sampled_from(
        [
            {"role": "user", "content": "hi"},
            {"role": "user", "content": "\ud800 ä"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "fs.list", "input": {}}]},
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t1",
                        "content": [{"type": "tool_reference", "tool_name": "write"}, {"type": "text", "text": "ä"}],
                    }
                ],
            },
        ]
    ),
    min_size=1,
    max_size=3,
)
CHOICES = st.sampled_from([{"type": "auto"}, {"type": "any"}, {"type": "tool", "name": "read"}, {"type": "none"}])
BODIES = st.fixed_dictionaries(
    {"model": st.just("m"), "max_tokens": st.just(5_000), "messages": MESSAGES},
    optional={"tools": DECLARED, "tool_choice": CHOICES, "top_k": st.just(3), "speed": st.just("fast")},
)


@st.composite
def bodies(draw: st.DrawFn) -> list[bytes]:
    """The bodies of a few clients, in any order, several times each."""
    clients = draw(st.lists(BODIES, min_size=1, max_size=3))
    asked = draw(st.lists(st.tuples(st.sampled_from(clients), st.sampled_from(SPELLINGS)), min_size=2, max_size=8))
    return [json.dumps(body, **how).encode("utf-8", "replace") for body, how in asked]


Outcome = list[Conversation | UpstreamRequest | str]


def outcome(raw: bytes, memo: ToolMemo | None) -> Outcome:
    """All that is made of a request on its way."""
    made: Outcome = []
    for parse in (parse_request, parse_count_request):
        try:
            if memo is None:
                conversation = parse(parse_json(raw), raw)
            else:
                question = question_in(raw, memo)
                conversation = parse(question.body, question.raw, memo, question.tools)
                assert jsontext.dumps(question.whole) == jsontext.dumps(jsontext.loads(raw))
            made.append(conversation)
            made += [build_request(conversation, route, lambda: 4_000) for route in ROUTES]
        except RequestError as refused:
            made.append(str(refused.fault))
    return made


def repeated(body: dict[str, object], how: int = 0) -> list[bytes]:
    return [json.dumps(body, **SPELLINGS[how]).encode("utf-8", "replace")] * 3


LONG = [{"name": name, "description": "d" * 3_000, "input_schema": {"type": "object"}} for name in ("read", "write")]
ASKED: dict[str, object] = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}


@settings(max_examples=300, deadline=None)
@given(bodies(), st.sampled_from([1, 2, 64]), st.sampled_from([100, 2**21]))
@example(repeated({**ASKED, "tools": LONG}), 64, 2**21)
@example(repeated({**ASKED, "tools": LONG}, 2), 64, 2**21)
@example(repeated({"tools": [*LONG, {"name": "x", "input_schema": {"default": "ä"}}], **ASKED}, 1), 64, 2**21)
@example(repeated({**ASKED, "messages": [{"role": "user", "content": "\ud800ä"}], "tools": LONG}), 64, 2**21)
def test_a_memo_changes_nothing(asked: Sequence[bytes], most: int, size: int) -> None:
    memo = ToolMemo(most, size)
    for raw in asked:
        assert outcome(raw, memo) == outcome(raw, None)
