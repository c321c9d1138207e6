"""No silent loss: what the upstream cannot honour is said, or the request is refused, as the route wants it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from anthropic import Anthropic, BadRequestError
from inprocess import Reply, Running
from inprocess import ask as request
from official import PING, PLAN, ask, blocks, routes
from scripted import DONE, Upstream, answer, chunk, sse

LOSSY: dict[str, Any] = {
    "speed": "fast",
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
    "never_heard_of": 1,
    "thinking": {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "error"}},
    "tools": [{**PING, "colour": "red"}],
}
FIELDS = ["speed", "context_management", "never_heard_of", "thinking.block_binding", "tools.*.colour"]
QUIET: dict[str, Any] = {
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
    "tools": [{**PING, "cache_control": {"type": "ephemeral"}, "eager_input_streaming": True}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "stop_sequences": ["END"],
    "temperature": 0.5,
    "top_p": 0.9,
    "cache_control": {"type": "ephemeral"},
}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}


def error_of(got: Reply) -> tuple[int, str]:
    assert got.json["request_id"] == got.headers["request-id"]
    return got.status, got.json["error"]["type"]


@pytest.mark.parametrize("stream", [True, False])
def test_by_default_losses_are_named(proxy: Running, stream: bool) -> None:
    with Upstream(answer("hi")) as upstream, proxy.using(routes(upstream.url)):
        got = proxy.post(request(stream=stream, **LOSSY))
        assert got.status == 200
        warnings = got.headers["x-bridge-warnings"]
        assert all(f"{field}: not supported, dropped" in warnings for field in FIELDS)
        proxy.wait(lambda: ", ".join(proxy.state.records.recent[-1].warnings) == warnings)
        sent = upstream.requests[0].json
        assert not {"speed", "context_management", "never_heard_of", "cache_control"} & sent.keys()
        assert sent["tools"] == [
            {
                "type": "function",
                "function": {**{k: PING[k] for k in ("name", "description")}, "parameters": PARAMETERS},
            }
        ]


PARAMETERS = PING["input_schema"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_route_may_refuse_them(proxy: Running, stream: bool) -> None:
    strict = 'unsupported = "reject"'
    with Upstream(answer("hi")) as upstream, proxy.using(routes(upstream.url, extra=strict)):
        got = proxy.post(request(stream=stream, **LOSSY))
        assert error_of(got) == (400, "invalid_request_error")
        error = got.json["error"]
        assert all(field in error["message"] for field in FIELDS)
        assert "`*`" in error["message"]
        assert error["details"]["unsupported"][: len(FIELDS)] == [
            *FIELDS[:3],
            "tools.*.colour",
            "thinking.block_binding",
        ]
        assert upstream.requests == []
        got = proxy.post(request(stream=stream, **QUIET))
        assert got.status == 200
        assert "x-bridge-warnings" not in got.headers


def test_what_is_only_adjusted_is_never_refused(proxy: Running) -> None:
    extra = 'unsupported = "reject"\nmax_output_tokens = 50'
    orphan = [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "late"}]}]
    with Upstream(answer("hi")) as upstream, proxy.using(routes(upstream.url, extra=extra)):
        got = proxy.post(request(messages=orphan, metadata={"user_id": "u"}))
        assert got.status == 200
        warnings = got.headers["x-bridge-warnings"]
        assert "max_tokens: 100 is lowered to 50" in warnings
        assert "messages: 1 results without a call" in warnings
        assert "metadata.user_id: not sent" in warnings


def test_a_tool_of_the_server_is_left_out(proxy: Running, sdk: Anthropic) -> None:
    """As Claude Code asks for a search of the web: one tool, and words as an answer will do."""
    with Upstream(answer("I know it.")) as upstream, proxy.using(routes(upstream.url)):
        got = ask(sdk, tools=[SEARCH], tool_choice={"type": "auto"})
        assert blocks(got) == [("text", "I know it.")]
        sent = upstream.requests[0].json
        assert not {"tools", "tool_choice"} & sent.keys()
        reply = proxy.post(request(tools=[SEARCH, PLAN]))
        assert "tools.web_search_20250305: not supported, dropped" in reply.headers["x-bridge-warnings"]
        assert [tool["function"]["name"] for tool in upstream.requests[1].json["tools"]] == ["plan"]


@pytest.mark.parametrize("choice", [{"type": "tool", "name": "web_search"}, {"type": "any"}])
def test_it_cannot_be_forced(proxy: Running, sdk: Anthropic, choice: Any) -> None:
    with Upstream(answer("hi")) as upstream, proxy.using(routes(upstream.url)):
        with pytest.raises(BadRequestError, match=r"tool_choice\."):
            ask(sdk, tools=[SEARCH], tool_choice=choice)
        assert upstream.requests == []


@pytest.mark.parametrize("key", ["server_tools", "unsupported"])
def test_a_route_may_refuse_tools_of_the_server(proxy: Running, sdk: Anthropic, key: str) -> None:
    with Upstream(answer("hi")) as upstream, proxy.using(routes(upstream.url, extra=f'{key} = "reject"')):
        with pytest.raises(BadRequestError, match=r"tools\.web_search_20250305"):
            ask(sdk, tools=[SEARCH, PLAN])
        assert upstream.requests == []


TOOL_SEARCH = {"name": "ToolSearch", "input_schema": {"type": "object", "properties": {"query": {"type": "string"}}}}
DEFERRED = [{**PLAN, "name": name, "defer_loading": True} for name in ("alpha", "beta", "gamma")]


def searched(number: int, *found: str) -> list[dict[str, Any]]:
    """A search by the client's own tool, and what it found."""
    use = {"type": "tool_use", "id": f"t{number}", "name": "ToolSearch", "input": {"query": str(number)}}
    references = [{"type": "tool_reference", "tool_name": name} for name in found]
    return [
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t{number}", "content": references}]},
    ]


def test_deferred_tools_appear_behind_the_others(proxy: Running, sdk: Anthropic) -> None:
    """From turn to turn the upstream's prompt only grows at its ends, so that its cache holds."""
    messages: list[Any] = [{"role": "user", "content": "go"}]
    tools: list[Any] = [DEFERRED[0], TOOL_SEARCH, *DEFERRED[1:], PING]
    with Upstream(answer("hi")) as upstream, proxy.using(routes(upstream.url)):
        for found in ((), ("gamma",), ("alpha", "gamma")):
            if found:
                messages += searched(len(messages), *found)
            ask(sdk, messages, tools=tools)
        bodies = [sent.json for sent in upstream.requests]
        names = [[tool["function"]["name"] for tool in body["tools"]] for body in bodies]
        assert names == [
            ["ToolSearch", "ping"],
            ["ToolSearch", "ping", "gamma"],
            ["ToolSearch", "ping", "gamma", "alpha"],
        ]
        for before, after in itertools.pairwise(bodies):
            assert after["messages"][: len(before["messages"])] == before["messages"]
            assert after["tools"][: len(before["tools"])] == before["tools"]
        assert bodies[1]["messages"][-1]["content"] == "The tool `gamma` is available."
        text = json.dumps(bodies)
        assert "defer_loading" not in text
        assert "tool_reference" not in text


def test_a_hidden_tool_that_the_model_guessed_may_be_called(proxy: Running, sdk: Anthropic) -> None:
    written = '<tool_call>{"name": "alpha", "arguments": {"title": "t", "limit": 3}}</tool_call>'
    structured = chunk(
        tool_calls=[{"index": 0, "id": "c", "function": {"name": "alpha", "arguments": '{"title": "t"}'}}]
    )
    tools: list[Any] = [TOOL_SEARCH, *DEFERRED]
    with (
        Upstream(answer(written), sse(structured, chunk(finish="tool_calls"), DONE)) as upstream,
        proxy.using(routes(upstream.url, "Qwen/Qwen3-8B")),
    ):
        assert blocks(ask(sdk, tools=tools)) == [("alpha", {"title": "t", "limit": 3})]
        assert blocks(ask(sdk, tools=tools)) == [("alpha", {"title": "t"})]


def test_all_deferred_and_none_found(proxy: Running, sdk: Anthropic) -> None:
    with Upstream(answer("hi")) as upstream, proxy.using(routes(upstream.url)):
        assert blocks(ask(sdk, tools=DEFERRED)) == [("text", "hi")]
        assert "tools" not in upstream.requests[0].json


def test_where_a_server_would_search_every_tool_is_shown(proxy: Running) -> None:
    search = {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}
    with Upstream(answer("hi")) as upstream, proxy.using(routes(upstream.url, extra='server_tools = "reject"')):
        got = proxy.post(request(tools=[search, *DEFERRED]))
        assert [tool["function"]["name"] for tool in upstream.requests[0].json["tools"]] == ["alpha", "beta", "gamma"]
        assert "tools.tool_search_tool_bm25_20251119: there is no server" in got.headers["x-bridge-warnings"]


def test_a_history_with_gaps_reaches_the_upstream_whole(proxy: Running, sdk: Anthropic) -> None:
    """A tool that was stopped, and a result whose call was cut away."""
    use = {"type": "tool_use", "id": "t1", "name": "ping", "input": {}}
    messages: list[Any] = [
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t0", "content": "old"}]},
        {"role": "assistant", "content": [use, {**use, "id": "t2"}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t2", "content": "pong"}]},
        {"role": "user", "content": "go on"},
    ]
    with Upstream(answer("hi")) as upstream, proxy.using(routes(upstream.url)):
        ask(sdk, messages, tools=[PING])
        first, second, *results, last = upstream.requests[0].json["messages"]
        assert "t0" in first["content"]
        assert first["content"].endswith("old")
        assert [call["id"] for call in second["tool_calls"]] == ["t1", "t2"]
        assert [(one["role"], one["tool_call_id"]) for one in results] == [("tool", "t2"), ("tool", "t1")]
        assert results[0]["content"] == "pong"
        assert results[1]["content"] == "Error: No result was given for this call."
        assert last == {"role": "user", "content": "go on"}


PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}


@pytest.mark.parametrize(
    ("block", "path"),
    [
        ({"type": "document", "source": {"type": "file", "file_id": "f"}}, "messages.0.content.0.source.type"),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "messages.0.content.0.source.type"),
        ({"type": "container_upload", "file_id": "f"}, "messages.0.content.0.type"),
        ({"type": "tool_addition", "tool": {"type": "tool_reference", "name": "a"}}, "messages.0.content.0.type"),
        ({"type": "hologram"}, "messages.0.content.0.type"),
        (
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "browser_state", "tabs": []}]},
            "messages.0.content.0.content.0.type",
        ),
    ],
)
def test_blocks_that_are_refused(proxy: Running, block: dict[str, Any], path: str) -> None:
    with Upstream(answer("hi")) as upstream, proxy.using(routes(upstream.url)):
        got = proxy.post(request(messages=[{"role": "user", "content": [block]}]))
        assert error_of(got) == (400, "invalid_request_error")
        assert got.json["error"]["message"].startswith(f"{path}: ")
        assert upstream.requests == []


def test_documents(proxy: Running, sdk: Anthropic) -> None:
    cited = {"type": "document", "title": "T", "context": "C", "citations": {"enabled": True}}
    found = {"type": "search_result", "title": "S", "source": "https://s", "content": [{"type": "text", "text": "x"}]}
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [picture, {"type": "document", "source": PDF}]}
    messages: list[Any] = [
        {
            "role": "user",
            "content": [
                {**cited, "source": {"type": "text", "media_type": "text/plain", "data": "D"}},
                {"type": "text", "text": ""},
                found,
                {"type": "document", "title": "a.pdf", "source": PDF},
            ],
        },
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "ping", "input": {}}]},
        {"role": "user", "content": [result]},
    ]
    with Upstream(answer("hi")) as upstream, proxy.using(routes(upstream.url)):
        raw = sdk.messages.with_raw_response.create(model="any", max_tokens=10, messages=messages, tools=[PING])
        assert "citations.enabled: not supported" in raw.headers["x-bridge-warnings"]
        first, _, tool, moved = upstream.requests[0].json["messages"]
        assert [part["type"] for part in first["content"]] == ["text", "text", "file"]
        assert first["content"][0]["text"] == '<document title="T">\nC\n\nD\n</document>'
        assert first["content"][1]["text"] == "S\nhttps://s\n\nx"
        assert first["content"][2]["file"]["filename"] == "a.pdf"
        assert tool["role"] == "tool"
        assert [part["type"] for part in moved["content"]] == ["image_url", "file"]
