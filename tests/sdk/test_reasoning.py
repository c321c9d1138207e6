"""Reasoning over several turns: the SDK sends back what it got, the upstream reads what its model thought."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from anthropic import Anthropic
from anthropic.types import Message
from inprocess import Running
from official import ask, blocks, routes
from scripted import DONE, Play, Upstream, answer, chunk, reply, sse

STREAM = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
MODEL = "org/thinker"
OMITTED = {"type": "adaptive", "display": "omitted"}
SPELLINGS = [
    {"reasoning_content": "Let me see."},
    {"reasoning": "Let me see."},
    {"thinking": "Let me see."},
    {"reasoning_details": [{"type": "reasoning.text", "text": "Let me see."}]},
    {"thinking_blocks": [{"type": "thinking", "thinking": "Let me see."}]},
]


def whole(**message: object) -> Play:
    """A completion that is not streamed."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return reply(200, json.dumps({"id": "c", "model": "m", "choices": [choice]}))


def replaying(spelling: str) -> str:
    return f'reasoning = {{ replay = "{spelling}" }}'


def thinks(stream: bool, thought: str = "Let me see.", said: str = "Yes.", **delta: object) -> Play:
    delta = delta or {"reasoning_content": thought}
    if not stream:
        return whole(content=said, **delta)
    return sse(chunk(**delta), *map(chunk, said), chunk(finish="stop"), DONE)


def history(*turns: str | Message | list[Any]) -> list[Any]:
    """User texts and answers in turn."""
    return [
        {"role": "user", "content": turn}
        if isinstance(turn, str)
        else {"role": "assistant", "content": turn if isinstance(turn, list) else turn.content}
        for turn in turns
    ]


def warnings(client: Anthropic, messages: list[Any]) -> str:
    raw = client.messages.with_raw_response.create(model="any", max_tokens=100, messages=messages)
    return raw.headers.get("x-bridge-warnings", "")


@STREAM
@pytest.mark.parametrize("delta", SPELLINGS, ids=[next(iter(one)) for one in SPELLINGS])
def test_every_spelling_comes_first_and_goes_back(
    proxy: Running, sdk: Anthropic, delta: dict[str, Any], stream: bool
) -> None:
    plays = [thinks(stream, **delta), answer("ok") if stream else whole(content="ok")]
    with Upstream(*plays) as upstream, proxy.using(routes(upstream.url, MODEL, extra=replaying("reasoning_content"))):
        first = ask(sdk, "Is it?", stream=stream)
        assert blocks(first) == [("thinking", "Let me see."), ("text", "Yes.")]
        ask(sdk, history("Is it?", first, "Sure?"), stream=stream)
        assert upstream.requests[1].json["messages"] == [
            {"role": "user", "content": "Is it?"},
            {"role": "assistant", "content": "Yes.", "reasoning_content": "Let me see."},
            {"role": "user", "content": "Sure?"},
        ]


@STREAM
@pytest.mark.parametrize("text", ["<think>\nLet me see.\n</think>\n\nYes.", "Let me see.\n</think>\n\nYes."])
def test_tags_go_back_as_tags(proxy: Running, sdk: Anthropic, text: str, stream: bool) -> None:
    """With and without the opener, which some prompts hold."""
    play = answer(*text) if stream else whole(content=text)
    opened = str(not text.startswith("<")).lower()
    extra = f'reasoning = {{ replay = "tags", starts_open = {opened} }}'
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, "Qwen/Qwen3-8B", extra=extra)):
        first = ask(sdk, stream=stream)
        assert blocks(first) == [("thinking", "Let me see."), ("text", "Yes.")]
        ask(sdk, history("go", first, "on"), stream=stream)
        assert upstream.requests[1].json["messages"][1] == {
            "role": "assistant",
            "content": "<think>\nLet me see.\n</think>\n\nYes.",
        }


@STREAM
def test_details_go_back_as_details(proxy: Running, sdk: Anthropic, stream: bool) -> None:
    with (
        Upstream(thinks(stream)) as upstream,
        proxy.using(routes(upstream.url, MODEL, extra=replaying("reasoning_details"))),
    ):
        ask(sdk, history("go", ask(sdk, stream=stream), "on"), stream=stream)
        (_, said, _) = upstream.requests[1].json["messages"]
        assert said["reasoning_details"] == [{"type": "reasoning.text", "text": "Let me see."}]


@STREAM
def test_reasoning_that_the_client_does_not_see_is_not_lost(proxy: Running, sdk: Anthropic, stream: bool) -> None:
    thought = "Größe 🙂 " * 300
    with (
        Upstream(thinks(stream, thought)) as upstream,
        proxy.using(routes(upstream.url, MODEL, extra=replaying("reasoning"))),
    ):
        first = ask(sdk, stream=stream, thinking=OMITTED)
        assert blocks(first) == [("thinking", ""), ("text", "Yes.")]
        assert len(first.content[0].signature) < 200  # type: ignore[union-attr]
        ask(sdk, history("go", first, "on"), stream=stream, thinking=OMITTED)
        assert upstream.requests[1].json["messages"][1]["reasoning"] == thought.strip()
        moved = [{"type": "redacted_thinking", "data": first.content[0].signature}, *first.content[1:]]  # type: ignore[union-attr]
        ask(sdk, history("go", moved, "on"), stream=stream)
        assert upstream.requests[2].body == upstream.requests[1].body or not stream


@STREAM
def test_the_prefix_of_a_conversation_stays(proxy: Running, sdk: Anthropic, stream: bool) -> None:
    with Upstream(thinks(stream)) as upstream, proxy.using(routes(upstream.url, MODEL, extra=replaying("tags"))):
        turns: list[Any] = ["0"]
        for number in range(1, 5):
            turns += [ask(sdk, history(*turns), stream=stream), str(number)]
        ask(sdk, history(*turns), stream=stream)
        said = [request.body.split(b'"messages":')[1].split(b"]", 1)[0] for request in upstream.requests]
        assert len(said) == 5
        assert all(later.startswith(earlier) for earlier, later in pairwise(said))


def altered(message: Message, **changes: str) -> list[Any]:
    thinking, *rest = message.content
    return [{**thinking.model_dump(), **changes}, *rest]


def test_what_was_altered_is_not_sent_back(proxy: Running, sdk: Anthropic) -> None:
    with (
        Upstream(thinks(True), whole(content="ok")) as upstream,
        proxy.using(routes(upstream.url, MODEL, extra=replaying("reasoning"))),
    ):
        first = ask(sdk)
        signature = first.content[0].signature  # type: ignore[union-attr]
        changed = f"it was changed or is not by model `{MODEL}`"
        for turn, why in [
            (altered(first, thinking="Let me see!"), changed),
            (altered(first, signature=signature[:-1] + ("A" if signature[-1] != "A" else "B")), changed),
            (altered(first, signature="ErUBCkYIBRgCIkD"), "its signature is not of this proxy"),
            (altered(first, signature=""), "it is not signed"),
        ]:
            said = warnings(sdk, history("go", turn, "on"))
            assert said == f"messages.1: thinking is not sent back, {why}"
            assert upstream.requests[-1].json["messages"][1] == {
                "role": "assistant",
                "content": "Yes.",
                "reasoning": "",
            }
        assert warnings(sdk, history("go", first, "on")) == ""
    with Upstream(whole(content="ok")) as upstream, proxy.using(routes(upstream.url, MODEL)):
        assert warnings(sdk, history("go", altered(first, thinking="x"), "on")) == ""


def test_another_model_does_not_get_it(proxy: Running, sdk: Anthropic) -> None:
    with Upstream(thinks(True), whole(content="ok")) as upstream:
        with proxy.using(routes(upstream.url, MODEL, extra=replaying("reasoning"))):
            first = ask(sdk)
        turns = history("go", first, "on")
        with proxy.using(routes(upstream.url, "org/other", extra=replaying("reasoning"))):
            assert "is not by model `org/other`" in warnings(sdk, turns)
        with proxy.using(routes(upstream.url, MODEL, extra=replaying("reasoning"), upstream='api_key = "new"')):
            assert "it was changed" in warnings(sdk, turns)
        with proxy.using(routes(upstream.url, MODEL, extra=replaying("reasoning"))):
            assert warnings(sdk, turns) == ""
        assert [request.json["messages"][1]["reasoning"] for request in upstream.requests[1:]] == [
            "",
            "",
            "Let me see.",
        ]


@STREAM
def test_a_fallback_signs_and_reads_for_itself(proxy: Running, sdk: Anthropic, stream: bool) -> None:
    """Each upstream gets back what its own model thought, in its own spelling, and nothing else."""
    down = reply(503, "{}")
    with (
        Upstream(down, thinks(stream, "first's"), down, thinks(stream)) as first,
        Upstream(thinks(stream, "second's")) as second,
    ):
        extra = 'reasoning = { replay = "reasoning" }\nfallbacks = ["other"]\nretry = { attempts = 1 }'
        rest = (
            f'[upstreams.second]\nbase_url = "{second.url}"\n'
            '[models.other]\nupstream = "second"\nmodel = "org/b"\nreasoning = { replay = "tags" }\n'
        )
        with proxy.using(routes(first.url, "org/a", extra=extra, rest=rest)):
            one = ask(sdk, "0", stream=stream)
            two = ask(sdk, history("0", one, "1"), stream=stream)
            assert [blocks(one)[0], blocks(two)[0]] == [("thinking", "second's"), ("thinking", "first's")]
            ask(sdk, history("0", one, "1", two, "2"), stream=stream)
            at_first = [message.get("reasoning") for message in first.requests[2].json["messages"]]
            at_second = [message["content"] for message in second.requests[1].json["messages"]]
        assert at_first == [None, "", None, "first's", None]
        assert at_second == ["0", "<think>\nsecond's\n</think>\n\nYes.", "1", "Yes.", "2"]


@STREAM
def test_interleaved_thinking(proxy: Running, sdk: Anthropic, stream: bool) -> None:
    """Thinking after text is legal: a block of its own, with a signature of its own."""
    parts = [
        {"type": "thinking", "thinking": "One."},
        {"type": "text", "text": "A. "},
        {"type": "thinking", "thinking": "Two."},
        {"type": "text", "text": "B."},
    ]
    play = (
        sse(*(chunk(content=[part]) for part in parts), chunk(finish="stop"), DONE) if stream else whole(content=parts)
    )
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, MODEL, extra=replaying("reasoning"))):
        first = ask(sdk, stream=stream)
        assert [kind for kind, _ in blocks(first)] == ["thinking", "text", "thinking", "text"]
        assert len({block.signature for block in first.content if block.type == "thinking"}) == 2
        ask(sdk, history("go", first, "on"), stream=stream)
        assert upstream.requests[1].json["messages"][1]["reasoning"] == "One.\n\nTwo."
