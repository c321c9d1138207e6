from __future__ import annotations

import struct
from base64 import b64encode

import pytest

from bridge.core.media import LARGEST_IMAGE, UNKNOWN_IMAGE, document_tokens, image_size, image_tokens


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height) + b"\x08\x02" + b"\0" * 20


def jpeg(width: int, height: int, before: int = 0) -> bytes:
    exif = b"\xff\xe1" + struct.pack(">H", before + 2) + b"\0" * before
    frame = b"\xff\xff\xc2" + struct.pack(">HBHH", 17, 8, height, width) + b"\0" * 10
    return b"\xff\xd8" + exif + frame


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0" * 20


def webp(kind: bytes, rest: bytes) -> bytes:
    return b"RIFF\0\0\0\0WEBP" + kind + b"\0\0\0\0" + rest + b"\0" * 20


def bits(width: int, height: int) -> bytes:
    return b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14)


PICTURES = [
    png(640, 480),
    gif(640, 480),
    jpeg(640, 480),
    jpeg(640, 480, before=30_000),
    webp(b"VP8X", b"\0\0\0\0" + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")),
    webp(b"VP8L", bits(640, 480)),
    webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480)),
]


@pytest.mark.parametrize("picture", PICTURES)
def test_the_size_is_read_from_the_head(picture: bytes) -> None:
    assert image_size(b64encode(picture).decode()) == (640, 480)
    assert image_tokens(b64encode(picture).decode()) == 640 * 480 // 750


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_cut_anywhere_has_a_price(picture: bytes) -> None:
    data = b64encode(picture).decode()
    for end in range(min(len(data), 80)):
        assert 1 <= image_tokens(data[:end]) <= LARGEST_IMAGE


def test_large_and_tiny_pictures() -> None:
    assert image_tokens(b64encode(png(8_000, 8_000)).decode()) == LARGEST_IMAGE
    assert image_tokens(b64encode(png(1, 1)).decode()) == 1


@pytest.mark.parametrize("data", ["", "A", "!!!!", "AAAA", "é" * 50, b64encode(png(0, 5)).decode(), "=" * 40])
def test_what_is_no_picture_counts_as_a_usual_one(data: str) -> None:
    assert image_tokens(data) == UNKNOWN_IMAGE


def test_documents_count_by_length() -> None:
    assert document_tokens("A" * 1_000) == 3_000
    assert document_tokens("A" * 2_700_000) == 100_000
