"""An exchange says the same in every voice, however its upstream's bytes are cut."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from chat import Chat, read_stream, read_whole
from chunking import bytewise, every_split, whole
from playbook import (
    CONVERSATION,
    DONE,
    ROUTE,
    Played,
    call,
    chunk,
    counting,
    delta,
    finish,
    play,
    reasoning,
    usage,
)

from bridge.core.anthropic.voice import MESSAGES
from bridge.core.conversation import Tool, ToolChoice
from bridge.core.events import Fault
from bridge.core.exchange import Exchange
from bridge.core.openai.voice import ChatVoice
from bridge.core.parsing.spec import CallPattern, Marker, ParserSpec, ReasoningRules

CHAT = ChatVoice(7)
COUNTED = ChatVoice(7, include_usage=True)
HERMES = ParserSpec(
    "hermes",
    reasoning=ReasoningRules(open=Marker(("<think>",)), close=Marker(("</think>",))),
    calls=(CallPattern(open=Marker(("<tool_call>",)), close=Marker(("</tool_call>",)), codec="json-call"),),
)
ROUTES = replace(ROUTE, parsers=(HERMES,))
ASKED = replace(CONVERSATION, tools=(Tool("get"), Tool("put")))
MARKUP = '<tool_call>\n{"name": "get", "arguments": {"a": 1}}\n</tool_call>'
CASES = {
    "text": chunk("Hel") + chunk("lo") + finish("stop") + DONE,
    "reasoning": reasoning("Let me see.") + chunk("So.") + finish("stop") + DONE,
    "tags": chunk("<think>Let me see.</think>So.") + finish("stop") + DONE,
    "native": chunk("So.") + call(0, "c1", "get", '{"a":') + call(0, None, None, " 1}") + finish("tool_calls") + DONE,
    "no arguments": call(0, "c1", "put", "") + finish("tool_calls") + DONE,
    "parallel": call(0, "c1", "get", '{"a": 1}') + call(1, "c2", "put", "{}") + finish("tool_calls") + DONE,
    "written": chunk("I will.\n") + chunk(MARKUP) + chunk("\n" + MARKUP) + finish("stop") + usage(9, 4) + DONE,
    "length": chunk("So.") + call(0, "c1", "get", '{"a": "b') + finish("length") + DONE,
    "refused": chunk("I ca") + finish("content_filter") + DONE,
    "nothing": delta(role="assistant") + chunk("") + finish("stop") + DONE,
}
GET = ("get", {"a": 1})
EXPECTED: dict[str, tuple[Any, ...]] = {
    "text": ("Hello", "", [], "stop"),
    "reasoning": ("So.", "Let me see.", [], "stop"),
    "tags": ("So.", "Let me see.", [], "stop"),
    "native": ("So.", "", [GET], "tool_calls"),
    "no arguments": ("", "", [("put", {})], "tool_calls"),
    "parallel": ("", "", [GET, ("put", {})], "tool_calls"),
    "written": ("I will.", "", [GET, GET], "tool_calls"),
    "length": ("So.", "", [], "length"),
    "refused": ("I ca", "", [], "content_filter"),
    "nothing": ("", "", [], "stop"),
}


def chat(played: Played) -> Chat:
    assert played.exchange.fault is None
    return read_stream(played.client)


@pytest.mark.parametrize("name", CASES)
def test_every_chunking_says_the_same(name: str) -> None:
    sent = CASES[name]
    for chunks in (whole(sent), bytewise(sent), *every_split(sent)):
        assert chat(play(chunks, ROUTES, ASKED, CHAT)).said == EXPECTED[name]


@pytest.mark.parametrize("name", CASES)
def test_a_whole_completion_is_the_fold_of_the_stream(name: str) -> None:
    streamed = chat(play([CASES[name]], ROUTES, ASKED, COUNTED))
    played = play([CASES[name]], ROUTES, replace(ASKED, stream=False), COUNTED)
    assert read_whole(played.client) == streamed


@pytest.mark.parametrize("name", CASES)
def test_both_voices_tell_of_the_same_calls(name: str) -> None:
    played = play([CASES[name]], ROUTES, ASKED, MESSAGES)
    calls = [(block[1], block[2]) for block in played.blocks if block[0] == "tool"]
    assert calls == chat(play([CASES[name]], ROUTES, ASKED, CHAT)).said[2]


def test_ids() -> None:
    played = chat(play([CASES["native"]], ROUTES, ASKED, CHAT))
    assert [call.id for call in played.calls] == ["c1"]
    written = chat(play([CASES["written"]], ROUTES, ASKED, CHAT))
    assert [call.id for call in written.calls] == ["call_2", "call_3"]
    first = json.loads(play([CASES["text"]], ROUTES, ASKED, CHAT).client.split(b"\n")[0][6:])
    assert (first["id"], first["model"], first["created"]) == ("chatcmpl-1", "asked-model", 7)


def test_what_the_client_chose_is_kept_to() -> None:
    only = replace(ASKED, tool_choice=ToolChoice("tool", "put"))
    assert chat(play([CASES["parallel"]], ROUTES, only, CHAT)).said == ("", "", [("put", {})], "tool_calls")
    single = replace(ASKED, tool_choice=ToolChoice(parallel=False))
    assert chat(play([CASES["written"]], ROUTES, single, CHAT)).said == ("I will.", "", [GET], "tool_calls")


def test_usage() -> None:
    cached = usage(10, 4, prompt_tokens_details={"cached_tokens": 8}, completion_tokens_details={"reasoning_tokens": 3})
    sent = chunk("a") + finish("stop") + cached + DONE
    counts = chat(play([sent], ROUTES, ASKED, COUNTED)).usage
    assert counts == {
        "prompt_tokens": 10,
        "completion_tokens": 4,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    assert chat(play([sent], ROUTES, ASKED, CHAT)).usage is None


def test_a_failure_after_content_is_one_error_frame() -> None:
    played = play([chunk("Hel")], ROUTES, ASKED, CHAT)
    assert played.exchange.fault is not None
    played.exchange.fail(played.exchange.fault)
    end = played.exchange.client_bytes()
    got = read_stream(played.client + end)
    assert (got.text, got.finish) == ("Hel", "")
    assert got.error is not None
    assert got.error["type"] == "api_error"
    assert b"[DONE]" not in end
    played.exchange.ping()
    assert played.exchange.client_bytes() == b""


@pytest.mark.parametrize("mode", ["complete", "eager"])
def test_a_call_cut_by_a_dying_upstream_is_never_finished(mode: str) -> None:
    route = replace(ROUTES, tool_streaming=mode)
    played = play([chunk("So.") + call(0, "c1", "get", '{"a": "b')], route, ASKED, CHAT)
    played.exchange.fail(Fault("api", "gone"))
    got = read_stream(played.client + played.exchange.client_bytes())
    assert (got.finish, got.error is not None) == ("", True)
    assert [call.arguments for call in got.calls] == ([] if mode == "complete" else ['{"a": "b'])


def test_an_early_opening_and_pings() -> None:
    exchange = Exchange(ASKED, counting(), "req_1", CHAT)
    exchange.ping()
    assert exchange.client_bytes() == b""
    exchange.attempt(ROUTES)
    exchange.open()
    exchange.ping()
    exchange.keep_alive()
    assert not exchange.content_started
    exchange.attempt(ROUTES)
    exchange.receive(CASES["text"])
    sent = exchange.client_bytes()
    assert sent.count(b": ping\n\n") == 1
    assert read_stream(sent).said == EXPECTED["text"]
