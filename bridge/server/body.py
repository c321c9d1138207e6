"""Reading a request's body: bounded, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.core import jsontext
from bridge.core.events import Fault
from bridge.errors import RequestError
from bridge.server.respond import Receive


class ClientGone(Exception):
    """The client left before it had sent its request."""


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """The bytes of the body. Raises RequestError for one that is too large or compressed, or ClientGone."""
    if b"content-encoding" in headers and headers[b"content-encoding"].lower() not in (b"", b"identity"):
        raise RequestError(Fault("invalid_request", "a compressed request body is not supported", status=415))
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body"):
            return b"".join([*pieces, piece]) if pieces else piece
        pieces.append(piece)


def parse_json(data: bytes) -> Any:
    """The JSON value. Raises RequestError for what is not JSON in UTF-8."""
    try:
        if not data.isascii():
            data.decode()
        return jsontext.loads(data)
    except ValueError as problem:
        what = "not UTF-8" if isinstance(problem, UnicodeDecodeError) else str(problem)
        raise RequestError(Fault("invalid_request", f"the request body is not JSON: {what[:200]}")) from None


def _too_large(limit: int) -> RequestError:
    return RequestError(Fault("too_large", f"the request body is larger than {limit} bytes (limits.request_body)"))
