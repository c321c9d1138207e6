"""Which route answers for a model id: exact id, else the glob with more literal characters.

Ids are compared as they are, case included. A glob may hold ``*``, ``?`` and ``[...]``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fnmatch import translate
from functools import lru_cache

from bridge.core.route import Route

_MEMO = 1024
_LONGEST_ID = 256
_TOKEN = re.compile(r"\[!?\]?[^\]]*\]|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A route that would answer, and the id or glob by which it does."""

    key: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Decision:
    """``route`` is None when no model matches. ``reason`` is a sentence; ``candidates`` are best first."""

    route: Route | None
    reason: str
    candidates: tuple[Candidate, ...] = ()


def is_glob(pattern: str) -> bool:
    return any(char in pattern for char in "*?[")


def literal_count(pattern: str) -> int:
    """How many characters of ``pattern`` stand for themselves."""
    return sum(len(token) == 1 and token not in "*?" for token in _TOKEN.findall(pattern))


def globs_overlap(one: str, other: str) -> bool:
    """Whether some id matches both; character sets count as any character."""
    (head, tail), (other_head, other_tail) = _ends(one), _ends(other)
    if not (head.startswith(other_head) or other_head.startswith(head)):
        return False
    if not (tail.endswith(other_tail) or other_tail.endswith(tail)):
        return False
    return _overlap(_TOKEN.findall(one), _TOKEN.findall(other))


@lru_cache(_MEMO)
def _ends(pattern: str) -> tuple[str, str]:
    """The literal text before the first wildcard and after the last one."""
    parts = re.split(r"[*?\[\]]", pattern)
    return parts[0], parts[-1]


def _overlap(one: list[str], other: list[str]) -> bool:
    reached = [[False] * (len(other) + 1) for _ in range(len(one) + 1)]
    reached[0][0] = True
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            if not reached[i][j]:
                if i and one[i - 1] == "*":
                    reached[i][j] |= reached[i - 1][j] or (j > 0 and reached[i][j - 1])
                if j and other[j - 1] == "*":
                    reached[i][j] |= reached[i][j - 1] or (i > 0 and reached[i - 1][j])
                if i and j and _same(one[i - 1], other[j - 1]):
                    reached[i][j] |= reached[i - 1][j - 1]
    return reached[-1][-1]


def _same(one: str, other: str) -> bool:
    wild = len(one) > 1 or len(other) > 1 or "?" in (one, other)
    return "*" not in (one, other) and (wild or one == other)


@dataclass(frozen=True, slots=True)
class _Glob:
    pattern: str
    literals: int
    matches: Callable[[str], object]
    route: Route


class Router:
    """Decides for any id; built once per snapshot, cheap per request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[str, Route] = {}
        globs = []
        for route in routes:
            for pattern in (route.key, *route.match):
                if is_glob(pattern):
                    matches = re.compile(translate(pattern)).match
                    globs.append(_Glob(pattern, literal_count(pattern), matches, route))
                else:
                    self._exact.setdefault(pattern, route)
        self._globs = sorted(globs, key=lambda glob: (-glob.literals, glob.pattern))
        self._memo = lru_cache(_MEMO)(self._decide)

    def decide(self, model: str) -> Decision:
        """The route for ``model``; one that names no upstream model of its own asks for ``model``."""
        return self._memo(model) if len(model) <= _LONGEST_ID else self._decide(model)

    def _decide(self, model: str) -> Decision:
        exact = self._exact.get(model)
        globs = [glob for glob in self._globs if glob.matches(model)]
        candidates = [Candidate(glob.route.key, glob.pattern) for glob in globs]
        if exact is not None:
            named = "is the id" if exact.key == model else "is an id in `match`"
            candidates.insert(0, Candidate(exact.key, model))
            return Decision(_asked(exact, model), f"`{model}` {named} of model `{exact.key}`", tuple(candidates))
        if not globs:
            shown = model if len(model) <= _LONGEST_ID else f"{model[:_LONGEST_ID]}…"
            reason = f'no model matches `{shown}`; [models."*"] would take every id'
            return Decision(None, reason)
        return Decision(_asked(globs[0].route, model), _why(model, globs), tuple(candidates))


def _why(model: str, globs: list[_Glob]) -> str:
    best = globs[0]
    reason = f"`{model}` matches `{best.pattern}` of model `{best.route.key}`"
    if len(globs) > 1:
        reason += f", which has more literal characters than `{globs[1].pattern}`"
    return reason


def _asked(route: Route, model: str) -> Route:
    return route if route.model else replace(route, model=model)
