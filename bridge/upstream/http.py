"""The HTTP client: the only module that imports one.

A ``Client`` is the pool of connections to one origin (an ``Identity``). It lives as long as
anything leases it, and closes when the last lease is given back. It follows no redirects, keeps
no cookies, reads no environment, and never queues: how many calls run at once is limited before.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from yarl import URL

from bridge import __version__
from bridge.core.events import Fault
from bridge.core.parsing.spec import ParserSpec
from bridge.errors import UpstreamError
from bridge.upstream.demo import demo_answer

_INFLATED_AT_ONCE = 2**20
_SENT_AT_ONCE = 2**20
_HEADS = 64
_BODIES = "bridge_bodies"

_reused: ContextVar[bool] = ContextVar("reused", default=False)


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


class _Bodies:
    """The body that a connection carries now; it ends when the connection does."""

    __slots__ = ("current",)

    def __init__(self) -> None:
        self.current: aiohttp.StreamReader | None = None

    def end(self, closed: asyncio.Future[None]) -> None:
        if not closed.cancelled():
            closed.exception()
        body = self.current
        # After a malformed chunk the client library closes the connection and leaves the reader waiting.
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("malformed body"))


class _Connector(aiohttp.TCPConnector):
    """Tells the caller whether the connection had served before: only then is its death innocent."""

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        connection = await super().connect(*args, **kwargs)
        protocol = connection.protocol
        reused = hasattr(protocol, _BODIES)
        if not reused and protocol is not None and (closed := protocol.closed) is not None:
            bodies = _Bodies()
            setattr(protocol, _BODIES, bodies)
            closed.add_done_callback(bodies.end)
        _reused.set(reused)
        return connection


class _Response(aiohttp.ClientResponse):
    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        bodies = getattr(connection.protocol, _BODIES, None)
        await super().start(connection)
        if bodies is not None:
            bodies.current = self.content
        return self


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """One for the process: building it blocks for tens of milliseconds. Trusts the system's CAs too."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def _open_session(identity: Identity) -> aiohttp.ClientSession:
    secure = identity.scheme == "https"
    connector = _Connector(
        limit=0,
        ssl=_tls() if secure else False,
        # Shorter than the usual keep-alive of servers, so that a connection is rarely reused as it closes.
        keepalive_timeout=30.0 if secure else 4.0,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        response_class=_Response,
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    )


class _Sent(httpx.ByteStream):
    """A request's body, whole."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class _Body(httpx.AsyncByteStream):
    """The body of an answer: each piece is all that has arrived."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self._content = answer.content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        data = await self._content.readany()
        if not data:
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        self._answer.release()
        await self._answer.wait_for_close()


class _Transport(AiohttpTransport):
    """Takes addresses, fields and timeouts as aiohttp wants them, ready-made: see ``Endpoint``."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(self.client, aiohttp.ClientSession)
        assert isinstance(request.stream, _Sent)
        ready = request.extensions
        answer = await self.client.request(
            request.method,
            ready["url"],
            headers=ready["fields"],
            data=_payload(request.stream.data),
            allow_redirects=False,
            timeout=ready["timeout"],
        )
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=_Body(answer))


def _payload(data: bytes) -> bytes | BytesIO | None:
    """A body as aiohttp wants it: a large one piece by piece, so that the event loop is not held up."""
    return BytesIO(data) if len(data) > _SENT_AT_ONCE else data or None


class Client:
    """Calls to one origin, or to an in-process ``transport``. Made inside a running event loop."""

    def __init__(self, identity: Identity | None, transport: httpx.AsyncBaseTransport | None = None) -> None:
        if transport is None:
            assert identity is not None
            secure = identity.scheme == "https"
            # Without `verify` a context would be built for each transport; the session's own is used.
            transport = _Transport(verify=_tls() if secure else False, client=_open_session(identity))
        self.identity = identity
        self.leases = 0
        self.closed = False
        self.transport = transport

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

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = demo_answer(request.method, request.url.path, await request.aread(), self._parsers)
        headers = list(answer.headers.items())
        return httpx.Response(answer.status, headers=headers, stream=_DemoBody(answer.chunks))


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
        key = (path, connect, *headers.items())
        head = self._heads.get(key)
        if head is None:
            if len(self._heads) >= _HEADS:
                self._heads.clear()
            head = self._heads[key] = _Head(self.base_url + path, {**self._fields, **headers}, connect)
        request = httpx.Request(method, head.url, headers=head.headers, stream=_Sent(body), extensions=head.extensions)
        free = True
        while True:
            _reused.set(False)
            try:
                response = await self.client.transport.handle_async_request(request)
            except (aiohttp.ClientError, OSError, ValueError) as problem:
                fault = _fault(self._name, problem, before_head=True)
                # An idle connection that was closed as it was used: the upstream never saw the request.
                if free and fault.retry == "safe" and _reused.get():
                    free = False
                    continue
                raise UpstreamError(fault) from problem
            return Answer(self._name, response)


class _Head:
    """The head of requests that look the same, for httpx and for the transport beneath it."""

    __slots__ = ("extensions", "headers", "url")

    def __init__(self, url: str, fields: dict[str, str], connect: float) -> None:
        self.url = httpx.URL(url)
        self.headers = httpx.Headers(fields)
        self.extensions = {
            "url": _spelled(url),
            "fields": fields,
            "timeout": aiohttp.ClientTimeout(connect=connect, sock_connect=connect),
        }


def _spelled(url: str) -> URL:
    """A URL whose query, a client's own, keeps its spelling."""
    before, mark, query = url.partition("?")
    return URL(f"{URL(before)}{mark}{query}", encoded=True)


class Answer:
    """The head of an answer, and its body piece by piece."""

    __slots__ = ("_inflate", "_name", "_pieces", "_response", "headers", "status")

    def __init__(self, name: str, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = {
            name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers.raw
        }
        self._name = name
        self._response = response
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
        except (aiohttp.ClientError, OSError, zlib.error) as problem:
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
    """What went wrong, from the client library's exception."""
    match problem:
        case zlib.error():
            return Fault("api", f"upstream `{name}` sent a body that cannot be decoded: {problem}", "transient")
        case aiohttp.ClientConnectorDNSError():
            return Fault("api", f"upstream `{name}`: its host name cannot be resolved", "safe")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ServerFingerprintMismatch():
            return Fault("api", f"upstream `{name}`: its TLS certificate cannot be verified")
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return Fault("api", f"upstream `{name}`: the TLS handshake failed")
        case aiohttp.ConnectionTimeoutError() | asyncio.TimeoutError():
            return Fault("timeout", f"upstream `{name}` did not accept a connection in time", "safe")
        case aiohttp.ClientConnectorError():
            return Fault("api", f"upstream `{name}` cannot be reached: connection refused or no route", "safe")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return Fault("api", f"upstream `{name}`: its base_url cannot be called")
        case aiohttp.ClientResponseError():
            return Fault("api", f"upstream `{name}` sent an answer that is not HTTP", "ambiguous")
    if not before_head:
        return Fault("api", f"upstream `{name}` closed the connection in the middle of its answer", "ambiguous")
    if _reused.get():
        return Fault("api", f"upstream `{name}` closed an idle connection as it was used", "safe")
    return Fault("api", f"upstream `{name}` closed the connection without an answer", "ambiguous")
