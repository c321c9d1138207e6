from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from bridge.core.openai.answer import read_asked
from bridge.core.parsing.spec import CallPattern, Marker, ParserSpec, Prompt
from bridge.errors import ConfigError
from bridge.upstream.demo import demo_answer, plan

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = '<call>[{"id": "call_demo_0", "name": "get_weather", "arguments": {"city": "example city"}, "index": 0}]</call>'


def _write_call(calls: Sequence[dict[str, Any]]) -> str:
    return f"<call>{json.dumps(calls)}</call>"


def _nothing(**_: object) -> str:
    return ""


def _fail(**_: object) -> str:
    raise ConfigError("template `call` of parser `broken` failed")


PARSERS = {
    "broken": ParserSpec("broken", prompt=Prompt(system=_nothing, call=_fail, result=_nothing)),
    "markerless": ParserSpec(
        "markerless",
        calls=(CallPattern(Marker(("{",)), "json-call", alone=True),),
        prompt=Prompt(system=_nothing, call=_write_call, result=_nothing),
    ),
    "hermes": ParserSpec("hermes", prompt=Prompt(system=_nothing, call=_write_call, result=_nothing)),
    "bare": ParserSpec("bare"),
}


@dataclass
class Got:
    status: int
    headers: dict[str, str]
    chunks: list[bytes]
    died: bool

    @property
    def events(self) -> list[dict[str, Any]]:
        frames = b"".join(self.chunks).decode().split("\n\n")
        return [json.loads(frame.removeprefix("data: ")) for frame in frames if frame and frame != "data: [DONE]"]

    def joined(self, key: str) -> str:
        return "".join(event["choices"][0]["delta"].get(key, "") for event in self.events if event["choices"])

    @property
    def finish(self) -> str | None:
        reasons = [event["choices"][0]["finish_reason"] for event in self.events if event["choices"]]
        return reasons[-1]


def ask(said: object, *, method: str = "POST", path: str = "/v1/chat/completions", **more: object) -> Got:
    messages = said if isinstance(said, list) else [{"role": "user", "content": said}]
    return send(json.dumps({"model": "m", "messages": messages, **more}).encode(), method=method, path=path)


def send(body: bytes, *, method: str = "POST", path: str = "/v1/chat/completions") -> Got:
    async def collect() -> Got:
        answer = demo_answer(method, path, body, PARSERS)
        got = Got(answer.status, dict(answer.headers), [], died=False)
        try:
            async for chunk in answer.chunks:
                got.chunks.append(chunk)
        except ConnectionResetError:
            got.died = True
        return got

    return asyncio.run(collect())


def test_it_echoes_in_a_stream() -> None:
    got = ask("Hello, wörld!", stream=True)
    assert (got.status, got.headers["content-type"]) == (200, "text/event-stream")
    assert got.joined("content") == "Hello, wörld!"
    assert got.finish == "stop"
    assert got.chunks[-1].endswith(b"data: [DONE]\n\n")
    assert len(got.chunks) > 5


def test_it_echoes_at_once() -> None:
    (answer,) = (json.loads(chunk) for chunk in ask("Hello").chunks)
    message = {"role": "assistant", "content": "Hello", "refusal": None}
    assert answer["choices"][0]["message"] == message
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["completion_tokens"] == 2


CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.mark.parametrize("said", ["hi", [{"role": "tool", "tool_call_id": "c", "content": "22"}]])
@pytest.mark.parametrize(
    ("form", "value"),
    [
        ({"type": "json_schema", "json_schema": {"name": "output", "schema": CITY}}, {"city": "example city"}),
        ({"type": "json_object"}, {}),
    ],
)
def test_an_answer_that_has_to_fit_a_schema_fits(said: object, form: object, value: object) -> None:
    (answer,) = (json.loads(chunk) for chunk in ask(said, response_format=form).chunks)
    assert json.loads(answer["choices"][0]["message"]["content"]) == value


def test_usage_comes_last_and_only_when_asked_for() -> None:
    assert all("usage" not in event for event in ask("hi", stream=True).events)
    last = ask("hi", stream=True, stream_options={"include_usage": True}).events[-1]
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == last["usage"]["prompt_tokens"] + last["usage"]["completion_tokens"]


@pytest.mark.parametrize("said", ["/tool", "/tool hermes", "please /tool hermes", [{"type": "text", "text": "/tool"}]])
def test_tool_writes_a_call_as_text(said: object) -> None:
    got = ask([{"role": "user", "content": said}], stream=True, tools=[WEATHER])
    assert got.joined("content") == f"I will call get_weather.\n\n{CALL}"
    assert got.finish == "stop"


@pytest.mark.parametrize("wanted", ["nonsense", "bare"])
def test_an_unknown_format_gets_the_list(wanted: str) -> None:
    text = ask(f"/tool {wanted}", stream=True, tools=[WEATHER]).joined("content")
    assert text == f"I cannot write tool calls as `{wanted}`. Formats that I know: broken, hermes, markerless."


def test_a_call_without_a_marker_stands_alone() -> None:
    assert ask("/tool markerless", stream=True, tools=[WEATHER]).joined("content") == CALL


def test_a_template_that_fails_is_an_answer() -> None:
    got = ask("/tool broken", stream=True, tools=[WEATHER])
    assert (got.status, "parser `broken`" in got.chunks[0].decode()) == (500, True)


def test_without_tools_it_says_so() -> None:
    assert "declares no tools" in ask("/tool", stream=True).joined("content")


def test_after_a_result_it_answers_in_words() -> None:
    call = {"role": "assistant", "content": "", "tool_calls": []}
    result = {"role": "tool", "tool_call_id": "x", "content": "22 degrees"}
    reminder = {"role": "user", "content": "<system-reminder>\nbe nice\n</system-reminder>"}
    for tail in ([], [reminder], [{"role": "system", "content": "be nice"}]):
        messages = [{"role": "user", "content": "/tool"}, call, result, *tail]
        assert "22 degrees" in ask(messages, stream=True, tools=[WEATHER]).joined("content")


def test_think_comes_in_its_own_field() -> None:
    got = ask("/think /tool", stream=True, tools=[WEATHER])
    assert "I think" in got.joined("reasoning_content")
    assert CALL in got.joined("content")
    whole = json.loads(ask("/think").chunks[0])
    assert whole["choices"][0]["message"]["reasoning_content"]
    assert whole["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0


@pytest.mark.parametrize(("status", "retry_after"), [(429, "1"), (503, "1"), (400, None), (599, None)])
def test_status_fails_as_told(status: int, retry_after: str | None) -> None:
    got = ask(f"/status {status}", stream=True)
    assert (got.status, got.headers.get("retry-after")) == (status, retry_after)
    assert json.loads(got.chunks[0])["error"]["code"] == str(status)


@pytest.mark.parametrize("said", ["/status", "/status 200", "/status 4²9", "/status many"])
def test_a_status_that_is_none_is_echoed(said: str) -> None:
    assert ask(said, stream=True).joined("content") == said


def test_cut_dies_after_some_text() -> None:
    got = ask("/cut and never say goodbye", stream=True)
    assert got.died
    assert got.finish is None
    assert "/cut and never say goodbye".startswith(got.joined("content"))
    assert got.joined("content")
    assert ask("/cut this answer").died


def test_slow_is_paced() -> None:
    asked = read_asked(json.dumps({"messages": [{"role": "user", "content": "/slow"}]}).encode())
    assert plan(asked, PARSERS).pace > 0
    assert ask("/slow", stream=True).joined("content") == "/slow"


def test_max_tokens_ends_it_early() -> None:
    got = ask("a long answer that will be cut", stream=True, max_tokens=2)
    assert (got.joined("content"), got.finish) == ("a long a", "length")
    assert ask("/think hard", stream=True, max_completion_tokens=1).joined("content") == ""


def test_nothing_to_echo_gets_help() -> None:
    assert "/tool" in ask("", stream=True).joined("content")


def test_models_are_listed() -> None:
    got = send(b"", method="GET", path="/v1/models")
    assert [model["id"] for model in json.loads(got.chunks[0])["data"]] == ["demo"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"messages": []}', b'{"messages": 1}'])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    got = send(body)
    assert got.status == 400
    assert json.loads(got.chunks[0])["error"]["message"]


def test_odd_values_in_a_request_are_survived() -> None:
    messages = [1, {"role": "user"}, {"role": "user", "content": [1, {"text": 2}, {"text": "hi"}]}]
    assert ask(messages, stream=True, tools=[1, {}, {"function": {"name": 1}}]).joined("content") == "hi"


def test_unknown_paths_are_404() -> None:
    assert send(b"{}", path="/v1/embeddings").status == 404
