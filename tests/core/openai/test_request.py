"""The body and headers of a chat completions request."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Literal

import pytest
from playbook import CONVERSATION, ROUTE

from bridge.core.conversation import Conversation, Text, ThinkingConfig, Tool, ToolChoice, Turn
from bridge.core.openai.request import build_request
from bridge.core.route import BodyPatch, Reasoning, Route, ToolSchema
from bridge.core.toolset import Toolset
from bridge.errors import RequestError

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


def test_tools_that_come_again_are_written_as_the_first_time() -> None:
    shared = Toolset((TOOL, replace(TOOL, name="other", strict=True)), 10_000)
    strict = replace(ROUTE, tool_schema=ToolSchema(drop=frozenset({"type"})))
    for route in (ROUTE, strict, ROUTE, strict):
        for text in ("hi", "\ud800 ä"):
            asked = replace(ASKED, turns=(Turn("user", (Text(text),)),))
            assert build_request(replace(asked, tools=shared), route) == build_request(
                replace(asked, tools=tuple(shared)), route
            )


def test_a_route_that_sets_the_very_tools_of_the_client_takes_nothing_away() -> None:
    tools = Toolset((TOOL,), 10_000)
    own = json.loads(build_request(replace(ASKED, tools=tools), ROUTE).body)["tools"]
    for declared in (tools, tuple(tools)):
        assert build_request(replace(ASKED, tools=declared), patched(set={"tools": own})).warnings == ()
        (said,) = build_request(replace(ASKED, tools=declared), patched(set={"tools": []})).warnings
        assert str(said) == "tools: not sent, the route's `request.set` decides it"


def test_neither_prompt_nor_key_is_shown() -> None:
    request = build_request(replace(ASKED, stop_sequences=("hidden-word",)), patched(headers={"x-own": "hidden-word"}))
    assert b"hidden-word" in request.body
    assert request.headers["x-own"] == "hidden-word"
    assert "hidden-word" not in repr(request)


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


EVERYTHING = replace(
    ROUTE,
    reasoning=Reasoning(
        effort=("reasoning_effort",),
        budget=("extra", "budget"),
        switch=("chat_template_kwargs", "enable_thinking"),
    ),
    user_field=("user",),
    max_tokens_field="max_completion_tokens",
)
THINKING = ThinkingConfig("enabled", 500)


def test_everything_that_a_route_declares() -> None:
    assert body(EVERYTHING, thinking=THINKING, effort="max", user_id="u1") == {
        "model": "up-model",
        "messages": [{"role": "user", "content": "hi"}],
        "max_completion_tokens": 1000,
        "chat_template_kwargs": {"enable_thinking": True},
        "extra": {"budget": 500},
        "reasoning_effort": "high",
        "user": "u1",
    }
    assert build_request(replace(ASKED, thinking=THINKING, effort="max", user_id="u1"), EVERYTHING).warnings == ()


def test_two_wishes_in_one_table() -> None:
    declared = Reasoning(effort=("reasoning", "effort"), switch=("reasoning", "enabled"))
    asked = body(replace(ROUTE, reasoning=declared), thinking=THINKING, effort="low")
    assert asked["reasoning"] == {"enabled": True, "effort": "low"}


def test_a_table_of_the_routes_and_a_wish_of_the_clients_are_merged() -> None:
    default = {"chat_template_kwargs": {"enable_thinking": False, "style": "a"}, "extra": {"x": {"y": 1}}}
    route = replace(EVERYTHING, request=BodyPatch(default=default))
    assert body(route)["chat_template_kwargs"] == {"enable_thinking": False, "style": "a"}
    asked = body(route, thinking=THINKING)
    assert asked["chat_template_kwargs"] == {"enable_thinking": True, "style": "a"}
    assert asked["extra"] == {"budget": 500, "x": {"y": 1}}
    fixed = replace(EVERYTHING, request=BodyPatch(set={"chat_template_kwargs": {"style": "b"}, "extra": {"budget": 7}}))
    asked = body(fixed, thinking=THINKING)
    assert asked["chat_template_kwargs"] == {"enable_thinking": True, "style": "b"}
    assert asked["extra"] == {"budget": 7}
    flat = replace(EVERYTHING, request=BodyPatch(default={"extra": 1}, set={"chat_template_kwargs": 2}, drop=("user",)))
    asked = body(flat, thinking=THINKING, user_id="u")
    assert asked["extra"] == {"budget": 500}
    assert asked["chat_template_kwargs"] == 2
    assert "user" not in asked
    assert default == {"chat_template_kwargs": {"enable_thinking": False, "style": "a"}, "extra": {"x": {"y": 1}}}


def test_what_the_route_sets_without_a_wish_is_replaced() -> None:
    route = patched(set={"response_format": {"type": "json_object"}})
    assert body(route, output_schema={"type": "object"})["response_format"] == {"type": "json_object"}


def test_long_user_ids_stay_apart() -> None:
    one = body(EVERYTHING, user_id="u" * 64)["user"]
    two, three = (body(EVERYTHING, user_id="u" * count)["user"] for count in (65, 66))
    assert one == "u" * 64
    assert len({one, two, three}) == 3
    assert len(two) == len(three) == 64
    assert body(EVERYTHING, user_id="\ud800" * 65)["user"] != two


@pytest.mark.parametrize(("takes", "sent"), [(0, None), (1, ["a"]), (4, ["a", "b", "c"])])
def test_only_so_many_stop_sequences(takes: int, sent: list[str] | None) -> None:
    route = replace(ROUTE, max_stop_sequences=takes)
    built = build_request(replace(ASKED, stop_sequences=("a", "b", "c")), route)
    assert json.loads(built.body).get("stop") == sent
    assert built.warnings == (), "the others are enforced here"


def test_too_many_stop_sequences_are_refused() -> None:
    with pytest.raises(RequestError):
        build_request(replace(ASKED, stop_sequences=("a" * 70_000,)), ROUTE)


def test_schemas_of_tools_in_the_upstreams_dialect() -> None:
    schema = {"type": "object", "properties": {"format": {"type": "string", "format": "uri"}}}
    tools = (Tool("get", schema=schema), Tool("now"))
    asked = body(replace(ROUTE, tool_schema=ToolSchema(frozenset({"format"}))), tools=tools, output_schema=schema)
    first, second = asked["tools"]
    assert first["function"]["parameters"] == {"type": "object", "properties": {"format": {"type": "string"}}}
    assert second["function"]["parameters"] == {"type": "object", "properties": {}}
    assert asked["response_format"]["json_schema"]["schema"] == schema


def test_a_schema_in_words() -> None:
    asked = body(replace(ROUTE, structured_output="prompt"), output_schema={"type": "integer"}, system=(Text("Hm."),))
    assert asked["messages"][0]["content"].startswith("Hm.\n\nYour answer has to be one JSON value")
    assert asked["messages"][0]["content"].endswith('{"type":"integer"}')
    assert "response_format" not in asked


LONG = replace(ASKED, max_tokens=9_000, turns=(Turn("user", (Text("word " * 2_000),)),))


def test_the_answer_fits_into_the_window() -> None:
    asked = replace(LONG, thinking=ThinkingConfig("enabled", 8_500))
    route = replace(EVERYTHING, context_window=10_000)
    built = build_request(asked, route, lambda: 2_000)
    sent = json.loads(built.body)
    assert sent["max_completion_tokens"] == 10_000 - 2_000 - 256
    assert sent["extra"]["budget"] == sent["max_completion_tokens"] - 1
    (said,) = built.warnings
    assert str(said).startswith("max_tokens: 9000 is lowered to 7744")
    assert list(sent) == list(json.loads(build_request(asked, route).body))
    # Nothing is known of the prompt, or the route itself says how long an answer is.
    assert json.loads(build_request(asked, route).body)["max_completion_tokens"] == 9_000
    fixed = replace(route, request=BodyPatch(set={"max_completion_tokens": 9_500}))
    built = build_request(asked, fixed, lambda: 2_000)
    assert json.loads(built.body)["max_completion_tokens"] == 9_500
    assert built.warnings == ()


def test_a_small_budget_stays_in_a_small_window() -> None:
    asked = replace(LONG, thinking=THINKING)
    sent = json.loads(build_request(asked, replace(EVERYTHING, context_window=10_000), lambda: 2_000).body)
    assert sent["extra"]["budget"] == 500


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
