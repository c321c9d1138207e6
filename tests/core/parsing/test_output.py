"""What the engine says: indices, ids, order, neighbours joined (rules 13 and 15)."""

from __future__ import annotations

import itertools

from reading import HERMES, REACT

from bridge.core.events import TextDelta, ThinkingDelta, ToolCallAbort, ToolCallDelta, ToolCallEnd, ToolCallStart
from bridge.core.parsing.output import Output
from bridge.core.parsing.sink import Aborted, Arguments, Ended, Started, Verbatim
from bridge.core.parsing.spec import ParserSpec, TextRules
from bridge.core.parsing.tables import compile_set


def output(spec: ParserSpec = HERMES) -> tuple[Output, dict[str, int]]:
    ids, counters = itertools.count(), dict[str, int]()
    return Output(compile_set((spec,)), lambda: f"id_{next(ids)}", counters), counters


def test_calls_are_counted_and_get_ids() -> None:
    out, counters = output()
    span = [Started("f"), Arguments("{"), Arguments("}"), Ended()]
    out.items([*span, Started("g"), Aborted()], lambda start, end: "")
    assert out.take() == [
        ToolCallStart(0, "id_0", "f"), ToolCallDelta(0, "{}"), ToolCallEnd(0), ToolCallStart(1, "id_1", "g"), ToolCallAbort(1)
    ]  # fmt: skip
    assert counters == {"calls": 2}
    assert out.take() == []


def test_neighbours_are_joined() -> None:
    out, _ = output()
    for text in ("a", "b"):
        out.text(text)
    for text in ("c", "d"):
        out.reasoning(text)
    assert out.take() == [TextDelta("ab"), ThinkingDelta("cd")]


def test_start_and_trailing() -> None:
    out, _ = output()
    assert (out.start, out.trailing) == (True, False)
    out.text(" \n")
    assert out.start
    out.items([Started("f"), Ended()], lambda start, end: "")
    assert (out.start, out.trailing) == (False, True)
    out.text(" ")
    assert out.trailing
    out.text("x")
    assert not out.trailing


def test_verbatim_text() -> None:
    out, _ = output()
    out.items([Verbatim(3, 5)], lambda start, end: f"{start}-{end}")
    assert out.take() == [TextDelta("3-5")]


def test_text_behind_calls_may_be_dropped() -> None:
    out, _ = output(REACT)
    out.text("a")
    assert out.plain("b") is None
    out.items([Started("f"), Ended()], lambda start, end: "")
    out.text("c")
    out.reasoning("d")
    assert [event for event in out.take() if isinstance(event, TextDelta)] == [TextDelta("a")]


def test_the_quick_way_knows_code() -> None:
    out, _ = output()
    out.text("`")
    out.take()
    assert out.plain("x") == [TextDelta("x")]
    assert out.fences.inside


def test_counting() -> None:
    out, counters = output()
    out.count("dropped")
    out.count("dropped")
    assert counters == {"dropped": 2}


def test_reasoning_behind_calls_is_dropped_where_text_is() -> None:
    out = Output(compile_set([ParserSpec("t", text=TextRules(after_calls="drop"))]), lambda: "id", {})
    out.items([Started("f"), Arguments("{}"), Ended()], lambda start, end: "")
    out.take()
    out.reasoning("made up")
    assert out.take() == []
