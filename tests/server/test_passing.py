"""``count_tokens`` for models of Anthropic upstreams."""

from __future__ import annotations

import json
import socket

import messagesapi
import pytest
from inprocess import Reply, Running, ask, routes
from messagesapi import error_body, refusal
from scripted import HANG, RST, Play, Upstream, reply

UP = 'protocol = "anthropic"\napi_key = "up-key"\n'
COUNT = b'{"input_tokens" : 2095}'
COUNTED = reply(200, COUNT, "application/json", *messagesapi.HEADERS)
PATH = "/v1/messages/count_tokens"
RAW = b'{ "model":"m" , "thread":{"id":1.0}, "messages":[] }'


def test_the_upstreams_own_count(shared: Running) -> None:
    with Upstream(COUNTED) as upstream, shared.using(routes(upstream.url, upstream=UP)) as server:
        got = server.post(RAW, PATH + "?beta=true", {"x-api-key": "client-key"})
        assert (got.status, got.body) == (200, COUNT)
        assert got.headers["content-type"] == "application/json"
        assert got.headers["request-id"] == "req_upstream"
        assert got.headers["x-bridge-upstream"] == "u0"
        assert "set-cookie" not in got.headers
        (request,) = upstream.requests
        assert request.path == "/v1/messages/count_tokens?beta=true"
        assert request.body == RAW.replace(b'"m"', b'"real-m"')
        assert request.headers["x-api-key"] == "up-key"


def test_an_estimate_where_the_route_wants_one(shared: Running) -> None:
    with (
        Upstream(COUNTED) as upstream,
        shared.using(routes(upstream.url, upstream=UP, model='count_tokens = "estimate"\n')) as server,
    ):
        assert 0 < server.post(ask(), PATH).json["input_tokens"] < 30
        assert upstream.requests == []


@pytest.mark.parametrize("play", [[RST], refusal(404, "not_found_error"), refusal(529, "overloaded_error")])
def test_an_upstream_that_cannot_count(shared: Running, play: Play) -> None:
    with Upstream(play) as upstream, shared.using(routes(upstream.url, upstream=UP)) as server:
        assert 0 < server.post(ask(), PATH).json["input_tokens"] < 30
        with server.using(routes(upstream.url, upstream=UP, model='count_tokens = "upstream"\n')):
            assert server.post(ask(), PATH).json["type"] == "error"


def test_errors(shared: Running) -> None:
    plays = [refusal(400, "invalid_request_error"), refusal(401, "authentication_error")]
    with Upstream(*plays) as upstream, shared.using(routes(upstream.url, upstream=UP)) as server:
        got = server.post(ask(), PATH)
        assert (got.status, got.body) == (400, error_body("invalid_request_error"))
        got = server.post(ask(), PATH)
        assert (got.status, got.json["error"]["type"]) == (403, "permission_error")
        assert "upstreams.u0.api_key" in got.json["error"]["message"]


def test_a_client_that_leaves(shared: Running) -> None:
    with Upstream([HANG]) as upstream, shared.using(routes(upstream.url, upstream=UP)) as server:
        body = json.dumps(ask()).encode()
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % (PATH.encode(), len(body)))
            client.sendall(body)
            upstream.wait(lambda upstream: upstream.requests)
        upstream.wait(lambda upstream: upstream.open == 0)
        bulkhead = server.state.pools.standings["u0"].bulkhead
        server.wait(lambda: bulkhead.in_flight == 0)


def test_a_connection_serves_another_request_after_a_count(shared: Running) -> None:
    head = b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % (PATH.encode(), len(RAW))
    with (
        Upstream(COUNTED) as upstream,
        shared.using(routes(upstream.url, upstream=UP)) as server,
        socket.create_connection(("127.0.0.1", server.port)) as client,
    ):
        for _ in range(2):
            client.sendall(head + RAW)
            assert Reply(client).body == COUNT
