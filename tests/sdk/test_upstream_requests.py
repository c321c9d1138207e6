"""What the SDK asks for reaches the upstream where the route declares it, and is enforced where it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic import Anthropic, APIStatusError, InternalServerError
from inprocess import Running
from official import ask, blocks, routes
from pydantic import BaseModel
from scripted import DONE, HANG, Upstream, answer, chunk, completion, head, part, reply

STREAM = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
QUICK = 'retry = { attempts = 3, backoff = "1ms" }\n'


class City(BaseModel):
    name: str
    people: int


GOOD = '{"name": "Graz", "people": 300000}'
BAD = '{"name": "Graz", "people": "many"}'
CITY: Any = {"format": {"type": "json_schema", "schema": {**City.model_json_schema(), "additionalProperties": False}}}


def test_parse(proxy: Running, sdk: Anthropic) -> None:
    """The SDK's own way to typed answers, end to end."""
    with Upstream(reply(200, completion(GOOD))) as upstream, proxy.using(routes(upstream.url)):
        messages: list[Any] = [{"role": "user", "content": "A city."}]
        got = sdk.messages.parse(model="any", max_tokens=500, messages=messages, output_format=City)
        assert got.parsed_output == City(name="Graz", people=300_000)
        sent = upstream.requests[0].json["response_format"]
        assert sent["type"] == "json_schema"
        schema = sent["json_schema"]["schema"]
        assert schema["required"] == ["name", "people"]
        assert schema["properties"].keys() == {"name", "people"}


@STREAM
def test_the_schema_is_sent_as_it_came(proxy: Running, sdk: Anthropic, stream: bool) -> None:
    schema = {"type": "object", "properties": {"z": {"type": "integer"}, "a": {"format": "date"}}, "$comment": "c"}
    config = {"format": {"type": "json_schema", "schema": schema}}
    play = answer("{", "}") if stream else reply(200, completion("{}"))
    with Upstream(play) as upstream, proxy.using(routes(upstream.url)):
        assert blocks(ask(sdk, stream=stream, output_config=config)) == [("text", "{}")]
        sent = upstream.requests[0].json["response_format"]["json_schema"]["schema"]
        assert json.dumps(sent) == json.dumps(schema)


def test_an_answer_that_does_not_fit_is_asked_for_again(proxy: Running, sdk: Anthropic) -> None:
    plays = [reply(200, completion(BAD)), reply(200, completion("Sure! " + GOOD)), reply(200, completion(GOOD))]
    with Upstream(*plays) as upstream, proxy.using(routes(upstream.url, extra=QUICK)):
        assert blocks(ask(sdk, stream=False, output_config=CITY)) == [("text", GOOD)]
        assert len(upstream.requests) == 3


def test_an_answer_that_never_fits_is_an_error(proxy: Running, sdk: Anthropic) -> None:
    budget = "retry_budget = { min_per_second = 100 }"
    with (
        Upstream(reply(200, completion(BAD))) as upstream,
        proxy.using(routes(upstream.url, extra=QUICK, upstream=budget)),
    ):
        with pytest.raises(InternalServerError) as caught:
            ask(sdk, stream=False, output_config=CITY)
        assert caught.value.status_code == 500
        assert "output_config.format: $.people: 'many' is not of type 'integer'" in caught.value.message
        assert len(upstream.requests) == 3
        # The model's words are no failure of the upstream's: it is not left alone for them.
        for _ in range(4):
            with pytest.raises(InternalServerError):
                ask(sdk, stream=False, output_config=CITY)
        assert len(upstream.requests) == 15


def test_a_streamed_answer_that_does_not_fit_never_ends_well(proxy: Running, sdk: Anthropic) -> None:
    seen: list[Any] = []

    def read() -> None:
        params: Any = {"model": "any", "max_tokens": 500, "messages": [{"role": "user", "content": "A city."}]}
        with sdk.messages.stream(**params, output_config=CITY) as events:
            seen.extend(events)

    with Upstream(answer(*BAD)) as upstream, proxy.using(routes(upstream.url, extra=QUICK)):
        with pytest.raises(APIStatusError, match=r"\$\.people: 'many' is not of type 'integer'"):
            read()
        assert "".join(event.text for event in seen if event.type == "text") == BAD
        assert not {event.type for event in seen} & {"content_block_stop", "message_delta", "message_stop"}
        assert len(upstream.requests) == 1


def test_an_empty_answer_is_asked_for_again_even_streamed(proxy: Running, sdk: Anthropic) -> None:
    empty = [head(), part(chunk(finish="stop")), part(DONE), b"0\r\n\r\n", "KEEP"]
    with Upstream(empty, answer(GOOD)) as upstream, proxy.using(routes(upstream.url, extra=QUICK)):  # type: ignore[arg-type]
        assert blocks(ask(sdk, output_config=CITY)) == [("text", GOOD)]
        assert len(upstream.requests) == 2


@STREAM
@pytest.mark.parametrize(("finish", "reason"), [("length", "max_tokens"), ("content_filter", "refusal")])
def test_an_unfinished_answer_does_not_have_to_fit(
    proxy: Running, sdk: Anthropic, stream: bool, finish: str, reason: str
) -> None:
    streamed = [head(), part(chunk('{"na')), part(chunk(finish=finish)), part(DONE), b"0\r\n\r\n", "KEEP"]
    play: Any = streamed if stream else reply(200, completion('{"na', finish))
    with Upstream(play) as upstream, proxy.using(routes(upstream.url)):
        got = ask(sdk, stream=stream, output_config=CITY)
        assert (blocks(got), got.stop_reason) == ([("text", '{"na')], reason)


@STREAM
@pytest.mark.parametrize("how", ["prompt", "none"])
def test_other_ways_to_tell(proxy: Running, sdk: Anthropic, stream: bool, how: str) -> None:
    play = answer(GOOD) if stream else reply(200, completion(GOOD))
    extra = f'structured_output = "{how}"'
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, extra=extra)):
        assert blocks(ask(sdk, stream=stream, output_config=CITY, system="Be brief.")) == [("text", GOOD)]
        sent = upstream.requests[0].json
        assert "response_format" not in sent
        assert ('"people"' in sent["messages"][0]["content"]) is (how == "prompt")


def test_a_schema_elsewhere_is_refused(proxy: Running, sdk: Anthropic) -> None:
    config = {"format": {"type": "json_schema", "schema": {"$ref": "http://127.0.0.1:1/schema"}}}
    with Upstream(answer("1")) as upstream, proxy.using(routes(upstream.url)):
        with pytest.raises(APIStatusError, match="another document") as caught:
            ask(sdk, stream=False, output_config=config)
        assert caught.value.status_code == 400
        assert not upstream.requests


@STREAM
def test_stop_sequences_beyond_what_the_upstream_takes(proxy: Running, sdk: Anthropic, stream: bool) -> None:
    sequences = ["one", "two", "three", "four", "five"]
    play = answer(*"at fi", "ve o'clock") if stream else reply(200, completion("at five o'clock"))
    with Upstream(play) as upstream, proxy.using(routes(upstream.url)):
        got = ask(sdk, stream=stream, stop_sequences=sequences)
        assert (blocks(got), got.stop_reason, got.stop_sequence) == ([("text", "at ")], "stop_sequence", "five")
        assert upstream.requests[0].json["stop"] == sequences[:4]


def test_a_stop_sequence_ends_the_upstreams_call(proxy: Running, sdk: Anthropic) -> None:
    endless = [head(), part(chunk("so EN")), part(chunk("D on and")), part(chunk(" on")), HANG]
    with Upstream(endless) as upstream, proxy.using(routes(upstream.url, extra="max_stop_sequences = 0")):
        got = ask(sdk, stop_sequences=["END"])
        assert (blocks(got), got.stop_sequence) == ([("text", "so ")], "END")
        upstream.wait(lambda up: up.open == 0, timeout=2)
        assert "stop" not in upstream.requests[0].json
        assert got.usage.input_tokens > 0


@STREAM
def test_reasoning_goes_where_it_is_declared(proxy: Running, sdk: Anthropic, stream: bool) -> None:
    extra = (
        'reasoning = { effort = "reasoning_effort", efforts = ["low", "medium"], budget = "thinking_token_budget", '
        'switch = "chat_template_kwargs.enable_thinking" }\n'
        'user_field = "user"\nmax_tokens_field = "max_completion_tokens"\ntool_schema = { drop = ["format"] }'
    )
    tool = {
        "name": "get",
        "input_schema": {"type": "object", "properties": {"format": {"type": "string", "format": "uri"}}},
    }
    play = answer("ok") if stream else reply(200, completion("ok"))
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, extra=extra)):
        user = json.dumps({"device_id": "d" * 64, "session_id": "s" * 36})
        ask(
            sdk,
            stream=stream,
            thinking={"type": "enabled", "budget_tokens": 1_024},
            output_config={"effort": "max"},
            metadata={"user_id": user},
            tools=[tool],
            max_tokens=1_024,
        )
        sent = upstream.requests[0].json
        assert sent["thinking_token_budget"] == 1_023
        assert sent["chat_template_kwargs"] == {"enable_thinking": True}
        assert sent["reasoning_effort"] == "medium"
        assert sent["max_completion_tokens"] == 1_024
        assert "max_tokens" not in sent
        assert len(sent["user"]) == 64
        assert sent["tools"][0]["function"]["parameters"]["properties"] == {"format": {"type": "string"}}
        ask(sdk, stream=stream, thinking={"type": "disabled"})
        assert upstream.requests[1].json["chat_template_kwargs"] == {"enable_thinking": False}


def test_the_window_limits_the_answer(proxy: Running, sdk: Anthropic) -> None:
    with (
        Upstream(reply(200, completion("ok"))) as upstream,
        proxy.using(routes(upstream.url, extra="context_window = 8000")),
    ):
        got = sdk.messages.with_raw_response.create(
            model="any", max_tokens=7_000, messages=[{"role": "user", "content": "word " * 3_000}]
        )
        assert 3_000 < upstream.requests[0].json["max_tokens"] < 5_500
        assert "max_tokens: 7000 is lowered" in got.headers["x-bridge-warnings"]
        ask(sdk, stream=False, max_tokens=7_000)
        assert upstream.requests[1].json["max_tokens"] == 7_000
