"""The turns of a conversation, as chat messages."""

from __future__ import annotations

import json
from dataclasses import replace

from messagelists import write_messages
from playbook import ROUTE

from bridge.core.conversation import (
    Conversation,
    Document,
    Image,
    Part,
    Role,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
)
from bridge.core.openai.replay import Replay
from bridge.core.route import Reasoning

PNG = Image(media_type="image/png", data="aGk=")
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
CALL = ToolUse("t1", "read", {"path": "x", "n": 1})


def replaying(spelling: str) -> Replay:
    return Replay(replace(ROUTE, reasoning=Reasoning(replay=spelling)))


def turn(role: Role, *parts: Part | str) -> Turn:
    return Turn(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def written(*turns: Turn, system: tuple[str, ...] = (), replay: str = "") -> list[dict[str, object]]:
    conversation = Conversation("m", 10, turns, system=tuple(map(Text, system)))
    messages, warnings = write_messages(conversation, replaying(replay))
    assert warnings == []
    return messages


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def test_plain() -> None:
    assert written(turn("user", "hi"), turn("assistant", "ho"), turn("user", "a", "b"), system=("s", "t")) == [
        {"role": "system", "content": "s\n\nt"},
        user("hi"),
        {"role": "assistant", "content": "ho"},
        user("a\n\nb"),
    ]


def test_system_turns_at_the_start_are_system() -> None:
    assert written(turn("system", "b"), turn("system", "c"), turn("user", "hi"), system=("a",)) == [
        {"role": "system", "content": "a\n\nb\n\nc"},
        user("hi"),
    ]


def test_system_turns_in_the_middle_stay_there_as_user_text() -> None:
    told = "<system-reminder>\nbe brief\n</system-reminder>"
    first = (turn("user", "hi"), turn("system", "be brief"))
    assert written(*first) == [user(f"hi\n\n{told}")]
    later = (*first, turn("assistant", "ho"), turn("system", "be brief"), turn("user", "more"))
    assert written(*later) == [
        user(f"hi\n\n{told}"),
        {"role": "assistant", "content": "ho"},
        user(f"{told}\n\nmore"),
    ]
    assert written(turn("user", "hi"), turn("system")) == [user("hi")]


def test_pictures_keep_their_place() -> None:
    linked = Image(url="https://x.test/a.png")
    assert written(turn("user", "see", PNG, "and", linked)) == [
        user(
            [
                {"type": "text", "text": "see"},
                PNG_PART,
                {"type": "text", "text": "and"},
                {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
            ]
        )
    ]
    assert written(turn("user", "see"), turn("user", PNG)) == [user([{"type": "text", "text": "see"}, PNG_PART])]


def test_documents() -> None:
    note = Document(title="Note", context="from Ann", text="body")
    pdf = Document(title="a.pdf", media_type="application/pdf", data="JVBE")
    assert written(turn("user", note, pdf)) == [
        user(
            [
                {"type": "text", "text": '<document title="Note">\nfrom Ann\n\nbody\n</document>'},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
            ]
        )
    ]


def test_of_a_document_by_url_only_the_address_is_said() -> None:
    assert written(turn("user", Document(url="https://x.test/a.pdf"))) == [
        user("<document>\nhttps://x.test/a.pdf\n</document>")
    ]


def test_calls_and_results() -> None:
    messages = written(
        turn("user", "go"),
        turn("assistant", "I look.", CALL, ToolUse("t2", "list", {})),
        turn(
            "user", "before", ToolResult("t1", (Text("a"), Text("b"))), ToolResult("t2", (Text("no"),), is_error=True)
        ),
        turn("assistant", CALL),
    )
    assert messages[1:] == [
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [
                {"id": "t1", "type": "function", "function": {"name": "read", "arguments": '{"path":"x","n":1}'}},
                {"id": "t2", "type": "function", "function": {"name": "list", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "t1", "content": "a\n\nb"},
        {"role": "tool", "tool_call_id": "t2", "content": "Error: no"},
        user("before"),
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "t1", "type": "function", "function": {"name": "read", "arguments": '{"path":"x","n":1}'}}
            ],
        },
    ]


def test_pictures_in_results_follow_in_a_user_message() -> None:
    pdf = Document(media_type="application/pdf", data="JVBE")
    results = (ToolResult("t1", (Text("shot"), PNG)), ToolResult("t2", (PNG, pdf)), ToolResult("t3"))
    assert written(turn("user", *results, "well?")) == [
        {"role": "tool", "tool_call_id": "t1", "content": "shot"},
        {"role": "tool", "tool_call_id": "t2", "content": "(see the next message)"},
        {"role": "tool", "tool_call_id": "t3", "content": ""},
        user(
            [
                PNG_PART,
                PNG_PART,
                {
                    "type": "file",
                    "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBE"},
                },
                {"type": "text", "text": "well?"},
            ]
        ),
    ]


def test_reasoning_goes_back_where_the_route_says() -> None:
    """All about that is in test_replay."""
    turns = (turn("system", "s"), turn("assistant", Thinking("hm"), "a", CALL), turn("assistant", Thinking("x", "y")))
    conversation = Conversation("m", 10, turns)
    messages, warnings = write_messages(conversation, replaying("thoughts"))
    assert list(messages[1]) == ["role", "content", "thoughts", "tool_calls"]
    assert [message.get("thoughts") for message in messages[1:]] == ["hm", ""]
    assert [*map(str, warnings)] == ["messages.2: thinking is not sent back, its signature is not of this proxy"]
    messages, warnings = write_messages(conversation, replaying(""))
    assert (list(messages[1]), warnings) == (["role", "content", "tool_calls"], [])


def test_empty_turns() -> None:
    assert written(turn("user"), turn("assistant"), turn("user", "")) == [{"role": "assistant", "content": ""}]


TURNS = (
    turn("system", "s"),
    turn("user", "hi"),
    turn("system", "r"),
    turn("assistant", Thinking("hm"), "a", CALL),
    turn("user", ToolResult("t1", (Text("x"), PNG)), "go on"),
    turn("assistant", "b"),
    turn("system", "q"),
    turn("assistant", "c"),
    turn("user", PNG),
    turn("assistant", "d"),
)


def test_what_was_said_stays_said() -> None:
    """The messages up to an answer are the beginning of all later requests: the prompt cache depends on it."""
    for replay in ("", "thoughts", "reasoning_details", "tags"):
        everything = json.dumps(written(*TURNS, replay=replay))
        for end in (3, 5, 7, 9, 10):
            assert everything.startswith(json.dumps(written(*TURNS[:end], replay=replay))[:-1])
