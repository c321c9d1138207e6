"""What is certain, from when on (rules 4, 9 and 10)."""

from __future__ import annotations

import pytest
from reading import TOOLS

from bridge.core.conversation import Tool
from bridge.core.parsing.names import Streaming, Toolbox
from bridge.core.parsing.sink import Aborted, Arguments, CallSink, Ended, Started, Verbatim


def sink(unknown: str = "text", eager: bool = False, start: int = 0) -> CallSink:
    return CallSink(Toolbox(TOOLS), start, unknown=unknown, eager=eager)


def test_complete_waits_for_the_end() -> None:
    calls = sink()
    calls.name("f")
    calls.body(5)
    calls.write("{}")
    assert calls.items == []
    assert calls.won_at is None
    calls.end(9)
    assert calls.items == [Started("f"), Arguments("{}"), Ended()]
    assert calls.won_at == 9


def test_eager_commits_with_the_body() -> None:
    calls = sink(eager=True)
    calls.name("f")
    assert not calls.committed
    calls.body(5)
    assert calls.committed
    assert calls.won_at == 5
    calls.write("{")
    calls.write("}")
    calls.end(9)
    assert calls.items == [Started("f"), Arguments("{"), Arguments("}"), Ended()]


@pytest.mark.parametrize(("streaming", "begun"), [("complete", ""), ("per_tool", "g"), ("eager", "fgu")])
def test_a_tool_may_ask_for_it(streaming: Streaming, begun: str) -> None:
    toolbox = Toolbox((Tool("f"), Tool("g", eager=True)), streaming)
    for name in "fgu":
        calls = CallSink(toolbox, 0, unknown="emit", eager=True)
        calls.name(name)
        calls.body(5)
        assert calls.committed is (name in begun)


def test_eager_with_the_name_last() -> None:
    calls = sink(eager=True)
    calls.body(5)
    calls.write("{}")
    calls.name("f")
    calls.end(9)
    assert calls.items == [Started("f"), Arguments("{}"), Ended()]


def test_a_failed_call_was_never_begun_or_is_aborted() -> None:
    calls = sink()
    calls.name("f")
    calls.body(5)
    calls.fail()
    assert calls.items == []
    calls = sink(eager=True)
    calls.name("f")
    calls.body(5)
    calls.fail()
    assert calls.items == [Started("f"), Aborted()]
    assert not calls.committed


def one(calls: CallSink, name: str, start: int, end: int) -> None:
    calls.begin(start)
    calls.name(name)
    calls.write("{}")
    calls.end(end)


def test_framing_is_text_until_the_first_accepted_call() -> None:
    calls = sink(start=100)
    one(calls, "nope", 101, 110)
    assert calls.rejected
    assert calls.items == []
    assert calls.keep_from == 100
    one(calls, "g", 111, 120)
    assert calls.items == [Verbatim(100, 111), Started("g"), Arguments("{}"), Ended()]
    assert calls.keep_from == 120
    one(calls, "nope", 121, 130)
    assert calls.items[-1] == Verbatim(121, 130)


def test_unknown_names() -> None:
    calls = sink("emit")
    one(calls, "nope", 0, 9)
    assert calls.items == [Started("nope"), Arguments("{}"), Ended()]
    assert not calls.named
    assert not calls.named_unknown
    calls = sink("drop")
    one(calls, "nope", 0, 9)
    assert calls.items == []
    assert calls.won_at == 9
    calls = sink("text")
    calls.name("nope")
    assert calls.named_unknown
    assert calls.types.order == ()
    calls.name("functions.f")
    assert calls.named
    assert calls.types.declares("a")
    assert calls.repairs == ["name_prefix"]
