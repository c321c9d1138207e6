from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from bridge.errors import RequestError
from bridge.server.body import ClientGone, parse_json, read_body


def read(*messages: Mapping[str, Any], limit: int = 100, headers: Mapping[bytes, bytes] | None = None) -> Any:
    waiting = [dict(message) for message in messages]

    async def receive() -> Any:
        return waiting.pop(0)

    return parse_json(asyncio.run(read_body(headers or {}, receive, limit)))


def piece(body: bytes, more: bool = False) -> dict[str, object]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_one_piece_or_many() -> None:
    assert read(piece(b'{"a": 1}')) == {"a": 1}
    assert read(piece(b'{"a"', True), piece(b": 1", True), piece(b"}")) == {"a": 1}


def test_too_large_is_noticed_as_early_as_possible() -> None:
    for messages, headers in (
        ((), {b"content-length": b"101"}),
        ((piece(b" " * 101, True),), {}),
        ((piece(b" " * 60, True), piece(b" " * 60, True)), {b"content-length": b"nonsense"}),
    ):
        with pytest.raises(RequestError) as caught:
            read(*messages, headers=headers)
        assert caught.value.fault.kind == "too_large"


def test_a_client_that_leaves() -> None:
    with pytest.raises(ClientGone):
        read(piece(b"{", True), {"type": "http.disconnect"})
    with pytest.raises(ClientGone):
        read({"type": "http.disconnect"})


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'"\xff"', b"NaN", b"[" * 3000, b"1" * 5000 + b"x"])
def test_not_json(data: bytes) -> None:
    with pytest.raises(RequestError, match="not JSON") as caught:
        parse_json(data)
    assert caught.value.fault.kind == "invalid_request"
    assert len(caught.value.fault.message) < 300
