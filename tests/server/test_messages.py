"""Requests that never reach an upstream, and who may make them."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from inprocess import Reply, Running, ask, routes
from scripted import HANG, Upstream, answer, completion, reply

DEEP = b'{"model":"m","max_tokens":1,"messages":' + b"[" * 2000 + b"]" * 2000 + b"}"
KEYS = """
[clients.laptop]
key = "laptop-key"
models = ["m", "other-*"]
limits = { requests = "3/hour", concurrent = 1 }
[clients.server]
key = { sha256 = "6d0d58c4f8e43cb6f7d1a33a36bf0f3d0e4a1a9a3a1d1d8a9bd3d6c1c9a8d7e0" }
"""


def error_of(got: Reply) -> tuple[int, str]:
    assert got.json["type"] == "error"
    assert got.json["request_id"] == got.headers["request-id"]
    return got.status, got.json["error"]["type"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"model": "\xff"}',
        b'{"model": "m", "max_tokens": NaN}',
        b'{"model": "m", "max_tokens": 1' + b"0" * 5000 + b', "messages": []}',
        DEEP,
        b"{}",
        b'{"model": "m"}',
        b'{"model": "m", "max_tokens": 1, "messages": "x"}',
        b'{"model": 7, "max_tokens": 1, "messages": []}',
    ],
)
def test_what_is_not_a_request_is_a_400(shared: Running, body: bytes) -> None:
    with shared.using(routes("http://127.0.0.1:1")) as server:
        assert error_of(server.post(body)) == (400, "invalid_request_error")
        assert error_of(server.post(body, "/v1/messages/count_tokens"))[0] == 400


def test_an_unknown_model_is_a_404(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1")) as server:
        got = server.post(ask(model="nobody"))
        assert error_of(got) == (404, "not_found_error")
        assert "nobody" in got.json["error"]["message"]


@pytest.mark.parametrize("name", ["a\r\nx-evil: 1", "a\nb", "a\x00b", "é" * 300])
def test_a_model_name_cannot_break_out(shared: Running, name: str) -> None:
    rest = '[models."*"]\nupstream = "u0"\nmodel = "x"\nparsers = []\n'
    with Upstream(answer("hi")) as upstream, shared.using(routes(upstream.url, rest=rest)) as server:
        got = server.post(ask(model=name))
        assert "x-evil" not in got.headers
        assert got.status in (200, 400)
        if got.status == 200:
            assert got.events[0][1]["message"]["model"] == name
            assert got.names[-1] == "message_stop"


def test_large_bodies(shared: Running) -> None:
    rest = '[limits]\nrequest_body = "10KB"\n'
    with shared.using(routes("http://127.0.0.1:1", rest=rest)) as server:
        assert error_of(server.post(ask("x" * 20_000))) == (413, "request_too_large")
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n{")
            assert error_of(Reply(client)) == (413, "request_too_large")
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
            client.sendall((b"1000\r\n" + b" " * 0x1000 + b"\r\n") * 3)
            assert error_of(Reply(client)) == (413, "request_too_large")


def test_compressed_bodies_are_refused(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1")) as server:
        got = server.post(b"x", headers={"content-encoding": "gzip"})
        assert error_of(got) == (415, "invalid_request_error")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods(shared: Running, method: str) -> None:
    with shared.using(routes("http://127.0.0.1:1")) as server:
        got = server.get("/v1/messages", method=method)
        assert error_of(got) == (405, "invalid_request_error")
        assert got.headers["allow"] == "POST"


def test_the_query_does_not_matter(shared: Running) -> None:
    with Upstream(answer("hi")) as upstream, shared.using(routes(upstream.url)) as server:
        assert server.post(ask(), "/v1/messages?beta=true").text == "hi"


def test_a_client_that_leaves_before_its_body_is_there(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1")) as server:
        before = server.state.records.requests
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
            server.wait(lambda: server.state.load.in_flight)
        server.wait(lambda: server.state.records.requests > before)
        assert server.state.records.recent[-1].outcome == "client_gone"


def test_more_requests_than_are_allowed_in_flight(shared: Running) -> None:
    rest = "[limits]\nin_flight = 1\n"
    with (
        Upstream([HANG]) as upstream,
        shared.using(routes(upstream.url, rest=rest)) as server,
        server.open(ask()),
    ):
        upstream.wait(lambda upstream: upstream.requests)
        got = server.post(ask())
        assert error_of(got) == (529, "overloaded_error")
        assert got.headers["retry-after"] == "2"


def test_clients_need_their_key(tmp_path: Path) -> None:
    with (
        Upstream(reply(200, completion("hi"))) as upstream,
        Running(routes(upstream.url, rest=KEYS), tmp_path) as server,
    ):
        request = ask(stream=False)
        assert error_of(server.post(request)) == (401, "authentication_error")
        assert error_of(server.post(request, headers={"x-api-key": "wrong"})) == (401, "authentication_error")
        assert server.get("/v1/models").status == 401
        key = {"x-api-key": "laptop-key"}
        assert error_of(server.post(ask(model="f1"), headers=key)) == (403, "permission_error")
        assert server.post(request, headers=key).status == 200
        assert server.post(request, headers={"authorization": "Bearer laptop-key"}).status == 200
        refused = server.post(request, headers=key)
        assert error_of(refused) == (429, "rate_limit_error")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert [model["id"] for model in server.get("/v1/models", key).json["data"]] == ["m"]
        assert all(b"laptop" not in json.dumps(request.headers).encode() for request in upstream.requests)
        assert server.state.records.recent[-1].client == "laptop"


def test_an_upstream_without_its_key_is_the_operators_fault(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1", upstream='api_key = "${NO_SUCH_VARIABLE}"\n')) as server:
        got = server.post(ask())
        assert error_of(got) == (403, "permission_error")
        assert "NO_SUCH_VARIABLE" in got.json["error"]["message"]


def test_dropped_fields_are_named(shared: Running) -> None:
    with Upstream(answer("hi")) as upstream, shared.using(routes(upstream.url)) as server:
        got = server.post(ask(mcp_servers=[], metadata={"user_id": "u", "other": 1}))
        assert got.status == 200
        assert "metadata.other" in got.headers["x-bridge-warnings"]
