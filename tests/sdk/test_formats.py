"""Every bundled format, written as text by a model of that family, read by the SDK as structured calls.

Nothing is configured but the upstream's model id. The raw text is what the format's own template writes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from anthropic import Anthropic
from chunking import bytewise, seeded_splits, whole
from inprocess import Running
from official import ARGUMENTS, TOOLS, Pause, ask, blocks, routes
from scripted import DONE, END, KEEP, Play, Upstream, chunk, completion, head, part, reply, sse
from written import MODELS, parsers, written

BEFORE = "Let me write that down."
FORMATS = sorted(MODELS)


CALLS: list[tuple[str, dict[str, Any]]] = [("plan", ARGUMENTS), ("ping", {})]
EXPECTED = [("text", BEFORE), *CALLS]


def deltas(pieces: Sequence[str]) -> Play:
    return sse(chunk(role="assistant"), *map(chunk, pieces), chunk(finish="stop"), DONE)


def packets(data: bytes, cuts: int, rng: random.Random) -> Iterator[bytes | Pause]:
    """The bytes of a chunked response, cut anywhere, each piece a packet of its own."""
    at = sorted(rng.sample(range(1, len(data)), cuts))
    for start, end in zip([0, *at], [*at, len(data)], strict=True):
        yield data[start:end]
        yield Pause()


@pytest.mark.parametrize("name", FORMATS)
def test_any_chunking_of_the_text(proxy: Running, sdk: Anthropic, name: str) -> None:
    raw = written(name, BEFORE, *CALLS)
    chunkings = [whole(raw), bytewise(raw), *seeded_splits(raw, 8, seed=len(raw))]
    with Upstream(*map(deltas, chunkings)) as upstream, proxy.using(routes(upstream.url, MODELS[name])):
        for pieces in chunkings:
            got = ask(sdk, tools=TOOLS)
            assert blocks(got) == EXPECTED, pieces
            assert got.stop_reason == "tool_use"


@pytest.mark.parametrize("name", FORMATS)
def test_any_packets(proxy: Running, sdk: Anthropic, name: str) -> None:
    raw = written(name, BEFORE, *CALLS)
    rng = random.Random(name)
    (pieces,) = seeded_splits(raw, 1, seed=3)
    frames = [chunk(role="assistant"), *map(chunk, pieces), chunk(finish="stop"), DONE]
    stream = b"".join(frames)
    cut = [stream[i : i + 7] for i in range(0, len(stream), 7)]
    whole_body = head() + part(stream) + END
    small_parts = head() + b"".join(map(part, cut)) + END
    plays: list[Play] = [[*packets(body, 8, rng), KEEP] for body in (whole_body, small_parts)]
    with Upstream(*plays) as upstream, proxy.using(routes(upstream.url, MODELS[name])):
        for _ in plays:
            assert blocks(ask(sdk, tools=TOOLS)) == EXPECTED


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_upstreams_that_answer_as_a_whole(proxy: Running, sdk: Anthropic, name: str, stream: bool) -> None:
    """Also where a stream was asked for."""
    play = reply(200, completion(written(name, BEFORE, *CALLS)))
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, MODELS[name])):
        got = ask(sdk, tools=TOOLS, stream=stream)
        assert blocks(got) == EXPECTED
        assert got.stop_reason == "tool_use"
        assert upstream.requests[0].json["model"] == MODELS[name]


@pytest.mark.parametrize("name", FORMATS)
def test_only_declared_tools_are_called(proxy: Running, sdk: Anthropic, name: str) -> None:
    """The same text is an answer where no tool was declared."""
    raw = written(name, BEFORE, *CALLS)
    with Upstream(deltas(bytewise(raw))) as upstream, proxy.using(routes(upstream.url, MODELS[name])):
        got = ask(sdk)
        assert {block.type for block in got.content} == {"text"}
        assert got.stop_reason == "end_turn"


@pytest.mark.parametrize("name", FORMATS)
def test_a_call_that_was_cut_off_is_never_one(proxy: Running, sdk: Anthropic, name: str) -> None:
    raw = written(name, BEFORE, CALLS[0])
    cut = raw[: raw.index("boil")]
    play = sse(*map(chunk, bytewise(cut)), chunk(finish="length"), DONE)
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, MODELS[name])):
        got = ask(sdk, tools=TOOLS)
        assert blocks(got) == [("text", BEFORE)]
        assert got.stop_reason == "max_tokens"


@pytest.mark.parametrize("name", [name for name in FORMATS if parsers()[name].spec.distinctive])
def test_no_model_name_decides(proxy: Running, sdk: Anthropic, name: str) -> None:
    """A name that no parser file knows: calls in any distinctive format are structured all the same."""
    raw = written(name, BEFORE, *CALLS)
    plays = [deltas(bytewise(raw)), reply(200, completion(raw))]
    with Upstream(*plays) as upstream, proxy.using(routes(upstream.url, "acme/house-model-v7")):
        assert blocks(ask(sdk, tools=TOOLS)) == EXPECTED
        assert blocks(ask(sdk, tools=TOOLS, stream=False)) == EXPECTED


@pytest.mark.parametrize(
    "client_model", ["qwen3-coder", "deepseek-chat", "minimax-m2", "claude-opus-4-8", "unheard-of"]
)
@pytest.mark.parametrize("upstream_model", ["Qwen/Qwen3-8B", "acme/qwen-ish", "acme/deepseek-ish", "acme/minimax-ish"])
def test_no_pair_of_names_decides(proxy: Running, sdk: Anthropic, client_model: str, upstream_model: str) -> None:
    raw = written("hermes", BEFORE, *CALLS)
    with Upstream(deltas(bytewise(raw))) as upstream, proxy.using(routes(upstream.url, upstream_model)):
        got = ask(sdk, tools=TOOLS, model=client_model)
        assert blocks(got) == EXPECTED
        assert got.model == client_model
        assert got.stop_reason == "tool_use"


PROMPTED = sorted(name for name, parser in parsers().items() if parser.spec.prompt)


@pytest.mark.parametrize("name", PROMPTED)
def test_tools_in_the_prompt(proxy: Running, sdk: Anthropic, name: str) -> None:
    """For an upstream that knows no tools: one file writes the tools, earlier calls and results, and reads the answer."""
    history: list[Any] = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "plan", "input": ARGUMENTS}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "planned <b>it</b>"}]},
    ]
    extra = f'tools = "prompt"\nparsers = ["{name}"]'
    with (
        Upstream(deltas(bytewise(written(name, "", *CALLS)))) as upstream,
        proxy.using(routes(upstream.url, extra=extra)),
    ):
        assert blocks(ask(sdk, history, tools=TOOLS, system="Be brief.")) == CALLS
        sent = upstream.requests[0].json
        assert not {"tools", "tool_choice"} & sent.keys()
        system, user, assistant, result = sent["messages"]
        assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant", "user"]
        assert system["content"].startswith("Be brief.\n\n")
        assert all(tool["name"] in system["content"] for tool in TOOLS)
        assert user["content"] == "go"
        assert "planned <b>it</b>" in result["content"]
        earlier = assistant["content"]
    with Upstream(deltas(bytewise(earlier))) as upstream, proxy.using(routes(upstream.url, extra=extra)):
        assert blocks(ask(sdk, tools=TOOLS)) == [("plan", ARGUMENTS)], (
            "what was shown to the model is what it is to write"
        )
