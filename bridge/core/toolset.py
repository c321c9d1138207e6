"""Tools that come with request after request, and what was worked out of them once for all of these requests."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from bridge.core.conversation import Tool
from bridge.core.jsontext import Written

T = TypeVar("T", bool, str, Written | None)

_MOST = 16
"""Results that a set of tools keeps: there are a few kinds, and of each one per dialect of the routes."""


class Toolset(tuple[Tool, ...]):
    """Tools, equal to the plain tuple of them, that are kept for the next request that declares the same.

    ``results`` is what ``once`` has worked out: ``held`` bytes, and never more than ``room``.
    """

    room: int
    held: int
    results: dict[Hashable, Any]

    def __new__(cls, tools: Iterable[Tool], room: int) -> Toolset:
        made = super().__new__(cls, tools)
        made.room, made.held, made.results = room, 0, {}
        return made


def once(tools: tuple[Tool, ...], work: Callable[..., T], *given: Hashable) -> T:
    """``work(tools, *given)``; of a ``Toolset`` with room for it what that gave before."""
    if not isinstance(tools, Toolset):
        return work(tools, *given)
    results, key = tools.results, (work, given)
    if key in results:
        found: T = results[key]
        return found
    made = work(tools, *given)
    size = 0
    if isinstance(made, str):
        # One wide character makes all of them wide.
        size = len(made) if made.isascii() else 4 * len(made)
    elif isinstance(made, Written):
        size = memoryview(made).nbytes
    # Inlined schemas and prompts can be far longer than what they are made of.
    if size <= tools.room:
        if tools.held + size > tools.room or len(results) >= _MOST:
            results.clear()
            tools.held = 0
        results[key] = made
        tools.held += size
    return made
