"""Stop sequences, enforced on what the client sees.

Upstreams take only so many of them, ignore them, or do not say which one it was.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence

from bridge.core.events import Event, Fault, TextDelta
from bridge.errors import RequestError

MOST = 65_536
"""Characters that all sequences of a request may have together."""


class StopCutter:
    """Cuts a text before the first of ``sequences`` in it, however the text is split into pieces.

    First is what ends first; of those that end together, the longest. What could be the beginning of one
    is held back, and nothing else is. Every character is looked at once (Aho-Corasick).
    """

    def __init__(self, sequences: Sequence[str]) -> None:
        self.matched: str | None = None
        self._next: list[dict[str, int]] = [{}]
        self._fail = [0]
        self._depth = [0]
        self._ends: list[str | None] = [None]
        for sequence in sequences:
            self._add(sequence)
        self._link()
        self._first = re.compile("[" + "".join(map(re.escape, self._next[0])) + "]")
        self._state = 0
        self._held = ""

    def feed(self, text: str) -> str:
        """What of the text so far is certain to come before any sequence. Nothing, once one was found."""
        if self.matched is not None:
            return ""
        state, position = self._state, 0
        while position < len(text):
            if not state:
                start = self._first.search(text, position)
                if start is None:
                    break
                position = start.start()
            state = self._step(state, text[position])
            position += 1
            if (found := self._ends[state]) is not None:
                self.matched = found
                whole = self._held + text[:position]
                self._held = ""
                return whole[: len(whole) - len(found)]
        whole = self._held + text
        safe = len(whole) - self._depth[state]
        self._state, self._held = state, whole[safe:]
        return whole[:safe]

    def end(self) -> str:
        """What was held back: the text is over, and what follows is another one."""
        held, self._held, self._state = self._held, "", 0
        return held

    def _add(self, sequence: str) -> None:
        state = 0
        for char in sequence:
            after = self._next[state].get(char)
            if after is None:
                after = len(self._next)
                self._next[state][char] = after
                self._next.append({})
                self._fail.append(0)
                self._depth.append(self._depth[state] + 1)
                self._ends.append(None)
            state = after
        self._ends[state] = sequence

    def _link(self) -> None:
        """Where to go on when a beginning turns out not to be one: its longest end that is another beginning."""
        queue = deque(self._next[0].values())
        while queue:
            state = queue.popleft()
            for char, after in self._next[state].items():
                self._fail[after] = self._step(self._fail[state], char)
                if self._ends[after] is None:
                    self._ends[after] = self._ends[self._fail[after]]
                queue.append(after)

    def _step(self, state: int, char: str) -> int:
        while state and char not in self._next[state]:
            state = self._fail[state]
        return self._next[state].get(char, 0)


class StopGate:
    """Passes events on to ``show`` up to the first stop sequence in the text, and nothing behind it.

    ``matched`` is that sequence. Blocks of text are texts of their own: no sequence begins in one and
    ends in another, and none is looked for in reasoning or in the arguments of calls.
    """

    def __init__(self, sequences: Sequence[str], show: Callable[[Event], None]) -> None:
        self._cutter = StopCutter(sequences)
        self._show = show

    @property
    def matched(self) -> str | None:
        return self._cutter.matched

    def __call__(self, event: Event) -> None:
        if self._cutter.matched is not None:
            return
        if isinstance(event, TextDelta):
            if text := self._cutter.feed(event.text):
                self._show(TextDelta(text))
        else:
            self.flush()
            self._show(event)

    def flush(self) -> None:
        """The text is over: show what was held back of it."""
        if text := self._cutter.end():
            self._show(TextDelta(text))


def check_sequences(sequences: Sequence[str]) -> None:
    """Raises RequestError for more than can be looked for at a reasonable price."""
    if sequences and sum(map(len, sequences)) > MOST:
        message = f"stop_sequences: more than {MOST} characters in all are not supported"
        raise RequestError(Fault("invalid_request", message))
