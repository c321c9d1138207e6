"""A reader that waits: the input of one attempt at reading a call.

The readers of this package are generators. They look at ``cursor.text`` from
``cursor.i`` on, advance ``cursor.i`` past what they have dealt with, and ``yield``
when they cannot decide. What they decide depends on characters only, never on
where the text was split: that is how every split gives the same events.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
Reading = Generator[None, None, T]
"""A reader that ends with a ``T``; it raises ``Malformed`` or ``CutOff``."""

_SPACE = re.compile(r"\s*")


class Malformed(Exception):
    """What was read is not what the grammar allows: it was never a call. The message says what was wrong."""


class CutOff(Exception):
    """The message ended in the middle of something that was right so far."""


class Cursor:
    """``text[i:]`` is unread; ``base`` is the position of ``text[0]`` in the message.

    ``eof``: no more text comes. ``cut``: because the message was cut off, not because it ended.
    """

    __slots__ = ("base", "cut", "eof", "i", "text")

    def __init__(self, base: int, text: str = "", eof: bool = False) -> None:
        self.base = base
        self.text = text
        self.i = 0
        self.eof = eof
        self.cut = False

    @property
    def pos(self) -> int:
        """The position of the next unread character in the message."""
        return self.base + self.i

    def push(self, text: str, eof: bool, cut: bool) -> None:
        """More text has come; what was dealt with is forgotten."""
        self.base += self.i
        self.text = self.text[self.i :] + text
        self.i = 0
        self.eof = eof
        self.cut = cut

    def unread(self, text: str) -> None:
        """Takes back ``text``, which was the last that was dealt with."""
        self.base = self.pos - len(text)
        self.text = text + self.text[self.i :]
        self.i = 0

    def wait(self) -> Reading[None]:
        """Waits for more text; at the end of the message there is none."""
        if self.eof:
            raise CutOff
        yield

    def peek(self) -> Reading[str]:
        """The next character, not consumed; "" at the end of the message."""
        while self.i >= len(self.text):
            if self.eof:
                return ""
            yield
        return self.text[self.i]

    def skip_space(self) -> Reading[str]:
        """The next character that is not white space, not consumed; "" at the end."""
        while True:
            found = _SPACE.match(self.text, self.i)
            if found:
                self.i = found.end()
            if self.i < len(self.text):
                return self.text[self.i]
            if self.eof:
                return ""
            yield

    def need(self) -> Reading[str]:
        """Like ``skip_space``; the end of the message is a ``CutOff``."""
        char = yield from self.skip_space()
        if not char:
            raise CutOff
        return char
