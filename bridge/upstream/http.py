"""Requests to upstreams, and what went wrong with them, in the words of the rest of the program.

A ``Client`` is the pool of connections to one origin (an ``Identity``). It lives as long as
anything leases it, and closes when the last lease is given back. It follows no redirects, keeps
no cookies, reads no environment, and never queues: how many calls run at once is limited before.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from bridge import __version__
from bridge.core.events import Fault
from bridge.core.parsing.spec import ParserSpec
from bridge.errors import UpstreamError
from bridge.upstream.demo import demo_answer
from bridge.upstream.http1.connecting import HandshakeFailed, UnknownHost, UntrustedCertificate, tls_context
from bridge.upstream.http1.reply import StaleConnection
from bridge.upstream.http1.transport import Received, Sent, Transport, request_head

_INFLATED_AT_ONCE = 2**20
_HEADS = 64


@dataclass(frozen=True, slots=True)
class Identity:
    """What decides which connections can be shared."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, base_url: str) -> Identity:
        parts = urlsplit(base_url)
        return cls(parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


class Client:
    """Calls to one origin, or to an in-process ``transport``."""

    def __init__(self, identity: Identity | None, transport: DemoTransport | None = None) -> None:
        self.transport: Transport | DemoTransport
        if transport is not None:
            self.transport = transport
        else:
            assert identity is not None
            # Kept for less time than servers usually do, so that a connection is rarely used as it closes.
            tls, keep = (tls_context(), 30.0) if identity.scheme == "https" else (None, 4.0)
            self.transport = Transport(identity.host, identity.port, tls, keep)
        self.identity = identity
        self.leases = 0
        self.closed = False

    async def aclose(self) -> None:
        self.closed = True
        await self.transport.aclose()


class _DemoBody(httpx.AsyncByteStream):
    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            yield chunk


class DemoTransport(httpx.AsyncBaseTransport):
    """The built-in demo upstream, behind the interface of any other one."""

    def __init__(self, parsers: Mapping[str, ParserSpec]) -> None:
        self._parsers = parsers

    async def handle_async_request(self, request: httpx.Request) -> Received:
        answer = demo_answer(request.method, request.url.path, await request.aread(), self._parsers)
        fields = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        return Received(answer.status, fields, _DemoBody(answer.chunks))


class Endpoint:
    """One replica of an upstream: how requests to it look, each kind of them put together once."""

    __slots__ = ("_fields", "_heads", "_name", "base_url", "client", "in_flight")

    def __init__(self, client: Client, name: str, base_url: str) -> None:
        self.client = client
        self.in_flight = 0
        self._name = name
        self.base_url = base_url.rstrip("/")
        self._fields = {"accept-encoding": "identity", "user-agent": f"toolbridge/{__version__}"}
        self._heads: dict[object, _Head] = {}

    def at_root(self) -> Endpoint:
        """The same server above ``/v1``, where some have more to offer."""
        return Endpoint(self.client, self._name, self.base_url.removesuffix("/v1"))

    async def send(
        self, path: str, headers: Mapping[str, str], body: bytes, connect: float, method: str = "POST"
    ) -> Answer:
        """Send to ``path`` under the base URL and wait for the head of the answer; the caller closes it.

        Raises UpstreamError. ``connect`` limits the time until a connection is there.
        """
        key = (method, path, connect, *headers.items())
        head = self._heads.get(key)
        free = True
        while True:
            try:
                if head is None:
                    head = self._head(key, method, path, headers, connect)
                request = httpx.Request(
                    method, head.url, headers=head.headers, stream=Sent(body), extensions=head.extensions
                )
                response = await self.client.transport.handle_async_request(request)
            except (httpx.TransportError, httpx.InvalidURL) as problem:
                # An idle connection that was closed as it was used: the upstream never saw the request.
                if free and isinstance(problem, StaleConnection):
                    free = False
                    continue
                raise UpstreamError(_fault(self._name, problem, before_head=True)) from problem
            return Answer(self._name, response)

    def _head(self, key: object, method: str, path: str, headers: Mapping[str, str], connect: float) -> _Head:
        if len(self._heads) >= _HEADS:
            self._heads.clear()
        head = self._heads[key] = _Head(method, self.base_url + path, {**self._fields, **headers}, connect)
        return head


class _Head:
    """The head of requests that look the same, for httpx and in bytes."""

    __slots__ = ("extensions", "headers", "url")

    def __init__(self, method: str, url: str, fields: dict[str, str], connect: float) -> None:
        above, _, query = url.partition("?")
        try:
            self.headers = httpx.Headers(fields, encoding="latin-1")
            asked = query.encode("latin-1")
        except UnicodeEncodeError:
            raise httpx.LocalProtocolError("a header or the query holds a character beyond Latin-1") from None
        place = httpx.URL(above)
        # A query is the client's own, and keeps its spelling.
        target = place.raw_path + b"?" + asked if asked else place.raw_path
        self.extensions = {
            "head": request_head(method, place, self.headers, target),
            "timeout": {"connect": connect},
        }
        self.url = httpx.URL(url)


class Answer:
    """The head of an answer, and its body piece by piece."""

    __slots__ = ("_inflate", "_name", "_pieces", "headers", "status")

    def __init__(self, name: str, response: Received) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = {
            name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.fields
        }
        self._name = name
        self._pieces: AsyncIterator[bytes] = response.stream.__aiter__()  # type: ignore[union-attr]
        self._inflate: Any = None
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        if encoding in ("gzip", "x-gzip", "deflate"):
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
        elif encoding not in ("", "identity"):
            self._inflate = _Unknown(encoding)

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    async def read(self) -> bytes:
        """The next piece of the body, decoded; empty at its end. Raises UpstreamError."""
        inflate = self._inflate
        try:
            if inflate is None:
                return await self._pieces.__anext__()
            while True:
                data = inflate.unconsumed_tail or await anext(self._pieces, b"")
                if not data:
                    if rest := inflate.flush():
                        return bytes(rest)
                    if not inflate.eof:
                        raise zlib.error("cut short")
                    return b""
                if piece := inflate.decompress(data, _INFLATED_AT_ONCE):
                    return bytes(piece)
        except StopAsyncIteration:
            return b""
        except (httpx.TransportError, OSError, zlib.error) as problem:
            raise UpstreamError(_fault(self._name, problem, before_head=False)) from problem

    async def read_all(self, limit: int) -> bytes:
        """The rest of the body, cut at ``limit`` bytes."""
        pieces: list[bytes] = []
        size = 0
        while size < limit and (piece := await self.read()):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)[:limit]

    async def aclose(self) -> None:
        """Free the connection: for another request if the body was read to its end, else by closing it."""
        await self._pieces.aclose()  # type: ignore[attr-defined]


class _Unknown:
    """Stands where a decoder would: an encoding that was not asked for and that nobody here reads."""

    unconsumed_tail = b""
    eof = True

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding

    def flush(self) -> bytes:
        return b""

    def decompress(self, data: bytes, limit: int) -> bytes:
        raise zlib.error(f"content-encoding {self._encoding!r:.40} was not asked for")


def _fault(name: str, problem: Exception, *, before_head: bool) -> Fault:
    """What went wrong, from the transport's exception."""
    match problem:
        case zlib.error():
            return Fault("api", f"upstream `{name}` sent a body that cannot be decoded: {problem}", "transient")
        case UnknownHost():
            return Fault("api", f"upstream `{name}`: its host name cannot be resolved", "safe")
        case UntrustedCertificate():
            return Fault("api", f"upstream `{name}`: its TLS certificate cannot be verified")
        case HandshakeFailed():
            return Fault("api", f"upstream `{name}`: the TLS handshake failed")
        case httpx.ConnectTimeout():
            return Fault("timeout", f"upstream `{name}` did not accept a connection in time", "safe")
        case httpx.ConnectError():
            return Fault("api", f"upstream `{name}` cannot be reached: connection refused or no route", "safe")
        case httpx.InvalidURL():
            return Fault("api", f"upstream `{name}`: its base_url cannot be called")
        case httpx.LocalProtocolError():
            return Fault("api", f"upstream `{name}` cannot be asked so: {problem}")
    if not before_head:
        return Fault("api", f"upstream `{name}` closed the connection in the middle of its answer", "ambiguous")
    match problem:
        case httpx.RemoteProtocolError():
            return Fault("api", f"upstream `{name}` sent an answer that is not HTTP", "ambiguous")
        case StaleConnection():
            return Fault("api", f"upstream `{name}` closed an idle connection as it was used", "safe")
    return Fault("api", f"upstream `{name}` closed the connection without an answer", "ambiguous")
