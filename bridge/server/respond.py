"""Whole answers, as ASGI messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import lru_cache
from typing import Any

from bridge.core.events import Fault

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]
ErrorWriter = Callable[[Fault, str], tuple[int, dict[str, str], bytes]]
"""A fault and the request's id -> status, headers and body of the answer."""

_LONGEST_VALUE = 1000


def header(name: str, value: str) -> Header:
    """A header whose value cannot break out of its line, whatever it holds."""
    text = value if value.isascii() and value.isprintable() else _plain(value)
    return name.encode(), text[:_LONGEST_VALUE].encode()


def _plain(value: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in value)


@lru_cache(maxsize=256)
def own_headers(revision: str, model: str = "", upstream: str = "", attempts: int = 0) -> tuple[Header, ...]:
    """What every answer says about this proxy's part in it; "-" where there is none."""
    return (
        (b"x-bridge-revision", revision.encode()),
        header("x-bridge-model", model or "-"),
        header("x-bridge-upstream", upstream or "-"),
        (b"x-bridge-attempts", str(attempts).encode()),
    )


async def send_whole(send: Send, status: int, headers: Iterable[Header], body: bytes) -> None:
    """Send a complete answer."""
    fields = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def send_fault(
    send: Send, fault: Fault, request_id: str, write: ErrorWriter, headers: Iterable[Header] = ()
) -> int:
    """Send a fault as an error answer, worded by ``write``; the status that it got."""
    status, fields, body = write(fault, request_id)
    own = [header(name, value) for name, value in fields.items()]
    await send_whole(send, status, [*own, *headers], body)
    return status
