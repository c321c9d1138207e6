"""The connection itself: what is not HTTP, what is too slow, what is too large."""

from __future__ import annotations

import contextlib
import socket

import pytest
from inprocess import Reply, Running, routes

from bridge.server.protocol import Protocol


def connect(server: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nbad header: x\r\n\r\n",
    ],
    ids=["nonsense", "length-and-chunked", "two-lengths", "xchunked", "bad-name"],
)
def test_what_is_not_http_is_a_400_and_the_end(shared: Running, head: bytes) -> None:
    with connect(shared) as client:
        client.sendall(head + b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        got = Reply(client)
        assert got.status == 400
        assert got.json["error"]["type"] == "invalid_request_error"
        assert client.recv(1) == b""


def test_pipelined_requests_are_answered_in_order(shared: Running) -> None:
    with connect(shared) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /nope HTTP/1.1\r\nhost: x\r\n\r\n")
        received = b""
        while b"not_found_error" not in received:
            received += client.recv(65536)
        assert received.index(b'"ok"') < received.index(b"not_found_error")


def test_a_head_that_is_too_large(shared: Running) -> None:
    with connect(shared) as client:
        client.sendall(b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000)
        assert Reply(client).status == 431


@pytest.mark.parametrize(
    "data", [b"", b"GET / HTTP/1.1\r\nx: ", b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{"],
    ids=["silence", "head", "body"],
)  # fmt: skip
def test_the_slow_are_dropped(shared: Running, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(Protocol, "head_timeout", 0.05)
    monkeypatch.setattr(Protocol, "body_timeout", 0.05)
    with connect(shared) as client:
        client.sendall(data)
        # What was sent and not read makes the end a reset.
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    shared.wait(lambda: not shared.state.load.in_flight)


def test_a_steady_upload_may_take_its_time(shared: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "body_timeout", 0.05)
    with shared.using(routes("http://127.0.0.1:1")), connect(shared) as client:
        client.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000\r\n\r\n")
        for _ in range(1000):
            client.sendall(b" " * 10_000)
        assert Reply(client).status == 400


def test_events_are_not_held_back_for_more(shared: Running) -> None:
    with connect(shared) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert Reply(client).status == 200
        connections = shared.server.server_state.connections
        sockets = shared.call(lambda: [one.transport.get_extra_info("socket") for one in connections])
        assert sockets
        assert all(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for sock in sockets)
