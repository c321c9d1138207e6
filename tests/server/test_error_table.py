"""Every way to fail, through a real server: what the client's SDK, agent or balancer goes by.

Status, type, ``retry-after`` and ``x-should-retry``, and on every answer the same headers.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Sequence

import pytest
from inprocess import Reply, Running, ask, routes
from scripted import END, HANG, KEEP, RST, Play, Upstream, chunk, frame, head, part, reply, sse

OWN = ("request-id", "x-bridge-revision", "x-bridge-model", "x-bridge-upstream", "x-bridge-attempts")
ONCE = "retry = { attempts = 1 }"
NOWHERE = "http://127.0.0.1:1/v1"

# upstream's status: status and type for the client, whether it is to wait, whether it may try again
STATUSES: dict[int, tuple[int, str, bool, bool]] = {
    400: (400, "invalid_request_error", False, False),
    401: (403, "permission_error", False, False),
    402: (402, "billing_error", False, False),
    403: (403, "permission_error", False, False),
    404: (404, "not_found_error", False, False),
    405: (500, "api_error", False, False),
    406: (500, "api_error", False, False),
    408: (504, "timeout_error", False, True),
    409: (409, "conflict_error", False, True),
    410: (500, "api_error", False, False),
    413: (413, "request_too_large", False, False),
    415: (500, "api_error", False, False),
    418: (500, "api_error", False, False),
    422: (422, "invalid_request_error", False, False),
    425: (500, "api_error", False, True),
    429: (429, "rate_limit_error", True, True),
    431: (500, "api_error", False, False),
    451: (500, "api_error", False, False),
    499: (500, "api_error", False, False),
    500: (500, "api_error", False, True),
    501: (500, "api_error", False, False),
    502: (500, "api_error", False, True),
    503: (529, "overloaded_error", True, True),
    504: (504, "timeout_error", False, True),
    505: (500, "api_error", False, False),
    507: (500, "api_error", False, True),
    520: (500, "api_error", False, True),
    522: (504, "timeout_error", False, True),
    524: (504, "timeout_error", False, True),
    529: (529, "overloaded_error", True, True),
    599: (500, "api_error", False, True),
    301: (500, "api_error", False, False),
}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(routes(NOWHERE), tmp_path_factory.mktemp("routes")) as server:
        yield server


def failure(status: int, message: str = "the reason", *headers: str) -> Play:
    return reply(status, json.dumps({"error": {"message": message}}), "application/json", *headers)


def check(
    got: Reply, status: int, kind: str, *, waits: bool, again: bool, attempts: int | None = None, upstream: str = "u0"
) -> str:
    """All that an error answer has to have; its message."""
    error = got.json["error"]
    assert (got.status, error["type"]) == (status, kind)
    assert got.json["type"] == "error"
    assert got.headers["request-id"].startswith("req_")
    assert got.json["request_id"] == got.headers["request-id"]
    assert [name for name in OWN if not got.headers.get(name)] == []
    assert (got.headers["x-bridge-model"], got.headers["x-bridge-upstream"]) == (
        "m" if upstream != "-" else "-",
        upstream,
    )
    assert attempts is None or got.headers["x-bridge-attempts"] == str(attempts)
    assert ("retry-after" in got.headers) is waits
    assert not waits or 1 <= int(got.headers["retry-after"]) <= 60
    assert (got.headers.get("x-should-retry") == "false") is (not again)
    assert got.headers["content-type"] == "application/json"
    return str(error["message"])


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("status", STATUSES)
def test_every_status(proxy: Running, status: int, stream: bool) -> None:
    told, kind, waits, again = STATUSES[status]
    with Upstream(failure(status)) as upstream, proxy.using(routes(upstream.url, model=ONCE)):
        message = check(proxy.post(ask(stream=stream)), told, kind, waits=waits, again=again, attempts=1)
        assert ("the reason" in message) is (status not in (301, 401, 403))
        assert "u0" in message


@pytest.mark.parametrize("status", [400, 429, 500, 503, 529])
@pytest.mark.parametrize(
    ("asked", "told"),
    [("retry-after: 7", 7), ("retry-after: 86400", 60), ("retry-after: -5", 1), ("retry-after-ms: 10", 1)],
)
def test_what_the_upstream_asks_for_is_clamped(proxy: Running, status: int, asked: str, told: int) -> None:
    with Upstream(failure(status, "no", asked)) as upstream, proxy.using(routes(upstream.url, model=ONCE)):
        got = proxy.post(ask())
        assert got.headers["retry-after"] == str(told)
        assert "x-should-retry" not in got.headers


def test_an_empty_account_is_not_worth_waiting_for(proxy: Running) -> None:
    body = json.dumps({"error": {"message": "no money", "code": "insufficient_quota"}})
    with Upstream(reply(429, body)) as upstream, proxy.using(routes(upstream.url)):
        check(proxy.post(ask()), 429, "rate_limit_error", waits=False, again=False, attempts=1)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(
    "play",
    [[RST], [head(), END, KEEP], reply(200, "<html>", "text/html"), reply(200, "{}"), reply(200, "no")],
    ids=["reset", "empty", "page", "no-choices", "no-json"],
)
def test_bad_answers(proxy: Running, play: Play, stream: bool) -> None:
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, model=ONCE)):
        check(proxy.post(ask(stream=stream)), 500, "api_error", waits=False, again=True, attempts=1)


def test_nobody_listens(proxy: Running) -> None:
    with proxy.using(routes(NOWHERE, model='retry = { attempts = 2, backoff = "1ms" }')):
        check(proxy.post(ask()), 500, "api_error", waits=False, again=True, attempts=2)


@pytest.mark.parametrize("play", [[HANG], [head(), part(chunk(role="assistant")), HANG]], ids=["silent", "no-token"])
def test_timeouts(proxy: Running, play: Play) -> None:
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, model='timeouts = { first_token = "50ms" }')):
        check(proxy.post(ask()), 504, "timeout_error", waits=False, again=False, attempts=1)


def test_breaker(proxy: Running) -> None:
    breaker = 'breaker = { failures = 1, open = "1m" }'
    with Upstream(failure(502)) as upstream, proxy.using(routes(upstream.url, model=ONCE, upstream=breaker)):
        check(proxy.post(ask()), 500, "api_error", waits=False, again=True, attempts=1)
        check(proxy.post(ask()), 529, "overloaded_error", waits=True, again=True, attempts=0)


def test_bulkhead(proxy: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.upstream.pool.QUEUE_LENGTH", 0)
    gate = threading.Event()
    plays: Sequence[Play] = [[head(), gate, *sse(chunk("x"), chunk(finish="stop"))[1:]]]
    with (
        Upstream(*plays) as upstream,
        proxy.using(routes(upstream.url, upstream="max_in_flight = 1")),
        proxy.open(ask()) as first,
    ):
        upstream.wait(lambda up: up.requests)
        check(proxy.post(ask()), 529, "overloaded_error", waits=True, again=True, attempts=0)
        gate.set()
        assert Reply(first).text == "x"


def test_retry_budget(proxy: Running) -> None:
    budget = "retry_budget = { ratio = 0.0, min_per_second = 0.0 }"
    with Upstream(failure(502)) as upstream, proxy.using(routes(upstream.url, upstream=budget)):
        check(proxy.post(ask()), 529, "overloaded_error", waits=True, again=True, attempts=1)


def test_the_proxy_itself_is_busy(proxy: Running) -> None:
    gate = threading.Event()
    play: Play = [head(), gate, *sse(chunk("x"), chunk(finish="stop"))[1:]]
    with (
        Upstream(play) as upstream,
        proxy.using(routes(upstream.url, rest="[limits]\nin_flight = 1\n")),
        proxy.open(ask()) as first,
    ):
        upstream.wait(lambda up: up.requests)
        check(proxy.post(ask()), 529, "overloaded_error", waits=True, again=True, attempts=0, upstream="-")
        gate.set()
        assert Reply(first).text == "x"


@pytest.mark.parametrize("body", [b"{", {}, ask(messages=[])], ids=["no-json", "no-fields", "no-messages"])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_requests_that_are_none(proxy: Running, path: str, body: object) -> None:
    with proxy.using(routes(NOWHERE)):
        got = proxy.post(body, path)
        check(got, 400, "invalid_request_error", waits=False, again=False, attempts=0, upstream="-")


def test_a_model_that_is_unknown(proxy: Running) -> None:
    with proxy.using(routes(NOWHERE)):
        got = proxy.post(ask(model="unknown"))
        check(got, 404, "not_found_error", waits=False, again=False, attempts=0, upstream="-")


def test_paths_and_methods_that_are_not_there(proxy: Running) -> None:
    with proxy.using(routes(NOWHERE)):
        for path in ("/v1/batches", "/nothing", "/v1/models/none"):
            check(proxy.get(path), 404, "not_found_error", waits=False, again=False, attempts=0, upstream="-")
        for path in ("/v1/messages", "/v1/messages/count_tokens"):
            check(proxy.get(path), 405, "invalid_request_error", waits=False, again=False, attempts=0, upstream="-")


def test_what_is_no_http_still_gets_an_id(proxy: Running) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client:
        client.sendall(b"nonsense\r\n\r\n")
        got = Reply(client)
    assert got.status == 400
    assert got.json["request_id"] == got.headers["request-id"] != ""


def test_a_key_that_is_unknown(proxy: Running) -> None:
    with proxy.using(routes(NOWHERE, rest='[clients.c]\nkey = "right"\n')):
        for path in ("/v1/messages", "/v1/messages/count_tokens"):
            got = proxy.post(ask(), path, {"x-api-key": "wrong"})
            check(got, 401, "authentication_error", waits=False, again=False, attempts=0, upstream="-")


def test_every_answer_says_who_answered(proxy: Running) -> None:
    with Upstream(sse(chunk("x"), chunk(finish="stop"))) as upstream, proxy.using(routes(upstream.url)):
        revision = proxy.call(lambda: proxy.store.current.revision)
        ids = set()
        for got, model, up, attempts in [
            (proxy.post(ask()), "m", "u0", "1"),
            (proxy.post(ask(stream=False)), "m", "u0", "1"),
            (proxy.post(ask(), "/v1/messages/count_tokens"), "m", "u0", "0"),
            (proxy.get("/v1/models"), "-", "-", "0"),
            (proxy.get("/v1/models/m"), "m", "u0", "0"),
            (proxy.get("/"), "-", "-", "0"),
            (proxy.get("/", method="HEAD"), "-", "-", "0"),
            (proxy.get("/api/hello", method="HEAD"), "-", "-", "0"),
            (proxy.get("/healthz"), "-", "-", "0"),
            (proxy.get("/-/status"), "-", "-", "0"),
        ]:
            assert got.status == 200
            said = [got.headers[name] for name in OWN[1:]]
            assert said == [revision, model, up, attempts]
            ids.add(got.headers["request-id"])
        assert len(ids) == 10


OVERFLOWS: list[tuple[str, Play]] = [
    ("status", failure(400, "This model's maximum context length is 10 tokens. However, you requested 12 tokens")),
    ("inside", reply(200, json.dumps({"error": {"message": "input (12 tokens) is longer than the model's context length (10 tokens)"}}))),
    ("frame", sse(frame({"error": {"code": 400, "message": "prompt is too long: 12 tokens > 10"}}))),
    ("event", [head(), part(b'event: error\ndata: {"message": "request (12 tokens) exceeds the available context size (10 tokens)"}\n\n'), END, KEEP]),
    ("fields", sse(frame({"error": {"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 12, "n_ctx": 10, "message": "?"}}))),
]  # fmt: skip


@pytest.mark.parametrize("play", [play for _, play in OVERFLOWS], ids=[name for name, _ in OVERFLOWS])
def test_overflows_wherever_they_come(proxy: Running, play: Play) -> None:
    with Upstream(play) as upstream, proxy.using(routes(upstream.url)):
        message = check(proxy.post(ask()), 400, "invalid_request_error", waits=False, again=False, attempts=1)
        assert message == "prompt is too long: 12 tokens > 10 maximum"


RULES = """
errors = [
  { status = [400], text = "queue of {n} is full", type = "overloaded_error", message = "{n} are waiting", retry = true },
  { status = [418], type = "rate_limit_error" },
  { text = "licence{_}expired", type = "billing_error", message = "pay", retry = false },
  { text = "window of {m}, got {n}", type = "invalid_request_error", message = "prompt is too long: {n} tokens > {m} maximum" },
]
retry = { attempts = 2, backoff = "1ms" }
"""


def test_declared_rules(proxy: Running) -> None:
    plays = (
        failure(400, "The queue of 12 is full"),
        failure(400, "The queue of 12 is full"),
        failure(418),
        failure(503, "Your LICENCE has\nexpired."),
        failure(400, "window of 8,192, got 9,000"),
        sse(frame({"error": {"message": "window of 8192, got 9000"}})),
    )
    with Upstream(*plays) as upstream, proxy.using(routes(upstream.url, model=RULES)):
        told = [
            check(proxy.post(ask()), 529, "overloaded_error", waits=True, again=True, attempts=2),
            check(proxy.post(ask()), 429, "rate_limit_error", waits=False, again=False, attempts=1),
            check(proxy.post(ask()), 402, "billing_error", waits=False, again=False, attempts=1),
            check(proxy.post(ask()), 400, "invalid_request_error", waits=False, again=False, attempts=1),
            check(proxy.post(ask()), 400, "invalid_request_error", waits=False, again=False, attempts=1),
        ]
        assert told == [
            "12 are waiting",
            "upstream `u0` answered 418: the reason",
            "pay",
            "prompt is too long: 9000 tokens > 8192 maximum",
            "prompt is too long: 9000 tokens > 8192 maximum",
        ]


def test_declared_rules_of_an_upstream_and_a_retry_that_helps(proxy: Running) -> None:
    rule = 'defaults = { errors = [{ text = "try later", type = "overloaded_error", retry = true }] }'
    good = sse(chunk("well"), chunk(finish="stop"))
    with Upstream(failure(400, "Try later!"), good) as upstream, proxy.using(routes(upstream.url, upstream=rule)):
        assert proxy.post(ask()).text == "well"
