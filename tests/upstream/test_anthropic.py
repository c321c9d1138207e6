"""Anthropic upstreams: every byte gets through, and every failure ends as it does with any other upstream."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Iterator

import messagesapi
import pytest
import scripted
from inprocess import Reply, Running, ask, read_events, routes
from messagesapi import BLOCK, PING, delta, error_body, event, frames, refusal, start, stream, whole
from scripted import END, FIN, HANG, KEEP, RST, Upstream, completion, part, reply

from bridge.core.breaker import CircuitBreaker
from bridge.core.route import Breaker
from bridge.observe.record import RequestRecord
from bridge.server.stream import Pace

UP = 'protocol = "anthropic"\napi_key = "up-key"\n'
QUICK = 'retry = { attempts = 3, backoff = "1ms" }\n'
ONCE = "retry = { attempts = 1 }\n"
BOTH = pytest.mark.parametrize("streams", [True, False], ids=["stream", "whole"])
RAW = (
    b'\n{ "model":"m",\t"max_tokens": 1.0e5, "stream" : true, "thread":{"id":null}, "\\u0074ools":[{"type":"web_search"}],'
    b' "mcp_servers":[{}], "messages":[{"role":"user","content":"\\ud800 h\xc3\xa9 \\/"}], "model": "m" }\r\n'
)
OVERLOADED = event("error", error={"type": "overloaded_error", "message": "busy"})


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    pace = Pace(ping_after=0.1)
    with Running(routes("http://127.0.0.1:1"), tmp_path_factory.mktemp("routes"), pace=pace) as server:
        yield server


def mixed(claude: str, *others: str, first: str = "", second: str = "") -> str:
    """Model ``m`` at an Anthropic upstream, falling back to others."""
    text = routes(claude, *others, model=first)
    return text.replace(f'base_url = "{claude}"', f'base_url = "{claude}"\n{UP}', 1) + second


def good(streams: bool) -> scripted.Play:
    return messagesapi.answer("all ", "well") if streams else whole("all well")


def expected(streams: bool) -> bytes:
    return b"".join(frames("all ", "well")) if streams else messagesapi.message("all well")


def error_of(got: Reply) -> tuple[int, str]:
    assert got.json["type"] == "error"
    assert got.json["request_id"] == got.headers["request-id"]
    return got.status, got.json["error"]["type"]


def last_error(got: Reply) -> str:
    assert got.complete
    assert got.status == 200
    assert got.names.count("error") == 1
    assert got.names[-1] == "error"
    assert "message_stop" not in got.names
    return str(got.events[-1][1]["error"]["type"])


def record_of(server: Running, request_id: str) -> RequestRecord:
    """What the proxy keeps of a request, once it is over."""

    def found() -> list[RequestRecord]:
        return [record for record in server.state.records.recent if record.request_id == request_id]

    server.wait(found)
    (record,) = found()
    return record


@BOTH
def test_every_byte_gets_through(shared: Running, streams: bool) -> None:
    raw = RAW if streams else RAW.replace(b"true", b"false")
    with (
        Upstream(good(streams)) as upstream,
        shared.using(routes(upstream.url, upstream=UP, model=QUICK)) as server,
    ):
        client = {"x-api-key": "client-key", "authorization": "Bearer client-key", "cookie": "c=d"}
        client |= {"anthropic-version": "2099-01-01", "anthropic-beta": "one,two", "accept": "x/y"}
        got = server.post(raw, "/v1/messages?beta=true&x=%7Ea%20b", client)
        assert (got.status, got.body) == (200, expected(streams))
        (request,) = upstream.requests
        assert request.body == raw.replace(b'"m"', b'"real-m"')
        assert request.path == "/v1/messages?beta=true&x=%7Ea%20b"
        assert request.headers["x-api-key"] == "up-key"
        assert "client-key" not in str(request.headers)
        assert not {"authorization", "cookie"} & set(request.headers)
        for name in ("anthropic-version", "anthropic-beta", "accept"):
            assert request.headers[name] == client[name]
        assert got.headers["request-id"] == "req_upstream"
        assert got.headers["anthropic-ratelimit-requests-remaining"] == "7"
        assert got.headers["content-type"].startswith("text/event-stream" if streams else "application/json")
        assert "set-cookie" not in got.headers
        assert (got.headers["x-bridge-upstream"], got.headers["x-bridge-attempts"]) == ("u0", "1")
        record = record_of(server, got.headers["x-bridge-request-id"])
        assert (record.upstream_request_id, record.stop_reason, record.outcome) == ("req_upstream", "end_turn", "ok")
        assert record.usage.input_tokens == 11
        assert record.usage.output_tokens == (42 if streams else 1)


def test_an_upstream_without_a_key_gets_none(shared: Running) -> None:
    lines = 'protocol = "anthropic"\nheaders = { authorization = "Bearer other" }\n'
    with Upstream(good(True)) as upstream, shared.using(routes(upstream.url, upstream=lines)) as server:
        server.post(ask(), headers={"x-api-key": "client-key"})
        assert upstream.requests[0].headers["authorization"] == "Bearer other"
        assert "x-api-key" not in upstream.requests[0].headers


def test_frames_arrive_as_they_are_sent(shared: Running) -> None:
    gates = [threading.Event() for _ in range(3)]
    pieces = [start() + BLOCK, delta("one") + delta("two")[:20], delta("two")[20:] + delta("three"), frames()[-1]]
    steps: list[scripted.Step] = [*stream(pieces[0])]
    for gate, piece in zip(gates, pieces[1:], strict=True):
        steps += [gate, part(piece)]
    with (
        Upstream([*steps, END, KEEP]) as upstream,
        shared.using(routes(upstream.url, upstream=UP)) as server,
        server.open(ask()) as client,
    ):
        seen = b""
        for gate, text in zip([*gates, None], [b"content_block_start", b"one", b"three", b"message_stop"], strict=True):
            while text not in seen:
                data = client.recv(65536)
                assert data
                seen += data
            if gate is not None:
                gate.set()


def test_no_ping_stands_inside_a_frame(shared: Running) -> None:
    gate = threading.Event()
    play = [*stream(start() + BLOCK + delta("half")[:30]), gate, part(delta("half")[30:]), *map(part, frames()[3:])]
    with Upstream([*play, END, KEEP]) as upstream, shared.using(routes(upstream.url, upstream=UP)) as server:
        threading.Timer(0.35, gate.set).start()
        got = server.post(ask())
        assert got.names.count("ping") >= 2
        assert got.body.replace(PING, b"") == b"".join([start(), BLOCK, delta("half"), *frames()[3:]])


def test_pings_before_the_upstream_says_anything(shared: Running) -> None:
    gate = threading.Event()
    with (
        Upstream([gate, *good(True)]) as upstream,
        shared.using(routes(upstream.url, upstream=UP)) as server,
    ):
        threading.Timer(0.25, gate.set).start()
        got = server.post(ask())
        assert got.names[:2] == ["ping", "ping"]
        assert got.body.endswith(b"".join(frames("all ", "well")))
        assert got.headers["request-id"].startswith("req_")
        assert got.headers["request-id"] != "req_upstream"
        assert record_of(server, got.headers["request-id"]).upstream_request_id == "req_upstream"


@pytest.mark.parametrize(
    "play",
    [
        [RST],
        [FIN],
        [b"SSH-2.0-OpenSSH\r\n", FIN],
        [*stream(), RST],
        [*stream(start()), RST],
        [*stream(start(), PING), END, KEEP],
        [*stream(start(), BLOCK[:20]), FIN],
        [*stream(start(), OVERLOADED), END, KEEP],
        [*stream(OVERLOADED), END, KEEP],
        reply(200, "<html>", "text/html"),
        reply(200, ""),
        reply(200, messagesapi.message()),
        reply(200, error_body("overloaded_error")),
        refusal(529, "overloaded_error"),
        refusal(500, "api_error"),
        refusal(429, "rate_limit_error"),
        reply(502, "<html>bad gateway</html>", "text/html"),
    ],
)
def test_a_failure_before_content_is_retried(shared: Running, play: scripted.Play) -> None:
    with (
        Upstream(play, good(True)) as upstream,
        shared.using(routes(upstream.url, upstream=UP, model=QUICK)) as server,
    ):
        got = server.post(ask())
        assert (got.status, got.body) == (200, expected(True))
        assert got.headers["x-bridge-attempts"] == "2"
        assert upstream.requests[0].body == upstream.requests[1].body


@pytest.mark.parametrize(
    "play",
    [[RST], reply(200, "{}"), reply(200, error_body("overloaded_error")), [*whole()[:1], FIN], refusal(529, "x_error")],
)
def test_a_failure_of_a_whole_answer_is_retried(shared: Running, play: scripted.Play) -> None:
    if isinstance(play[0], bytes) and play[-1] == FIN:
        play = [play[0][:-10], FIN]
    with (
        Upstream(play, good(False)) as upstream,
        shared.using(routes(upstream.url, upstream=UP, model=QUICK)) as server,
    ):
        got = server.post(ask(stream=False))
        assert (got.status, got.body) == (200, expected(False))
        assert len(upstream.requests) == 2


@BOTH
@pytest.mark.parametrize(
    ("status", "kind", "calls"),
    [
        (400, "invalid_request_error", 1),
        (402, "billing_error", 1),
        (404, "not_found_error", 1),
        (413, "request_too_large", 1),
        (429, "rate_limit_error", 3),
        (500, "api_error", 2),
        (503, "api_error", 3),
        (529, "overloaded_error", 3),
    ],
)
def test_the_last_error_is_the_upstreams_own(
    shared: Running, streams: bool, status: int, kind: str, calls: int
) -> None:
    with (
        Upstream(refusal(status, kind)) as upstream,
        shared.using(routes(upstream.url, upstream=UP, model=QUICK)) as server,
    ):
        got = server.post(ask(stream=streams))
        assert (got.status, got.body) == (status, error_body(kind))
        assert error_of(got) == (status, kind)
        assert got.headers["request-id"] == "req_upstream"
        assert got.headers["x-bridge-request-id"].startswith("req_")
        assert got.headers["x-bridge-attempts"] == str(calls)
        assert len(upstream.requests) == calls


@BOTH
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_the_operators_fault(shared: Running, streams: bool, status: int) -> None:
    with (
        Upstream(refusal(status, "authentication_error", text="invalid x-api-key up-key")) as upstream,
        shared.using(routes(upstream.url, upstream=UP, model=QUICK)) as server,
    ):
        got = server.post(ask(stream=streams))
        assert error_of(got) == (403, "permission_error")
        assert "upstreams.u0.api_key" in got.json["error"]["message"]
        assert b"up-key" not in got.body
        assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("play", "status", "kind"),
    [
        (reply(502, "<html>no</html>", "text/html"), 500, "api_error"),
        (reply(503, "busy", "text/plain"), 529, "overloaded_error"),
        (reply(400, '{"detail": "no"}'), 400, "invalid_request_error"),
        (refusal(529, "overloaded_error", text="up-key"), 529, "overloaded_error"),
        (reply(307, "", "text/html", "location: http://127.0.0.1:1/"), 500, "api_error"),
        ([*stream(start(), OVERLOADED), END, KEEP], 529, "overloaded_error"),
    ],
)
def test_what_is_no_error_of_the_api_becomes_one(shared: Running, play: scripted.Play, status: int, kind: str) -> None:
    with Upstream(play) as upstream, shared.using(routes(upstream.url, upstream=UP, model=QUICK)) as server:
        got = server.post(ask())
        assert error_of(got) == (status, kind)
        assert b"html" not in got.body
        assert b"up-key" not in got.body


def test_a_long_retry_after_is_shortened(shared: Running) -> None:
    play = refusal(429, "rate_limit_error", "retry-after: 3600", "retry-after-ms: 3600000", "x-should-retry: true")
    with Upstream(play) as upstream, shared.using(routes(upstream.url, upstream=UP, model=QUICK)) as server:
        got = server.post(ask())
        assert (got.status, got.headers["retry-after"], got.headers["x-should-retry"]) == (429, "60", "true")
        assert "retry-after-ms" not in got.headers
        assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ([part(OVERLOADED), END, KEEP], "overloaded_error"),
        ([RST], "api_error"),
        ([FIN], "api_error"),
        ([END, KEEP], "api_error"),
        ([b"zz\r\n"], "api_error"),
        ([part(delta("more")[:25]), RST], "api_error"),
        ([part(delta("more")[:25]), END, KEEP], "api_error"),
        ([part(frames()[-2]), END, KEEP], "api_error"),
    ],
    ids=["error", "rst", "fin", "clean-eof", "bad-chunk", "rst-in-frame", "eof-in-frame", "no-message-stop"],
)
def test_a_failure_after_content_is_one_error_event(shared: Running, steps: list[scripted.Step], kind: str) -> None:
    gate = threading.Event()
    with (
        Upstream([*stream(start(), BLOCK, delta("so far")), gate, *steps]) as upstream,
        shared.using(routes(upstream.url, upstream=UP, model=QUICK)) as server,
        server.open(ask()) as client,
    ):
        while b"so far" not in client.recv(65536, socket.MSG_PEEK):
            time.sleep(0.001)
        gate.set()
        got = Reply(client)
        assert last_error(got) == kind
        assert got.text == "so far"
        assert got.events[-1][1].get("request_id") in (None, "req_upstream")
        assert len(upstream.requests) == 1
        assert record_of(server, got.headers["x-bridge-request-id"]).outcome == "error"


@pytest.mark.parametrize("play", [[HANG], [*stream(), HANG], [*stream(start(), PING), HANG]])
def test_silence_before_content(shared: Running, play: scripted.Play) -> None:
    timeouts = 'timeouts = { first_token = "60ms" }\n'
    with (
        Upstream(play) as hanging,
        Upstream(good(True)) as other,
        shared.using(routes(hanging.url, upstream=UP, model=timeouts)) as server,
    ):
        assert error_of(server.post(ask())) == (504, "timeout_error")
        assert len(hanging.requests) == 1
        hanging.wait(lambda upstream: upstream.open == 0)
        with server.using(routes(hanging.url, other.url, upstream=UP, model=timeouts)):
            assert server.post(ask()).body == expected(True)


def test_silence_after_content(shared: Running) -> None:
    with (
        Upstream([*stream(start(), BLOCK, delta("a")), HANG]) as upstream,
        shared.using(routes(upstream.url, upstream=UP, model='timeouts = { stall = "250ms" }\n')) as server,
    ):
        got = server.post(ask())
        assert last_error(got) == "timeout_error"
        assert "ping" in got.names
        upstream.wait(lambda upstream: upstream.open == 0)


@pytest.mark.parametrize(
    "play", [[HANG], [*stream(), HANG], [*stream(start()), HANG], [*stream(start(), BLOCK, delta("a")), HANG]]
)
@BOTH
def test_a_client_that_leaves(shared: Running, play: scripted.Play, streams: bool) -> None:
    with Upstream(play) as upstream, shared.using(routes(upstream.url, upstream=UP)) as server:
        before = server.state.records.requests
        client = server.open(ask(stream=streams))
        upstream.wait(lambda upstream: upstream.requests)
        left = time.monotonic()
        client.close()
        upstream.wait(lambda upstream: upstream.open == 0)
        assert upstream.closed[0] - left < 0.25
        server.wait(lambda: server.state.records.requests > before)
        assert server.state.records.recent[-1].outcome == "client_gone"


def test_a_stream_cut_anywhere(shared: Running) -> None:
    dice = random.Random(3)
    wire = b"".join([*(step for step in stream(*frames("one", "two")) if isinstance(step, bytes)), END])
    plays: list[scripted.Play] = []
    for number in range(40):
        at = dice.randrange(1, len(wire) - len(END))
        plays.append([wire[: at // 2], wire[at // 2 : at], FIN if number % 2 else RST])
    with Upstream(*plays) as upstream, shared.using(routes(upstream.url, upstream=UP, model=ONCE)) as server:
        for _ in plays:
            got = server.post(ask())
            assert got.complete
            if got.status == 200:
                assert last_error(got) == "api_error" if got.names[-1] != "message_stop" else got.complete
            else:
                assert error_of(got) == (500, "api_error")
            server.state.pools.standings["u0"].breaker = CircuitBreaker(Breaker())


@BOTH
def test_from_an_anthropic_upstream_to_another(shared: Running, streams: bool) -> None:
    other = scripted.answer("plan b") if streams else reply(200, completion("plan b"))
    with (
        Upstream(refusal(529, "overloaded_error")) as claude,
        Upstream(other) as plan_b,
        shared.using(mixed(claude.url, plan_b.url, first=ONCE)) as server,
    ):
        got = server.post(ask(stream=streams, top_k=3, service_tier="auto"))
        assert got.status == 200
        assert (got.text if streams else got.json["content"][0]["text"]) == "plan b"
        assert got.headers["x-bridge-upstream"] == "u1"
        assert "service_tier" in got.headers["x-bridge-warnings"]
        assert got.headers["request-id"] != "req_upstream"
        assert claude.requests[0].json["top_k"] == 3
        assert plan_b.requests[0].path == "/v1/chat/completions"


@BOTH
def test_from_another_upstream_to_an_anthropic_one(shared: Running, streams: bool) -> None:
    with (
        Upstream(reply(503, "{}")) as plain,
        Upstream(good(streams)) as claude,
        shared.using(mixed(claude.url, plain.url, first=ONCE, second="")) as server,
    ):
        text = (
            mixed(claude.url, plain.url).replace('fallbacks = ["f1"]', "") + 'fallbacks = ["m"]\nretry.attempts = 1\n'
        )
        with server.using(text):
            got = server.post(ask(model="f1", stream=streams))
            assert (got.status, got.body) == (200, expected(streams))
            assert got.headers["x-bridge-model"] == "m"
            assert got.headers["request-id"] == "req_upstream"


def test_a_slow_upstream_and_then_an_anthropic_one(shared: Running) -> None:
    """The client has a message_start of ours already: it gets no second one."""
    with (
        Upstream([HANG]) as plain,
        Upstream(good(True)) as claude,
        shared.using(mixed(claude.url, plain.url)) as server,
    ):
        text = mixed(claude.url, plain.url).replace('fallbacks = ["f1"]', "")
        with server.using(text + 'fallbacks = ["m"]\ntimeouts.first_token = "250ms"\n'):
            got = server.post(ask(model="f1"))
            assert got.names[:2] == ["message_start", "ping"]
            assert got.names.count("message_start") == 1
            assert got.names[-1] == "message_stop"
            assert got.text == "all well"


def test_a_request_that_only_an_anthropic_upstream_can_answer(shared: Running) -> None:
    with (
        Upstream(refusal(529, "overloaded_error"), good(True)) as claude,
        Upstream(scripted.answer("never")) as plain,
        shared.using(mixed(claude.url, plain.url, first=ONCE)) as server,
    ):
        got = server.post(ask(thread={"id": "t"}))
        assert error_of(got) == (400, "invalid_request_error")
        assert got.json["error"]["message"].startswith("thread")
        text = mixed(claude.url, plain.url).replace('fallbacks = ["f1"]', "") + 'fallbacks = ["m"]\n'
        with server.using(text):
            assert server.post(ask(model="f1", thread={"id": "t"})).body == expected(True)
        assert plain.requests == []


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"model": "m"', b'{"model": "\xff"}', b"{}", b'{"model": 7}'])
def test_what_is_not_a_request_goes_nowhere(shared: Running, raw: bytes) -> None:
    with Upstream(good(True)) as upstream, shared.using(routes(upstream.url, upstream=UP)) as server:
        assert error_of(server.post(raw)) == (400, "invalid_request_error")
        assert upstream.requests == []


def test_a_route_may_change_the_request(shared: Running) -> None:
    model = 'max_output_tokens = 50\nrequest = { set = { service_tier = "auto" }, drop = ["top_k"] }\n'
    with Upstream(good(True)) as upstream, shared.using(routes(upstream.url, upstream=UP, model=model)) as server:
        got = server.post(ask(top_k=1))
        sent = upstream.requests[0].json
        assert (sent["service_tier"], sent["max_tokens"], "top_k" in sent) == ("auto", 50, False)
        assert got.headers["x-bridge-warnings"] == "max_tokens: 100 is lowered to 50"


def test_the_breaker_hears_of_whole_answers(shared: Running) -> None:
    lines = UP + 'breaker = { failures = 2, open = "100ms" }\n'
    plays = [refusal(529, "overloaded_error"), refusal(529, "overloaded_error"), whole(), whole()]
    with Upstream(*plays) as upstream, shared.using(routes(upstream.url, upstream=lines, model=ONCE)) as server:
        for _ in range(2):
            assert server.post(ask(stream=False)).status == 529
        refused = server.post(ask(stream=False))
        assert error_of(refused) == (529, "overloaded_error")
        assert len(upstream.requests) == 2
        breaker = server.state.pools.standings["u0"].breaker
        server.wait(lambda: breaker.retry_in(server.now()) == 0)
        assert server.post(ask(stream=False)).status == 200
        assert server.call(lambda: breaker.state) == "closed"
        assert server.post(ask(stream=False)).status == 200


def test_large_requests_and_answers(shared: Running) -> None:
    text = "x" * 3_000_000
    with (
        Upstream(messagesapi.answer(text, text)) as upstream,
        shared.using(routes(upstream.url, upstream=UP)) as server,
    ):
        raw = json.dumps(ask(text), indent=3).encode()
        got = server.post(raw)
        assert upstream.requests[0].body == raw.replace(b'"m"', b'"real-m"')
        assert got.body.replace(PING, b"") == b"".join(frames(text, text)).replace(PING, b"")
        assert [name for name, _ in read_events(got.body)][-1] == "message_stop"
