"""Ways to cut a text or bytes into chunks.

A streaming case is right only if it gives the same result for all of them:
whole, one unit at a time, cut in two at every point, and cut at random.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TypeVar

S = TypeVar("S", str, bytes)


def whole(data: S) -> list[S]:
    """One chunk, or none if there is nothing."""
    return [data] if data else []


def bytewise(data: S) -> list[S]:
    """One byte (of bytes) or one character (of text) per chunk."""
    return [data[i : i + 1] for i in range(len(data))]


def every_split(data: S) -> Iterator[list[S]]:
    """Two chunks, cut at every point inside; ``data`` of length n gives n - 1 chunkings."""
    for cut in range(1, len(data)):
        yield [data[:cut], data[cut:]]


def seeded_splits(data: S, count: int = 20, seed: int = 0) -> Iterator[list[S]]:
    """``count`` chunkings with random cuts, the same ones on every run. No chunk is empty."""
    rng = random.Random(seed)
    for _ in range(count):
        cuts = sorted(rng.sample(range(1, len(data)), rng.randint(0, min(len(data) - 1, 12)))) if data else []
        yield [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


def chunkings(data: S) -> Iterator[list[S]]:
    """All of the above."""
    yield whole(data)
    yield bytewise(data)
    yield from every_split(data)
    yield from seeded_splits(data)
