from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bridge.core.conversation import Conversation, Text, ToolChoice, Turn
from bridge.core.losses import Loss
from bridge.core.openai.inbound import read_request
from bridge.core.openai.request import build_request
from bridge.core.openai.voice import ChatVoice
from bridge.core.route import BodyPatch, Reasoning, Route, UpstreamRef
from bridge.errors import RequestError

HELLO: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
ROUTE = Route("k", UpstreamRef("up", ("http://up.test/v1",)), "up-model")


def read(**fields: Any) -> Conversation:
    return read_request({**HELLO, **fields}, 7)[0]


def voice(**fields: Any) -> ChatVoice:
    return read_request({**HELLO, **fields}, 7)[1]


def refusal(**fields: Any) -> str:
    with pytest.raises(RequestError) as raised:
        read(**fields)
    assert raised.value.fault.kind == "invalid_request"
    return raised.value.fault.message


def sent(route: Route = ROUTE, **fields: Any) -> dict[str, Any]:
    """What goes upstream for a request with these fields."""
    body: dict[str, Any] = json.loads(build_request(read(**fields), route).body)
    return body


def test_the_least_that_can_be_asked() -> None:
    assert read() == Conversation("m", 0, (Turn("user", (Text("hi"),)),))
    assert voice() == ChatVoice(7)
    assert sent() == {"model": "up-model", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize("body", [None, [], "x", 1])
def test_a_body_that_is_no_object(body: object) -> None:
    with pytest.raises(RequestError, match="body: Input should be a JSON object"):
        read_request(body, 7)


def test_what_must_be_there() -> None:
    with pytest.raises(RequestError, match="model: Field required"):
        read_request({"messages": HELLO["messages"]}, 7)
    with pytest.raises(RequestError, match="messages: Field required"):
        read_request({"model": "m"}, 7)


def test_a_body_that_is_nested_too_deeply() -> None:
    deep: Any = {}
    for _ in range(200):
        deep = {"a": deep}
    assert "levels deep" in refusal(metadata=deep)


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, 0),
        ({"max_tokens": None}, 0),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
    ],
)
def test_the_limit_may_be_missing(fields: dict[str, Any], limit: int) -> None:
    assert read(**fields).max_tokens == limit
    assert sent(**fields).get("max_tokens") == (limit or None)


def test_the_routes_limit_holds_here_too() -> None:
    request = build_request(read(max_tokens=50_000), ROUTE)
    assert json.loads(request.body)["max_tokens"] == 32_000
    assert request.warnings == (Loss("max_tokens", "50000 is lowered to 32000", "adjusted"),)


def test_sampling() -> None:
    got = read(temperature=1.7, top_p=0.5, top_k=20, stop="END")
    assert (got.temperature, got.top_p, got.top_k, got.stop_sequences) == (1.7, 0.5, 20, ("END",))
    assert read(stop=["a", "b"]).stop_sequences == ("a", "b")
    assert read(stop=None, temperature=0).temperature == 0


def test_streams() -> None:
    assert not read().stream
    assert read(stream=True).stream
    assert voice(stream=True).include_usage is False
    assert voice(stream=True, stream_options={"include_usage": True}).include_usage is True
    # The upstream is asked for the counts in any case: the log has them.
    assert sent(stream=True)["stream_options"] == {"include_usage": True}
    warnings = read(stream_options={"include_usage": False, "include_obfuscation": False, "x": 1}).warnings
    assert warnings == (Loss("stream_options.x"),)


PASSED_ON: dict[str, Any] = {
    "seed": 7,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "logit_bias": {"50256": -100},
    "user": "u-1",
    "metadata": {"a": "b"},
    "service_tier": "flex",
    "reasoning_effort": "minimal",
    "response_format": {"type": "json_object"},
    "chat_template_kwargs": {"enable_thinking": False},
    "min_p": 0.1,
}


@pytest.mark.parametrize("key", PASSED_ON)
def test_what_the_upstream_understands_reaches_it(key: str) -> None:
    request = build_request(read(**{key: PASSED_ON[key]}), ROUTE)
    assert json.loads(request.body)[key] == PASSED_ON[key]
    assert request.warnings == read(**{key: PASSED_ON[key]}).warnings == ()


def test_a_schema_keeps_its_name() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "city", "schema": {"type": "object"}, "strict": False}}
    assert sent(response_format=form)["response_format"] == form
    assert "response_format" not in sent(response_format={"type": "text"})
    assert refusal(response_format="json") == "response_format: Input should be an object"


@pytest.mark.parametrize(
    ("declared", "effort", "fields"),
    [
        (Reasoning(), "xhigh", {"reasoning_effort": "xhigh"}),
        (Reasoning(), "none", {"reasoning_effort": "none"}),
        (Reasoning(effort=("effort",)), "low", {"effort": "low"}),
        (Reasoning(effort=("reasoning_effort",), efforts=("low", "high")), "minimal", {"reasoning_effort": "low"}),
        (Reasoning(effort=("reasoning_effort",), efforts=("none", "low")), "none", {"reasoning_effort": "none"}),
        (Reasoning(effort=("reasoning_effort",), efforts=("low",)), "default", {"reasoning_effort": "default"}),
        (Reasoning(switch=("think",)), "none", {"think": False}),
        (Reasoning(switch=("think",)), "high", {"reasoning_effort": "high"}),
        (Reasoning(budget=("budget",)), "high", {"reasoning_effort": "high"}),
    ],
)
def test_the_route_says_where_an_effort_goes(declared: Reasoning, effort: str, fields: dict[str, Any]) -> None:
    request = build_request(read(reasoning_effort=effort), replace(ROUTE, reasoning=declared))
    body = json.loads(request.body)
    assert {key: body[key] for key in body.keys() - {"model", "messages", "max_tokens"}} == fields
    assert request.warnings == ()


def test_an_effort_that_the_route_cannot_say_is_a_loss() -> None:
    declared = Reasoning(effort=("reasoning_effort",), efforts=("low", "high"))
    request = build_request(read(reasoning_effort="none"), replace(ROUTE, reasoning=declared))
    assert b"reasoning_effort" not in request.body
    assert [str(loss).partition(":")[0] for loss in request.warnings] == ["reasoning_effort"]


def form(**more: object) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, **more}}


def test_a_schema_goes_where_the_route_says() -> None:
    asked = read(response_format=form(strict=True))
    in_words = build_request(asked, replace(ROUTE, structured_output="prompt"))
    assert b"response_format" not in in_words.body
    assert "JSON Schema below" in json.loads(in_words.body)["messages"][0]["content"]
    nowhere = build_request(asked, replace(ROUTE, structured_output="none"))
    assert b"response_format" not in nowhere.body
    assert [loss.field for loss in nowhere.warnings] == ["response_format.json_schema"]
    plain = {"type": "json_object"}
    for route in (ROUTE, replace(ROUTE, structured_output="prompt"), replace(ROUTE, structured_output="none")):
        assert json.loads(build_request(read(response_format=plain), route).body)["response_format"] == plain


def test_only_a_strict_schema_is_checked() -> None:
    assert read(response_format=form(strict=True)).strict_output
    for loose in (form(), form(strict=False), form(strict=None)):
        asked = read(response_format=loose)
        assert asked.output_schema == {"type": "object"}
        assert not asked.strict_output
    assert read(response_format={"type": "json_schema"}).output_schema is None
    wrong_schema = {"type": "json_schema", "json_schema": {"schema": 5}}
    assert refusal(response_format=wrong_schema).startswith("response_format.")


def test_the_route_has_the_last_word() -> None:
    patch = BodyPatch(default={"seed": 1, "min_p": 0.2}, set={"presence_penalty": 0}, drop=("user",))
    got = sent(Route("k", ROUTE.upstream, "up", request=patch), seed=7, presence_penalty=1, user="u")
    assert (got["seed"], got["min_p"], got["presence_penalty"]) == (7, 0.2, 0)
    assert "user" not in got


def test_the_user_keeps_a_session_at_its_replica() -> None:
    assert read(user="u-1").user_id == "u-1"


@pytest.mark.parametrize("key", ["logprobs", "models", "api_base", "chat_template", "tools_cache"])
def test_what_is_not_known_is_dropped_and_named(key: str) -> None:
    got = read(**{key: ["x"]})
    assert got.warnings == (Loss(key),)
    assert key not in sent(**{key: ["x"]})
    assert read(**{key: None}).warnings == read(**{key: False}).warnings == ()


def test_tools() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    got = read(tools=[tool], tool_choice="required", parallel_tool_calls=False)
    assert [tool.name for tool in got.tools] == ["f"]
    assert got.tool_choice == ToolChoice("any", parallel=False)
    assert not voice(tools=[tool]).legacy
    assert voice(functions=[{"name": "f"}]).legacy
    assert read(functions=[{"name": "f"}]).tool_choice == ToolChoice(parallel=False)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n": 2}, "n: Only one answer can be given; leave this out, or ask several times"),
        ({"n": 0}, "n: Input should be greater than or equal to 1"),
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ({"max_tokens": "5"}, "max_tokens: Input should be an integer"),
        ({"temperature": 2.1}, "temperature: Input should be between 0 and 2"),
        ({"top_p": 1.1}, "top_p: Input should be between 0 and 1"),
        ({"stop": ""}, "stop.0: String should have at least 1 character"),
        ({"stop": [1]}, "stop.0: Input should be a string"),
        ({"stop": 1}, "stop: Input should be a list"),
        ({"stream": "yes"}, "stream: Input should be true or false"),
        ({"stream_options": []}, "stream_options: Input should be an object"),
        ({"modalities": ["text", "audio"]}, "modalities: Only 'text' is supported"),
        ({"user": 1}, "user: Input should be a string"),
        ({"messages": []}, "messages: At least one message is required"),
    ],
)
def test_what_is_wrong_is_refused(fields: dict[str, Any], message: str) -> None:
    assert refusal(**fields) == message


@pytest.mark.parametrize(
    "fields",
    [
        {"audio": {"voice": "x"}},
        {"best_of": 3},
        {"web_search_options": {"search_context_size": "low"}},
        {"web_search_options": {}},
    ],
)
def test_what_would_be_another_answer_is_refused(fields: dict[str, Any]) -> None:
    (key,) = fields
    assert refusal(**fields).startswith(f"{key}: ")
    assert read(**{key: None}).warnings == ()


def test_one_answer_and_only_text_may_be_said() -> None:
    assert read(n=1, modalities=["text"]).warnings == ()
