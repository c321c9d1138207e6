"""How many tokens pictures and documents are, from the first bytes of their base64 text."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error

UNKNOWN_IMAGE = 1_500
LARGEST_IMAGE = 1_600
"""Larger pictures are made smaller before a model sees them."""
_PIXELS_PER_TOKEN = 750

DOCUMENT = 3_000
# A page of a PDF is some 50 KB and 2,500 tokens.
_BASE64_CHARS_PER_TOKEN = 27

_HEAD = 32
_JPEG_HEAD = 64 * 2**10
_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def image_tokens(data: str) -> int:
    """Of a picture in base64, by its size; a usual picture's where that is not to be seen. ``data`` may be empty."""
    size = image_size(data)
    if size is None:
        return UNKNOWN_IMAGE
    width, height = size
    return max(1, min(LARGEST_IMAGE, width * height // _PIXELS_PER_TOKEN))


def document_tokens(data: str) -> int:
    """Of a PDF in base64, by its length."""
    return max(DOCUMENT, len(data) // _BASE64_CHARS_PER_TOKEN)


def image_size(data: str) -> tuple[int, int] | None:
    """Width and height of a PNG, GIF, WebP or JPEG in base64; None if its head does not say."""
    head = _decoded(data, _HEAD)
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR":
        size = _big(head[16:20]), _big(head[20:24])
    elif head.startswith((b"GIF87a", b"GIF89a")):
        size = _little(head[6:8]), _little(head[8:10])
    elif head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        size = _webp(head)
    elif head.startswith(b"\xff\xd8\xff"):
        size = _jpeg(_decoded(data, _JPEG_HEAD))
    else:
        return None
    return size if all(size) else None


def _decoded(data: str, size: int) -> bytes:
    """The first bytes; none if it is not base64."""
    piece = data[: (size + 2) // 3 * 4]
    try:
        return b64decode(piece + "=" * (-len(piece) % 4))
    except (Error, ValueError):
        return b""


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _webp(head: bytes) -> tuple[int, int]:
    match head[12:16]:
        case b"VP8X":
            return _little(head[24:27]) + 1, _little(head[27:30]) + 1
        case b"VP8L" if head[20:21] == b"\x2f":
            bits = _little(head[21:25])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 " if head[23:26] == b"\x9d\x01\x2a":
            return _little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF
    return 0, 0


def _jpeg(head: bytes) -> tuple[int, int]:
    """From the frame header, behind segments that tell of other things."""
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        kind = head[at + 1]
        if kind == 0xFF:
            at += 1
        elif kind in _JPEG_SIZES:
            return _big(head[at + 7 : at + 9]), _big(head[at + 5 : at + 7])
        else:
            at += 2 + max(2, _big(head[at + 2 : at + 4]))
    return 0, 0
