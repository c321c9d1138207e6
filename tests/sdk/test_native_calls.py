"""Structured calls in every spelling that upstreams use, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic import Anthropic, APIStatusError
from inprocess import Running
from official import ARGUMENTS, TOOLS, ask, blocks, routes
from scripted import DONE, END, KEEP, RST, Play, Upstream, chunk, frame, head, part, reply, sse

TEXT = json.dumps(ARGUMENTS)
PLAN_PING = [("plan", ARGUMENTS), ("ping", {})]
FINISH = chunk(finish="tool_calls")


def delta(index: int | None, name: str | None = None, arguments: Any = None, id_: str | None = None) -> bytes:
    """A chunk with one fragment of a call; what is None is not in it."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    fragment = {"index": index, "id": id_, "function": function}
    return chunk(tool_calls=[{key: value for key, value in fragment.items() if value is not None}])


def pieces(text: str, size: int = 5) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


def fragments(index: int | None, name: str, text: str, id_: str | None) -> list[bytes]:
    """As the API itself streams them."""
    return [delta(index, name, "", id_), *(delta(index, None, piece) for piece in pieces(text))]


USUAL = [*fragments(0, "plan", TEXT, "call_a"), *fragments(1, "ping", "{}", "call_b"), FINISH, DONE]

SPELLINGS: dict[str, list[bytes]] = {
    "as the API": USUAL,
    "whole arguments": [delta(0, "plan", TEXT, "a"), delta(1, "ping", "{}", "b"), FINISH, DONE],
    "all in one delta": [
        chunk(
            tool_calls=[
                {"index": 0, "id": "a", "function": {"name": "plan", "arguments": TEXT}},
                {"index": 1, "id": "b", "function": {"name": "ping", "arguments": "{}"}},
            ],
            finish="tool_calls",
        ),
        DONE,
    ],
    "arguments as an object": [delta(0, "plan", ARGUMENTS, "a"), delta(1, "ping", {}, "b"), FINISH, DONE],
    "no ids": [*fragments(0, "plan", TEXT, None), *fragments(1, "ping", "{}", None), FINISH, DONE],
    "the same id twice": [*fragments(0, "plan", TEXT, "call"), *fragments(1, "ping", "{}", "call"), FINISH, DONE],
    "empty ids": [*fragments(0, "plan", TEXT, ""), *fragments(1, "ping", "{}", ""), FINISH, DONE],
    "all index 0": [delta(0, "plan", TEXT, "a"), delta(0, "ping", "{}", "b"), FINISH, DONE],
    "all index 0, in fragments": [*fragments(0, "plan", TEXT, "a"), *fragments(0, "ping", "{}", "b"), FINISH, DONE],
    "no index": [delta(None, "plan", TEXT, "a"), delta(None, "ping", "{}", "b"), FINISH, DONE],
    "no index, in fragments": [*fragments(None, "plan", TEXT, "a"), *fragments(None, "ping", "{}", "b"), FINISH, DONE],
    "indices from 1": [*fragments(1, "plan", TEXT, "a"), *fragments(2, "ping", "{}", "b"), FINISH, DONE],
    "id and name in every fragment": [
        *(delta(0, "plan", piece, "a") for piece in pieces(TEXT)),
        delta(1, "ping", "{}", "b"),
        FINISH,
        DONE,
    ],
    "interleaved": [
        delta(0, "plan", TEXT[:9], "a"),
        delta(1, "ping", "{", "b"),
        delta(0, None, TEXT[9:]),
        delta(1, None, "}"),
        FINISH,
        DONE,
    ],
    "no arguments": [delta(0, "plan", TEXT, "a"), delta(1, "ping", None, "b"), FINISH, DONE],
    "empty arguments": [delta(0, "plan", TEXT, "a"), delta(1, "ping", "", "b"), FINISH, DONE],
    "arguments null": [delta(0, "plan", TEXT, "a"), delta(1, "ping", "null", "b"), FINISH, DONE],
    "finish_reason stop": [*USUAL[:-2], chunk(finish="stop"), DONE],
    "finish_reason function_call": [*USUAL[:-2], chunk(finish="function_call"), DONE],
    "no [DONE]": USUAL[:-1],
    "no [DONE], usage last": [
        *USUAL[:-1],
        frame({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}),
    ],
    "no space after data:": [one.replace(b"data: ", b"data:", 1) for one in USUAL],
    "CRLF": [one.replace(b"\n", b"\r\n") for one in USUAL],
    "comments": [b": ping\n\n" + one for one in USUAL],
    "event and id lines": [b"event: message\nid: 7\n" + one for one in USUAL],
    "empty choices": [frame({"id": "c", "choices": []}) + one for one in USUAL[:-1]] + [DONE],
    "null fields": [
        chunk(content=None, tool_calls=None, reasoning_content=None),
        *USUAL[:-2],
        chunk(finish="tool_calls", content=None, tool_calls=[]),
        DONE,
    ],
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings(proxy: Running, sdk: Anthropic, spelling: str) -> None:
    with Upstream(sse(*SPELLINGS[spelling])) as upstream, proxy.using(routes(upstream.url)):
        got = ask(sdk, tools=TOOLS)
        assert blocks(got) == PLAN_PING
        assert got.stop_reason == "tool_use"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_text_call_parser_is_in_the_way(proxy: Running, sdk: Anthropic, spelling: str) -> None:
    play = sse(chunk("Now <this>: "), *SPELLINGS[spelling])
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, "x", extra="parsers = []")):
        (kind, text), *calls = blocks(ask(sdk, tools=TOOLS))
        assert (kind, text.rstrip()) == ("text", "Now <this>:")
        assert calls == PLAN_PING


def test_eager(proxy: Running, sdk: Anthropic) -> None:
    """Arguments come as they are written, also of two calls at once."""
    extra = 'tool_streaming = "eager"'
    for spelling in ("as the API", "interleaved", "id and name in every fragment"):
        with Upstream(sse(*SPELLINGS[spelling])) as upstream, proxy.using(routes(upstream.url, extra=extra)):
            assert blocks(ask(sdk, tools=TOOLS)) == PLAN_PING


def test_the_older_spelling(proxy: Running, sdk: Anthropic) -> None:
    steps = [chunk(function_call={"name": "plan", "arguments": ""})]
    steps += [chunk(function_call={"arguments": piece}) for piece in pieces(TEXT)]
    with (
        Upstream(sse(*steps, chunk(finish="function_call"), DONE)) as upstream,
        proxy.using(routes(upstream.url)),
    ):
        assert blocks(ask(sdk, tools=TOOLS)) == [("plan", ARGUMENTS)]


@pytest.mark.parametrize("arguments", [TEXT, ARGUMENTS], ids=["text", "object"])
def test_whole_answers(proxy: Running, sdk: Anthropic, arguments: object) -> None:
    calls = [
        {"type": "function", "function": {"name": "plan", "arguments": arguments}},
        {"id": "b", "type": "function", "function": {"name": "ping", "arguments": ""}},
    ]
    message = {"role": "assistant", "content": "", "tool_calls": calls}
    body = json.dumps({"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    with Upstream(reply(200, body)) as upstream, proxy.using(routes(upstream.url)):
        for stream in (True, False):
            got = ask(sdk, tools=TOOLS, stream=stream)
            assert blocks(got) == PLAN_PING
            assert got.stop_reason == "tool_use"


CUT: dict[str, Play] = {
    "clean end": [head(), part(chunk("Now.")), part(delta(0, "plan", TEXT[:40], "a")), END, KEEP],
    "reset": [head(), part(chunk("Now.")), part(delta(0, "plan", TEXT[:40], "a")), RST],
    "clean end inside the text": [head(), part(chunk("Now. <tool_call>{")), END, KEEP],
    "[DONE] inside the arguments": sse(chunk("Now."), delta(0, "plan", TEXT[:40], "a"), DONE),
}


@pytest.mark.parametrize("cut", CUT)
@pytest.mark.parametrize("mode", ["complete", "eager"])
def test_a_call_cut_by_a_dying_upstream_is_an_error(proxy: Running, sdk: Anthropic, cut: str, mode: str) -> None:
    with (
        Upstream(CUT[cut]) as upstream,
        proxy.using(routes(upstream.url, extra=f'tool_streaming = "{mode}"\nretry = {{ attempts = 1 }}')),
    ):
        with pytest.raises(APIStatusError) as raised:
            ask(sdk, tools=TOOLS)
        assert raised.value.body["error"]["type"] in ("api_error", "overloaded_error")  # type: ignore[index]
        with pytest.raises(APIStatusError):
            ask(sdk, tools=TOOLS, stream=False)


def test_a_call_cut_by_the_limit_is_dropped(proxy: Running, sdk: Anthropic) -> None:
    steps = [delta(0, "ping", "{}", "a"), delta(1, "plan", TEXT[:40], "b"), chunk(finish="length"), DONE]
    with Upstream(sse(*steps)) as upstream, proxy.using(routes(upstream.url)):
        got = ask(sdk, tools=TOOLS)
        assert blocks(got) == [("ping", {})]
        assert got.stop_reason == "max_tokens"
