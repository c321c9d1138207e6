"""HTTP/1.1 to one origin, behind httpx's interface of a transport: the connections, and requests in bytes.

It sends what it is given and gives what it gets: no redirects, cookies, proxies or decompression, no second try,
and no queue: a request for which no connection is idle opens one. Of a request's timeouts only ``connect`` is kept.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from functools import cached_property

import httpx

from bridge.upstream.http1.connecting import Lookup, connect
from bridge.upstream.http1.connection import Connection

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_TARGET = re.compile(rb"[\x21-\x7e]+")
_OURS = (b"content-length", b"transfer-encoding")


class Sent(httpx.ByteStream):
    """A request's body, whole."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class Received(httpx.Response):
    """An answer. Its ``headers`` are put together when somebody asks; ``fields`` are what they are made of."""

    def __init__(self, status: int, fields: list[tuple[bytes, bytes]], stream: httpx.AsyncByteStream) -> None:
        super().__init__(status, stream=stream)
        self.fields = fields
        del self.headers

    @cached_property
    def headers(self) -> httpx.Headers:  # type: ignore[override]
        return httpx.Headers(self.fields)


def request_head(method: str, url: httpx.URL, headers: httpx.Headers, target: bytes | None = None) -> bytes:
    """The head of a request in bytes, without the length of its body. ``target`` is what to ask for, if it is not
    what the URL says.

    Raises httpx.LocalProtocolError for what HTTP cannot carry; its text repeats no value.
    """
    # Of other methods the answers are framed differently.
    if method not in ("GET", "POST"):
        raise httpx.LocalProtocolError(f"the method {method!r:.20} is not spoken here")
    target = url.raw_path if target is None else target
    if not _TARGET.fullmatch(target):
        raise httpx.LocalProtocolError("the path or query holds a blank, a control character or one beyond ASCII")
    fields = [field for field in headers.raw if field[0].lower() not in _OURS]
    if "host" not in headers:
        fields.insert(0, (b"host", url.netloc))
    for name, value in fields:
        if not _NAME.fullmatch(name):
            raise httpx.LocalProtocolError(f"{name!r:.80} is not a header name")
        if not _VALUE.fullmatch(value):
            raise httpx.LocalProtocolError(f"the value of {name.decode()} holds a line break or a control character")
    lines = b"".join(b"%b: %b\r\n" % field for field in fields)
    return b"%b %b HTTP/1.1\r\n%b" % (method.encode(), target, lines)


class Transport(httpx.AsyncBaseTransport):
    """The connections to one origin. Idle ones are kept for ``keep`` seconds, the one used last serves first.

    A request's extension ``head``, if there is one, is its ``request_head``, made before. Raises httpx.TransportError
    and httpx.InvalidURL; a ``StaleConnection`` says that the upstream never saw the request. The answer's stream is to
    be closed; before its end, that drops the connection at once.
    """

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, keep: float) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._keep = keep
        self._lookup = Lookup()
        self._idle: list[Connection] = []  # in the order of their last use
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> Received:
        extensions = request.extensions
        head = extensions.get("head") or request_head(request.method, request.url, request.headers)
        stream = request.stream
        body = stream.data if isinstance(stream, Sent) else await request.aread()
        if body or request.method != "GET":
            head = b"%bcontent-length: %d\r\n\r\n" % (head, len(body))
        else:
            head += b"\r\n"
        idle = self._idle
        connection = idle.pop() if idle else await self._connect(extensions.get("timeout", {}).get("connect"))
        reply = connection.ask(head, body)
        try:
            await reply.head()
        except BaseException:
            await reply.aclose()
            raise
        return Received(reply.status, reply.fields, reply)

    async def aclose(self) -> None:
        """Close what is idle; what is in use is closed when its answer is over."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in self._idle:
            connection.abort()
        self._idle.clear()
        # The event loop closes a socket in its next round.
        await asyncio.sleep(0)

    async def _connect(self, seconds: float | None) -> Connection:
        loop = asyncio.get_running_loop()
        return await connect(
            lambda: Connection(loop, self._keep_idle, self._forget),
            self._host,
            self._port,
            self._tls,
            seconds,
            self._lookup,
        )

    def _keep_idle(self, connection: Connection) -> None:
        if self._closed:
            connection.abort()
            return
        connection.since = connection.loop.time()
        self._idle.append(connection)
        if self._timer is None:
            self._timer = connection.loop.call_later(self._keep, self._expire)

    def _forget(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)

    def _expire(self) -> None:
        """Close what has been idle for too long, and come back when the next one has."""
        idle = self._idle
        loop = asyncio.get_running_loop()
        limit = loop.time() - self._keep
        while idle and idle[0].since <= limit:
            idle.pop(0).abort()
        self._timer = loop.call_at(idle[0].since + self._keep, self._expire) if idle else None
