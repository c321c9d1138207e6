"""One timer for all the clocks of all requests."""

from __future__ import annotations

import asyncio
from math import inf


class Alarms:
    """The alarms of one event loop. Its timer fires when the first of them is due, as far as was known when it was
    set: an alarm that was moved later or switched off is only looked at then.
    """

    __slots__ = ("_alarms", "_handle", "_loop", "due")

    def __init__(self) -> None:
        self.due = inf
        self._alarms: set[Alarm] = set()
        self._handle: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def alarm(self, task: asyncio.Task[None]) -> Alarm:
        """An alarm for ``task``, of the running event loop. It is to be closed."""
        self._loop = self._loop or task.get_loop()
        alarm = Alarm(self, task)
        self._alarms.add(alarm)
        return alarm

    def sooner(self, at: float) -> None:
        """Look at the alarms at ``at``, which is earlier than ``due``."""
        assert self._loop is not None
        if self._handle is not None:
            self._handle.cancel()
        self.due = at
        self._handle = self._loop.call_at(at, self._look)

    def forget(self, alarm: Alarm) -> None:
        self._alarms.discard(alarm)

    def _look(self) -> None:
        assert self._loop is not None
        self._handle = None
        self.due = inf
        now = self._loop.time() + 0.001
        for alarm in self._alarms:
            if alarm.at <= now:
                alarm.ring()
        if (at := min((alarm.at for alarm in self._alarms), default=inf)) < inf:
            self.sooner(at)


class Alarm:
    """Cancels its task when the time of its current reason has come.

    Moving it is an assignment: the event loop's timer is only touched when it has to fire
    earlier than it would. After a CancelledError ``caught`` tells whether the alarm was the cause.
    """

    __slots__ = ("_alarms", "_fired", "_reason", "_task", "at")

    def __init__(self, alarms: Alarms, task: asyncio.Task[None]) -> None:
        self.at = inf
        self._alarms = alarms
        self._task = task
        self._reason = ""
        self._fired = False

    def set(self, at: float, reason: str) -> None:
        """Fire at ``at`` (the loop's clock), for ``reason``; it replaces the time set before."""
        self.at = at
        self._reason = reason
        if at < self._alarms.due:
            self._alarms.sooner(at)

    def off(self) -> None:
        """Fire no more, until it is set again."""
        self.at = inf

    def close(self) -> None:
        self.at = inf
        self._alarms.forget(self)

    def ring(self) -> None:
        """Its time has come."""
        self.at = inf
        self._fired = True
        self._task.cancel()

    def caught(self) -> str:
        """The reason, if the CancelledError just caught is the alarm's alone; else empty. Asked once."""
        if not self._fired:
            return ""
        self._fired = False
        return self._reason if self._task.uncancel() == 0 else ""
