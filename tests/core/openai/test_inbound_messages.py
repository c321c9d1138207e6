from __future__ import annotations

from typing import Any

import pytest
from messagelists import write_messages

from bridge.core.checks import Notes
from bridge.core.conversation import (
    Conversation,
    Document,
    Image,
    Part,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
)
from bridge.core.openai.inbound_messages import read_messages
from bridge.core.openai.replay import Replay
from bridge.core.route import Route, UpstreamRef
from bridge.errors import RequestError


def read(*messages: Any) -> tuple[Turn, ...]:
    return read_messages({"messages": list(messages)}, Notes())


def warnings(*messages: Any) -> tuple[str, ...]:
    notes = Notes()
    read_messages({"messages": list(messages)}, notes)
    return tuple(map(str, notes.warnings()))


def user(*parts: Any) -> tuple[Part, ...]:
    return read({"role": "user", "content": list(parts)})[0].parts


def called(arguments: Any, **fields: Any) -> dict[str, Any]:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}, **fields}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def test_roles() -> None:
    assert read(
        {"role": "system", "content": "be brief"},
        {"role": "developer", "content": [{"type": "text", "text": "and kind"}]},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
    ) == (
        Turn("system", (Text("be brief"),)),
        Turn("system", (Text("and kind"),)),
        Turn("user", (Text("hi"),)),
        Turn("assistant", (Text("hello"),)),
    )


def test_calls_and_results() -> None:
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 10000000000000000000001}'}},
        {"id": "c2", "function": {"name": "g", "arguments": ""}},
    ]
    assert read(
        {"role": "assistant", "content": "I will.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "name": "f", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "two"}]},
        {"role": "user", "content": "go on"},
        {"role": "tool", "tool_call_id": "c9", "content": ""},
    ) == (
        Turn("assistant", (Text("I will."), ToolUse("c1", "f", {"a": 10000000000000000000001}), ToolUse("c2", "g", {}))),
        Turn("user", (ToolResult("c1", (Text("one"),)), ToolResult("c2", (Text("two"),)))),
        Turn("user", (Text("go on"),)),
        Turn("user", (ToolResult("c9", (Text(""),)),)),
    )  # fmt: skip


def test_functions_get_ids() -> None:
    assert read(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "one"},
        {"role": "assistant", "function_call": {"name": "f", "arguments": '{"a": 1}'}},
        {"role": "function", "name": "f", "content": "two"},
    ) == (
        Turn("assistant", (ToolUse("call_0", "f", {}),)),
        Turn("user", (ToolResult("call_0", (Text("one"),)),)),
        Turn("assistant", (ToolUse("call_2", "f", {"a": 1}),)),
        Turn("user", (ToolResult("call_2", (Text("two"),)),)),
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_content": "hm"},
        {"reasoning": "hm"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
    ],
)
def test_earlier_reasoning(fields: dict[str, Any]) -> None:
    message = {"role": "assistant", "content": "So.", **fields}
    assert read(message) == (Turn("assistant", (Thinking("hm"), Text("So."))),)
    assert warnings(message) == ()


def test_refusals_are_text() -> None:
    assert read({"role": "assistant", "content": None, "refusal": "No."})[0].parts == (Text("No."),)
    parts = [{"type": "refusal", "refusal": "No."}]
    assert read({"role": "assistant", "content": parts})[0].parts == (Text("No."),)


def test_pictures() -> None:
    data = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}
    web = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    bare = {"type": "image_url", "image_url": "http://x.test/b.png"}
    assert user(data, web, bare) == (
        Image("image/png", "AAAA", detail="low"),
        Image(url="https://x.test/a.png"),
        Image(url="http://x.test/b.png"),
    )


def test_files() -> None:
    file = {"filename": "a.pdf", "file_data": "data:application/pdf;name=a;base64,AAAA"}
    assert user({"type": "file", "file": file}) == (Document("a.pdf", media_type="application/pdf", data="AAAA"),)


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
SAME: list[list[dict[str, Any]]] = [
    [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
    [
        {"role": "user", "content": [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "high"}},
            {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
        ]},
    ],
    [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "I will.", "tool_calls": [CALL, {**CALL, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "thanks"},
    ],
]  # fmt: skip


@pytest.mark.parametrize("messages", SAME)
def test_what_comes_in_goes_out(messages: list[dict[str, Any]]) -> None:
    replay = Replay(Route("m", UpstreamRef("up"), "m"))
    assert write_messages(Conversation("m", 0, read(*messages)), replay) == (messages, [])


def test_other_fields_are_dropped_and_named() -> None:
    assert warnings({"role": "user", "content": "a", "name": "bob"}, {"role": "user", "content": "b", "name": "eve"}) == (
        "messages.*.name: not supported, dropped",
    )  # fmt: skip
    echoed = {
        "role": "assistant",
        "content": "a",
        "annotations": [1],
        "audio": None,
        "function_call": None,
        "tool_calls": None,
    }
    assert warnings(echoed, {"role": "tool", "tool_call_id": "c", "name": "f", "content": ""}) == ()


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        (1, ": Input should be an object"),
        ({}, ".role: Field required"),
        ({"role": "bot", "content": ""}, """.role: Input should be one of system, developer, user, assistant, tool, function, not "bot\""""),
        ({"role": "user"}, ".content: Field required"),
        ({"role": "user", "content": None}, ".content: Field required"),
        ({"role": "user", "content": 1}, ".content: Input should be a list"),
        ({"role": "user", "content": ["a"]}, ".content.0: Input should be an object"),
        ({"role": "user", "content": [{"type": "text"}]}, ".content.0.text: Field required"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, """.content.0.type: "input_audio" parts are not supported: no upstream is known to take audio"""),
        ({"role": "user", "content": [{"type": "x"}]}, """.content.0.type: "x" is none of the types that can be here: text, image_url, file"""),
        ({"role": "system", "content": [{"type": "image_url"}]}, """.content.0.type: "image_url" is none of the types that can be here: text"""),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]}, ".content.0.image_url.url: Input should be an https or http URL or a base64 data: URL"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:text/html;base64,AA"}}]}, """.content.0.image_url.url: "text/html" is not an image type"""),
        ({"role": "user", "content": [{"type": "file", "file": {"file_id": "f1"}}]}, ".content.0.file.file_id: Uploaded files are not known here; send `file_data`"),
        ({"role": "user", "content": [{"type": "file", "file": {"file_data": "AAAA"}}]}, ".content.0.file.file_data: Input should be a base64 data: URL"),
        ({"role": "tool", "content": "x"}, ".tool_call_id: Field required"),
        ({"role": "tool", "tool_call_id": "c"}, ".content: Field required"),
        ({"role": "function", "name": "f", "content": "x"}, """.name: No message before calls the function "f\""""),
        ({"role": "assistant", "content": None, "audio": {"id": "a"}}, ".audio: Earlier audio answers are not known here; send their text"),
        ({"role": "assistant", "tool_calls": [1]}, ".tool_calls.0: Input should be an object"),
        ({"role": "assistant", "tool_calls": [{"function": {}}]}, ".tool_calls.0.id: Field required"),
        (called("{}", type="custom"), """.tool_calls.0.type: Input should be 'function', "custom" calls are not supported"""),
        (called("[1]"), ".tool_calls.0.function.arguments: Input should be an object"),
        (called(None), ".tool_calls.0.function.arguments: Field required"),
        ({"role": "assistant", "function_call": {"name": "f", "arguments": "1"}}, ".function_call.arguments: Input should be an object"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(message: Any, refusal: str) -> None:
    with pytest.raises(RequestError) as raised:
        read({"role": "user", "content": "hi"}, message)
    assert raised.value.fault.message == f"messages.1{refusal}"


@pytest.mark.parametrize("arguments", ['{"a": ', "{'a': 1}", '{"a": NaN}', "go", "[" * 500 + "]" * 500])
def test_arguments_that_are_not_json(arguments: str) -> None:
    with pytest.raises(RequestError, match=r"^messages\.0\.tool_calls\.0\.function\.arguments: "):
        read(called(arguments))


def test_arguments_that_are_an_object_already() -> None:
    assert read(called({"a": 1}))[0].parts == (ToolUse("c1", "f", {"a": 1}),)
