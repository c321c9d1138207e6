"""Several ways of reading one span: who wins, and the characters that may still turn out to be text (rule 10)."""

from __future__ import annotations

from reading import BRACKETS, CODER, HERMES, TOOLS

from bridge.core.parsing.attempt import Attempt, State
from bridge.core.parsing.names import Toolbox
from bridge.core.parsing.race import Race, RawLog
from bridge.core.parsing.spec import ParserSpec
from bridge.core.parsing.tables import compile_set


def attempts(*specs: ParserSpec, eager: bool = False) -> list[Attempt]:
    compiled = compile_set(specs)
    toolbox = Toolbox(TOOLS)
    return [Attempt(spec, call, 0, toolbox, eager=eager) for spec in compiled.specs for call in spec.calls]


def test_the_first_to_be_certain_wins() -> None:
    race = Race(attempts(BRACKETS), 0)
    race.push("[CALLS]", False, False)
    assert race.owner is None
    assert not race.over
    race.push('[{"name": "g"}', False, False)
    assert race.owner is race.attempts[1]
    assert race.attempts[0].state is State.MALFORMED


def test_a_tie_goes_to_the_order_of_the_files() -> None:
    twin = ParserSpec("twin", calls=HERMES.calls)
    race = Race(attempts(twin, HERMES), 0)
    race.push('<tool_call>{"name": "g"}</tool_call>', False, False)
    assert race.owner is race.attempts[0]
    assert race.over


def test_nobody_wins() -> None:
    race = Race(attempts(HERMES), 0)
    race.push("<tool_call>hello", False, False)
    assert race.over
    assert race.owner is None
    assert race.ended() is None
    assert not race.cut_off()
    assert race.read_to == len("<tool_call>")


def test_a_span_of_unknown_tools_ends_without_a_winner() -> None:
    race = Race(attempts(HERMES), 0)
    race.push('<tool_call>{"name": "nope"}</tool_call>', False, False)
    assert race.owner is None
    assert race.ended() is race.attempts[0]


def test_cut_off() -> None:
    race = Race(attempts(HERMES), 0)
    race.push('<tool_call>{"name": "f"', True, True)
    assert race.over
    assert race.cut_off()
    race = Race(attempts(HERMES), 0)
    race.push('<tool_call>{"name": "nope", ', True, True)
    assert not race.cut_off()


def test_what_is_read_behind_the_end_is_kept() -> None:
    [attempt] = attempts(CODER)
    attempt.push("<function=g></function> more", False, False)
    assert attempt.state is State.DONE
    attempt.push(" and more", False, False)
    assert attempt.cursor.text[attempt.cursor.i :] == " more and more"


def test_the_log() -> None:
    log = RawLog(100)
    for part in ("abc", "", "def", "ghi"):
        log.append(part)
    log.trim(103)
    assert log.slice(103, 106) == "def"
    assert log.slice(104) == "efghi"
    assert log.cut(107) == "hi"
    assert log.slice(103) == "defg"
    assert log.cut(103) == "defg"
    assert log.slice(103) == ""
