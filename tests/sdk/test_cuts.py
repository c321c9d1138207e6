"""An answer may end anywhere. Whatever ended it, a call that the model did not finish is never shown as one."""

from __future__ import annotations

import random
from typing import Any

import pytest
from anthropic import Anthropic, APIStatusError
from chunking import seeded_splits
from inprocess import Running
from official import ARGUMENTS, TOOLS, ask, blocks, routes
from scripted import DONE, END, FIN, KEEP, RST, Play, Upstream, chunk, head, part, sse
from written import MODELS, written

BEFORE = "Let me write that down."
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("plan", ARGUMENTS),
    ("ping", {}),
    ("plan", {"title": "buy beans", "limit": 3}),
]
FORMATS = sorted(MODELS)


def cuts(raw: str, count: int) -> list[int]:
    """Where the answer ends: at places picked at random, and behind each of the last characters."""
    rng = random.Random(raw)
    return [*rng.sample(range(1, len(raw)), count), len(raw) - 2, len(raw) - 1, len(raw)]


def deltas(text: str) -> list[bytes]:
    (pieces,) = seeded_splits(text, 1, seed=len(text))
    return [chunk(piece) for piece in pieces]


@pytest.mark.parametrize("name", FORMATS)
def test_the_upstream_dies(proxy: Running, sdk: Anthropic, name: str) -> None:
    raw = written(name, BEFORE, *CALLS)
    ends: list[Any] = [[RST], [FIN], [END, KEEP]]
    places = cuts(raw, 12)
    plays: list[Play] = [[head(), *map(part, deltas(raw[:at])), *ends[number % 3]] for number, at in enumerate(places)]
    extra = "retry = { attempts = 1 }"
    prompt: Any = [{"role": "user", "content": "go"}]
    whole: list[Any] = []

    def read() -> None:
        whole.clear()
        with sdk.messages.stream(model="m", max_tokens=99, messages=prompt, tools=TOOLS) as events:
            for event in events:
                assert event.type not in ("message_delta", "message_stop")
                if event.type == "content_block_stop" and event.content_block.type == "tool_use":
                    whole.append((event.content_block.name, event.content_block.input))

    with (
        Upstream(*plays) as upstream,
        proxy.using(routes(upstream.url, MODELS[name], extra=extra, upstream="breaker = { failures = 1000 }")),
    ):
        for at in places:
            with pytest.raises(APIStatusError):
                read()
            assert whole == CALLS[: len(whole)], raw[:at]


@pytest.mark.parametrize("name", FORMATS)
def test_the_limit_is_reached(proxy: Running, sdk: Anthropic, name: str) -> None:
    raw = written(name, BEFORE, *CALLS)
    places = cuts(raw, 12)
    plays = [sse(*deltas(raw[:at]), chunk(finish="length"), DONE) for at in places]
    with Upstream(*plays) as upstream, proxy.using(routes(upstream.url, MODELS[name])):
        for at in places:
            got = ask(sdk, tools=TOOLS)
            (kind, text), *rest = blocks(got)
            assert kind == "text"
            assert text.startswith(BEFORE[:at])
            assert raw[:at].startswith(text), "what may still be prose is kept as it is"
            calls = [block for block in rest if block[0] != "text"]
            assert calls == CALLS[: len(calls)], raw[:at]
            assert len(calls) == len(rest), "markup behind a call goes with the call that it began"
            assert got.stop_reason in ("max_tokens", "tool_use")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_the_limit_is_reached_inside_arguments(proxy: Running, sdk: Anthropic, name: str, stream: bool) -> None:
    """The calls before stay, the one that was cut is gone with all its markup."""
    raw = written(name, BEFORE, *CALLS)
    for word, whole in (("boil", 0), ("beans", 2)):
        cut = raw[: raw.index(word) + 2]
        with (
            Upstream(sse(*deltas(cut), chunk(finish="length"), DONE)) as upstream,
            proxy.using(routes(upstream.url, MODELS[name])),
        ):
            got = ask(sdk, tools=TOOLS, stream=stream)
            assert blocks(got) == [("text", BEFORE), *CALLS[:whole]]
            assert got.stop_reason == "max_tokens"
