"""What a client may rely on with its tools, whatever the upstream makes of them."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from anthropic import Anthropic, InternalServerError
from inprocess import Running
from official import ARGUMENTS, PING, PLAN, TOOLS, ask, blocks, routes
from scripted import DONE, END, Play, Upstream, answer, chunk, completion, head, part, reply, sse

TEXT = json.dumps(ARGUMENTS)
MARKUP = '<tool_call>{"name": "%s", "arguments": %s}</tool_call>'
LONG = "mcp__files.example.org__" + "read_" * 12 + "it"


def native(*calls: tuple[str, str]) -> list[bytes]:
    """Structured calls, streamed."""
    return [
        chunk(tool_calls=[{"index": index, "id": f"c{index}", "function": {"name": name, "arguments": arguments}}])
        for index, (name, arguments) in enumerate(calls)
    ]


def plays(*calls: tuple[str, str]) -> dict[str, Play]:
    """The calls in every way in which they may come."""
    written = "".join(MARKUP % call for call in calls)
    functions = [{"function": {"name": name, "arguments": arguments}} for name, arguments in calls]
    message = {"role": "assistant", "content": "", "tool_calls": functions}
    return {
        "structured": sse(*native(*calls), chunk(finish="tool_calls"), DONE),
        "structured, whole": reply(
            200, json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
        ),
        "written": answer(*written),
        "written, whole": reply(200, completion(written)),
    }


WAYS = list(plays())
BOTH = (("plan", TEXT), ("ping", "{}"))
DEMANDS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "auto": ({"type": "auto"}, [("plan", ARGUMENTS), ("ping", {})]),
    "one": ({"type": "auto", "disable_parallel_tool_use": True}, [("plan", ARGUMENTS)]),
    "any": ({"type": "any"}, [("plan", ARGUMENTS), ("ping", {})]),
    "tool": ({"type": "tool", "name": "ping"}, [("ping", {})]),
    "none": ({"type": "none"}, []),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("demand", DEMANDS)
@pytest.mark.parametrize("tools", ["native", "prompt"])
def test_tool_choice_holds(proxy: Running, sdk: Anthropic, way: str, demand: str, tools: str) -> None:
    choice, expected = DEMANDS[demand]
    extra = f'tools = "{tools}"\nparsers = ["hermes"]'
    with Upstream(plays(*BOTH)[way]) as upstream, proxy.using(routes(upstream.url, extra=extra)):
        for stream in (True, False):
            got = ask(sdk, tools=TOOLS, tool_choice=choice, stream=stream)
            assert [block for block in blocks(got) if block[0] != "text"] == expected
            assert got.stop_reason == ("tool_use" if expected else "end_turn")


def test_a_demand_that_was_not_met(proxy: Running, sdk: Anthropic) -> None:
    with Upstream(answer("I had rather not.")) as upstream, proxy.using(routes(upstream.url)):
        got = ask(sdk, tools=TOOLS, tool_choice={"type": "any"})
        assert (blocks(got), got.stop_reason) == ([("text", "I had rather not.")], "end_turn")
        assert len(upstream.requests) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["native", "prompt"])
def test_long_and_odd_names(proxy: Running, sdk: Anthropic, way: str, mode: str) -> None:
    """Tools of MCP servers, for upstreams that take 64 plain characters."""
    tools: list[Any] = [{**PLAN, "name": LONG}, {**PING, "name": "net.ping"}]
    history: list[Any] = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": LONG, "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "done"}]},
    ]
    extra = f'tools = "{mode}"\nparsers = ["hermes"]'
    choice = {"type": "tool", "name": LONG}
    with Upstream(answer("hi")) as upstream, proxy.using(routes(upstream.url)):
        ask(sdk, history, tools=tools, tool_choice=choice)
        sent = upstream.requests[0].json
        name, ping = (tool["function"]["name"] for tool in sent["tools"])
        assert sent["tool_choice"]["function"]["name"] == name
        assert sent["messages"][1]["tool_calls"][0]["function"]["name"] == name
        assert len(name) == 64
        assert ping == "net_ping"
    for spelled in ((name, ping), (LONG, "net.ping")):
        calls = zip(spelled, (TEXT, "{}"), strict=True)
        with Upstream(plays(*calls)[way]) as upstream, proxy.using(routes(upstream.url, extra=extra)):
            assert blocks(ask(sdk, history, tools=tools)) == [(LONG, ARGUMENTS), ("net.ping", {})]


@pytest.mark.parametrize("way", WAYS)
def test_names_that_mean_one_tool(proxy: Running, sdk: Anthropic, way: str) -> None:
    with (
        Upstream(plays(("functions.plan", TEXT), ("Ping", "{}"))[way]) as upstream,
        proxy.using(routes(upstream.url, "Qwen/Qwen3-8B")),
    ):
        assert blocks(ask(sdk, tools=TOOLS)) == [("plan", ARGUMENTS), ("ping", {})]


@pytest.mark.parametrize("way", WAYS)
def test_arguments_that_are_almost_json(proxy: Running, sdk: Anthropic, way: str) -> None:
    play = plays(("plan", "{'title': 'a\tb', 'draft': True, 'limit': None,}"))[way]
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, "Qwen/Qwen3-8B")):
        assert blocks(ask(sdk, tools=TOOLS)) == [("plan", {"title": "a\tb", "draft": True, "limit": None})]


@pytest.mark.parametrize("half", ["\ud800", r"\ud800"], ids=["as-such", "escape"])
@pytest.mark.parametrize("way", WAYS)
def test_half_a_character_in_arguments(proxy: Running, sdk: Anthropic, way: str, half: str) -> None:
    play = plays(("plan", f'{{"title": "a{half}b"}}'))[way]
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, "Qwen/Qwen3-8B")):
        assert blocks(ask(sdk, tools=TOOLS)) == [("plan", {"title": "a\ufffdb"})]


def streamed(name: str) -> dict[str, list[bytes]]:
    """A call of ``name`` in two pieces."""
    written, cut = MARKUP % (name, TEXT), 80
    more = chunk(tool_calls=[{"index": 0, "function": {"arguments": TEXT[40:]}}])
    return {"written": [chunk(written[:cut]), chunk(written[cut:])], "structured": [*native((name, TEXT[:40])), more]}


@pytest.mark.parametrize("way", ["written", "structured"])
def test_a_tool_that_wants_its_arguments_at_once(proxy: Running, sdk: Anthropic, way: str) -> None:
    """The upstream goes on only when the client has seen the beginning: it must not be held back."""
    gate = threading.Event()
    before, after = streamed("plan")[way]
    play: Play = [head(), part(before), gate, part(after), part(chunk(finish="stop")), part(DONE), END]
    tools: list[Any] = [{**PLAN, "eager_input_streaming": True}, PING]
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, "Qwen/Qwen3-8B")):
        with sdk.messages.stream(
            model="any", max_tokens=100, messages=[{"role": "user", "content": "go"}], tools=tools
        ) as events:
            seen = 0
            for event in events:
                if event.type == "input_json":
                    seen += 1
                    gate.set()
            assert blocks(events.get_final_message()) == [("plan", ARGUMENTS)]
        assert seen > 1


@pytest.mark.parametrize("way", ["written", "structured"])
def test_a_tool_beside_it_that_does_not(proxy: Running, sdk: Anthropic, way: str) -> None:
    play = sse(*streamed("plan")[way], chunk(finish="stop"), DONE)
    tools: list[Any] = [PLAN, {**PING, "eager_input_streaming": True}]
    with (
        Upstream(play) as upstream,
        proxy.using(routes(upstream.url, "Qwen/Qwen3-8B")),
        sdk.messages.stream(
            model="any", max_tokens=100, messages=[{"role": "user", "content": "go"}], tools=tools
        ) as events,
    ):
        (whole,) = [event.partial_json for event in events if event.type == "input_json"]
        assert json.loads(whole) == ARGUMENTS


def test_a_template_that_fails_is_an_error_of_the_server(proxy: Running, sdk: Anthropic) -> None:
    folder = proxy.path.parent / "own"
    folder.mkdir()
    (folder / "broken.toml").write_text('extends = "hermes"\n[prompt]\nsystem = "{{ 1 // (tools | length - 2) }}"\n')
    config = 'parser_dirs = ["own"]\n' + routes("http://127.0.0.1:1", extra='tools = "prompt"\nparsers = ["broken"]')
    with proxy.using(config):
        for stream in (True, False):
            with pytest.raises(InternalServerError) as raised:
                ask(sdk, tools=TOOLS, stream=stream)
            body: Any = raised.value.body
            assert body["error"]["type"] == "api_error"
            assert "template `system` of parser `broken` failed" in body["error"]["message"]
