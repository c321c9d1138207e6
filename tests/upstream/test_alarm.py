from __future__ import annotations

import asyncio
from math import inf

from bridge.upstream.alarm import Alarm, Alarms


def alarm_here() -> Alarm:
    task = asyncio.current_task()
    assert task is not None
    return Alarms().alarm(task)


def test_it_cancels_the_task_and_says_why() -> None:
    async def run() -> str:
        alarm = alarm_here()
        alarm.set(asyncio.get_running_loop().time() + 0.01, "why")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return alarm.caught()
        return ""

    assert asyncio.run(run()) == "why"


def test_it_can_be_moved_later_and_earlier_and_off() -> None:
    async def run() -> list[str]:
        alarm, loop, reasons = alarm_here(), asyncio.get_running_loop(), []
        begin = loop.time()
        alarm.set(begin + 0.01, "early")
        alarm.set(begin + 0.04, "late")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert loop.time() >= begin + 0.039
            reasons.append(alarm.caught())
        alarm.set(loop.time() + 3600, "late")
        alarm.set(loop.time() + 0.01, "early")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            reasons.append(alarm.caught())
        alarm.set(loop.time() + 0.01, "never")
        alarm.off()
        await asyncio.sleep(0.03)
        alarm.set(loop.time() + 0.01, "never")
        alarm.close()
        await asyncio.sleep(0.03)
        return reasons

    assert asyncio.run(run()) == ["late", "early"]


def test_a_cancellation_from_elsewhere_wins() -> None:
    async def run() -> str:
        alarm = alarm_here()
        task = asyncio.current_task()
        assert task is not None
        now = asyncio.get_running_loop().time()
        alarm.set(now, "why")
        asyncio.get_running_loop().call_soon(task.cancel)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return alarm.caught()
        return "not cancelled"

    assert asyncio.run(run()) == ""


def test_nothing_was_caught_without_it() -> None:
    async def run() -> str:
        return alarm_here().caught()

    assert asyncio.run(run()) == ""


def test_alarms_share_one_timer() -> None:
    async def sleeper(alarms: Alarms, seconds: float, rung: list[float]) -> None:
        task = asyncio.current_task()
        assert task is not None
        alarm = alarms.alarm(task)
        alarm.set(asyncio.get_running_loop().time() + seconds, "why")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert alarm.caught() == "why"
            rung.append(seconds)
        finally:
            alarm.close()

    async def run() -> tuple[list[float], float, float]:
        alarms, rung = Alarms(), list[float]()
        await asyncio.gather(*(sleeper(alarms, seconds, rung) for seconds in (0.03, 0.01, 0.02, 0.01)))
        nothing_left = alarms.due
        closed = alarms.alarm(asyncio.ensure_future(asyncio.sleep(0)))
        closed.set(asyncio.get_running_loop().time() + 0.01, "never")
        closed.close()
        await asyncio.sleep(0.03)
        return rung, nothing_left, alarms.due

    assert asyncio.run(run()) == ([0.01, 0.01, 0.02, 0.03], inf, inf)
