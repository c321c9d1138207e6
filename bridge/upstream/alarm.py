"""One timer for all the clocks of a request."""

from __future__ import annotations

import asyncio
from math import inf

_LOOK = 15.0


class Alarm:
    """Cancels the task that made it when the time of its current reason has come.

    Moving it is an assignment: the event loop's timer is only touched when it has to fire
    earlier than it would, and looks every so often where the alarm stands now. After a
    CancelledError ``caught`` tells whether the alarm was the cause.
    """

    __slots__ = ("_at", "_fired", "_handle", "_loop", "_reason", "_task", "_when")

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task
        self._loop = task.get_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._when = inf
        self._at = inf
        self._reason = ""
        self._fired = False

    def set(self, at: float, reason: str) -> None:
        """Fire at ``at`` (the loop's clock), for ``reason``; it replaces the time set before."""
        self._at = at
        self._reason = reason
        if at < self._when:
            if self._handle is not None:
                self._handle.cancel()
            self._arm(at)

    def off(self) -> None:
        """Fire no more, until it is set again."""
        self._at = inf

    def close(self) -> None:
        self._at = inf
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def caught(self) -> str:
        """The reason, if the CancelledError just caught is the alarm's alone; else empty. Asked once."""
        if not self._fired:
            return ""
        self._fired = False
        return self._reason if self._task.uncancel() == 0 else ""

    def _arm(self, at: float) -> None:
        # Not far ahead: an alarm that goes from minutes to seconds finds a timer that is early enough.
        self._when = min(at, self._loop.time() + _LOOK)
        self._handle = self._loop.call_at(self._when, self._ring)

    def _ring(self) -> None:
        self._handle = None
        self._when = inf
        if self._at == inf:
            return
        if self._at > self._loop.time() + 0.001:
            self._arm(self._at)
            return
        self._at = inf
        self._fired = True
        self._task.cancel()
