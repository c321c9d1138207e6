"""A growing conversation grows at its end: an upstream's prefix cache holds from turn to turn."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from playbook import ROUTE

from bridge.core.anthropic.request import parse_request
from bridge.core.openai.request import build_request
from bridge.core.parsing.spec import ParserSpec, Prompt
from bridge.core.route import Reasoning, Route, ToolSchema


def write(what: str) -> Any:
    return lambda **variables: f"<{what}>{json.dumps(variables, sort_keys=True, default=str)}</{what}>\n"


PROMPT = Prompt(system=write("tools"), call=write("call"), result=write("result"))
NATIVE = replace(ROUTE, reasoning=Reasoning(replay="reasoning_content"))
ROUTES = {
    "native": NATIVE,
    "without replay": ROUTE,
    "prompt": replace(NATIVE, tools="prompt", parsers=(ParserSpec("own", prompt=PROMPT),)),
    "declared": replace(
        NATIVE,
        reasoning=Reasoning(
            replay="reasoning", effort=("reasoning_effort",), budget=("a", "b"), switch=("a", "c"), efforts=("low",)
        ),
        tool_schema=ToolSchema(frozenset({"$schema"}), inline=True),
        structured_output="prompt",
        user_field=("user",),
        max_stop_sequences=0,
        context_window=4_000,
    ),
}

PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="}}
FILE = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGVsbG8="}}
NOTE = {"type": "document", "title": "n", "source": {"type": "text", "media_type": "text/plain", "data": "noted"}}
TOOLS = [
    {"name": "read", "description": "Reads.", "input_schema": {"$schema": "x", "type": "object"}},
    {
        "name": "a.b c",
        "input_schema": {"type": "object", "properties": {"x": {"$ref": "#/$defs/y"}}, "$defs": {"y": {}}},
    },
]


def think(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": "s"}


def use(number: int, name: str = "read", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": arguments}


def result(number: int, *content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": list(content), **more}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


CACHE = {"cache_control": {"type": "ephemeral"}}

TURNS: list[list[dict[str, Any]]] = [
    [
        {"role": "user", "content": [text("Look at this:"), PICTURE, text("and read it.", **CACHE)]},
        {"role": "system", "content": "You are in plan mode."},
    ],
    [
        {"role": "assistant", "content": [think("A picture."), text("I will."), use(1, path="a"), use(2, path="b")]},
        {"role": "user", "content": [result(1, text("one"), PICTURE), result(2, text("no"), is_error=True), text("On.")]},
    ],
    [
        {"role": "assistant", "content": [think("So."), use(3, "a.b c", z=1, y={"b": 1, "a": 2})]},
        {"role": "user", "content": [result(3, FILE), text("See also", **CACHE), NOTE]},
        {"role": "system", "content": "Plan mode is over."},
        {"role": "user", "content": "Go on."},
    ],
    [
        {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}, text("Done."), text("Really.")]},
        {"role": "user", "content": "Thanks. And now?"},
    ],
    [
        {"role": "assistant", "content": "Nothing."},
        {"role": "user", "content": [text("Fine.", **CACHE)]},
    ],
]  # fmt: skip


def bodies(route: Route, **fields: Any) -> list[tuple[bytes, dict[str, Any]]]:
    """The upstream body of every turn, each request one turn longer than the one before."""
    sent = []
    for count in range(1, len(TURNS) + 1):
        messages = [message for turn in TURNS[:count] for message in turn]
        # What Claude Code changes between two requests, besides the turns.
        more = {"max_tokens": 1_000 + count, "metadata": {"user_id": f"u{count}"}, **fields}
        asked = parse_request({"model": "m", "tools": TOOLS, "system": "Be kind.", "messages": messages, **more})
        data = build_request(asked, route, lambda: 2_000).body
        sent.append((data, json.loads(data)))
    return sent


def prefix(data: bytes, body: dict[str, Any]) -> bytes:
    """The body up to the end of its last message."""
    messages = json.dumps(body["messages"], separators=(",", ":"), ensure_ascii=False).encode()
    end = data.index(messages) + len(messages) - len(b"]")
    assert list(body)[:2] == ["model", "messages"], "whatever else there is comes behind"
    return data[:end]


@pytest.mark.parametrize("kind", ROUTES)
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"stream": True, "thinking": {"type": "enabled", "budget_tokens": 1_024}},
        {"output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}}},
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}, "stop_sequences": ["END"]},
    ],
)
def test_each_request_begins_with_the_one_before(kind: str, fields: dict[str, Any]) -> None:
    sent = bodies(ROUTES[kind], **fields)
    for (data, body), (longer, _) in pairwise(sent):
        assert longer.startswith(prefix(data, body))
    assert len({len(body["messages"]) for _, body in sent}) == len(sent)


@pytest.mark.parametrize("kind", ROUTES)
def test_the_billing_block_does_not_matter(kind: str) -> None:
    def body(billing: str) -> bytes:
        blocks = [text(billing), text("Be kind.", **CACHE)] if billing else [text("Be kind.")]
        asked = {"model": "m", "max_tokens": 9, "tools": TOOLS, "system": blocks, "messages": TURNS[0]}
        return build_request(parse_request(asked), ROUTES[kind]).body

    plain = body("")
    for billing in ("x-anthropic-billing-header: cc_version=1; cch=abc;", "x-anthropic-billing-header: cch=def;"):
        assert body(billing) == plain
