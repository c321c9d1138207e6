"""What becomes of a request when its upstream fails: the client sees one clean answer, or one clean error."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import scripted
from inprocess import Reply, Running, ask, routes
from scripted import DONE, END, FIN, HANG, KEEP, RST, Upstream, answer, chunk, completion, frame, head, part, reply, sse

QUICK = 'retry = { attempts = 3, backoff = "1ms" }\n'
BOTH = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def good(stream: bool) -> scripted.Play:
    return answer("all ", "well") if stream else reply(200, completion("all well"))


def text_of(got: Reply, stream: bool) -> str:
    assert got.status == 200, got.body
    if not stream:
        return str(got.json["content"][0]["text"])
    assert got.names.count("message_start") == got.names.count("message_stop") == 1
    assert got.names[-1] == "message_stop"
    return got.text


def error_of(got: Reply) -> tuple[int, str]:
    assert got.json["type"] == "error"
    assert got.json["request_id"] == got.headers["request-id"]
    return got.status, got.json["error"]["type"]


def last_error(got: Reply) -> str:
    """The type of the one error event that ends a stream."""
    assert got.complete
    assert got.status == 200
    assert got.names.count("error") == 1
    assert got.names[-1] == "error"
    assert "message_stop" not in got.names
    return str(got.events[-1][1]["error"]["type"])


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(routes("http://127.0.0.1:1"), tmp_path_factory.mktemp("routes")) as server:
        yield server


@BOTH
@pytest.mark.parametrize("status", [502, 503, 504, 500, 529, 429, 408])
def test_one_bad_status_is_retried(shared: Running, stream: bool, status: int) -> None:
    with (
        Upstream(reply(status, "<html>bad gateway</html>", "text/html"), good(stream)) as upstream,
        shared.using(routes(upstream.url, model=QUICK)) as server,
    ):
        got = server.post(ask(stream=stream))
        assert text_of(got, stream) == "all well"
        assert got.headers["x-bridge-attempts"] == "2"
        assert len(upstream.requests) == 2
        assert upstream.requests[0].body == upstream.requests[1].body


@BOTH
def test_502_and_504_are_retried_streamed_and_not(shared: Running, stream: bool) -> None:
    """A gateway's 502 or 504 used to end the request; so did one in the initial phase of a stream."""
    with (
        Upstream(reply(502), reply(504), good(stream)) as upstream,
        shared.using(routes(upstream.url, model=QUICK)) as server,
    ):
        assert text_of(server.post(ask(stream=stream)), stream) == "all well"
        assert len(upstream.requests) == 3


@BOTH
@pytest.mark.parametrize(
    ("play", "status", "kind", "calls"),
    [
        (reply(500, "no"), 500, "api_error", 2),
        (reply(502, "<html>no</html>", "text/html"), 500, "api_error", 3),
        (reply(503, "{}"), 529, "overloaded_error", 3),
        (reply(504, ""), 504, "timeout_error", 3),
        (reply(429, "{}"), 429, "rate_limit_error", 3),
        (reply(401, '{"error": {"message": "bad key"}}'), 403, "permission_error", 1),
        (reply(404, '{"error": {"message": "no such model"}}'), 404, "not_found_error", 1),
        (reply(400, '{"error": {"message": "bad"}}'), 400, "invalid_request_error", 1),
        (reply(422, '{"error": {"message": "bad"}}'), 422, "invalid_request_error", 1),
        (reply(301, "", "text/html", "location: http://127.0.0.1:1/"), 500, "api_error", 1),
        (reply(200, "<html>login</html>", "text/html"), 500, "api_error", 3),
        (reply(200, ""), 500, "api_error", 3),
        (sse(DONE), 500, "api_error", 3),
    ],
)
def test_what_never_gets_better_is_an_http_error(
    shared: Running, stream: bool, play: scripted.Play, status: int, kind: str, calls: int
) -> None:
    with Upstream(play) as upstream, shared.using(routes(upstream.url, model=QUICK)) as server:
        got = server.post(ask(stream=stream))
        assert error_of(got) == (status, kind)
        assert b"html" not in got.body
        assert got.headers["x-bridge-upstream"] == "u0"
        assert len(upstream.requests) == calls


def test_refused_connections(shared: Running) -> None:
    with shared.using(routes(f"http://127.0.0.1:{closed_port()}/v1", model=QUICK)) as server:
        got = server.post(ask())
        assert error_of(got) == (500, "api_error")
        assert got.headers["x-bridge-attempts"] == "3"
        assert "u0" in got.json["error"]["message"]


def test_refused_connection_with_a_fallback(shared: Running) -> None:
    with (
        Upstream(answer("plan b")) as upstream,
        shared.using(routes(f"http://127.0.0.1:{closed_port()}/v1", upstream.url)) as server,
    ):
        before = time.monotonic()
        got = server.post(ask())
        assert time.monotonic() - before < 1
        assert text_of(got, True) == "plan b"
        assert got.headers["x-bridge-upstream"] == "u1"
        assert got.headers["x-bridge-model"] == "f1"
        assert got.headers["x-bridge-attempts"] == "3"


def test_unknown_host(shared: Running) -> None:
    with shared.using(routes("http://no-such-host.invalid/v1", model=QUICK)) as server:
        got = server.post(ask())
        assert error_of(got) == (500, "api_error")
        assert "cannot be resolved" in got.json["error"]["message"]


def test_tls_to_a_plain_server_is_tried_once(shared: Running) -> None:
    with (
        Upstream(answer("x")) as upstream,
        shared.using(routes(upstream.url.replace("http:", "https:"), model=QUICK)) as server,
    ):
        got = server.post(ask())
        assert error_of(got) == (500, "api_error")
        assert got.headers["x-bridge-attempts"] == "1"
        assert "TLS" in got.json["error"]["message"]


@pytest.mark.parametrize(
    "play",
    [
        [HANG],
        [head(), HANG],
        [head(), part(b": keep-alive\n\n"), HANG],
        [head(), part(chunk(role="assistant")), part(chunk(content="")), HANG],
    ],
    ids=["no-headers", "no-body", "comment", "role-only"],
)
def test_silence_before_the_first_token(shared: Running, play: scripted.Play) -> None:
    timeouts = 'timeouts = { first_token = "150ms" }\n'
    with (
        Upstream(play) as hanging,
        Upstream(answer("plan b")) as other,
        shared.using(routes(hanging.url, model=timeouts)) as server,
    ):
        assert error_of(server.post(ask())) == (504, "timeout_error")
        assert len(hanging.requests) == 1
        hanging.wait(lambda upstream: upstream.open == 0)
        with server.using(routes(hanging.url, other.url, model=timeouts)):
            assert text_of(server.post(ask()), True) == "plan b"


def test_comments_do_not_keep_an_attempt_alive(shared: Running) -> None:
    stop = threading.Event()
    comments = [part(b": still here\n\n"), threading.Event()] * 50
    pulses = [step for step in comments if isinstance(step, threading.Event)]
    clock = threading.Thread(target=lambda: [pulse.set() for pulse in pulses if not stop.wait(0.02)])
    timeouts = 'timeouts = { first_token = "200ms" }\n'
    with (
        Upstream([head(), *comments, HANG]) as upstream,
        shared.using(routes(upstream.url, model=timeouts)) as server,
    ):
        clock.start()
        assert error_of(server.post(ask())) == (504, "timeout_error")
        stop.set()
        clock.join()


def test_a_whole_answer_has_no_first_token_but_a_deadline(shared: Running) -> None:
    gate = threading.Event()
    timeouts = 'timeouts = { first_token = "10ms", stall = "10ms", total = "1500ms" }\n'
    with (
        Upstream([gate, *reply(200, completion("late"))], [HANG]) as upstream,
        shared.using(routes(upstream.url, model=timeouts)) as server,
    ):
        threading.Timer(0.1, gate.set).start()
        assert text_of(server.post(ask(stream=False)), False) == "late"
        assert error_of(server.post(ask(stream=False))) == (504, "timeout_error")
        assert len(upstream.requests) == 2


@pytest.mark.parametrize("asked", ["1", "soon", "-1"])
def test_retry_after_is_waited_for(shared: Running, asked: str) -> None:
    with (
        Upstream(reply(429, "{}", "application/json", f"retry-after: {asked}"), answer("ok")) as upstream,
        shared.using(routes(upstream.url, model=QUICK)) as server,
    ):
        before = time.monotonic()
        assert text_of(server.post(ask()), True) == "ok"
        waited = time.monotonic() - before
        assert (1.0 <= waited < 1.6) if asked == "1" else waited < 0.9


def test_a_long_retry_after_is_not_waited_for(shared: Running) -> None:
    with (
        Upstream(reply(429, "{}", "application/json", "retry-after: 3600")) as upstream,
        shared.using(routes(upstream.url, model=QUICK)) as server,
    ):
        got = server.post(ask())
        assert error_of(got) == (429, "rate_limit_error")
        assert got.headers["retry-after"] == "60"
        assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "play",
    [
        sse(frame({"error": {"message": "busy", "type": "overloaded_error", "code": 529}})),
        [head(), part(chunk(role="assistant")), part(frame({"error": {"message": "x", "code": 503}})), END, KEEP],
        [RST],
        [FIN],
        [head(), RST],
        [head(), part(chunk(role="assistant")), FIN],
        [head(), b"zz\r\n", HANG],
        [b"SSH-2.0-OpenSSH\r\n", FIN],
        [b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000, HANG],
        reply(200, b"\x1f\x8bnot gzip", "text/event-stream", "content-encoding: gzip"),
        reply(200, b"?", "text/event-stream", "content-encoding: br"),
    ],
    ids=["error-frame", "late-error-frame", "rst", "fin", "rst-after-head", "fin-after-role", "bad-chunk", "no-http",
         "huge-header", "bad-gzip", "unknown-encoding"],
)  # fmt: skip
def test_a_break_before_content_is_retried(shared: Running, play: scripted.Play) -> None:
    with (
        Upstream(play, answer("all well")) as upstream,
        shared.using(routes(upstream.url, model=QUICK)) as server,
    ):
        assert text_of(server.post(ask()), True) == "all well"
        assert len(upstream.requests) == 2


def test_a_json_answer_to_a_streaming_request(shared: Running) -> None:
    with Upstream(reply(200, completion("whole"))) as upstream, shared.using(routes(upstream.url)) as server:
        assert text_of(server.post(ask()), True) == "whole"


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ([part(frame({"error": {"message": "x", "type": "overloaded_error", "code": 529}})), END], "overloaded_error"),
        ([RST], "api_error"),
        ([FIN], "api_error"),
        ([b"5\r\nda"], "api_error"),
        ([END, KEEP], "api_error"),
        ([b"zz\r\n"], "api_error"),
    ],
    ids=["error-frame", "rst", "fin", "fin-in-chunk", "clean-eof", "bad-chunk"],
)
def test_a_break_after_content_is_one_error_event(shared: Running, steps: list[scripted.Step], kind: str) -> None:
    gate = threading.Event()
    with (
        Upstream([head(), part(chunk("so far")), gate, *steps]) as upstream,
        shared.using(routes(upstream.url, model=QUICK)) as server,
        server.open(ask()) as client,
    ):
        while b"so far" not in client.recv(65536, socket.MSG_PEEK):
            time.sleep(0.001)
        gate.set()
        got = Reply(client)
        assert last_error(got) == kind
        assert got.text == "so far"
        assert len(upstream.requests) == 1


def test_a_stall_after_content(shared: Running) -> None:
    with (
        Upstream([head(), part(chunk("so far")), HANG]) as upstream,
        shared.using(routes(upstream.url, model='timeouts = { stall = "100ms" }\n')) as server,
    ):
        assert last_error(server.post(ask())) == "timeout_error"
        upstream.wait(lambda upstream: upstream.open == 0)


def test_an_answer_is_complete_without_its_last_frames(shared: Running) -> None:
    """The model said why it stopped; neither a missing usage frame nor a broken connection changes that."""
    with (
        Upstream([head(), part(chunk("all")), part(chunk(finish="stop")), RST]) as upstream,
        shared.using(routes(upstream.url)) as server,
    ):
        assert text_of(server.post(ask()), True) == "all"


def test_the_breaker_opens_and_a_probe_closes_it(shared: Running) -> None:
    lines = 'breaker = { failures = 2, open = "100ms" }\n'
    with (
        Upstream(reply(503), reply(503), answer("back")) as upstream,
        shared.using(routes(upstream.url, upstream=lines, model="retry = { attempts = 1 }\n")) as server,
    ):
        for _ in range(2):
            assert error_of(server.post(ask())) == (529, "overloaded_error")
        refused = server.post(ask())
        assert error_of(refused) == (529, "overloaded_error")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert len(upstream.requests) == 2
        breaker = server.state.pools.standings["u0"].breaker
        server.wait(lambda: breaker.retry_in(server.now()) == 0)
        assert text_of(server.post(ask()), True) == "back"
        assert server.call(lambda: breaker.state) == "closed"


@BOTH
@pytest.mark.parametrize("finish", ["stop", "length"])
def test_the_breaker_hears_of_empty_answers(shared: Running, stream: bool, finish: str) -> None:
    """A probe that was answered with nothing used to leave the breaker half open for good."""
    lines = 'breaker = { failures = 1, open = "100ms" }\n'
    empty = sse(chunk(finish=finish), DONE) if stream else reply(200, completion("", finish))
    with (
        Upstream(reply(503), empty, good(stream)) as upstream,
        shared.using(routes(upstream.url, upstream=lines, model="retry = { attempts = 1 }\n")) as server,
    ):
        assert error_of(server.post(ask(stream=stream))) == (529, "overloaded_error")
        breaker = server.state.pools.standings["u0"].breaker
        server.wait(lambda: breaker.retry_in(server.now()) == 0)
        assert server.post(ask(stream=stream)).status == 200
        # The client has its answer a moment before the attempt is over.
        server.wait(lambda: not server.state.load.in_flight)
        assert server.call(lambda: breaker.state) == "closed"
        assert text_of(server.post(ask(stream=stream)), stream) == "all well"


def test_the_breaker_hears_of_whole_answers(shared: Running) -> None:
    """A probe that is answered in one piece closes it, and good answers end a row of failures."""
    lines = 'breaker = { failures = 2, open = "100ms" }\n'
    whole = reply(200, completion("hi"))
    with (
        Upstream(reply(503), whole, reply(503), reply(503), whole, whole) as upstream,
        shared.using(routes(upstream.url, upstream=lines, model="retry = { attempts = 1 }\n")) as server,
    ):
        breaker = server.state.pools.standings["u0"].breaker
        for status in (529, 200, 529, 529):
            assert server.post(ask(stream=False)).status == status
        assert len(upstream.requests) == 4
        assert server.call(lambda: breaker.state) == "open"
        server.wait(lambda: breaker.retry_in(server.now()) == 0)
        for _ in range(2):
            assert text_of(server.post(ask(stream=False)), False) == "hi"
        assert server.call(lambda: breaker.state) == "closed"


def test_what_the_model_says_badly_opens_no_breaker(shared: Running) -> None:
    """However many packets it comes in: here it is one, with the end of the answer."""
    call = {"index": 0, "id": "c", "function": {"name": "get", "arguments": "[1]"}}
    bad = [head(), part(chunk(tool_calls=[call]) + chunk(finish="tool_calls") + DONE), END, KEEP]
    with (
        Upstream(bad) as upstream,
        shared.using(
            routes(upstream.url, upstream="breaker = { failures = 2 }\n", model="retry = { attempts = 1 }\n")
        ) as server,
    ):
        for _ in range(4):
            assert error_of(server.post(ask())) == (500, "api_error")
        assert len(upstream.requests) == 4


def test_the_budget_limits_retries(shared: Running) -> None:
    lines = 'retry_budget = { ratio = 0.0, min_per_second = 0.1, ttl = "20s" }\nbreaker = { failures = 100 }\n'
    with (
        Upstream(reply(502)) as upstream,
        shared.using(routes(upstream.url, upstream=lines, model=QUICK)) as server,
    ):
        answers = [error_of(server.post(ask())) for _ in range(3)]
        assert answers == [(500, "api_error"), (529, "overloaded_error"), (529, "overloaded_error")]
        assert len(upstream.requests) == 3 + 2


def test_the_bulkhead_queues_then_refuses(shared: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.upstream.pool.QUEUE_LENGTH", 1)
    gate = threading.Event()
    with (
        Upstream([head(), part(chunk("a")), gate, part(chunk(finish="stop")), part(DONE), END, KEEP]) as upstream,
        shared.using(routes(upstream.url, upstream="max_in_flight = 1\n")) as server,
    ):
        first, second = server.open(ask()), server.open(ask())
        bulkhead = server.state.pools.standings["u0"].bulkhead
        server.wait(lambda: bulkhead.waiting == 1)
        assert error_of(server.post(ask())) == (529, "overloaded_error")
        gate.set()
        for client in (first, second):
            received = b""
            while b"message_stop" not in received:
                data = client.recv(65536)
                assert data
                received += data
            client.close()
        assert len(upstream.requests) == 2


def test_a_connection_that_died_idle_is_replaced_for_free(shared: Running) -> None:
    """The upstream closes its idle connection just as it is used again: nobody notices, nothing is spent."""
    with (
        Upstream(answer("one"), [FIN], answer("two")) as upstream,
        shared.using(routes(upstream.url, model="retry = { attempts = 1 }\n")) as server,
    ):
        assert server.post(ask()).text == "one"
        # The client has its answer a moment before the connection is free again.
        server.wait(lambda: not server.state.load.in_flight)
        got = server.post(ask())
        assert got.text == "two"
        assert got.headers["x-bridge-attempts"] == "1"
        assert [request.connection for request in upstream.requests] == [1, 1, 2]
        budget = server.state.pools.standings["u0"].budget
        assert server.call(lambda: budget.balance(server.now())) > 3


def test_a_request_that_the_upstream_dies_of_is_not_repeated_for_free(
    shared: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had been silent over it for a while, so it was not the end of an idle connection."""
    monkeypatch.setattr("bridge.upstream.http1.reply.STALE_WITHIN", 0.0)
    with (
        Upstream(answer("one"), [FIN], answer("two")) as upstream,
        shared.using(routes(upstream.url, model="retry = { attempts = 1 }\n")) as server,
    ):
        assert server.post(ask()).text == "one"
        # The client has its answer a moment before the connection is free again.
        server.wait(lambda: not server.state.load.in_flight)
        assert error_of(server.post(ask())) == (500, "api_error")
        assert [request.connection for request in upstream.requests] == [1, 1]


def test_the_clients_own_patience_is_a_deadline(shared: Running) -> None:
    with Upstream([HANG]) as upstream, shared.using(routes(upstream.url)) as server:
        got = server.post(ask(stream=False), headers={"x-stainless-timeout": "1"})
        assert error_of(got) == (504, "timeout_error")


def test_cookies_and_client_keys_go_nowhere(shared: Running) -> None:
    play = [
        head(200, "text/event-stream", "set-cookie: a=b"),
        *(part(data) for data in (chunk("x"), chunk(finish="stop"), DONE)),
        END,
        KEEP,
    ]
    with (
        Upstream(play) as upstream,
        shared.using(routes(upstream.url, upstream='api_key = "upstream-key"\n')) as server,
    ):
        for _ in range(2):
            server.post(ask(), headers={"x-api-key": "client-key", "cookie": "c=d", "anthropic-beta": "x"})
        for request in upstream.requests:
            assert request.headers["authorization"] == "Bearer upstream-key"
            assert request.headers["accept-encoding"] == "identity"
            assert not {"cookie", "x-api-key", "anthropic-beta"} & set(request.headers)
