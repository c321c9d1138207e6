"""Server-sent events as they stand: a stream cut between its frames, no byte changed."""

from __future__ import annotations

import re

from bridge.core.sse import MAX_FRAME

# Of a CR at the end of what has arrived, only the line end before it tells whether a LF is to come.
_BLANK_LINE = re.compile(rb"\r\n(?:\r\n|\n|\r(?!\n|\Z))|(?:(?<!\r)\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_LONGEST_END = 4


class RawFrames:
    """Whole frames out of a stream's chunks, each with the blank line that ends it.

    Together with ``rest`` they are the bytes that were fed, in order. A frame of more than ``limit``
    bytes sets ``overflow``; from then on there are none. Nothing is ever raised.
    """

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self.overflow = False
        self._limit = limit
        self._tail: list[bytes] = []
        self._size = 0
        self._last = b""

    @property
    def rest(self) -> bytes:
        """What arrived of a frame that has not ended."""
        return b"".join(self._tail)

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that ``data`` completes."""
        if self.overflow:
            return []
        # Nearly all reads are one whole frame.
        if not self._tail and data.find(b"\n\n") == len(data) - 2 and b"\r" not in data and len(data) > 1:
            return [data]
        seen = len(self._last)
        window = self._last + data
        frames: list[bytes] = []
        done = 0
        for blank in _BLANK_LINE.finditer(window):
            begin = max(0, done - seen)
            frames.append(b"".join([*self._tail, data[begin : blank.end() - seen]]))
            self._tail.clear()
            self._size = 0
            done = blank.end()
        self._keep(data[max(0, done - seen) :], window[max(done, len(window) - _LONGEST_END + 1) :])
        return frames

    def _keep(self, piece: bytes, last: bytes) -> None:
        self._last = last
        if piece:
            self._tail.append(piece)
            self._size += len(piece)
            self.overflow = self._size > self._limit
