"""The official OpenAI SDK as the judge of the other door: everything that it can be asked for, and every failure."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from chat import function
from chunking import bytewise, seeded_splits, whole
from inprocess import Running
from official import ARGUMENTS, PING, PLAN, routes
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion
from pydantic import BaseModel
from scripted import (
    DONE,
    END,
    FIN,
    HANG,
    KEEP,
    Play,
    Upstream,
    answer,
    chunk,
    completion,
    frame,
    head,
    part,
    reply,
    sse,
)
from written import MODELS, written

STREAM = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": tool["name"],
            "description": tool["description"],
            "parameters": tool["input_schema"],
        },
    }
    for tool in (PLAN, PING)
]
CALLS: list[tuple[str, dict[str, Any]]] = [("plan", ARGUMENTS), ("ping", {})]
BEFORE = "Let me write that down."
ONCE = "retry = { attempts = 1 }"


@pytest.fixture(scope="module")
def client(proxy: Running) -> Iterator[OpenAI]:
    """As it comes but for its retries: what is retried here, the proxy retries."""
    with OpenAI(base_url=f"{proxy.url}/v1", api_key="client-key", max_retries=0, timeout=20) as made:
        yield made


def ask(client: OpenAI, prompt: Any = "go", *, stream: bool = True, **params: Any) -> ChatCompletion:
    """One request; of a stream, what the SDK's own accumulator makes of it."""
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    params = {"model": "any", "messages": messages, **params}
    if not stream:
        whole: ChatCompletion = client.chat.completions.create(**params)
        return whole
    with client.chat.completions.stream(**params) as events:
        for _ in events:
            pass
        return events.get_final_completion()


def said(got: ChatCompletion) -> tuple[str, list[tuple[str, Any]], str]:
    """Text, calls and finish reason. Ids of calls must be there, and differ."""
    (choice,) = got.choices
    calls: list[Any] = choice.message.tool_calls or []
    assert all(call.id for call in calls)
    assert len({call.id for call in calls}) == len(calls)
    named = [(call.function.name, json.loads(call.function.arguments)) for call in calls]
    return choice.message.content or "", named, choice.finish_reason


@STREAM
def test_text(proxy: Running, client: OpenAI, stream: bool) -> None:
    play = answer("Grüße, ", "世界 🙂") if stream else reply(200, completion("Grüße, 世界 🙂"))
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, "org/real")):
        messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "go"}]
        got = ask(client, messages, stream=stream, model="asked-for", stop="END", seed=7, temperature=1.5, user="me")
        assert said(got) == ("Grüße, 世界 🙂", [], "stop")
        assert (got.model, got.choices[0].message.role) == ("asked-for", "assistant")
        assert got.id.startswith("chatcmpl-")
        assert abs(got.created - time.time()) < 60
        (request,) = upstream.requests
        sent = request.json
        assert (sent["model"], sent["stop"], sent["seed"], sent["user"]) == ("org/real", ["END"], 7, "me")
        assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
        assert "client-key" not in str(request.headers)


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
def test_finish_reasons(proxy: Running, client: OpenAI, finish: str) -> None:
    plays = [sse(chunk("some"), chunk(finish=finish), DONE), reply(200, completion("some", finish))]
    with Upstream(*plays) as upstream, proxy.using(routes(upstream.url)):
        chunks = list(
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], stream=True)
        )
        assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == finish
        assert ask(client, stream=False).choices[0].finish_reason == finish


@STREAM
def test_usage(proxy: Running, client: OpenAI, stream: bool) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 800}}
    last = frame({"id": "c", "choices": [], "usage": usage})
    message = {"role": "assistant", "content": "x"}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
    play = sse(chunk("x"), chunk(finish="stop"), last, DONE) if stream else reply(200, json.dumps(body))
    more: dict[str, Any] = {"stream_options": {"include_usage": True}} if stream else {}
    with Upstream(play) as upstream, proxy.using(routes(upstream.url)):
        got = ask(client, stream=stream, **more).usage
        assert got is not None
        assert got.prompt_tokens_details is not None
        assert (got.prompt_tokens, got.completion_tokens, got.total_tokens) == (1000, 9, 1009)
        assert got.prompt_tokens_details.cached_tokens == 800


def test_usage_only_where_it_was_asked_for(proxy: Running, client: OpenAI) -> None:
    with Upstream(answer("x")) as upstream, proxy.using(routes(upstream.url)):
        assert ask(client).usage is None


@STREAM
@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "<think>"])
def test_reasoning(proxy: Running, client: OpenAI, field: str, stream: bool) -> None:
    """In a field of its own or in tags; it goes back to the upstream where the route says so."""
    fields = (
        {"content": "<think>Let me see.</think>So."} if field == "<think>" else {field: "Let me see.", "content": "So."}
    )
    message = {"role": "assistant", **fields}
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    streamed = sse(*(chunk(**{key: value}) for key, value in fields.items()), chunk(finish="stop"), DONE)
    extra = 'reasoning = { replay = "reasoning_content" }'
    with (
        Upstream(streamed if stream else reply(200, json.dumps(whole))) as upstream,
        proxy.using(routes(upstream.url, extra=extra)),
    ):
        got = ask(client, stream=stream)
        assert said(got) == ("So.", [], "stop")
        answered: Any = got.choices[0].message
        assert answered.reasoning_content == "Let me see."
        again = [{"role": "user", "content": "go"}, answered.model_dump(), {"role": "user", "content": "on"}]
        ask(client, again, stream=stream)
        assert upstream.requests[1].json["messages"][1] == {
            "role": "assistant", "content": "So.", "reasoning_content": "Let me see.",
        }  # fmt: skip


def native(stream: bool) -> Play:
    calls = [
        {"index": i, "id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for i, (name, arguments) in enumerate(CALLS)
    ]  # fmt: skip
    if stream:
        return sse(chunk(BEFORE), *(chunk(tool_calls=[call]) for call in calls), chunk(finish="tool_calls"), DONE)
    message = {"role": "assistant", "content": BEFORE, "tool_calls": calls}
    return reply(200, json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}))


@STREAM
def test_native_calls_keep_their_ids(proxy: Running, client: OpenAI, stream: bool) -> None:
    with Upstream(native(stream)) as upstream, proxy.using(routes(upstream.url)):
        got = ask(client, tools=TOOLS, stream=stream)
        assert said(got) == (BEFORE, CALLS, "tool_calls")
        assert [call.id for call in got.choices[0].message.tool_calls or []] == ["call_0", "call_1"]
        assert upstream.requests[0].json["tools"] == TOOLS


@pytest.mark.parametrize("name", sorted(MODELS))
def test_calls_written_as_text(proxy: Running, client: OpenAI, name: str) -> None:
    """Every bundled format, with nothing configured, in any chunking, streamed and not; and the round trip."""
    raw = written(name, BEFORE, *CALLS)
    chunkings = [whole(raw), bytewise(raw), *seeded_splits(raw, 3, seed=len(raw))]
    plays = [sse(*map(chunk, pieces), chunk(finish="stop"), DONE) for pieces in chunkings]
    with (
        Upstream(*plays, reply(200, completion(raw)), answer("Done.")) as upstream,
        proxy.using(routes(upstream.url, MODELS[name])),
    ):
        for _ in plays:
            assert said(ask(client, tools=TOOLS)) == (BEFORE, CALLS, "tool_calls")
        got = ask(client, tools=TOOLS, stream=False)
        assert said(got) == (BEFORE, CALLS, "tool_calls")
        message = got.choices[0].message
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": f"result of {call.id}"}
            for call in message.tool_calls or []
        ]
        history = [{"role": "user", "content": "go"}, message.model_dump(exclude_none=True), *results]
        assert said(ask(client, history, tools=TOOLS)) == ("Done.", [], "stop")
        sent = upstream.requests[-1].json["messages"]
        assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]
        assert [json.loads(call["function"]["arguments"]) for call in sent[1]["tool_calls"]] == [ARGUMENTS, {}]
        assert [message["tool_call_id"] for message in sent[2:]] == [call["id"] for call in sent[1]["tool_calls"]]


def test_no_model_name_decides(proxy: Running, client: OpenAI) -> None:
    raw = written("hermes", BEFORE, *CALLS)
    with Upstream(answer(*raw)) as upstream, proxy.using(routes(upstream.url, "acme/house-model-v7")):
        assert said(ask(client, tools=TOOLS)) == (BEFORE, CALLS, "tool_calls")
        assert said(ask(client))[1:] == ([], "stop")


@pytest.mark.parametrize(
    ("choice", "more", "expected"),
    [
        ("auto", {}, ["plan", "ping"]),
        ("none", {}, []),
        ("required", {"parallel_tool_calls": False}, ["plan"]),
        ({"type": "function", "function": {"name": "ping"}}, {}, ["ping"]),
    ],
)
def test_tool_choice_holds_whatever_the_upstream_does(
    proxy: Running, client: OpenAI, choice: Any, more: dict[str, Any], expected: list[str]
) -> None:
    raw = written("hermes", "", *CALLS)
    with Upstream(answer(raw)) as upstream, proxy.using(routes(upstream.url)):
        got = ask(client, tools=TOOLS, tool_choice=choice, **more)
        assert [name for name, _ in said(got)[1]] == expected
        sent = upstream.requests[0].json
        assert sent.get("tool_choice", "auto") == choice
        assert sent.get("parallel_tool_calls") == more.get("parallel_tool_calls")


def test_functions_from_before_tools(proxy: Running, client: OpenAI) -> None:
    raw = written("hermes", "", ("ping", {}))
    messages: Any = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "function_call": {"name": "ping", "arguments": "{}"}},
        {"role": "function", "name": "ping", "content": "pong"},
    ]
    with Upstream(reply(200, completion(raw))) as upstream, proxy.using(routes(upstream.url)):
        got = client.chat.completions.create(model="m", messages=messages, functions=[TOOLS[1]["function"]])
        (choice,) = got.choices
        assert choice.finish_reason == "function_call"
        assert choice.message.function_call is not None
        assert (choice.message.function_call.name, choice.message.function_call.arguments) == ("ping", "{}")
        sent = upstream.requests[0].json
        assert sent["tools"] == [TOOLS[1]]
        assert sent["messages"][2] == {"role": "tool", "tool_call_id": "call_1", "content": "pong"}


class City(BaseModel):
    name: str
    people: int


def test_structured_output(proxy: Running, client: OpenAI) -> None:
    body = reply(200, completion('{"name": "Bonn", "people": 330000}'))
    with Upstream(body) as upstream, proxy.using(routes(upstream.url)):
        messages: Any = [{"role": "user", "content": "a city"}]
        got = client.chat.completions.parse(model="m", messages=messages, response_format=City)
        assert got.choices[0].message.parsed == City(name="Bonn", people=330000)
        form = upstream.requests[0].json["response_format"]
        assert (form["type"], form["json_schema"]["name"]) == ("json_schema", "City")


@STREAM
def test_what_does_not_fit_a_strict_schema_is_asked_for_again(proxy: Running, client: OpenAI, stream: bool) -> None:
    def said(text: str) -> Play:
        return answer(text) if stream else reply(200, completion(text))

    schema: dict[str, Any] = {"name": "city", "schema": City.model_json_schema()}
    loose = {"type": "json_schema", "json_schema": schema}
    strict = {"type": "json_schema", "json_schema": {**schema, "strict": True}}
    good, bad = '{"name": "Bonn", "people": 330000}', '{"name": "Bonn"}'
    retry = 'retry = { attempts = 2, backoff = "1ms" }'
    with Upstream(reply(200, completion(bad)), said(good)) as upstream, proxy.using(routes(upstream.url, extra=retry)):
        assert ask(client, stream=False, response_format=strict).choices[0].message.content == good
        assert len(upstream.requests) == 2
    with Upstream(said(bad)) as upstream, proxy.using(routes(upstream.url, extra=ONCE)):
        with pytest.raises(openai.APIError, match=r"does not fit response_format\.json_schema: "):
            ask(client, stream=stream, response_format=strict)
        assert ask(client, stream=stream, response_format=loose).choices[0].message.content == bad


def test_a_picture_and_a_file(proxy: Running, client: OpenAI) -> None:
    parts: Any = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
    ]
    with Upstream(answer("ok")) as upstream, proxy.using(routes(upstream.url)):
        ask(client, [{"role": "user", "content": parts}])
        assert upstream.requests[0].json["messages"] == [{"role": "user", "content": parts}]


# upstream's status, the exception, status and code for the client
STATUSES: list[tuple[int, type[openai.APIStatusError], int, str | None]] = [
    (400, openai.BadRequestError, 400, None),
    (401, openai.PermissionDeniedError, 403, None),
    (404, openai.NotFoundError, 404, "model_not_found"),
    (409, openai.ConflictError, 409, None),
    (413, openai.APIStatusError, 413, None),
    (422, openai.UnprocessableEntityError, 422, None),
    (429, openai.RateLimitError, 429, "rate_limit_exceeded"),
    (500, openai.InternalServerError, 500, "server_error"),
    (503, openai.InternalServerError, 529, "server_overloaded"),
    (504, openai.InternalServerError, 504, "timeout"),
]


@STREAM
@pytest.mark.parametrize(("status", "kind", "seen", "code"), STATUSES, ids=[str(row[0]) for row in STATUSES])
def test_statuses(
    proxy: Running,
    client: OpenAI,
    status: int,
    kind: type[openai.APIStatusError],
    seen: int,
    code: str | None,
    stream: bool,
) -> None:
    play = reply(status, json.dumps({"error": {"message": "the reason"}}))
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, extra=ONCE)):
        with pytest.raises(openai.APIStatusError) as raised:
            ask(client, stream=stream)
        error = raised.value
        assert type(error) is kind
        assert (error.status_code, error.code, error.param) == (seen, code, None)
        assert error.request_id is not None
        assert error.request_id.startswith("req_")
        assert ("the reason" in error.message) == (status != 401)


def test_a_prompt_that_is_too_long(proxy: Running, client: OpenAI) -> None:
    said_so = "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens"
    with (
        Upstream(reply(400, json.dumps({"error": {"message": said_so}}))) as upstream,
        proxy.using(routes(upstream.url)),
    ):
        with pytest.raises(openai.BadRequestError) as raised:
            ask(client)
        assert raised.value.code == "context_length_exceeded"


def test_what_the_proxy_itself_refuses(proxy: Running, client: OpenAI) -> None:
    with proxy.using(routes("http://127.0.0.1:1", extra=ONCE).replace('models."*"', "models.known")):
        with pytest.raises(openai.NotFoundError, match="nobody"):
            ask(client, model="nobody")
        with pytest.raises(openai.InternalServerError):
            ask(client, model="known")
        with pytest.raises(openai.BadRequestError, match="n: Only one answer"):
            ask(client, stream=False, model="known", n=2)
        with pytest.raises(openai.BadRequestError, match=r"messages\.0\.content"):
            ask(client, [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}], model="known")


def test_a_stream_that_breaks_is_an_exception(proxy: Running, client: OpenAI) -> None:
    play: Play = [head(), part(chunk("so far")), FIN]
    with Upstream(play) as upstream, proxy.using(routes(upstream.url)):
        seen: list[str | None] = []
        messages: Any = [{"role": "user", "content": "x"}]
        stream = client.chat.completions.create(model="m", messages=messages, stream=True)
        with pytest.raises(openai.APIError) as raised:
            seen.extend(item.choices[0].delta.content for item in stream)
        assert seen == ["", "so far"]
        assert (raised.value.code, raised.value.type) == ("server_error", "api_error")


def test_the_client_may_try_again_where_that_helps(proxy: Running) -> None:
    """A 429 for good, then an answer: the SDK's own retry, after the second that it is told to wait."""
    busy = reply(429, "{}", "application/json", "retry-after: 1")
    with (
        Upstream(busy, answer("at last")) as upstream,
        proxy.using(routes(upstream.url, extra=ONCE)),
        OpenAI(base_url=f"{proxy.url}/v1", api_key="x", max_retries=1, timeout=20) as patient,
    ):
        assert said(ask(patient))[0] == "at last"
        assert len(upstream.requests) == 2


def test_the_client_does_not_try_again_where_that_is_hopeless(proxy: Running) -> None:
    """The SDK would repeat every 5xx; it is told that a timeout of the proxy's own is not worth it."""
    with (
        Upstream([HANG]) as upstream,
        proxy.using(routes(upstream.url, extra='timeouts = { first_token = "100ms" }\n' + ONCE)),
        OpenAI(base_url=f"{proxy.url}/v1", api_key="x", max_retries=2, timeout=20) as patient,
    ):
        with pytest.raises(openai.InternalServerError) as raised:
            ask(patient)
        assert raised.value.status_code == 504
        assert len(upstream.requests) == 1


def test_leaving_a_stream_frees_the_upstream(proxy: Running, client: OpenAI) -> None:
    play: Play = [head(), part(chunk("so far")), HANG]
    with Upstream(play) as upstream, proxy.using(routes(upstream.url)):
        messages: Any = [{"role": "user", "content": "x"}]
        with client.chat.completions.create(model="m", messages=messages, stream=True) as stream:
            next(iter(stream))
        upstream.wait(lambda upstream: upstream.open == 0)


def test_async(proxy: Running) -> None:
    gate = threading.Event()
    plays: list[Play] = [
        [head(), part(chunk("a")), gate, part(chunk("b")), part(chunk(finish="stop")), part(DONE), END, KEEP],
        reply(200, completion("whole")),
        [HANG],
    ]

    async def run(upstream: Upstream) -> None:
        messages: Any = [{"role": "user", "content": "x"}]
        async with AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="x", max_retries=0, timeout=20) as client:
            pieces = []
            async for item in await client.chat.completions.create(model="m", messages=messages, stream=True):
                pieces.append(item.choices[0].delta.content)
                if pieces[-1] == "a":
                    gate.set()
            assert "".join(filter(None, pieces)) == "ab"
            got = await client.chat.completions.create(model="m", messages=messages)
            assert got.choices[0].message.content == "whole"
            asking = asyncio.create_task(client.chat.completions.create(model="m", messages=messages))
            await asyncio.to_thread(upstream.wait, lambda upstream: len(upstream.requests) == 3)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await asyncio.to_thread(upstream.wait, lambda upstream: upstream.open == 0)

    with Upstream(*plays) as upstream, proxy.using(routes(upstream.url)):
        asyncio.run(run(upstream))


def test_models(proxy: Running, client: OpenAI) -> None:
    rest = '[models."org/named"]\nupstream = "up"\nmodel = "x"\n'
    with proxy.using(routes("http://127.0.0.1:1", rest=rest)):
        assert [(model.id, model.object) for model in client.models.list()] == [("org/named", "model")]
        assert client.models.retrieve("org/named").owned_by == "toolbridge"
        assert client.models.retrieve("any-other").id == "any-other"


def test_the_demo(proxy: Running, client: OpenAI) -> None:
    demo = '[upstreams.demo]\nprotocol = "demo"\n[models."*"]\nupstream = "demo"\nmodel = "demo"\n'
    tool = function("look", path={"type": "string"})
    with proxy.using(demo):
        for stream in (True, False):
            text, calls, finish = said(ask(client, "/think /tool qwen3_coder", stream=stream, tools=[tool]))
            assert text == "I will call look."
            assert [name for name, _ in calls] == ["look"]
            assert finish == "tool_calls"
