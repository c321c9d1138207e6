from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bridge.core.anthropic.errors import error_response
from bridge.core.events import Fault
from bridge.server.respond import header, own_headers, send_fault, send_whole


@pytest.mark.parametrize(
    ("value", "sent"),
    [("plain", b"plain"), ("a\r\nb: c", b"a??b: c"), ("é\0", b"??"), ("x" * 5000, b"x" * 1000), ("", b"")],
)
def test_a_header_stays_in_its_line(value: str, sent: bytes) -> None:
    assert header("x-name", value) == (b"x-name", sent)


def test_whole_answers() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(send_whole(send, 200, [(b"a", b"b")], b"{}"))
    assert asyncio.run(send_fault(send, Fault("overloaded", "busy"), "req_1", error_response)) == 529
    assert sent[0]["status"] == 200
    assert (b"content-length", b"2") in sent[0]["headers"]
    assert (b"a", b"b") in sent[0]["headers"]
    assert sent[1] == {"type": "http.response.body", "body": b"{}", "more_body": False}
    assert (b"request-id", b"req_1") in sent[2]["headers"]
    assert b'"req_1"' in sent[3]["body"]


def test_own_headers_are_always_all_there() -> None:
    assert own_headers("abc", "m", "u", 2) == (
        (b"x-bridge-revision", b"abc"),
        (b"x-bridge-model", b"m"),
        (b"x-bridge-upstream", b"u"),
        (b"x-bridge-attempts", b"2"),
    )
    assert dict(own_headers("abc"))[b"x-bridge-model"] == b"-"
