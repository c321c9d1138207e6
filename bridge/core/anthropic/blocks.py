"""Which event may follow which, and the block that it belongs to: one table for stream and message."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from bridge.core.events import (
    Event,
    Fault,
    Finish,
    TextDelta,
    ThinkingDelta,
    ToolCallAbort,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)


class Block(Enum):
    """The open block. ``CUT`` is a tool call that can never be completed; ``END`` admits nothing more."""

    NONE = "no block"
    TEXT = "a text block"
    THINKING = "a thinking block"
    CALL = "a tool call"
    CUT = "a tool call that was cut off"
    END = "the end"

    # Each is only itself; an enum's own hash is that of its name, in Python.
    __hash__ = object.__hash__


class Rule(NamedTuple):
    """An event may come while a block of ``after`` is open, and leaves ``then`` open (None: the same)."""

    after: frozenset[Block]
    then: Block | None


_BETWEEN_CALLS = frozenset({Block.NONE, Block.TEXT, Block.THINKING})
_IN_CALL = frozenset({Block.CALL})
_ANY = frozenset(Block) - {Block.END}

RULES: dict[type[Event], Rule] = {
    TextDelta: Rule(_BETWEEN_CALLS, Block.TEXT),
    ThinkingDelta: Rule(_BETWEEN_CALLS, Block.THINKING),
    ToolCallStart: Rule(_BETWEEN_CALLS, Block.CALL),
    ToolCallDelta: Rule(_IN_CALL, Block.CALL),
    ToolCallEnd: Rule(_IN_CALL, Block.NONE),
    ToolCallAbort: Rule(_IN_CALL, Block.CUT),
    Usage: Rule(_ANY, None),
    Finish: Rule(_BETWEEN_CALLS | {Block.CUT}, Block.END),
    Fault: Rule(_ANY, Block.END),
}

_IN_CALLS = (ToolCallDelta, ToolCallEnd, ToolCallAbort)
_CUT_BY_LENGTH = frozenset({"max_tokens", "context_window"})


class BlockOrder:
    """Follows the events of one answer through ``RULES``; ``block`` is the open one."""

    def __init__(self) -> None:
        self.block = Block.NONE
        self._call = -1

    def settle(self, event: Event) -> Event:
        """``event``, or the fault that it is: only a length limit ends an answer inside a tool call."""
        if self.block is Block.CUT and isinstance(event, Finish) and event.reason not in _CUT_BY_LENGTH:
            return Fault("api", "The upstream ended its answer in the middle of a tool call.", retry="ambiguous")
        return event

    def step(self, event: Event) -> Block:
        """The block that is open from now on. An event that cannot come raises ValueError, changing nothing."""
        rule = RULES[type(event)]
        if self.block not in rule.after:
            raise ValueError(f"{type(event).__name__} cannot follow {self.block.value}")
        if self.block is Block.CALL:
            if isinstance(event, _IN_CALLS) and event.index != self._call:
                raise ValueError(f"{type(event).__name__} {event.index} cannot follow call {self._call}")
        elif isinstance(event, ToolCallStart):
            self._call = event.index
        if rule.then is not None:
            self.block = rule.then
        return self.block

    def end(self) -> None:
        """Nothing more may come."""
        self.block = Block.END
