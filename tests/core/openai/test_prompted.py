"""Tools in the prompt: what a model without tools of its own is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from playbook import CONVERSATION, ROUTE

from bridge.core.conversation import (
    Conversation,
    Image,
    Part,
    Role,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)
from bridge.core.openai.prompted import choice_in_words
from bridge.core.openai.request import build_request
from bridge.core.parsing.spec import ParserSpec, Prompt
from bridge.core.route import Route
from bridge.core.toolset import Toolset
from bridge.errors import ConfigError, RequestError


def system(tools: list[dict[str, object]]) -> str:
    return "".join(f"\n{tool['name']}: {tool['description']} {json.dumps(tool['parameters'])}" for tool in tools) + "\n"


def call(calls: list[dict[str, object]]) -> str:
    return "".join(f"<{call['index']} {call['name']} {json.dumps(call['arguments'])}>\n" for call in calls)


def result(results: list[dict[str, object]]) -> str:
    return "".join(f"\n[{one['index']} {one['name']} {one['is_error']}] {one['content']}" for one in results)


PROMPT = Prompt(system, call, result)
PROMPTED = replace(ROUTE, tools="prompt", parsers=(ParserSpec("plain"), ParserSpec("own", prompt=PROMPT)))
TOOLS = (Tool("read", "Reads.", {"type": "object"}), Tool("now"))
SHOWN = 'read: Reads. {"type": "object"}\nnow:  {"type": "object", "properties": {}}'
PNG = Image(media_type="image/png", data="aGk=")
READ = ToolUse("t1", "read", {"path": "x"})
READ_RESULT = ToolResult("t1", (Text("x"),))


def turn(role: Role, *parts: Part | str) -> Turn:
    return Turn(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def conversation(*turns: Turn, **fields: Any) -> Conversation:
    return replace(CONVERSATION, **{"stream": False, "tools": TOOLS, **fields}, turns=turns or (turn("user", "hi"),))


def body(*turns: Turn, route: Route = PROMPTED, **fields: Any) -> dict[str, Any]:
    decoded = json.loads(build_request(conversation(*turns, **fields), route).body)
    assert isinstance(decoded, dict)
    return decoded


def messages(*turns: Turn, **fields: Any) -> list[dict[str, Any]]:
    """The messages behind the system text."""
    said = body(*turns, **fields)["messages"]
    return [message for message in said if message["role"] != "system"]


def test_tools_that_come_again_are_not_rendered_again() -> None:
    shown: list[int] = []

    def system(**variables: Any) -> str:
        shown.append(len(variables["tools"]))
        return PROMPT.system(**variables)

    route = replace(PROMPTED, parsers=(ParserSpec("own", prompt=replace(PROMPT, system=system)),))
    again = Toolset(TOOLS, 10_000)
    assert body(route=route, tools=again) == body(route=route, tools=again, system=()) == body()
    assert body(route=route, tools=TOOLS) == body()
    assert shown == [2, 2]


def test_tools_are_shown_behind_the_system_text() -> None:
    asked = body(system=(Text("Be brief."),))
    assert asked == {
        "model": "up-model",
        "messages": [
            {"role": "system", "content": f"Be brief.\n\n{SHOWN}"},
            {"role": "user", "content": "hi"},
        ],
        "max_tokens": 1000,
    }
    first = turn("system", "Also this.")
    assert body(first)["messages"][0]["content"] == f"Also this.\n\n{SHOWN}"


def test_no_tools_no_words() -> None:
    assert body(tools=())["messages"] == [{"role": "user", "content": "hi"}]
    assert body(tools=(), tool_choice=ToolChoice(parallel=False))["messages"] == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (ToolChoice(), ""),
        (ToolChoice("any"), "Your next answer has to call at least one tool."),
        (ToolChoice("tool", "read"), "Your next answer has to call the tool read, and no other one."),
        (ToolChoice(parallel=False), "Make at most one call per answer."),
        (
            ToolChoice("any", parallel=False),
            "Your next answer has to call at least one tool. Make at most one call per answer.",
        ),
    ],
)
def test_tool_choice_is_said(choice: ToolChoice, words: str) -> None:
    assert choice_in_words(choice) == words
    asked = body(tool_choice=choice)
    assert asked["messages"][0]["content"] == "\n\n".join(filter(None, [SHOWN, words]))
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & asked.keys()


def test_without_a_choice_tools_are_not_shown_but_their_history_is() -> None:
    said = body(turn("assistant", READ), turn("user", READ_RESULT), tool_choice=ToolChoice("none"))["messages"]
    assert said == [
        {"role": "assistant", "content": '<0 read {"path": "x"}>'},
        {"role": "user", "content": "[0 read False] x"},
    ]


def test_calls_stand_where_they_were_made() -> None:
    two = ToolUse("t2", "now", {})
    said = messages(
        turn("assistant", "First.\n\n", READ, two, "Then.", "And.", ToolUse("t3", READ.name, READ.input), "Done.\n"),
        turn("assistant", Thinking("hm"), "Only text.\n"),
        turn("assistant", two),
    )
    assert [message["content"] for message in said if message["role"] == "assistant"] == [
        'First.\n<0 read {"path": "x"}>\n<1 now {}>\nThen.\n\nAnd.\n<2 read {"path": "x"}>\nDone.',
        "Only text.\n",
        "<3 now {}>",
    ]
    assert all(message.keys() == {"role", "content"} for message in said)


def test_reasoning_goes_back_where_the_route_says() -> None:
    route = replace(PROMPTED, reasoning=replace(PROMPTED.reasoning, replay="reasoning"))
    said = messages(turn("assistant", Thinking("hm"), READ), turn("user", READ_RESULT), route=route)
    assert said[0] == {"role": "assistant", "content": '<0 read {"path": "x"}>', "reasoning": "hm"}


def test_results_are_user_text() -> None:
    results = (
        ToolResult("t2", (Text("noon"),)),
        ToolResult("t1", (Text("a"), Text("b")), is_error=True),
    )
    said = messages(turn("assistant", READ, ToolUse("t2", "now", {})), turn("user", "Well?", *results))
    assert said[1:] == [
        {
            "role": "user",
            "content": "[1 now False] noon\n[0 read True] Error: a\n\nb\n\nWell?",
        }
    ]


def test_pictures_in_results_stand_beside_them() -> None:
    said = messages(turn("assistant", READ), turn("user", ToolResult("t1", (PNG,)), "see"))
    assert said[1]["content"] == [
        {"type": "text", "text": "[0 read False] (see the next message)"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        {"type": "text", "text": "see"},
    ]


def test_what_was_said_stays_said() -> None:
    """The messages up to a question are the beginning of all later requests: the prompt cache depends on it."""
    turns = (
        turn("user", "hi"),
        turn("assistant", "a", READ),
        turn("user", ToolResult("t1", (Text("x"), PNG)), "go on"),
        turn("assistant", "b", ToolUse("t2", "now", {})),
        turn("user", ToolResult("t2", (Text("noon"),))),
        turn("assistant", "c"),
    )
    everything = json.dumps(body(*turns)["messages"])
    for end in (1, 3, 5):
        assert everything.startswith(json.dumps(body(*turns[:end])["messages"])[:-1])


def test_names_are_those_that_every_upstream_takes() -> None:
    use = ToolUse("t1", "fs.read", {})
    request = build_request(conversation(turn("assistant", use), tools=(Tool("fs.read"),)), PROMPTED)
    assert request.tool_names == {"fs_read": "fs.read"}
    assert b"fs.read" not in request.body


def test_strict_tools_cannot_be_had() -> None:
    request = build_request(conversation(tools=(Tool("f", strict=True),)), PROMPTED)
    assert [*map(str, request.warnings)] == ["tools.*.strict: not sent, the tools are written into the prompt"]


def test_a_template_that_fails_is_a_fault() -> None:
    def broken(**variables: object) -> str:
        raise ConfigError("template `system` of parser `own` failed: no")

    route = replace(PROMPTED, parsers=(ParserSpec("own", prompt=replace(PROMPT, system=broken)),))
    with pytest.raises(RequestError) as raised:
        build_request(conversation(), route)
    assert (raised.value.fault.kind, raised.value.fault.retry) == ("api", "never")
    assert "template `system` of parser `own` failed: no; the parser file" in raised.value.fault.message


def test_native_tools_stay_native() -> None:
    asked = body(route=replace(PROMPTED, tools="native"))
    assert len(asked["tools"]) == 2
    assert asked["messages"] == [{"role": "user", "content": "hi"}]
