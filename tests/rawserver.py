"""A server in the test's own event loop whose connections a coroutine of the test handles, plain or with TLS.

``localhost.pem`` beside the tests of the upstreams is a key and a certificate for ``localhost`` and 127.0.0.1, signed
by itself, which no system trusts; ``trusting()`` is a client's context that does.
"""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

PEM = Path(__file__).parent / "upstream" / "http1" / "localhost.pem"

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test on a loop of its own, for 40 s at most, and have what it left open warn."""

    async def limited() -> None:
        async with asyncio.timeout(40):
            await test

    asyncio.run(limited())
    gc.collect()


def serving_context(alpn: str = "http/1.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    context.set_alpn_protocols([alpn])
    return context


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(PEM))
    context.set_alpn_protocols(["http/1.1"])
    return context


class Served:
    """The server: its ``port``, and how many connections it has had (``total``) and has (``open``)."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.total = 0
        self.open = 0
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def note(self, *, opened: bool) -> None:
        self.total += opened
        self.open += 1 if opened else -1
        self._changed.set()

    async def wait(self, predicate: Callable[[Served], bool]) -> None:
        async with asyncio.timeout(10):
            while not predicate(self):
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def serving(handle: Handle, tls: ssl.SSLContext | None = None) -> AsyncIterator[Served]:
    """``handle`` has each connection; it is over when ``handle`` returns or the other side is gone."""
    tasks = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        served.note(opened=True)
        try:
            # Cancelled is what it is at the end of the test: the streams of asyncio would log that as an error.
            with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
                await handle(reader, writer)
        finally:
            writer.transport.abort()
            served.note(opened=False)
            tasks.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    served = Served(server.sockets[0].getsockname()[1])
    try:
        yield served
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of the next request. Raises IncompleteReadError when there is none."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
    return head, await reader.readexactly(int(length.partition(b":")[2]))
