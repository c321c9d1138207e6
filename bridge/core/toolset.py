"""Tools that come with request after request, and what was worked out of them once for all of these requests."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from bridge.core.conversation import Tool

T = TypeVar("T")

_MOST = 16
"""Results that a set of tools keeps: there are a few kinds, and of each one per dialect of the routes."""


class Toolset(tuple[Tool, ...]):
    """Tools, equal to the plain tuple of them, that are kept for the next request that declares the same."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._results: dict[Hashable, Any] = {}

    def once(self, work: Callable[..., T], *given: Hashable) -> T:
        """See ``once``."""
        key = work, given
        results = self._results
        if key not in results:
            if len(results) >= _MOST:
                results.clear()
            results[key] = work(self, *given)
        found: T = results[key]
        return found


def once(tools: tuple[Tool, ...], work: Callable[..., T], *given: Hashable) -> T:
    """``work(tools, *given)``; of a ``Toolset`` what that gave the first time. Nobody changes it."""
    return tools.once(work, *given) if isinstance(tools, Toolset) else work(tools, *given)
