"""Calls and results that do not belong together, put right: strict upstreams refuse a history with a gap.

Histories get gaps where a client was stopped in the middle of its tools, or left out old
messages to save room.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count

from bridge.core.conversation import Conversation, Part, Text, ToolResult, ToolUse, Turn
from bridge.core.losses import Loss

UNANSWERED = "No result was given for this call."

_UNANSWERED = "calls without a result: they are answered by one that says so"
_ORPHANED = "results without a call: they became text"
_MOVED = "results apart from their calls: they were moved behind them"
_RENAMED = "calls with the id of another one: they got ids of their own"


def repaired(conversation: Conversation) -> tuple[Conversation, tuple[Loss, ...]]:
    """The conversation with every call answered exactly once, by the turn directly behind it, and what that took.

    A result belongs to the nearest answer before it. One that finds no call there becomes text of its
    turn; a call that finds no result gets an error as its result. A conversation in which all is well
    is given back as it is. Takes linear time; a turn is never changed because of what follows the
    next answer of the model, so that a longer conversation still begins with the shorter one.
    """
    if _sound(conversation.turns):
        return conversation, ()
    repair = _Repair()
    turns = tuple(repair.turns(conversation.turns))
    losses = tuple(Loss("messages", f"{number} {what}", "adjusted") for what, number in repair.counts.items())
    return replace(conversation, turns=turns), losses


def _sound(turns: Sequence[Turn]) -> bool:
    expected: list[str] = []
    for turn in turns:
        given: list[str] = []
        made: list[str] = []
        for part in turn.parts:
            if isinstance(part, ToolUse):
                made.append(part.id)
            elif isinstance(part, ToolResult):
                given.append(part.tool_use_id)
        if given != expected and (len(given) != len(expected) or set(given) != set(expected)):
            return False
        if len(made) > 1 and len(set(made)) != len(made):
            return False
        expected = made
    return not expected


_Place = tuple[int, int]
"""Where a result was given: turn and part."""


class _Repair:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def turns(self, turns: Sequence[Turn]) -> Iterator[Turn]:
        """All of them. Each answer of the model is taken together with what follows it up to the next one."""
        start = 0
        for index in range(1, len(turns) + 1):
            if index == len(turns) or turns[index].role == "assistant":
                yield from self._span(turns[start:index])
                start = index

    def _span(self, span: Sequence[Turn]) -> Iterator[Turn]:
        head = [turn for turn in span[:1] if turn.role == "assistant"]
        rest = span[len(head) :]
        given: dict[str, deque[_Place]] = {}
        for at, turn in enumerate(rest):
            for index, part in enumerate(turn.parts):
                if isinstance(part, ToolResult):
                    given.setdefault(part.tool_use_id, deque()).append((at, index))
        answers: dict[_Place, ToolResult] = {}
        for turn in head:
            yield Turn(turn.role, tuple(self._answered(turn.parts, given, rest, answers)))
        behind = rest[:1] if rest and rest[0].role == "user" else ()
        if answers:
            self._count(_MOVED, sum(len(behind) <= at < len(rest) for at, _ in answers))
            others = [part for turn in behind for part in self._others(0, turn, answers)]
            yield Turn("user", (*(answers[place] for place in sorted(answers)), *others))
        for at in range(len(behind) if answers else 0, len(rest)):
            yield Turn(rest[at].role, tuple(self._others(at, rest[at], answers)))

    def _answered(
        self,
        parts: Sequence[Part],
        given: Mapping[str, deque[_Place]],
        rest: Sequence[Turn],
        answers: dict[_Place, ToolResult],
    ) -> Iterator[Part]:
        """The parts of an answer; each call in it finds its result, which goes to ``answers``."""
        taken: set[str] = set()
        numbers = count(2)
        for index, part in enumerate(parts):
            if not isinstance(part, ToolUse):
                yield part
                continue
            id_ = self._own_id(part.id, taken, numbers)
            if waiting := given.get(part.id):
                place = waiting.popleft()
                result = rest[place[0]].parts[place[1]]
                assert isinstance(result, ToolResult)
                answers[place] = ToolResult(id_, result.parts, result.is_error)
            else:
                self._count(_UNANSWERED)
                answers[len(rest), index] = ToolResult(id_, (Text(UNANSWERED),), is_error=True)
            yield ToolUse(id_, part.name, part.input)

    def _own_id(self, id_: str, taken: set[str], numbers: Iterator[int]) -> str:
        own = id_
        if id_ in taken:
            self._count(_RENAMED)
            own = next(other for number in numbers if (other := f"{id_}_{number}") not in taken)
        taken.add(own)
        return own

    def _others(self, at: int, turn: Turn, answers: Mapping[_Place, ToolResult]) -> Iterator[Part]:
        """What of a turn is no answer to a call."""
        for index, part in enumerate(turn.parts):
            if not isinstance(part, ToolResult):
                yield part
            elif (at, index) not in answers:
                self._count(_ORPHANED)
                error = ", an error" if part.is_error else ""
                yield Text(f"[The result of a call that is not part of this conversation, {part.tool_use_id}{error}:]")
                yield from part.parts

    def _count(self, what: str, number: int = 1) -> None:
        if number:
            self.counts[what] += number
