"""Text on its way into the engine: in bounded pieces, with what is to be read again in front."""

from __future__ import annotations

PIECE = 1024
"""No piece is longer: what copying a piece costs stays bounded, whatever the upstream sends at once."""

_SWITCH = ""


class Intake:
    """A stack of texts. A switch between two of them marks where the reasoning field ended."""

    __slots__ = ("_at", "_stack")

    def __init__(self) -> None:
        self._stack: list[str] = []
        self._at: list[int] = []

    def __len__(self) -> int:
        return len(self._stack)

    def put(self, text: str) -> None:
        """``text`` comes before everything that is here."""
        if text:
            self._stack.append(text)
            self._at.append(0)

    def put_switch(self) -> None:
        """The reasoning field ends before everything that is here."""
        self._stack.append(_SWITCH)
        self._at.append(0)

    @property
    def at_switch(self) -> bool:
        """Whether a switch comes next."""
        return bool(self._stack) and self._stack[-1] == _SWITCH

    def take(self) -> str:
        """The next piece, or the switch; there must be one."""
        text, at = self._stack[-1], self._at[-1]
        if not at and len(text) <= PIECE:
            self._at.pop()
            return self._stack.pop()
        piece = text[at : at + PIECE]
        if at + PIECE < len(text):
            self._at[-1] = at + PIECE
        else:
            self._stack.pop()
            self._at.pop()
        return piece
