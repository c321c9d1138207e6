"""How well parser files read captured answers (``probe``)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.config.parsers import matching_glob
from bridge.core.parsing.engine import ParserEngine
from bridge.core.parsing.selftest import fold

if TYPE_CHECKING:
    from bridge.core.conversation import Tool
    from bridge.core.parsing.spec import ParserSpec
    from bridge.upstream.asking import Said


@dataclass(frozen=True, slots=True)
class Rating:
    """What one file makes of the answers: ``calls`` found in each, and characters of text that were ``left`` over.

    ``made_for``: one of its globs matches the upstream's model. ``models`` is how many globs there are.
    """

    parser: str
    calls: tuple[int, ...]
    left: int
    made_for: bool
    distinctive: bool
    models: int

    @property
    def order(self) -> tuple[object, ...]:
        """Best first: most answers read, most calls, made for the model, safe anywhere, least left over,
        and where nothing else tells two files apart, the one that more models need."""
        read = sum(map(bool, self.calls))
        return -read, -sum(self.calls), not self.made_for, not self.distinctive, self.left, -self.models, self.parser


def rated(
    specs: Iterable[ParserSpec], answers: Sequence[Said], tools: Sequence[Tool], model: str, starts_open: bool | None
) -> list[Rating]:
    """The files that find a call in at least one answer, best first."""
    found = []
    for spec in specs:
        read = [_read(spec, said, tools, starts_open) for said in answers]
        calls = tuple(count for count, _ in read)
        if any(calls):
            left = sum(length for _, length in read)
            made_for = matching_glob(spec, model) is not None
            found.append(Rating(spec.name, calls, left, made_for, spec.distinctive, len(spec.models)))
    return sorted(found, key=lambda rating: rating.order)


def enough(ratings: Sequence[Rating]) -> list[str]:
    """The files that together read all that any file reads: mostly the best one alone."""
    chosen: list[str] = []
    unread = {at for rating in ratings for at, count in enumerate(rating.calls) if count}
    for rating in ratings:
        if news := unread & {at for at, count in enumerate(rating.calls) if count}:
            chosen.append(rating.parser)
            unread -= news
    return chosen


def _read(spec: ParserSpec, said: Said, tools: Sequence[Tool], starts_open: bool | None) -> tuple[int, int]:
    """Calls whose arguments fit their tool, and the length of the text beside them."""
    numbers = itertools.count()
    engine = ParserEngine([spec], tools, lambda: f"call_{next(numbers)}", starts_open=starts_open)
    events = [*engine.feed_reasoning(said.reasoning), *engine.feed(said.text)]
    blocks = fold(events + engine.finish("length" if said.cut else "stop"))
    schemas = {tool.name: tool.schema or {} for tool in tools}
    calls = [block for block in blocks if "name" in block]
    fitting = sum(_fits(call["input"], schemas[str(call["name"])]) for call in calls)
    return fitting, sum(len(str(block["text"])) for block in blocks if "text" in block)


_TYPES: Mapping[object, type | tuple[type, ...]] = {"string": str, "integer": int, "object": dict, "array": list}


def _fits(arguments: object, schema: Mapping[str, object]) -> bool:
    required, properties = schema.get("required", ()), schema.get("properties", {})
    assert isinstance(arguments, dict)
    assert isinstance(required, Sequence)
    assert isinstance(properties, Mapping)
    typed = all(isinstance(arguments[key], _TYPES[properties[key]["type"]]) for key in arguments if key in properties)
    return typed and all(key in arguments for key in required)
