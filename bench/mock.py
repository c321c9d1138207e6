"""The upstream of the benchmark, in a process of its own: ``python -m bench.mock PORT``.

The first part of the path says how it answers. It does as little as it can, so that it is not what is measured.
"""

from __future__ import annotations

import asyncio
import gc
import re
import sys

from bench import payloads

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

_WHOLE = payloads.whole_answer()
_BEFORE, _AFTER = payloads.stamped_chunk()
_BURST = payloads.burst_chunk()
_END = payloads.stream_end()


class Connection(asyncio.Protocol):
    """One connection of a client; requests come one after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        head = buffer.find(b"\r\n\r\n")
        length = _LENGTH.search(buffer, 0, head) if head >= 0 else None
        if length is None or len(buffer) < head + 4 + int(length[1]):
            self._buffer = buffer
            return
        self._buffer = b""
        if buffer.startswith(b"POST /whole/"):
            self._transport.write(_WHOLE)
        elif buffer.startswith(b"POST /paced/"):
            self._transport.write(payloads.STREAM_HEAD)
            self._pace(payloads.PACED_CHUNKS, self._loop.time())
        else:
            self._transport.write(payloads.STREAM_HEAD)
            for _ in range(payloads.BURST_CHUNKS):
                self._transport.write(_BURST)
            self._transport.write(_END)

    def _pace(self, left: int, due: float) -> None:
        if self._transport.is_closing():
            return
        if not left:
            self._transport.write(_END)
            return
        self._transport.write(b"%b%017.6f%b" % (_BEFORE, self._loop.time(), _AFTER))
        due += payloads.PACED_EVERY
        self._loop.call_at(due, self._pace, left - 1, due)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=1024)
    gc.freeze()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
