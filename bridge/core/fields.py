"""What becomes of the fields of an object that a client sends: a row each, which readers act on and docs show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Action = Literal["mapped", "declared", "silent", "dropped", "refused", "function", "server", "search"]
"""See ``bridge.core.anthropic.policy.ACTIONS`` for what each means."""


@dataclass(frozen=True, slots=True)
class Row:
    """What becomes of one field or type. ``note`` is for the page, and the message of what is refused."""

    action: Action
    note: str = ""
    details: Mapping[str, object] | None = None


class Table:
    """The fields of one kind of object. ``quiet`` are those that need no word: they are read, or nobody misses them."""

    def __init__(self, **rows: Row) -> None:
        self.rows: Mapping[str, Row] = rows
        self.quiet = frozenset(key for key, row in rows.items() if row.action in ("mapped", "declared", "silent"))
