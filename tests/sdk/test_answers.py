"""What the SDK gets and sends on an ordinary day: text, thinking, calls, pictures, results, models, tokens."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from anthropic import Anthropic, AsyncAnthropic, NotFoundError
from inprocess import Running
from official import ARGUMENTS, TOOLS, ask, blocks, routes
from scripted import DONE, Play, Upstream, answer, chunk, completion, frame, reply, sse

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n not really").decode()
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
SENT_PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
STREAM = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


def whole(finish: str = "stop", usage: dict[str, Any] | None = None, **message: object) -> Play:
    """A whole completion whose message has these fields."""
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": finish}
    return reply(200, json.dumps({"id": "c", "model": "m", "choices": [choice], "usage": usage or {}}))


def call(number: int, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"index": number, "id": f"call_{number}", "type": "function", "function": function}


@STREAM
def test_text(proxy: Running, sdk: Anthropic, stream: bool) -> None:
    play = answer("Grüße, ", "世界 🙂") if stream else reply(200, completion("Grüße, 世界 🙂"))
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, "org/real")):
        got = ask(sdk, stream=stream, model="asked-for", system="Be brief.", stop_sequences=["END"])
        assert blocks(got) == [("text", "Grüße, 世界 🙂")]
        assert (got.stop_reason, got.model, got.role) == ("end_turn", "asked-for", "assistant")
        assert got.id.startswith("msg_")
        (request,) = upstream.requests
        assert request.path == "/v1/chat/completions"
        assert request.json["model"] == "org/real"
        assert request.json["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "go"},
        ]
        assert request.json["stop"] == ["END"]
        assert "client-key" not in str(request.headers)


@pytest.mark.parametrize(
    ("finish", "stop_reason"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "refusal"), ("eos", "end_turn")],
)
def test_stop_reasons(proxy: Running, sdk: Anthropic, finish: str, stop_reason: str) -> None:
    plays = [sse(chunk("some"), chunk(finish=finish), DONE), reply(200, completion("some", finish))]
    with Upstream(*plays) as upstream, proxy.using(routes(upstream.url)):
        assert ask(sdk).stop_reason == stop_reason
        assert ask(sdk, stream=False).stop_reason == stop_reason


@STREAM
def test_usage(proxy: Running, sdk: Anthropic, stream: bool) -> None:
    """Cached tokens are no input tokens."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 800}}
    last = frame({"id": "c", "choices": [], "usage": usage})
    play = sse(chunk("x"), chunk(finish="stop"), last, DONE) if stream else whole(content="x", usage=usage)
    with Upstream(play) as upstream, proxy.using(routes(upstream.url)):
        got = ask(sdk, stream=stream).usage
        assert (got.input_tokens, got.cache_read_input_tokens, got.output_tokens) == (200, 800, 9)
        if stream:
            assert upstream.requests[0].json["stream_options"] == {"include_usage": True}


@STREAM
@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "<think>", "</think>"])
def test_thinking(proxy: Running, sdk: Anthropic, field: str, stream: bool) -> None:
    """In a field of its own, in tags, or in tags that the prompt had opened."""
    if field in ("<think>", "</think>"):
        text = ("<think>" if field == "<think>" else "") + "Let me see.</think>The answer."
        play = answer(*text) if stream else whole(content=text)
    elif stream:
        play = sse(*(chunk(**{field: c}) for c in "Let me see."), chunk("The answer."), chunk(finish="stop"), DONE)
    else:
        play = whole(content="The answer.", **{field: "Let me see."})
    extra = "reasoning = { starts_open = true }" if field == "</think>" else ""
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, "Qwen/Qwen3-8B", extra=extra)):
        got = ask(sdk, stream=stream, thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=2000)
        assert blocks(got) == [("thinking", "Let me see."), ("text", "The answer.")]


def test_thinking_is_taken_back(proxy: Running, sdk: Anthropic) -> None:
    """The signature that an answer carried comes with the next request."""
    plays = [sse(chunk(reasoning_content="hm"), chunk("yes"), chunk(finish="stop"), DONE), answer("good")]
    with Upstream(*plays) as upstream, proxy.using(routes(upstream.url)):
        first = ask(sdk)
        history: list[Any] = [
            {"role": "user", "content": "is it?"},
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": "sure?"},
        ]
        assert blocks(ask(sdk, history)) == [("text", "good")]


@STREAM
def test_thinking_then_parallel_calls(proxy: Running, sdk: Anthropic, stream: bool) -> None:
    calls = [call(0, "plan", ARGUMENTS), call(1, "ping", {}), call(2, "plan", {"title": "b"})]
    if stream:
        deltas = [chunk(tool_calls=[one]) for one in calls]
        play = sse(chunk(reasoning="hm"), chunk("I will."), *deltas, chunk(finish="tool_calls"), DONE)
    else:
        play = whole("tool_calls", reasoning="hm", content="I will.", tool_calls=calls)
    with Upstream(play) as upstream, proxy.using(routes(upstream.url)):
        got = ask(sdk, stream=stream, tools=TOOLS, tool_choice={"type": "any"})
        expected = [
            ("thinking", "hm"),
            ("text", "I will."),
            ("plan", ARGUMENTS),
            ("ping", {}),
            ("plan", {"title": "b"}),
        ]
        assert blocks(got) == expected
        assert got.stop_reason == "tool_use"
        sent = upstream.requests[0].json
        assert sent["tool_choice"] == "required"
        assert [tool["function"]["name"] for tool in sent["tools"]] == ["plan", "ping"]


def test_thinking_then_text_calls(proxy: Running, sdk: Anthropic) -> None:
    """A call that the reasoning only considers is not one."""
    draft = '<think>I could <tool_call>{"name": "ping", "arguments": {}}</tool_call> or not.</think>'
    raw = draft + 'I will.\n<tool_call>\n{"name": "plan", "arguments": {"title": "t"}}\n</tool_call>'
    with Upstream(answer(*raw)) as upstream, proxy.using(routes(upstream.url, "Qwen/Qwen3-8B")):
        kind, said, done = blocks(ask(sdk, tools=TOOLS))
        assert kind[0] == "thinking"
        assert (said, done) == (("text", "I will."), ("plan", {"title": "t"}))


def test_a_conversation_with_results(proxy: Running, sdk: Anthropic) -> None:
    """Pictures of the user, calls, results that hold pictures, results that are errors."""
    calls = [
        {"type": "tool_use", "id": "toolu_1", "name": "plan", "input": {"title": "t"}},
        {"type": "tool_use", "id": "toolu_2", "name": "ping", "input": {}},
    ]
    results = [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "see:"}, PICTURE]},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no route to host", "is_error": True},
    ]
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "What is this?"}, PICTURE]},
        {"role": "assistant", "content": [{"type": "text", "text": "Looking."}, *calls]},
        {"role": "user", "content": [*results, {"type": "text", "text": "Go on."}]},
    ]
    with Upstream(answer("done")) as upstream, proxy.using(routes(upstream.url)):
        assert blocks(ask(sdk, messages, tools=TOOLS)) == [("text", "done")]
        user, assistant, *rest = upstream.requests[0].json["messages"]
        assert user["content"] == [{"type": "text", "text": "What is this?"}, SENT_PICTURE]
        assert assistant["content"] == "Looking."
        assert [(one["id"], one["function"]["name"]) for one in assistant["tool_calls"]] == [
            ("toolu_1", "plan"),
            ("toolu_2", "ping"),
        ]
        tools = [message for message in rest if message["role"] == "tool"]
        assert [message["tool_call_id"] for message in tools] == ["toolu_1", "toolu_2"]
        assert rest[:2] == tools, "results come right behind the calls"
        assert "no route to host" in tools[1]["content"]
        assert "error" in tools[1]["content"].lower()
        after = json.dumps(rest)
        assert PIXEL in after
        assert "Go on." in after


def test_the_id_of_a_call_comes_back(proxy: Running, sdk: Anthropic) -> None:
    raw = '<tool_call>{"name": "ping", "arguments": {}}</tool_call>'
    with Upstream(answer(raw), answer("fine")) as upstream, proxy.using(routes(upstream.url, "Qwen/Qwen3-8B")):
        first = ask(sdk, tools=TOOLS)
        (use,) = first.content
        assert use.type == "tool_use"
        history: list[Any] = [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "pong"}]},
        ]
        assert blocks(ask(sdk, history, tools=TOOLS)) == [("text", "fine")]
        _, assistant, result = upstream.requests[1].json["messages"]
        assert assistant["tool_calls"][0]["id"] == result["tool_call_id"] == use.id
        assert result["content"] == "pong"


def test_text_comes_as_it_is_said(proxy: Running, sdk: Anthropic) -> None:
    words = ["One ", "two ", "<three ", "<tool ", "four"]
    with (
        Upstream(answer(*words)) as upstream,
        proxy.using(routes(upstream.url, "Qwen/Qwen3-8B")),
        sdk.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}], tools=TOOLS) as got,
    ):
        pieces = list(got.text_stream)
        assert "".join(pieces) == "".join(words)
        assert len(pieces) >= 3


def test_the_async_client(proxy: Running) -> None:
    """Many at once, one client; every answer is the one to its own question."""
    raw = '<tool_call>{"name": "plan", "arguments": {"title": "t"}}</tool_call>'
    tools, prompt = TOOLS, [{"role": "user", "content": "x"}]

    async def one(client: AsyncAnthropic, stream: bool) -> Any:
        request: Any = {"model": "m", "max_tokens": 9, "messages": prompt, "tools": tools}
        if not stream:
            return await client.messages.create(**request)
        async with client.messages.stream(**request) as events:
            return await events.get_final_message()

    async def main() -> list[Any]:
        async with AsyncAnthropic(base_url=proxy.url, api_key="x", max_retries=0) as client:
            return await asyncio.gather(*(one(client, number % 2 == 0) for number in range(20)))

    with Upstream(answer(*raw)) as upstream, proxy.using(routes(upstream.url)):
        answers = asyncio.run(main())
        assert all(blocks(got) == [("plan", {"title": "t"})] for got in answers)
        assert len({got.id for got in answers}) == 20
        assert len({got.content[0].id for got in answers}) == 20


def test_leaving_a_stream(proxy: Running, sdk: Anthropic) -> None:
    with Upstream(answer(*["word "] * 200)) as upstream, proxy.using(routes(upstream.url)):
        with sdk.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as got:
            next(iter(got.text_stream))
        assert blocks(ask(sdk)) == [("text", "word " * 200)]


def test_counting_tokens(proxy: Running, sdk: Anthropic) -> None:
    few = sdk.messages.count_tokens(model="m", messages=[{"role": "user", "content": "hello"}])
    many = sdk.messages.count_tokens(
        model="m", messages=[{"role": "user", "content": "hello " * 1000}], tools=TOOLS, system="Be brief."
    )
    assert 0 < few.input_tokens < 50 < 1000 < many.input_tokens < 3000


def test_models(proxy: Running, sdk: Anthropic) -> None:
    named = "".join(
        f'[models.named-{number}]\nupstream = "up"\ndisplay_name = "No. {number}"\n' for number in range(30)
    )
    with proxy.using(routes("http://127.0.0.1:1", rest=named)):
        listed = list(sdk.models.list(limit=7))  # pages come by themselves
        assert [model.id for model in listed] == [f"named-{number}" for number in range(30)]
        assert listed[3].display_name == "No. 3"
        assert sdk.models.retrieve("named-7").id == "named-7"
    with proxy.using('[upstreams.up]\nbase_url = "http://127.0.0.1:1"\n[models.only]\nupstream = "up"\n'):
        with pytest.raises(NotFoundError):
            sdk.models.retrieve("other")
        with pytest.raises(NotFoundError, match="other"):
            ask(sdk, model="other")


def test_raw_answers_carry_what_operators_ask_for(proxy: Running, sdk: Anthropic) -> None:
    with Upstream(reply(200, completion("x"))) as upstream, proxy.using(routes(upstream.url)):
        got = sdk.messages.with_raw_response.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        )
        assert got.request_id
        assert got.request_id.startswith("req_")
        assert got.headers["x-bridge-upstream"] == "up"
        assert got.headers["x-bridge-attempts"] == "1"
