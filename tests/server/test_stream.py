"""The way to the client: commit points, pings, leaving in every phase, errors after the headers."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable

import pytest
import scripted
from inprocess import Reply, Running, ask, routes
from scripted import DONE, END, FIN, HANG, KEEP, Step, Upstream, answer, chunk, completion, head, part, reply
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bridge.server.protocol import Protocol

TAIL = [part(chunk(finish="stop")), part(DONE), END, KEEP]
TOOL = {"name": "run", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}}}


def wait_for(client: socket.socket, needle: bytes) -> None:
    """Until ``needle`` has arrived; it stays readable."""
    while needle not in client.recv(1 << 20, socket.MSG_PEEK):
        time.sleep(0.001)


def drop(client: socket.socket) -> None:
    """Close the way a killed client does."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def call_delta(**function: object) -> bytes:
    item = {"index": 0, "id": "c1", "type": "function", "function": function}
    return chunk(tool_calls=[item])


def test_headers(shared: Running) -> None:
    with Upstream(answer("hi")) as upstream, shared.using(routes(upstream.url)) as server:
        got = server.post(ask(top_k=5))
        assert got.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert got.headers["cache-control"] == "no-cache, no-transform"
        assert got.headers["x-accel-buffering"] == "no"
        assert got.headers["request-id"].startswith("req_")
        assert got.headers["x-bridge-revision"] == server.store.current.revision
        assert got.headers["x-bridge-model"] == "m"
        assert got.headers["x-bridge-upstream"] == "u0"
        assert got.headers["x-bridge-attempts"] == "1"
        assert "content-length" not in got.headers


def test_text_arrives_as_it_comes(shared: Running) -> None:
    gate = threading.Event()
    with (
        Upstream([head(), part(chunk("first")), gate, part(chunk("second")), *TAIL]) as upstream,
        shared.using(routes(upstream.url)) as server,
        server.open(ask()) as client,
    ):
        wait_for(client, b"first")
        gate.set()
        assert Reply(client).text == "firstsecond"


def test_headers_wait_for_the_first_event(shared: Running) -> None:
    gate = threading.Event()
    with (
        Upstream([head(), part(chunk(role="assistant")), gate, part(chunk("x")), *TAIL]) as upstream,
        shared.using(routes(upstream.url)) as server,
        server.open(ask()) as client,
    ):
        upstream.wait(lambda upstream: upstream.requests)
        client.settimeout(0.03)
        with pytest.raises(TimeoutError):
            client.recv(1, socket.MSG_PEEK)
        client.settimeout(10)
        gate.set()
        assert Reply(client).text == "x"


def test_pings_commit_but_do_not_end_the_retries(shared: Running) -> None:
    """Held back for too long, the answer begins without content; a second attempt still fills it."""
    gate = threading.Event()
    with (
        Upstream([gate, *reply(503)], answer("second")) as upstream,
        shared.using(routes(upstream.url, model='retry = { backoff = "1ms" }\n')) as server,
        server.open(ask()) as client,
    ):
        wait_for(client, b"event: ping")
        gate.set()
        got = Reply(client)
        assert got.names[:2] == ["message_start", "ping"]
        assert got.names.count("message_start") == 1
        assert got.names[-1] == "message_stop"
        assert got.text == "second"


def test_failure_after_pings_is_an_error_event(shared: Running) -> None:
    gate = threading.Event()
    with (
        Upstream([gate, *reply(400, '{"error": {"message": "no"}}')]) as upstream,
        shared.using(routes(upstream.url)) as server,
        server.open(ask()) as client,
    ):
        wait_for(client, b"event: ping")
        gate.set()
        got = Reply(client)
        assert got.status == 200
        assert got.names[-1] == "error"
        assert got.events[-1][1]["error"]["type"] == "invalid_request_error"
        assert got.events[-1][1]["request_id"] == got.headers["request-id"]


def test_a_silent_open_block_gets_pings_and_then_a_real_event(shared: Running) -> None:
    """Pings do not count for clients that wait for events; an empty delta does."""
    gate = threading.Event()
    with (
        Upstream([head(), part(chunk("a")), gate, part(chunk("b")), *TAIL]) as upstream,
        shared.using(routes(upstream.url)) as server,
        server.open(ask()) as client,
    ):
        wait_for(client, b'"text_delta","text":""')
        gate.set()
        got = Reply(client)
        assert got.names.count("ping") >= 2
        assert got.text == "ab"
        assert got.names[-1] == "message_stop"


def test_exception_after_first_block_is_an_error_event(shared: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception raised behind the first block used to cut the body; agents then waited for ever."""
    from bridge.core.exchange import Exchange

    gate = threading.Event()
    receive = Exchange.receive

    def broken(self: Exchange, data: bytes) -> None:
        if b"second" in data:
            raise RuntimeError("a bug of ours")
        receive(self, data)

    monkeypatch.setattr(Exchange, "receive", broken)
    with (
        Upstream([head(), part(chunk("first")), gate, part(chunk("second")), HANG]) as upstream,
        shared.using(routes(upstream.url)) as server,
        server.open(ask()) as client,
    ):
        wait_for(client, b"first")
        gate.set()
        got = Reply(client)
        assert got.complete
        assert got.names[-1] == "error"
        assert got.events[-1][1]["error"]["type"] == "api_error"
        assert b"a bug of ours" not in got.body
        assert got.text == "first"
        upstream.wait(lambda upstream: upstream.open == 0)


@pytest.mark.parametrize("stream", [True, False])
def test_exception_before_the_headers_is_a_500(shared: Running, monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    from bridge.core.exchange import Exchange

    def broken(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(Exchange, "attempt", broken)
    with shared.using(routes("http://127.0.0.1:1")) as server:
        got = server.post(ask(stream=stream))
        assert (got.status, got.json["error"]["type"]) == (500, "api_error")
        assert b"a bug" not in got.body


def test_a_native_call_cut_in_its_arguments_is_never_shown(shared: Running) -> None:
    with (
        Upstream(
            [head(), part(chunk("look")), part(call_delta(name="run", arguments='{"a": "x')), b"", END, KEEP]
        ) as upstream,
        shared.using(routes(upstream.url)) as server,
    ):
        got = server.post(ask(tools=[TOOL]))
        assert b"tool_use" not in got.body
        assert b"message_stop" not in got.body


Phase = Callable[[Upstream, Running, socket.socket], None]


def in_headers(upstream: Upstream, _: Running, __: socket.socket) -> None:
    upstream.wait(lambda upstream: upstream.requests)


def in_content(_: Upstream, __: Running, client: socket.socket) -> None:
    wait_for(client, b"so far")


@pytest.mark.parametrize(
    ("play", "stream", "phase"),
    [
        ([HANG], True, in_headers),
        ([HANG], False, in_headers),
        ([head(), HANG], True, in_headers),
        ([head(), part(chunk("so far")), HANG], True, in_content),
        ([b"HTTP/1.1 200 X\r\ncontent-length: 99\r\n\r\n{", HANG], False, in_headers),
    ],
    ids=["headers", "headers-whole", "first-token", "content", "whole-body"],
)
def test_a_client_that_leaves_frees_the_upstream(
    shared: Running, play: scripted.Play, stream: bool, phase: Phase
) -> None:
    with Upstream(play) as upstream, shared.using(routes(upstream.url)) as server:
        delays = []
        for how in (drop, socket.socket.close, drop, socket.socket.close, drop):
            del upstream.requests[:]
            client = server.open(ask(stream=stream))
            phase(upstream, server, client)
            before = time.monotonic()
            how(client)
            upstream.wait(lambda upstream: upstream.open == 0)
            delays.append(upstream.closed[-1] - before)
        # The middle one: other processes of the machine may hold up any single one.
        assert sorted(delays)[2] < 0.05
        server.wait(lambda: not server.state.load.in_flight)
        assert server.state.records.recent[-1].outcome == "client_gone"
        assert server.state.pools.standings["u0"].breaker.state == "closed"


def test_a_client_that_leaves_under_another_server(shared: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "on_message_begin", HttpToolsProtocol.on_message_begin)
    play = [head(), part(chunk("so far")), HANG]
    with Upstream(play) as upstream, shared.using(routes(upstream.url)) as server:
        client = server.open(ask())
        wait_for(client, b"so far")
        drop(client)
        upstream.wait(lambda upstream: upstream.open == 0)
        server.wait(lambda: not server.state.load.in_flight)
        assert server.state.records.recent[-1].outcome == "client_gone"


def test_a_client_that_leaves_during_backoff_makes_no_second_call(shared: Running) -> None:
    slow = 'retry = { backoff = "1h", max_backoff = "1h" }\ntimeouts = { total = "3h" }\n'
    with Upstream(reply(503)) as upstream, shared.using(routes(upstream.url, model=slow)) as server:
        client = server.open(ask())
        upstream.wait(lambda upstream: upstream.requests)
        wait_for(client, b"ping")
        drop(client)
        server.wait(lambda: not server.state.load.in_flight)
        assert len(upstream.requests) == 1


def test_a_client_that_leaves_the_queue_gives_its_place_up(shared: Running) -> None:
    gate = threading.Event()
    with (
        Upstream([gate, *answer("a")]) as upstream,
        shared.using(routes(upstream.url, upstream="max_in_flight = 1\n")) as server,
    ):
        first, second = server.open(ask()), server.open(ask())
        bulkhead = server.state.pools.standings["u0"].bulkhead
        server.wait(lambda: bulkhead.waiting == 1)
        drop(second)
        server.wait(lambda: bulkhead.waiting == 0)
        gate.set()
        assert Reply(first).text == "a"
        first.close()
        server.wait(lambda: bulkhead.in_flight == 0)
        assert len(upstream.requests) == 1


def test_half_closing_counts_as_leaving(shared: Running) -> None:
    with Upstream([HANG]) as upstream, shared.using(routes(upstream.url)) as server, server.open(ask()) as client:
        upstream.wait(lambda upstream: upstream.requests)
        client.shutdown(socket.SHUT_WR)
        upstream.wait(lambda upstream: upstream.open == 0)


def slow_client(server: Running) -> socket.socket:
    """One that asks and then takes nothing; hardly anything of its answer fits into the sockets between."""
    connections = server.server.server_state.connections
    server.wait(lambda: not connections)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.port))
    server.wait(lambda: connections)
    for connection in connections:
        ours = connection.transport.get_extra_info("socket")  # type: ignore[union-attr]
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    body = json.dumps(ask()).encode()
    client.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    return client


def test_a_slow_client_holds_the_upstream_back_and_is_dropped(shared: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.upstream.call.WRITE_STALL", 0.3)
    pieces = [part(chunk("x" * 60_000))] * 400
    with Upstream([head(), *pieces, *TAIL]) as upstream, shared.using(routes(upstream.url)) as server:
        client = slow_client(server)
        upstream.wait(lambda upstream: upstream.open == 0 and upstream.connections == 1)
        server.wait(lambda: not server.state.load.in_flight)
        assert server.state.records.recent[-1].outcome == "client_stalled"
        server.wait(lambda: len(server.server.server_state.connections) == 0)
        client.close()


@pytest.mark.parametrize("end", [[FIN], [part(chunk(finish="stop")), END, KEEP]], ids=["failure", "no last frame"])
def test_a_client_that_stalls_at_the_end_is_dropped(
    shared: Running, monkeypatch: pytest.MonkeyPatch, end: list[Step]
) -> None:
    for module in ("bridge.upstream.call", "bridge.server.stream"):
        monkeypatch.setattr(f"{module}.WRITE_STALL", 0.3)
    with Upstream([head(), part(chunk("x" * 150_000)), *end]) as upstream, shared.using(routes(upstream.url)) as server:
        client = slow_client(server)
        upstream.wait(lambda upstream: upstream.requests)
        server.wait(lambda: not server.state.load.in_flight)
        assert server.state.records.recent[-1].outcome == "client_stalled"
        server.wait(lambda: len(server.server.server_state.connections) == 0)
        client.close()


def test_1000_cancelled_streams_lose_no_connection(shared: Running) -> None:
    """Streams given up at any moment: afterwards every place of the pool is usable again."""
    play = [head(), part(chunk("so far")), HANG]
    limit = "max_in_flight = 10\n"
    with Upstream(play) as upstream, shared.using(routes(upstream.url, upstream=limit)) as server:
        bulkhead = server.state.pools.standings["u0"].bulkhead
        for number in range(100):
            clients = [server.open(ask()) for _ in range(10)]
            if number % 3 == 0:
                for client in clients:
                    wait_for(client, b"so far")
            elif number % 3 == 1:
                upstream.wait(lambda upstream, least=number * 5: len(upstream.requests) >= least)
            for client in clients:
                drop(client)
        server.wait(lambda: bulkhead.in_flight == 0 and not server.state.load.in_flight)
        upstream.wait(lambda upstream: upstream.open == 0)
        upstream.plays = [answer("alive")]
        clients = [server.open(ask()) for _ in range(10)]
        assert [Reply(client).text for client in clients] == ["alive"] * 10
        for client in clients:
            client.close()


def test_client_lifetime_is_leased_by_the_stream(shared: Running) -> None:
    """A reload that removes the upstream of a running stream closes its connections after the stream, not under it."""
    gate = threading.Event()
    with (
        Upstream([head(), part(chunk("before ")), gate, part(chunk("after")), *TAIL]) as upstream,
        Upstream(answer("new")) as other,
        shared.using(routes(upstream.url)) as server,
        server.open(ask()) as client,
    ):
        wait_for(client, b"before")
        (old,) = server.call(lambda: [c for c in server.state.pools.clients.values() if c.leases])
        server.save(routes(other.url))
        assert server.post(ask()).text == "new"
        assert not old.closed
        assert server.call(lambda: server.state.pools.generations) == 2
        gate.set()
        assert Reply(client).text == "before after"
        server.wait(lambda: old.closed and server.state.pools.generations == 1)
        upstream.wait(lambda upstream: upstream.open == 0)


def test_a_whole_answer(shared: Running) -> None:
    with Upstream(reply(200, completion("whole"))) as upstream, shared.using(routes(upstream.url)) as server:
        got = server.post(ask(stream=False))
        assert got.headers["content-type"] == "application/json"
        assert int(got.headers["content-length"]) == len(got.body)
        assert got.json["content"] == [{"type": "text", "text": "whole"}]
        assert got.headers["x-bridge-attempts"] == "1"
