"""The body and headers of a chat completions request."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Literal

import pytest
from playbook import CONVERSATION, ROUTE

from bridge.core.conversation import Conversation, Text, ThinkingConfig, Tool, ToolChoice, Turn
from bridge.core.openai.request import build_request
from bridge.core.route import BodyPatch, Route

ASKED = replace(CONVERSATION, stream=False)
TOOL = Tool("read", "Reads.", {"type": "object", "properties": {"path": {"type": "string"}}})
LEAST = {"model": "up-model", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1000}


def body(route: Route = ROUTE, conversation: Conversation = ASKED, **fields: Any) -> dict[str, Any]:
    built = build_request(replace(conversation, **fields), route)
    assert built.path == "/chat/completions"
    decoded = json.loads(built.body)
    assert isinstance(decoded, dict)
    return decoded


def patched(**fields: Any) -> Route:
    return replace(ROUTE, request=BodyPatch(**fields))


def test_the_least() -> None:
    assert body() == LEAST


def test_streaming_asks_for_usage() -> None:
    assert body(stream=True) == {**LEAST, "stream": True, "stream_options": {"include_usage": True}}


def test_sampling() -> None:
    more = body(temperature=0.0, top_p=0.5, top_k=3, stop_sequences=("a", "b"))
    assert more == {**LEAST, "temperature": 0.0, "top_p": 0.5, "top_k": 3, "stop": ["a", "b"]}


def test_max_tokens_are_clamped() -> None:
    assert body(max_tokens=100_000)["max_tokens"] == 32_000
    assert body(replace(ROUTE, max_output_tokens=None), max_tokens=100_000)["max_tokens"] == 100_000
    assert "max_tokens" not in body(max_tokens=0)


def test_tools() -> None:
    asked = body(tools=(TOOL, Tool("now"), Tool("exact", schema={"type": "object"}, strict=True, eager=True)))
    assert asked["tools"] == [
        {"type": "function", "function": {"name": "read", "description": "Reads.", "parameters": TOOL.schema}},
        {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}},
        {"type": "function", "function": {"name": "exact", "parameters": {"type": "object"}, "strict": True}},
    ]
    assert "tool_choice" not in asked


@pytest.mark.parametrize(
    ("mode", "written"),
    [
        ("auto", None),
        ("any", "required"),
        ("tool", {"type": "function", "function": {"name": "read"}}),
        ("none", "none"),
    ],
)
@pytest.mark.parametrize("parallel", [True, False])
def test_tool_choice(mode: Literal["auto", "any", "tool", "none"], written: object, parallel: bool) -> None:
    choice = ToolChoice(mode, "read", parallel)
    asked = body(tools=(TOOL,), tool_choice=choice)
    assert asked.get("tool_choice") == written
    assert asked.get("parallel_tool_calls", True) is parallel
    # Servers refuse a choice among nothing.
    assert body(tool_choice=choice) == LEAST


def test_structured_output() -> None:
    schema = {"type": "object", "properties": {}}
    assert body(output_schema=schema)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": schema, "strict": True},
    }


def test_effort_goes_where_the_route_declares_it() -> None:
    assert body(effort="high") == LEAST
    declared = patched(default={"reasoning_effort": "medium"})
    assert body(declared)["reasoning_effort"] == "medium"
    assert body(declared, effort="low")["reasoning_effort"] == "low"
    assert body(declared, effort="max")["reasoning_effort"] == "high"


def test_user_goes_where_the_route_declares_it() -> None:
    assert body(user_id="u1") == LEAST
    declared = patched(default={"user": "bridge"})
    assert body(declared, user_id="u1")["user"] == "u1"
    assert body(declared, user_id="u" * 65)["user"] == "bridge"


@pytest.mark.parametrize(
    ("fields", "route", "warning"),
    [
        ({"effort": "high"}, ROUTE, "output_config.effort: not sent"),
        ({"thinking": ThinkingConfig("adaptive")}, ROUTE, "thinking: not sent"),
        ({"user_id": "u"}, ROUTE, "metadata.user_id: not sent, it is not declared by the route"),
        ({"user_id": "u" * 65}, patched(default={"user": ""}), "metadata.user_id: not sent, it is over 64"),
        ({"max_tokens": 99_999}, ROUTE, "max_tokens: 99999 is lowered to 32000"),
        ({"top_k": 4}, patched(drop=("top_k", "top_p")), "top_k: not sent, the route's `request.drop` names it"),
        ({"stop_sequences": ("a",)}, patched(drop=("stop",)), "stop_sequences: not sent"),
        ({"tools": (TOOL,)}, patched(drop=("tools",)), "tools: not sent"),
        ({"output_schema": {}}, patched(drop=("response_format",)), "output_config.format: not sent"),
        ({"top_p": 0.5}, patched(set={"top_p": 0.9}), "top_p: not sent, the route's `request.set` decides it"),
    ],
)
def test_what_is_not_honoured_is_said(fields: dict[str, Any], route: Route, warning: str) -> None:
    (said,) = build_request(replace(ASKED, **fields), route).warnings
    assert str(said).startswith(warning)


def test_what_a_route_does_to_its_own_fields_is_no_loss() -> None:
    route = patched(default={"top_k": 1}, set={"top_p": 0.5}, drop=("top_k", "stop"))
    assert build_request(replace(ASKED, top_p=0.5), route).warnings == ()


def test_what_the_route_decided_is_no_reason_to_refuse() -> None:
    (overruled,) = build_request(replace(ASKED, top_p=0.5), patched(set={"top_p": 0.9})).warnings
    (dropped,) = build_request(replace(ASKED, top_k=4), patched(drop=("top_k",))).warnings
    assert (overruled.kind, dropped.kind) == ("adjusted", "unsupported")


def test_an_effort_that_the_route_sets_is_no_loss() -> None:
    assert build_request(replace(ASKED, effort="low"), patched(set={"reasoning_effort": "high"})).warnings == ()


def test_the_route_changes_the_body() -> None:
    route = patched(
        default={"temperature": 0.7, "top_p": 0.9},
        set={"repetition_penalty": 1.05, "max_tokens": 5},
        drop=("top_k", "absent"),
    )
    asked = body(route, temperature=0.1, top_k=4)
    assert asked == {**LEAST, "temperature": 0.1, "top_p": 0.9, "repetition_penalty": 1.05, "max_tokens": 5}


def test_headers() -> None:
    plain = build_request(ASKED, ROUTE).headers
    assert plain == {"content-type": "application/json", "accept": "application/json"}
    upstream = replace(ROUTE.upstream, api_key="k", headers={"X-A": "1", "X-B": "1"})
    route = replace(ROUTE, upstream=upstream, request=BodyPatch(headers={"x-b": "2"}))
    assert build_request(CONVERSATION, route).headers == {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "accept-encoding": "identity",
        "authorization": "Bearer k",
        "x-a": "1",
        "x-b": "2",
    }


def test_a_longer_conversation_begins_with_the_bytes_of_the_shorter_one() -> None:
    longer = (*ASKED.turns, Turn("assistant", (Text("ho"),)), Turn("user", (Text("and?"),)))
    short = build_request(replace(ASKED, tools=(TOOL,)), ROUTE).body
    begins = short[: short.index(b'],"max_tokens"')]
    assert build_request(replace(ASKED, tools=(TOOL,), turns=longer), ROUTE).body.startswith(begins)


def test_the_same_question_gives_the_same_bytes() -> None:
    assert build_request(CONVERSATION, ROUTE).body == build_request(CONVERSATION, ROUTE).body
