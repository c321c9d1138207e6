"""The door of OpenAI's clients: the same server behind it, in the words of chat completions."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import scripted
from chat import PATH, ask, function, read_stream, read_whole
from inprocess import Reply, Running, routes
from inprocess import ask as ask_messages
from scripted import DONE, END, HANG, KEEP, RST, Upstream, answer, chunk, completion, head, part, reply

from bridge.core.anthropic.toolmemo import ToolMemo
from bridge.core.exchange import Exchange
from bridge.core.relay import Relay
from bridge.core.route import Route, UpstreamRef
from bridge.errors import RequestError
from bridge.server.door import CHAT, DOORS, MESSAGES, Door, door_of

TAIL = [part(chunk(finish="stop")), part(DONE), END, KEEP]
PARSED = 'parsers = ["hermes"]'
MARKUP = '<tool_call>\n{"name": "f", "arguments": {"a": "b"}}\n</tool_call>'
ONCE = "retry = { attempts = 1 }\n"


def wait_for(client: socket.socket, needle: bytes) -> None:
    """Until ``needle`` has arrived; it stays readable."""
    while needle not in client.recv(1 << 20, socket.MSG_PEEK):
        time.sleep(0.001)


def error_of(got: Reply) -> tuple[int, str, str | None]:
    assert got.json["type"] == "error"
    assert got.json["error"].keys() == {"message", "type", "param", "code"}
    assert got.json["request_id"] == got.headers["request-id"] == got.headers["x-request-id"]
    return got.status, got.json["error"]["type"], got.json["error"]["code"]


def parsed_routes(url: str, **more: str) -> str:
    return routes(url, **more).replace("parsers = []", PARSED)


def post(server: Running, body: object, **headers: str) -> Reply:
    return server.post(body, PATH, headers)


@pytest.mark.parametrize(
    ("headers", "door"),
    [
        ({}, MESSAGES),
        ({"x-api-key": "k"}, MESSAGES),
        ({"authorization": "Bearer k"}, CHAT),
        ({"authorization": "bearer k"}, CHAT),
        ({"authorization": "Basic k"}, MESSAGES),
        ({"authorization": "Bearer k", "anthropic-version": "2023-06-01"}, MESSAGES),
        ({"authorization": "Bearer k", "anthropic-beta": "x"}, MESSAGES),
    ],
)
def test_whose_client_it_is(headers: dict[str, str], door: Door) -> None:
    assert door_of(headers) is door


def route(key: str, protocol: Any) -> Route:
    return Route(key, UpstreamRef(f"up-{key}", protocol=protocol), "m")


def test_a_door_reads_one_protocol_and_takes_it_to_its_routes() -> None:
    body = {"model": "m", "max_tokens": 5, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    scope: Any = {"headers": [], "query_string": b""}
    plain, other = route("a", "openai"), route("b", "anthropic")
    for door in DOORS:
        asked = door.read(json.dumps(body).encode(), ToolMemo())
        assert (asked.model, asked.stream, asked.user_id) == ("m", True, "")
        carrier = asked.carrier([plain], scope, "req_1", lambda _: 0)
        assert isinstance(carrier, Exchange)
        carrier.attempt(plain)
        carrier.open()
        assert (b"message_start" in carrier.client_bytes()) is (door is MESSAGES)
    asked = MESSAGES.read(json.dumps(body).encode(), ToolMemo())
    assert isinstance(asked.carrier([plain, other], scope, "req_1", lambda _: 0), Relay)
    assert len({door.path for door in DOORS}) == 2


def test_no_upstream_sees_which_requests_came_before(shared: Running) -> None:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    tools = [{"name": name, "description": "d" * 3_000, "input_schema": schema, "odd": 1} for name in ("read", "write")]
    asked = ask_messages(stream=False, tools=tools, x=[1.50])
    rest = """
[upstreams.own]
base_url = "%s"
protocol = "anthropic"
[models.own]
upstream = "own"
model = "real"
request = { set = { top_k = 3 } }
"""
    with Upstream(reply(200, completion("hello"))) as upstream:
        with shared.using(routes(upstream.url, rest=rest % upstream.url)) as server:
            known = server.call(lambda: len(server.state.tools))
            first, *others = [server.post(asked) for _ in range(4)]
            assert server.call(lambda: len(server.state.tools)) > known
            server.post({**asked, "model": "own"})
            server.post(asked)
            counts = [server.post(asked, "/v1/messages/count_tokens").json for _ in range(2)]
        passed = [request.body for request in upstream.requests if request.path.endswith("/messages")]
        bodies = [request.body for request in upstream.requests if request.path.endswith("/chat/completions")]
    assert first.headers["x-bridge-warnings"].startswith("x: not supported, dropped")
    assert "tools.*.odd" in first.headers["x-bridge-warnings"]
    for other in others:
        assert other.headers["x-bridge-warnings"] == first.headers["x-bridge-warnings"]
    assert bodies == bodies[:1] * 5
    assert set(passed) == {json.dumps({**asked, "model": "real", "top_k": 3}, separators=(",", ":")).encode()}
    assert counts[0] == counts[1]


def test_which_routes_can_be_taken() -> None:
    plain, other, demo = route("a", "openai"), route("b", "anthropic"), route("c", "demo")
    assert MESSAGES.passable([other, plain]) == [other, plain]
    assert CHAT.passable([plain, other, demo]) == [plain, demo]
    with pytest.raises(RequestError, match="model `b` is at upstream `up-b`, which speaks the Messages API only") as no:
        CHAT.passable([other, plain])
    assert no.value.fault.kind == "invalid_request"


def test_an_upstream_that_speaks_the_messages_api(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1", upstream='protocol = "anthropic"')) as server:
        assert error_of(post(server, ask())) == (400, "invalid_request_error", None)


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_with_its_headers(shared: Running, stream: bool) -> None:
    play = answer("hel", "lo") if stream else reply(200, completion("hello"))
    with Upstream(play) as upstream, shared.using(routes(upstream.url)) as server:
        got = post(server, ask(stream=stream, logprobs=True))
        chat = read_stream(got.body) if stream else read_whole(got.body)
        assert chat.said == ("hello", "", [], "stop")
        kind = "text/event-stream; charset=utf-8" if stream else "application/json"
        assert got.headers["content-type"] == kind
        assert got.headers["request-id"] == got.headers["x-request-id"]
        assert got.headers["x-bridge-model"] == "m"
        assert got.headers["x-bridge-upstream"] == "u0"
        assert got.headers["x-bridge-attempts"] == "1"
        assert got.headers["x-bridge-warnings"] == "logprobs: not supported, dropped"
        server.wait(lambda: not server.state.load.in_flight)
        record = server.state.records.recent[-1]
        assert (record.model, record.stream, record.status, record.outcome) == ("m", stream, 200, "ok")
        assert upstream.requests[0].path == "/v1/chat/completions"


@pytest.mark.parametrize("stream", [True, False])
def test_calls_in_the_text_are_structured(shared: Running, stream: bool) -> None:
    raw = f"I will.\n{MARKUP}"
    play = answer(*raw) if stream else reply(200, completion(raw))
    with Upstream(play) as upstream, shared.using(parsed_routes(upstream.url)) as server:
        got = post(server, ask(stream=stream, tools=[function("f", a={"type": "string"})]))
        chat = read_stream(got.body) if stream else read_whole(got.body)
        assert chat.said == ("I will.", "", [("f", {"a": "b"})], "tool_calls")


def test_both_doors_ask_the_same_of_the_upstream(shared: Running) -> None:
    with Upstream(answer("hi")) as upstream, shared.using(routes(upstream.url)) as server:
        post(server, ask(max_tokens=100))
        server.post(ask_messages())
        first, second = upstream.requests
        assert first.json == second.json


def test_retries_and_fallbacks_are_the_same(shared: Running) -> None:
    with (
        Upstream(reply(503)) as down,
        Upstream(answer("there")) as other,
        shared.using(routes(down.url, other.url, model='retry = { backoff = "1ms" }\n')) as server,
    ):
        got = post(server, ask())
        assert read_stream(got.body).text == "there"
        assert got.headers["x-bridge-model"] == "f1"
        assert int(got.headers["x-bridge-attempts"]) > 1


def test_signs_of_life(shared: Running) -> None:
    """Comments, and at times a chunk that says nothing; the answer is still legal."""
    before, between = threading.Event(), threading.Event()
    with (
        Upstream([before, head(), part(chunk("a")), between, part(chunk("b")), *TAIL]) as upstream,
        shared.using(routes(upstream.url)) as server,
        server.open(ask(), path=PATH) as client,
    ):
        wait_for(client, b": ping\n\n")
        before.set()
        wait_for(client, b'"content":"a"')
        wait_for(client, b'"delta":{},"finish_reason":null')
        between.set()
        got = Reply(client)
        assert got.complete
        assert read_stream(got.body).text == "ab"


def test_a_failure_after_content_is_an_error_frame(shared: Running) -> None:
    play = [head(), part(chunk("so far")), RST]
    with Upstream(play) as upstream, shared.using(routes(upstream.url)) as server:
        got = post(server, ask())
        assert got.complete
        chat = read_stream(got.body)
        assert (chat.text, chat.finish) == ("so far", "")
        assert chat.error is not None
        assert (chat.error["type"], chat.error["code"]) == ("api_error", "server_error")
        assert got.headers["request-id"].encode() in got.body.split(b"\n\n")[-2]


def test_a_failure_after_pings_is_an_error_frame(shared: Running) -> None:
    gate = threading.Event()
    with (
        Upstream([gate, *reply(400, '{"error": {"message": "no"}}')]) as upstream,
        shared.using(routes(upstream.url)) as server,
        server.open(ask(), path=PATH) as client,
    ):
        wait_for(client, b": ping")
        gate.set()
        chat = read_stream(Reply(client).body)
        assert chat.error is not None
        assert chat.error["type"] == "invalid_request_error"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("status", "seen"),
    [
        (400, (400, "invalid_request_error", None)),
        (401, (403, "permission_error", None)),
        (404, (404, "not_found_error", "model_not_found")),
        (413, (413, "request_too_large", None)),
        (422, (422, "invalid_request_error", None)),
        (429, (429, "rate_limit_error", "rate_limit_exceeded")),
        (500, (500, "api_error", "server_error")),
        (503, (529, "overloaded_error", "server_overloaded")),
        (504, (504, "timeout_error", "timeout")),
    ],
)
def test_upstream_failures(shared: Running, status: int, seen: tuple[int, str, str | None], stream: bool) -> None:
    play = reply(status, '{"error": {"message": "the reason"}}')
    with Upstream(play) as upstream, shared.using(routes(upstream.url, model=ONCE)) as server:
        got = post(server, ask(stream=stream))
        assert error_of(got) == seen
        again = status in (429, 503)
        assert ("retry-after" in got.headers) == again
        assert (got.headers.get("x-should-retry") == "false") == (status in (400, 401, 404, 413, 422))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", json.dumps({"model": "m"}).encode(), json.dumps(ask(n=2)).encode()]
)
def test_what_is_not_a_request_is_a_400(shared: Running, body: bytes) -> None:
    assert error_of(post(shared, body)) == (400, "invalid_request_error", None)


def test_other_refusals(shared: Running, tmp_path: Path) -> None:
    got = shared.get(PATH)
    assert error_of(got) == (405, "invalid_request_error", None)
    with shared.using(routes("http://127.0.0.1:1")) as server:
        assert error_of(post(server, ask(model="nobody"))) == (404, "not_found_error", "model_not_found")
    with shared.using(routes("http://127.0.0.1:1", rest='[limits]\nrequest_body = "1KB"\n')) as server:
        assert error_of(post(server, ask("x" * 2000))) == (413, "request_too_large", None)


def test_unknown_paths_in_the_words_of_the_client(shared: Running) -> None:
    got = shared.get("/v1/embeddings", {"authorization": "Bearer x"})
    assert error_of(got)[:2] == (404, "not_found_error")
    assert PATH in got.json["error"]["message"]


def test_keys_and_their_models(tmp_path: Path) -> None:
    keys = '[clients.laptop]\nkey = "laptop-key"\nmodels = ["m"]\n'
    with (
        Upstream(reply(200, completion("hi"))) as upstream,
        Running(routes(upstream.url, upstream.url, rest=keys), tmp_path) as server,
    ):
        assert error_of(post(server, ask())) == (401, "authentication_error", "invalid_api_key")
        assert error_of(post(server, ask(), authorization="Bearer x")) == (
            401,
            "authentication_error",
            "invalid_api_key",
        )
        key = {"authorization": "Bearer laptop-key"}
        assert error_of(post(server, ask(model="f1"), **key)) == (403, "permission_error", None)
        assert post(server, ask(stream=False), **key).status == 200
        listed = server.get("/v1/models", key).json
        assert [model["id"] for model in listed["data"]] == ["m"]


@pytest.mark.parametrize(
    ("play", "stream", "needle"),
    [
        ([HANG], True, b""),
        ([HANG], False, b""),
        ([head(), part(chunk("so far")), HANG], True, b"so far"),
        ([b"HTTP/1.1 200 X\r\ncontent-length: 99\r\n\r\n{", HANG], False, b""),
    ],
    ids=["headers", "headers-whole", "content", "whole-body"],
)
def test_a_client_that_leaves_frees_the_upstream(
    shared: Running, play: scripted.Play, stream: bool, needle: bytes
) -> None:
    with Upstream(play) as upstream, shared.using(routes(upstream.url)) as server:
        delays = []
        for _ in range(5):
            del upstream.requests[:]
            client = server.open(ask(stream=stream), path=PATH)
            upstream.wait(lambda upstream: upstream.requests)
            if needle:
                wait_for(client, needle)
            before = time.monotonic()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            upstream.wait(lambda upstream: upstream.open == 0)
            delays.append(upstream.closed[-1] - before)
        # The middle one: other processes of the machine may hold up any single one.
        assert sorted(delays)[2] < 0.05
        server.wait(lambda: not server.state.load.in_flight)
        assert server.state.records.recent[-1].outcome == "client_gone"


@pytest.mark.parametrize("name", ["x-stainless-timeout", "x-stainless-read-timeout"])
def test_a_client_that_waits_no_longer_is_not_worked_for(shared: Running, name: str) -> None:
    with Upstream([HANG]) as upstream, shared.using(routes(upstream.url)) as server:
        before = time.monotonic()
        got = post(server, ask(stream=False), **{name: "1.0"})
        assert error_of(got) == (504, "timeout_error", "timeout")
        assert 0.9 < time.monotonic() - before < 10
