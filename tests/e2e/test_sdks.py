"""What single client libraries have beyond a request and its answer: counting, models, typed output, threads, leaving."""

from __future__ import annotations

import json
from typing import Any

import pytest
from clients import ClientError
from official import ARGUMENTS, TOOLS, routes
from scripted import DONE, HANG, Upstream, answer, chunk, completion, head, part, reply, sse
from written import MODELS, written

pytestmark = pytest.mark.e2e


@pytest.fixture(params=["anthropic-2", "anthropic-1", "typescript"])
def sdk(request: pytest.FixtureRequest, clients: Any) -> Any:
    return clients[request.param]


def test_counting_tokens(proxy: Any, sdk: Any) -> None:
    """By an estimate here: the upstream is not asked for an answer."""
    with (
        Upstream(reply(404, '{"error": "no such thing"}')) as upstream,
        proxy.using(routes(upstream.url, extra='count_tokens = "estimate"')),
    ):
        few = sdk.do("count", url=proxy.url, prompt="hello")
        many = sdk.do("count", url=proxy.url, prompt="hello " * 1000, tools=TOOLS, system="Be brief.")
        assert 0 < few < 50 < 1000 < many < 3000
        assert not upstream.requests


def test_models(proxy: Any, sdk: Any) -> None:
    named = "".join(
        f'[models.named-{number}]\nupstream = "up"\ndisplay_name = "No. {number}"\n' for number in range(30)
    )
    with proxy.using(f'[upstreams.up]\nbase_url = "http://127.0.0.1:1"\n{named}'):
        assert sdk.do("models", url=proxy.url, limit=7) == [[f"named-{n}", f"No. {n}"] for n in range(30)]
        assert sdk.do("model", url=proxy.url, id="named-7") == "No. 7"
        for job in (("model", {"id": "other"}), ("ask", {"stream": True, "prompt": "hi", "model": "other"})):
            with pytest.raises(ClientError) as raised:
                sdk.do(job[0], url=proxy.url, **job[1])
            assert "NotFoundError" in raised.value.kinds
            assert "other" in raised.value.message


def test_every_error_names_its_request(proxy: Any, sdk: Any) -> None:
    with Upstream(reply(400, '{"error": {"message": "no"}}')) as upstream, proxy.using(routes(upstream.url)):
        with pytest.raises(ClientError) as raised:
            sdk.do("ask", url=proxy.url, stream=False, prompt="hi")
        request_id = raised.value.request_id
        assert request_id
        assert raised.value.body["request_id"] == request_id
        assert request_id in proxy.log()


def test_leaving_a_stream_frees_the_upstream(proxy: Any, sdk: Any) -> None:
    with Upstream([head(), part(chunk("first")), HANG]) as upstream, proxy.using(routes(upstream.url)):
        assert sdk.do("leave", url=proxy.url, prompt="hi") == "first"
        upstream.wait(lambda up: up.connections == 1 and up.open == 0)


def test_the_threads_of_tool_runners(proxy: Any, sdk: Any) -> None:
    """Newer runners keep the history on the server if they can; told that they cannot, they send it whole."""
    raw = written("hermes", "", ("weather", {"city": "Oslo", "days": 3}))
    plays = [answer(raw), answer("Rain."), answer(raw), answer("Rain.")]
    with Upstream(*plays) as upstream, proxy.using(routes(upstream.url, MODELS["hermes"])):
        for _ in range(2):
            assert sdk.do("loop", url=proxy.url, stream=True) == {"said": "Rain.", "ran": [["Oslo", 3]]}
        sent = [request.json for request in upstream.requests]
        assert [len(body["messages"]) for body in sent] == [1, 3, 1, 3]
        assert all("thread" not in body and body["tools"] for body in sent)
        # The refusal is the whole price: it never reached the upstream.
        refused = proxy.log().count('"status":400')
        assert refused == (0 if sdk.name == "anthropic-1" else 2)


@pytest.mark.parametrize("name", ["anthropic-2", "anthropic-1"])
def test_many_at_once(proxy: Any, clients: Any, name: str) -> None:
    """The asynchronous client; every answer has ids of its own."""
    raw = written("qwen3_coder", "", ("plan", ARGUMENTS))
    with Upstream(answer(*raw)) as upstream, proxy.using(routes(upstream.url, MODELS["qwen3_coder"])):
        answers = clients[name].do("ask_many", url=proxy.url, count=20, prompt="Plan it.", tools=TOOLS)
        assert [got["calls"] for got in answers] == [[["plan", ARGUMENTS]]] * 20
        assert len({got["ids"][0] for got in answers}) == 20
        assert len(upstream.requests) == 20


@pytest.mark.parametrize("name", ["anthropic-2", "anthropic-1"])
def test_typed_output(proxy: Any, clients: Any, name: str) -> None:
    """The schema reaches the upstream as it stands."""
    with Upstream(reply(200, completion('{"name": "Oslo", "people": 717710}'))) as upstream:
        with proxy.using(routes(upstream.url)):
            assert clients[name].do("parse", url=proxy.url) == {"name": "Oslo", "people": 717710}
        wanted = upstream.requests[0].json["response_format"]
        assert wanted["type"] == "json_schema"
        assert set(wanted["json_schema"]["schema"]["properties"]) == {"name", "people"}


@pytest.mark.parametrize("way", ["text", "native"])
def test_typed_output_of_pydantic_ai(proxy: Any, clients: Any, way: str) -> None:
    """A tool that must be called."""
    city = {"name": "Oslo", "people": 717710}
    call = {"index": 0, "id": "c", "function": {"name": "final_result", "arguments": json.dumps(city)}}
    streamed = sse(chunk(tool_calls=[call]), chunk(finish="tool_calls"), DONE)
    play = reply(200, completion(written("glm", "", ("final_result", city)))) if way == "text" else streamed
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, MODELS["glm"])):
        assert clients["pydantic-ai"].do("typed", url=proxy.url) == city
        (request,) = upstream.requests
        assert request.json["tool_choice"] == "required"
        assert [tool["function"]["name"] for tool in request.json["tools"]] == ["final_result"]


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_a_demanded_tool_of_langchain(proxy: Any, clients: Any, stream: bool) -> None:
    raw = written("kimi_k2", "", ("ping", {}))
    play = answer(*raw) if stream else reply(200, completion(raw))
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, MODELS["kimi_k2"])):
        asked = {"prompt": "Ping.", "tools": TOOLS, "tool_choice": "ping"}
        got = clients["langchain"].do("ask", url=proxy.url, stream=stream, **asked)
        assert (got["calls"], got["stop"]) == ([["ping", {}]], "tool_use")
        choice = upstream.requests[0].json["tool_choice"]
        assert choice == {"type": "function", "function": {"name": "ping"}}


@pytest.mark.parametrize("search", [True, False], ids=["tool-search", "all-tools"])
def test_a_query_of_the_agent_sdk(proxy: Any, clients: Any, tmp_path: Any, search: bool) -> None:
    """Claude Code as a library, with a tool of its caller's that it shows at once, or when the model asks for it."""
    name = "mcp__sky__weather"
    lookup = written("minimax_m2", "Which tool?", ("ToolSearch", {"query": f"select:{name}", "max_results": 5}))
    call = written("minimax_m2", "I will look.", (name, {"city": "Oslo", "days": 3}), first=int(search))
    texts = [*([lookup] if search else []), call, "Rain, three days."]
    (tmp_path / "project").mkdir()
    with (
        Upstream(*(answer(*text) for text in texts)) as upstream,
        proxy.using(routes(upstream.url, MODELS["minimax_m2"])),
    ):
        folders = {"folder": str(tmp_path / "project"), "home": str(tmp_path / "home")}
        got = clients["agent-sdk"].do("loop", url=proxy.url, search=search, **folders)
        assert got == {"said": "Rain, three days.", "ran": [["Oslo", 3]], "turns": len(texts), "failed": False}
        requests = [request.json for request in upstream.requests]
        shown = [name in [tool["function"]["name"] for tool in request["tools"]] for request in requests]
        assert shown == ([False, True, True] if search else [True, True])
        assert "3 days of rain in Oslo" in json.dumps(requests[-1]["messages"][-1])
        sent = json.dumps(requests)
        assert '"defer_loading"' not in sent
        assert '"tool_reference"' not in sent
