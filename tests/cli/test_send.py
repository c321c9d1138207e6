from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scripted import END, FIN, KEEP, Play, Upstream, head, part, reply

from bridge import cli
from bridge.core.anthropic.encoder import StreamEncoder
from bridge.core.anthropic.errors import error_response
from bridge.core.events import (
    Event,
    Fault,
    Finish,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)

CALL = [ToolCallStart(0, "toolu_1", "f"), ToolCallDelta(0, '{"a":'), ToolCallDelta(0, "1}"), ToolCallEnd(0)]
ALL: list[Event] = [ThinkingDelta("hm"), TextDelta("one "), TextDelta("two"), *CALL, Usage(1, 2), Finish("tool_use")]


def streamed(*events: Event, end: bool = True) -> Play:
    encoder = StreamEncoder("msg_1", "m")
    data = [encoder.encode(event) for event in events]
    return [head(), *(part(piece) for piece in data if piece), *([END, KEEP] if end else [FIN])]


def send(upstream: Upstream, *args: str) -> int:
    return cli.main(["send", "--url", upstream.url, *args])


def test_text_and_calls_on_stdout_thinking_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with Upstream(streamed(*ALL)) as upstream:
        assert send(upstream, "hello", "-m", "glm") == 0
    assert capsys.readouterr() == ('one two\nf {"a":1}\n', "hm")
    (request,) = upstream.requests
    assert (request.method, request.path) == ("POST", "/v1/messages")
    assert request.json["model"] == "glm"
    assert request.json["messages"] == [{"role": "user", "content": "hello"}]


def test_tools_are_sent_as_they_stand(tmp_path: Path) -> None:
    tool = {"name": "f", "input_schema": {"type": "object"}, "x": [1]}
    (tmp_path / "tool.json").write_text(json.dumps(tool))
    with Upstream(streamed(*ALL)) as upstream:
        assert send(upstream, "hello", "--tool", str(tmp_path / "tool.json")) == 0
    assert upstream.requests[0].json["tools"] == [tool]


def test_json_is_the_whole_answer(capsys: pytest.CaptureFixture[str]) -> None:
    message: dict[str, Any] = {"type": "message", "content": [{"type": "text", "text": "hé"}]}
    with Upstream(reply(200, json.dumps(message))) as upstream:
        assert send(upstream, "hello", "--json") == 0
    assert upstream.requests[0].json["stream"] is False
    assert json.loads(capsys.readouterr().out) == message


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (Fault("overloaded", "busy"), "error: 529: busy\n"),
        (Fault("not_found", "no x"), "error: 404: no x; `toolbridge models` lists what -m can name\n"),
    ],
)
def test_an_error_answer_is_one_line(fault: Fault, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, body = error_response(fault)
    with Upstream(reply(status, body)) as upstream:
        assert send(upstream, "hello") == 1
    assert capsys.readouterr().err == line


def test_something_else_than_a_proxy_is_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    with Upstream(reply(502, "<html>bad gateway</html>")) as upstream:
        assert send(upstream, "hello") == 1
    assert capsys.readouterr().err == "error: 502: <html>bad gateway</html>\n"


def test_an_error_in_the_stream_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Upstream(streamed(TextDelta("half"), Fault("api", "it died"))) as upstream:
        assert send(upstream, "hello") == 1
    assert capsys.readouterr() == ("half\n", "error: it died\n")


@pytest.mark.parametrize("whole_chunks", [True, False])
def test_a_stream_that_just_ends_is_a_failure(whole_chunks: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with Upstream(streamed(TextDelta("half"), end=whole_chunks)) as upstream:
        assert send(upstream, "hello") == 3
    out, err = capsys.readouterr()
    assert out.startswith("half")
    assert "in the middle of its answer" in err


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["send", "hi", "--url", "http://127.0.0.1:1"]) == 3
    assert "toolbridge serve" in capsys.readouterr().err
