"""Reasoning that goes back: whose, and in which spelling."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from playbook import ROUTE

from bridge.core.conversation import Part, Text, Thinking
from bridge.core.openai import replay as module
from bridge.core.openai.replay import Replay, check_spelling
from bridge.core.parsing.spec import Marker, ParserSpec, ReasoningRules
from bridge.core.route import Reasoning, Route
from bridge.core.signature import Signer

SIGNER = Signer(b"", ROUTE.model)
FOREIGN = "ErUBCkYIBRgCIkD"


def route(spelling: str, *parsers: ParserSpec) -> Route:
    return replace(ROUTE, reasoning=Reasoning(replay=spelling), parsers=parsers)


def signed(text: str, signer: Signer = SIGNER) -> Thinking:
    return Thinking(text, signer.sign(text))


def carried(text: str) -> Thinking:
    return Thinking("", SIGNER.sign(text, carried=True))


def written(spelling: str, *parts: Part, said: object = "a", parsers: tuple[ParserSpec, ...] = ()) -> dict[str, Any]:
    replay = Replay(route(spelling, *parsers))
    message: dict[str, Any] = {"role": "assistant", "content": said}
    replay.write(message, parts, 1)
    assert replay.warnings() == []
    return message


OWN = (
    signed("hm"),
    Text("a"),
    carried("so"),
    Thinking("", redacted=SIGNER.sign("then", carried=True)),
    Thinking("unsigned"),
)


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_a_key_gets_the_text(key: str) -> None:
    assert written(key, *OWN) == {"role": "assistant", "content": "a", key: "hm\n\nso\n\nthen\n\nunsigned"}
    assert written(key, Text("a"))[key] == ""


def test_details() -> None:
    texts = ["hm", "so", "then", "unsigned"]
    assert written("reasoning_details", *OWN)["reasoning_details"] == [
        {"type": "reasoning.text", "text": text} for text in texts
    ]
    assert "reasoning_details" not in written("reasoning_details", Text("a"))


def test_tags() -> None:
    assert written("tags", signed("hm"))["content"] == "<think>\nhm\n</think>\n\na"
    assert written("tags", signed("hm"), said="")["content"] == "<think>\nhm\n</think>"
    assert written("tags")["content"] == "a"


def test_the_tags_are_those_of_most_parsers() -> None:
    def parser(begin: str, end: str) -> ParserSpec:
        return ParserSpec(begin, reasoning=ReasoningRules(Marker((begin, "<x>")), Marker((end,))))

    parsers = (ParserSpec("none"), parser("<r {_}>", "</r>"), parser("[T]", "[/T]"), parser("[A]", "[/A]"))
    assert written("tags", signed("hm"), parsers=parsers)["content"] == "[T]\nhm\n[/T]\n\na"
    more = (*parsers, parser("[A]", "[/A]"))
    assert written("tags", signed("hm"), parsers=more)["content"] == "[A]\nhm\n[/A]\n\na"
    assert written("tags", signed("hm"), parsers=parsers[:2])["content"] == "<think>\nhm\n</think>\n\na"


STRANGE = {
    "it is not signed": [Thinking("x", "")],
    "its signature is not of this proxy": [Thinking("x", FOREIGN), Thinking("", redacted=FOREIGN)],
    "it was changed or is not by model `up-model`": [
        signed("x", Signer(b"", "another")),
        signed("x", Signer(b"key", ROUTE.model)),
        Thinking("y", SIGNER.sign("x")),
        Thinking("x", SIGNER.sign("x", carried=True)),
        Thinking("", SIGNER.sign("x", carried=True)[:-1]),
        Thinking("", redacted=SIGNER.sign("x")),
    ],
}


@pytest.mark.parametrize(("why", "part"), [(why, part) for why, parts in STRANGE.items() for part in parts])
def test_what_is_not_the_models_own_is_dropped_and_named(why: str, part: Thinking) -> None:
    replay = Replay(route("thoughts"))
    for index, parts in ((1, (part,)), (3, (signed("hm"), part, part)), (5, (signed("ok"),))):
        message: dict[str, Any] = {"content": ""}
        replay.write(message, parts, index)
        assert message["thoughts"] == {1: "", 3: "hm", 5: "ok"}[index]
    assert [*map(str, replay.warnings())] == [f"messages.1: thinking is not sent back, {why} (2 messages)"]


def test_each_reason_is_a_warning() -> None:
    replay = Replay(route("thoughts"))
    replay.write({}, [parts[0] for parts in STRANGE.values()], 7)
    assert [*map(str, replay.warnings())] == [f"messages.7: thinking is not sent back, {why}" for why in STRANGE]


def test_without_replay_nothing_is_said() -> None:
    replay = Replay(route(""))
    message: dict[str, Any] = {"content": "a"}
    replay.write(message, [signed("hm"), Thinking("x", FOREIGN)], 0)
    assert (message, replay.warnings()) == ({"content": "a"}, [])


def test_a_request_unpacks_so_much_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LARGEST", 1000)
    replay = Replay(route("thoughts"))
    for index, (thought, kept) in enumerate([("é" * 300, True), ("é" * 199, True), ("é", True), ("a", False)]):
        message: dict[str, Any] = {}
        replay.write(message, [carried(thought), signed("z" * 2000)], index)
        assert message["thoughts"] == (f"{thought}\n\n" if kept else "") + "z" * 2000
    assert len(replay.warnings()) == 1


def test_megabytes_of_bombs_cost_one_limit() -> None:
    bomb = SIGNER.sign("x" * 20 * 2**20, carried=True)
    assert len(bomb) < 30_000
    replay = Replay(route("thoughts"))
    message: dict[str, Any] = {}
    started = time.process_time()
    replay.write(message, [Thinking("", bomb)] * 300, 0)
    assert time.process_time() - started < 2
    assert len(message["thoughts"]) == 20 * 2**20


@pytest.mark.parametrize("key", ["role", "content", "tool_calls"])
def test_keys_that_messages_need(key: str) -> None:
    with pytest.raises(ValueError, match=f"`{key}` is a key that messages have anyway"):
        check_spelling(key)


def test_any_other_spelling() -> None:
    assert [check_spelling(key) for key in ("", "tags", "reasoning")] == ["", "tags", "reasoning"]
