"""What every client library gets and sends, whatever the upstream wrote: answers, calls, failures, its own tool loop.

Nothing is configured but the upstream's model id; ``parsers`` stays "auto".
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from clients import ClientError
from official import ARGUMENTS, TOOLS, routes
from scripted import DONE, RST, Play, Upstream, answer, chunk, completion, frame, head, part, reply, sse
from written import MODELS, written

pytestmark = pytest.mark.e2e

LIBRARIES = ["anthropic-2", "anthropic-1", "typescript", "pydantic-ai", "langchain", "litellm"]
FORMATS = ["hermes", "qwen3_coder", "deepseek_v3_1", "kimi_k2", "glm", "minimax_m2"]
ONCE = "retry = { attempts = 1 }"
BEFORE = "Let me write that down."
USAGE = {"prompt_tokens": 1000, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 800}}

STREAM = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


@pytest.fixture(params=LIBRARIES)
def client(request: pytest.FixtureRequest, clients: Any) -> Any:
    return clients[request.param]


def typed(text: str, stream: bool) -> Play:
    """The model's answer, three characters at a time if it is streamed."""
    if stream:
        return answer(*(text[i : i + 3] for i in range(0, len(text), 3)))
    return reply(200, completion(text))


def said(stream: bool, *, finish: str = "stop", **message: Any) -> Play:
    """An answer with these fields of a message, and its usage."""
    if stream:
        deltas = [chunk(**{name: value}) for name, value in message.items()]
        usage = frame({"id": "c", "choices": [], "usage": USAGE})
        return sse(*deltas, chunk(finish=finish), usage, DONE)
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": finish}
    return reply(200, json.dumps({"id": "c", "model": "m", "choices": [choice], "usage": USAGE}))


def call(index: int, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"index": index, "id": f"call_{index}", "type": "function", "function": function}


@STREAM
@pytest.mark.parametrize("name", FORMATS)
def test_calls_written_as_text(proxy: Any, client: Any, name: str, stream: bool) -> None:
    """Two at once, the values typed as the tools declare them."""
    raw = written(name, BEFORE, ("plan", ARGUMENTS), ("ping", {}))
    with Upstream(typed(raw, stream)) as upstream, proxy.using(routes(upstream.url, MODELS[name])):
        got = client.do("ask", url=proxy.url, stream=stream, prompt="Plan it.", tools=TOOLS)
        assert got["text"].strip() == BEFORE
        assert got["calls"] == [["plan", ARGUMENTS], ["ping", {}]]
        assert len(set(got["ids"])) == 2
        assert got["stop"] == "tool_use"
        (request,) = upstream.requests
        assert request.json["model"] == MODELS[name]
        assert request.json.get("stream", False) is stream
        assert request.json["messages"][-1] == {"role": "user", "content": "Plan it."}
        sent = [tool["function"] for tool in request.json["tools"]]
        assert [tool["name"] for tool in sent] == ["plan", "ping"]
        assert sent[0]["parameters"]["properties"]["limit"]["type"] == "integer"
        assert "client-key" not in str(request)


@STREAM
def test_native_calls_thinking_and_usage(proxy: Any, client: Any, stream: bool) -> None:
    calls = [call(0, "plan", ARGUMENTS), call(1, "ping", {}), call(2, "plan", {"title": "b"})]
    play = said(stream, reasoning_content="Let me see.", content=BEFORE, tool_calls=calls)
    with Upstream(play) as upstream, proxy.using(routes(upstream.url)):
        got = client.do("ask", url=proxy.url, stream=stream, prompt="Plan it.", tools=TOOLS, thinking=True)
        assert (got["thinking"], got["text"]) == ("Let me see.", BEFORE)
        assert got["calls"] == [["plan", ARGUMENTS], ["ping", {}], ["plan", {"title": "b"}]]
        assert len(set(got["ids"])) == 3
        assert got["stop"] == "tool_use"
        assert got["usage"] == {"prompt": 1000, "cached": 800, "output": 9}
        assert upstream.requests[0].json.get("stream_options") == ({"include_usage": True} if stream else None)


@STREAM
def test_thinking_in_tags_then_a_call(proxy: Any, client: Any, stream: bool) -> None:
    """What the reasoning only considers is no call."""
    draft = 'I could <tool_call>{"name": "ping", "arguments": {}}</tool_call> or not.'
    raw = written("hermes", f"<think>{draft}</think>{BEFORE}", ("plan", {"title": "t"}))
    with Upstream(typed(raw, stream)) as upstream, proxy.using(routes(upstream.url, MODELS["hermes"])):
        got = client.do("ask", url=proxy.url, stream=stream, prompt="Plan it.", tools=TOOLS, thinking=True)
        assert got["thinking"].strip() == draft
        assert got["text"].strip() == BEFORE
        assert got["calls"] == [["plan", {"title": "t"}]]


@STREAM
def test_markup_is_text_where_no_tool_is_declared(proxy: Any, client: Any, stream: bool) -> None:
    raw = written("hermes", "It is written so:", ("plan", {"title": "t"}))
    with Upstream(typed(raw, stream)) as upstream, proxy.using(routes(upstream.url, MODELS["hermes"])):
        got = client.do("ask", url=proxy.url, stream=stream, prompt="How are calls written?")
        assert (got["text"], got["calls"], got["stop"]) == (raw, [], "end_turn")
        assert "tools" not in upstream.requests[0].json


@STREAM
def test_the_limit_reached(proxy: Any, client: Any, stream: bool) -> None:
    """Inside a call: it is not there."""
    raw = written("hermes", BEFORE, ("plan", ARGUMENTS))
    play = said(stream, content=raw[: raw.index("boil")], finish="length")
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, MODELS["hermes"])):
        got = client.do("ask", url=proxy.url, stream=stream, prompt="Plan it.", tools=TOOLS, max_tokens=1500)
        assert (got["text"].strip(), got["calls"], got["stop"]) == (BEFORE, [], "max_tokens")
        sent = upstream.requests[0].json
        assert sent.get("max_tokens", sent.get("max_completion_tokens")) == 1500


@STREAM
@pytest.mark.parametrize("name", ["hermes", "qwen3_coder"])
def test_its_own_tool_loop(proxy: Any, client: Any, name: str, stream: bool) -> None:
    """Call, result, answer; the result reaches the model behind its call, and the history is whole."""
    raw = written(name, "I will look.", ("weather", {"city": "Oslo", "days": 3}))
    plays = [typed(raw, stream), typed("Rain, three days.", stream)]
    with Upstream(*plays) as upstream, proxy.using(routes(upstream.url, MODELS[name])):
        got = client.do("loop", url=proxy.url, stream=stream)
        assert got == {"said": "Rain, three days.", "ran": [["Oslo", 3]]}
        first, second = (request.json for request in upstream.requests)
        assert [tool["function"]["name"] for tool in first["tools"]] == ["weather"]
        assert second["tools"] == first["tools"]
        user, assistant, result = second["messages"]
        assert (user["role"], user["content"]) == ("user", "How is Oslo?")
        (made,) = assistant["tool_calls"]
        assert json.loads(made["function"]["arguments"]) == {"city": "Oslo", "days": 3}
        assert (result["role"], result["tool_call_id"]) == ("tool", made["id"])
        assert "3 days of rain in Oslo" in json.dumps(result["content"])


# The upstream's status; status and type that the client is sent; what the SDKs raise; status and class of LiteLLM,
# which has its own.
STATUSES = [
    (400, 400, "invalid_request_error", "BadRequestError", 400, "BadRequestError"),
    (401, 403, "permission_error", "PermissionDeniedError", 403, "PermissionDeniedError"),
    (403, 403, "permission_error", "PermissionDeniedError", 403, "PermissionDeniedError"),
    (404, 404, "not_found_error", "NotFoundError", 404, "NotFoundError"),
    (413, 413, "request_too_large", "APIError", 400, "BadRequestError"),
    (422, 422, "invalid_request_error", "UnprocessableEntityError", 422, "BadRequestError"),
    (429, 429, "rate_limit_error", "RateLimitError", 429, "RateLimitError"),
    (500, 500, "api_error", "InternalServerError", 500, "InternalServerError"),
    (502, 500, "api_error", "InternalServerError", 500, "InternalServerError"),
    (503, 529, "overloaded_error", "InternalServerError", 500, "InternalServerError"),
    (504, 504, "timeout_error", "InternalServerError", 504, "Timeout"),
    (529, 529, "overloaded_error", "InternalServerError", 500, "InternalServerError"),
]


@STREAM
@pytest.mark.parametrize("row", STATUSES, ids=[str(row[0]) for row in STATUSES])
def test_errors(proxy: Any, client: Any, row: Any, stream: bool) -> None:
    status, seen, kind, name, *own = row
    if client.name == "litellm":
        seen, name = own
    elif client.name == "pydantic-ai":
        name = "ModelHTTPError"
    elif client.name == "anthropic-1" and seen == 529:
        name = "OverloadedError"
    play = reply(status, json.dumps({"error": {"message": "the reason", "type": "some_error"}}))
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, "org/real", extra=ONCE)):
        with pytest.raises(ClientError) as raised:
            client.do("ask", url=proxy.url, stream=stream, prompt="hi")
        error = raised.value
        assert error.status == seen, error
        assert name in error.kinds
        told = error.message + json.dumps(error.body)
        assert kind in told
        assert ("upstreams.up.api_key" if status in (401, 403) else "the reason") in told
        assert "org/real" in told or status != 404
        assert len(upstream.requests) == 1


@STREAM
def test_a_wrong_key_of_the_client(proxy: Any, client: Any, stream: bool) -> None:
    text = routes("http://127.0.0.1:1", rest='[clients.someone]\nkey = "another-key"\n')
    with Upstream(answer("never")) as upstream, proxy.using(text.replace("http://127.0.0.1:1", upstream.url)):
        with pytest.raises(ClientError) as raised:
            client.do("ask", url=proxy.url, stream=stream, prompt="hi")
        assert raised.value.status == 401, raised.value
        assert {"AuthenticationError", "ModelHTTPError"} & set(raised.value.kinds)
        assert not upstream.requests
        assert "another-key" not in raised.value.message + proxy.log()


def test_a_failure_on_the_way_is_not_an_answer(proxy: Any, client: Any) -> None:
    """Inside a call, after text was shown."""
    raw = written("hermes", BEFORE, ("plan", ARGUMENTS))
    cut = raw.index("boil")
    play: Play = [head(), part(chunk(raw[:40])), part(chunk(raw[40:cut])), RST]
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, MODELS["hermes"], extra=ONCE)):
        with pytest.raises(ClientError) as raised:
            client.do("ask", url=proxy.url, stream=True, prompt="Plan it.", tools=TOOLS)
        assert "up" in raised.value.message
        assert len(upstream.requests) == 1
        assert '"fault":"api"' in proxy.log()


@STREAM
def test_a_bad_gateway_is_not_noticed(proxy: Any, client: Any, stream: bool) -> None:
    bad = reply(502, "<html>Bad Gateway</html>", "text/html")
    with Upstream(bad, typed("Well again.", stream)) as upstream, proxy.using(routes(upstream.url)):
        assert client.do("ask", url=proxy.url, stream=stream, prompt="hi")["text"] == "Well again."
        assert len(upstream.requests) == 2
        assert upstream.requests[0].body == upstream.requests[1].body
