"""One question and the raw answer, over real sockets."""

from __future__ import annotations

import asyncio
import socket

import pytest
from bundledparsers import SPECS
from scripted import DONE, HANG, Play, Upstream, chunk, completion, reply, sse

from bridge.core.conversation import Conversation, Text, Tool, Turn
from bridge.core.route import Route, UpstreamRef
from bridge.errors import UpstreamError
from bridge.upstream.asking import Said, ask

TOOL = Tool("f", schema={"type": "object"})
RAW = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'


def question(said: str = "Go.") -> Conversation:
    return Conversation("m", 64, (Turn("user", (Text(said),)),), tools=(TOOL,))


def asked(*plays: Play, timeout: float = 5.0) -> Said:
    with Upstream(*plays) as upstream:
        route = Route("m", UpstreamRef("u", (upstream.url,), api_key="k3y"), "big", tools="prompt")
        said = asyncio.run(ask(route, question(), SPECS, timeout))
        (request,) = upstream.requests
    assert request.headers["authorization"] == "Bearer k3y"
    assert request.json["model"] == "big"
    assert [tool["function"]["name"] for tool in request.json["tools"]] == ["f"]
    return said


def test_text_stays_as_it_is() -> None:
    assert asked(reply(200, completion(RAW))) == Said(RAW)
    assert asked(reply(200, completion(RAW, "length"))) == Said(RAW, cut=True)


def test_an_upstream_that_streams_all_the_same() -> None:
    assert asked(sse(chunk("a"), chunk(reasoning_content="b"), chunk("c"), chunk(finish="stop"), DONE)) == Said(
        "ac", "b"
    )


def test_structured_calls() -> None:
    call = {"index": 0, "id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert asked(sse(chunk(tool_calls=[call]), chunk(finish="tool_calls"), DONE)) == Said("", structured=("f",))


@pytest.mark.parametrize(
    ("play", "status", "text"),
    [
        (reply(400, '{"error": {"message": "no tools here"}}'), 400, "no tools here"),
        (reply(401, '{"error": {"message": "bad key k3y"}}'), 401, "u"),
        (reply(200, "<html>"), 200, "markup"),
    ],
)
def test_failures(play: Play, status: int, text: str) -> None:
    with pytest.raises(UpstreamError) as problem:
        asked(play)
    assert problem.value.fault.upstream_status == status
    assert text in str(problem.value)
    assert "k3y" not in str(problem.value)


def test_silence_ends() -> None:
    with pytest.raises(UpstreamError, match=r"gave no whole answer within 0.2 s"):
        asked([HANG], timeout=0.2)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    route = Route("m", UpstreamRef("u", (f"http://127.0.0.1:{port}/v1",)), "big")
    with pytest.raises(UpstreamError, match="cannot be reached"):
        asyncio.run(ask(route, question(), SPECS))


def test_the_demo() -> None:
    route = Route("m", UpstreamRef("d", protocol="demo"), "demo")
    assert "<tool_call>" in asyncio.run(ask(route, question("/tool hermes"), SPECS)).text
