"""Calls that count only if nothing but calls follows to the end of the message (rules 12 and 14)."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.core.parsing.sink import Item
from bridge.core.parsing.tables import Mode


@dataclass(slots=True)
class Tentative:
    """Calls read from ``start`` on, in ``modes``; ``native_end`` is where the reasoning field ended.

    ``answer_from`` is where the reasoning was over: calls from there on are calls whatever follows.
    """

    start: int
    modes: tuple[Mode, ...]
    alone: bool
    separators: str
    items: list[Item] = field(default_factory=list)
    native_end: int | None = None
    answer_from: int | None = None

    def harmless(self, text: str) -> int:
        """How many characters at the beginning of ``text`` leave the calls standing."""
        return len(text) - len(text.lstrip(" \t\r\n\f\v" + (self.separators + ",;" if self.alone else "")))
