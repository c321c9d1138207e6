"""Server-sent events, the bytes: chunks of a body in, frames out."""

from __future__ import annotations

from bridge.core.jsontext import Record

MAX_FRAME = 4 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_LF = 0x0A


class Frame(Record, frozen=True, gc=False):
    """One event of the stream: its data lines joined by LF, and its name if it has one."""

    data: bytes
    event: bytes = b""


class FrameDecoder:
    """Splits a stream into frames, the same ones for every way of cutting the stream.

    Lines end with LF, CRLF or CR and with nothing else. Comments, unknown fields
    and frames without data are skipped. A frame of more than ``limit`` bytes
    sets ``overflow``; from then on there are no frames. Nothing is ever raised.
    """

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self.overflow = False
        self._limit = limit
        self._tail: list[bytes] = []
        self._tail_size = 0
        self._lines: list[bytes] = []
        self._size = 0
        self._event = b""
        self._first_line = True
        self._between_frames = False
        self._after_cr = False
        self._frames: list[Frame] = []

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes."""
        # Nearly all reads are one whole frame of one line.
        if (
            self._between_frames
            and data[:6] == b"data: "
            and data.find(b"\n") == len(data) - 2
            and data[-1] == _LF
            and b"\r" not in data
            and len(data) <= self._limit
        ):
            return [Frame(data[6:-2])]
        if self.overflow or not data:
            return []
        if self._after_cr or b"\r" in data:
            data = self._without_cr(data)
        if self._tail:
            if b"\n" not in data:
                return self._keep(data)
            self._tail.append(data)
            data = b"".join(self._tail)
            self._tail.clear()
            self._tail_size = 0
        if self._first_line and data[:1] != _BOM[:1]:
            self._first_line = False
        if not (self._lines or self._event or self._first_line) and len(data) <= self._limit:
            data = self._whole_frames(data)
        if data:
            lines = data.split(b"\n")
            for line in lines[:-1]:
                self._line(line)
            self._keep(lines[-1])
        self._between_frames = not (
            self.overflow or self._tail or self._lines or self._event or self._first_line or self._after_cr
        )
        return self._take()

    def flush(self) -> list[Frame]:
        """The frame that the end of the stream completes: its blank line may be missing."""
        if self.overflow:
            return []
        if self._tail:
            self._line(b"".join(self._tail))
            self._tail.clear()
        self._line(b"")
        return self._take()

    def _without_cr(self, data: bytes) -> bytes:
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            if not data:
                self._after_cr = False
                return data
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _keep(self, piece: bytes) -> list[Frame]:
        """Put the beginning of a line aside; pieces are joined once, when its end is there."""
        if piece:
            self._tail.append(piece)
            self._tail_size += len(piece)
            if self._size + self._tail_size > self._limit:
                self.overflow = True
            self._between_frames = False
        return []

    def _whole_frames(self, data: bytes) -> bytes:
        """The usual case, quickly: frames of one data line each. Returns what follows the last of them."""
        end = data.rfind(b"\n\n")
        if end < 0:
            return data
        frames = self._frames
        for block in data[:end].split(b"\n\n"):
            if block[:6] == b"data: " and b"\n" not in block:
                frames.append(Frame(block[6:]))
            else:
                for line in block.split(b"\n"):
                    self._line(line)
                self._line(b"")
        return data[end + 2 :]

    def _line(self, line: bytes) -> None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            self._dispatch()
            return
        if self.overflow or self._size + len(line) > self._limit:
            self.overflow = True
            return
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            self._lines.append(value)
            self._size += len(line)
        elif name == b"event":
            self._event = value
        elif name == b"error":
            # Not a field of the standard, but how some servers send a failure.
            self._event = b"error"
            self._lines.append(value)
            self._size += len(line)

    def _dispatch(self) -> None:
        if self._lines and not self.overflow:
            self._frames.append(Frame(b"\n".join(self._lines), self._event))
        self._lines.clear()
        self._size = 0
        self._event = b""

    def _take(self) -> list[Frame]:
        frames = self._frames
        if frames:
            self._frames = []
        return frames
