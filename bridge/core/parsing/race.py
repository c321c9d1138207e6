"""Several ways of reading one span, in step: the first to be certain wins (rule 10)."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.core.parsing.attempt import Attempt, State


class RawLog:
    """The characters of the message from ``start`` on, kept while they may still turn out to be text."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._parts: list[str] = []

    def append(self, text: str) -> None:
        """More characters have come."""
        if text:
            self._parts.append(text)

    def slice(self, start: int, end: int | None = None) -> str:
        """The characters from ``start`` to ``end``, positions in the message."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        whole = self._parts[0] if self._parts else ""
        return whole[start - self._start : None if end is None else end - self._start]

    def cut(self, end: int) -> str:
        """Takes the characters from ``end`` on away, to be read again."""
        taken = self.slice(end)
        kept = self.slice(self._start, end)
        self._parts = [kept] if kept else []
        return taken

    def trim(self, start: int) -> None:
        """Nothing before ``start`` will be asked for."""
        while self._parts and self._start + len(self._parts[0]) <= start:
            self._start += len(self._parts.pop(0))


class Race:
    """The attempts at the span that begins at ``start``.

    ``owner`` is the one that won; from then on only it reads. Which one wins depends on
    the position at which it was certain, then on the order of the files.
    """

    def __init__(self, attempts: Sequence[Attempt], start: int) -> None:
        self.start = start
        self.attempts = attempts
        self.owner: Attempt | None = None

    def push(self, text: str, eof: bool, cut: bool) -> None:
        """Reads on, in every attempt."""
        if self.owner is not None:
            self.owner.push(text, eof, cut)
            return
        winner: Attempt | None = None
        for attempt in self.attempts:
            attempt.push(text, eof, cut)
            won_at = attempt.sink.won_at
            if won_at is not None and (winner is None or won_at < (winner.sink.won_at or 0)):
                winner = attempt
        self.owner = winner

    @property
    def over(self) -> bool:
        """Whether nothing is being read any more."""
        if self.owner is not None:
            return self.owner.state is not State.READING
        return all(attempt.state is not State.READING for attempt in self.attempts)

    def ended(self) -> Attempt | None:
        """Without a winner: the attempt that read the span to its end all the same (an empty section,
        or calls to tools that nobody declared)."""
        return next((attempt for attempt in self.attempts if attempt.state is State.DONE), None)

    def cut_off(self) -> bool:
        """Whether the end of the message came where a call to a declared tool was still possible."""
        return any(
            attempt.state is State.CUT
            and not attempt.sink.named_unknown
            and (attempt.sink.named or not attempt.call.pattern.alone)
            for attempt in self.attempts
        )

    @property
    def read_to(self) -> int:
        """How far the attempts have read."""
        return max(attempt.cursor.pos for attempt in self.attempts)
