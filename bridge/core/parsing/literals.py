"""Finding the first of many literals in text that arrives in pieces."""

from __future__ import annotations

import re
from collections.abc import Iterable


class Literals:
    """A set of literals to look for.

    ``search`` finds the first whole one. ``begins`` finds where one may begin, by no more than two characters:
    where it finds nothing, none does, even with more text. ``tail`` tells how much of the end of the text
    may be the beginning of one: that is all that ever has to be held back.
    """

    __slots__ = ("_firsts", "_longest", "_prefixes", "begins", "search")

    def __init__(self, literals: Iterable[str]) -> None:
        ordered = sorted(set(literals), key=lambda lit: (-len(lit), lit))
        self.search = re.compile("|".join(map(re.escape, ordered)) or r"(?!)").search
        self.begins = re.compile("|".join(_beginnings(ordered)) or r"(?!)").search
        self._longest = max((len(lit) for lit in ordered), default=1)
        self._prefixes = frozenset(lit[:n] for lit in ordered for n in range(1, len(lit)))
        firsts = "".join(sorted({re.escape(lit[0]) for lit in ordered}))
        self._firsts = re.compile(f"[{firsts}]" if firsts else r"(?!)")

    def first(self, text: str, start: int) -> int:
        """Where the first literal begins, or the end of ``text[start:]`` that may be the beginning of one."""
        found = self.search(text, start)
        if found is not None and found.start() <= len(text) - self._longest:
            return found.start()
        tail = self.tail(text, start)
        return tail if found is None else min(tail, found.start())

    def tail(self, text: str, start: int) -> int:
        """Where the end of ``text[start:]`` begins that may be the beginning of a literal."""
        at = max(start, len(text) - self._longest + 1)
        while found := self._firsts.search(text, at):
            at = found.start()
            if text[at:] in self._prefixes:
                return at
            at += 1
        return len(text)


def _beginnings(literals: Iterable[str]) -> Iterable[str]:
    seconds: dict[str, set[str]] = {}
    for literal in literals:
        seconds.setdefault(literal[0], set()).add(literal[1:2])
    for first, following in sorted(seconds.items()):
        alone = "" in following
        yield re.escape(first) + ("" if alone else f"(?:[{''.join(map(re.escape, sorted(following)))}]|\\Z)")


def overlap(text: str, start: int, literal: str) -> int:
    """How many characters at the end of ``text[start:]`` may begin ``literal``."""
    for size in range(min(len(literal) - 1, len(text) - start), 0, -1):
        if literal.startswith(text[len(text) - size :]):
            return size
    return 0
