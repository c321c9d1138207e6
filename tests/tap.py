"""Listens in between a client and a server, without a change: what did the client really say?

with Tap(proxy.url) as tap:
    ... point a client at tap.url ...
assert tap.sent.count(b"POST ") == tap.received.count(b"HTTP/1.1 200")
"""

from __future__ import annotations

import asyncio
import threading
from urllib.parse import urlsplit


class Tap:
    """Every connection is passed on to ``url``; ``sent`` and ``received`` hold all bytes, connection by connection."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._target = target.hostname, target.port
        self._bytes: list[tuple[bytearray, bytearray]] = []
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._pass_on, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def sent(self) -> bytes:
        return b"\n".join(bytes(sent) for sent, _ in self._bytes)

    @property
    def received(self) -> bytes:
        return b"\n".join(bytes(received) for _, received in self._bytes)

    def __enter__(self) -> Tap:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.run_until_complete(self._close())
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent, received = bytearray(), bytearray()
        self._bytes.append((sent, received))
        there, back = await asyncio.open_connection(*self._target)
        await asyncio.gather(_copy(reader, back, sent), _copy(there, writer, received))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, kept: bytearray) -> None:
    try:
        while data := await source.read(2**16):
            kept += data
            sink.write(data)
            await sink.drain()
    except ConnectionError:
        pass
    finally:
        sink.close()
