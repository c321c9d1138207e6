"""Bytes as choices: the first few of an input say how, the rest says what."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
S = TypeVar("S", str, bytes)

HEAD = 8


class Choices:
    """The first ``HEAD`` bytes, drawn one by one; what is missing is 0. ``rest`` is the payload."""

    def __init__(self, data: bytes) -> None:
        self._head = list(data[:HEAD].ljust(HEAD, b"\0"))
        self.rest = data[HEAD:]

    def byte(self) -> int:
        return self._head.pop(0)

    def pick(self, items: Sequence[T]) -> T:
        return items[self.byte() % len(items)]

    def pieces(self, text: S) -> list[S]:
        """``text`` cut at random places, the same ones for the same byte."""
        rng = random.Random(self.byte())
        longest = rng.choice((2, 5, 20, 200))
        found, at = [], 0
        while at < len(text):
            size = rng.randint(1, longest)
            found.append(text[at : at + size])
            at += size
        return found
