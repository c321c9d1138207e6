"""Whatever arrives, the answer is an Anthropic error at once, and the process goes on."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import running
from anthropic import Anthropic
from inprocess import Reply, read_events
from official import ask, blocks
from scripted import Upstream, answer

GOOD: dict[str, Any] = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "x"}]}
DEEP = b"[" * 100_000 + b"]" * 100_000
BAD = "invalid_request_error"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Running]:
    with Upstream(answer("alive")) as upstream:
        routes = (
            f'[upstreams.up]\nbase_url = "{upstream.url}"\n[limits]\nrequest_body = "1MB"\n'
            '[models.m]\nupstream = "up"\nmodel = "real"\n[models."any-*"]\nupstream = "up"\nmodel = "real"\n'
        )
        with running.serving(tmp_path_factory.mktemp("bad"), routes) as process:
            yield process
            log = process.log()
            assert process.process.poll() is None
            assert "Traceback" not in log
            assert "internal error" not in log


def send(
    proxy: running.Running, body: bytes, path: str = "/v1/messages", method: str = "POST", **headers: str
) -> Reply:
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body or None, {"content-type": "application/json", **named})
        return Reply(connection.getresponse())
    finally:
        connection.close()


def error_of(got: Reply) -> tuple[int, str]:
    assert got.headers["content-type"].startswith("application/json")
    assert got.json["type"] == "error"
    assert got.json["request_id"] == got.headers["request-id"]
    assert got.json["error"]["message"]
    assert "Traceback" not in got.json["error"]["message"]
    return got.status, got.json["error"]["type"]


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name not in names}


def message(content: Any, role: Any = "user") -> dict[str, Any]:
    return GOOD | {"messages": [{"role": role, "content": content}]}


BODIES: dict[str, Any] = {
    "nothing": b"",
    "white space": b"  \n",
    "half": b'{"model": "m", "max_tok',
    "not JSON": b"model=m&max_tokens=1",
    "two objects": json.dumps(GOOD).encode() * 2,
    "single quotes": b"{'model': 'm'}",
    "trailing comma": b'{"model": "m",}',
    "not UTF-8": b'{"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "\xff\xfe"}]}',
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "NUL between": b'{"model": "m",\x00 "max_tokens": 1}',
    "raw line break in a string": b'{"model": "m\n"}',
    "NaN": b'{"model": "m", "max_tokens": NaN, "messages": []}',
    "infinite": b'{"model": "m", "max_tokens": 1e999, "messages": []}',
    "long number": b'{"model": "m", "max_tokens": ' + b"9" * 10_000 + b', "messages": []}',
    "deep": DEEP,
    "deep in content": b'{"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": ' + DEEP + b"}]}",
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a list": [],
    "a string": "hello",
    "null": None,
    "a number": 7,
    "no model": without("model"),
    "no max_tokens": without("max_tokens"),
    "no messages": without("messages"),
    "model null": GOOD | {"model": None},
    "model list": GOOD | {"model": ["m"]},
    "model empty": GOOD | {"model": ""},
    "max_tokens text": GOOD | {"max_tokens": "10"},
    "max_tokens true": GOOD | {"max_tokens": True},
    "max_tokens negative": GOOD | {"max_tokens": -1},
    "max_tokens fraction": GOOD | {"max_tokens": 1.5},
    "messages object": GOOD | {"messages": {}},
    "messages empty": GOOD | {"messages": []},
    "message null": GOOD | {"messages": [None]},
    "role missing": GOOD | {"messages": [{"content": "x"}]},
    "role unknown": message("x", "robot"),
    "role number": message("x", 1),
    "content missing": GOOD | {"messages": [{"role": "user"}]},
    "content number": message(7),
    "content null": message(None),
    "block null": message([None]),
    "block without type": message([{"text": "x"}]),
    "block of unknown type": message([{"type": "hologram"}]),
    "text number": message([{"type": "text", "text": 7}]),
    "image without source": message([{"type": "image"}]),
    "image source text": message([{"type": "image", "source": "http://x"}]),
    "image of unknown source": message([{"type": "image", "source": {"type": "telepathy"}}]),
    "tool_result without id": message([{"type": "tool_result", "content": "x"}]),
    "tool_use without name": message([{"type": "tool_use", "id": "a", "input": {}}], "assistant"),
    "tool_use input list": message([{"type": "tool_use", "id": "a", "name": "f", "input": []}], "assistant"),
    "tools object": GOOD | {"tools": {}},
    "tool null": GOOD | {"tools": [None]},
    "tool without name": GOOD | {"tools": [{"input_schema": {"type": "object"}}]},
    "tool name number": GOOD | {"tools": [{"name": 7, "input_schema": {"type": "object"}}]},
    "tool schema text": GOOD | {"tools": [{"name": "f", "input_schema": "object"}]},
    "tool_choice text": GOOD | {"tool_choice": "auto"},
    "tool_choice unknown": GOOD | {"tool_choice": {"type": "maybe"}},
    "stream text": GOOD | {"stream": "yes"},
    "system number": GOOD | {"system": 7},
    "system list of numbers": GOOD | {"system": [7]},
    "stop_sequences text": GOOD | {"stop_sequences": "x"},
    "stop_sequences of numbers": GOOD | {"stop_sequences": [7]},
    "temperature text": GOOD | {"temperature": "hot"},
    "thinking text": GOOD | {"thinking": "hard"},
    "thinking without type": GOOD | {"thinking": {"budget_tokens": 2000}},
    "metadata list": GOOD | {"metadata": []},
}


@pytest.mark.parametrize("case", BODIES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_bodies(proxy: running.Running, case: str, stream: bool) -> None:
    body = BODIES[case]
    if isinstance(body, dict) and stream:
        body = {"stream": True, **body}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert error_of(send(proxy, data)) == (400, BAD)


@pytest.mark.parametrize("case", BODIES)
def test_bodies_to_be_counted(proxy: running.Running, case: str) -> None:
    body = BODIES[case]
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    got = send(proxy, data, "/v1/messages/count_tokens")
    if got.status != 200:  # it needs less of a body
        assert error_of(got) == (400, BAD)


def test_unknown_models(proxy: running.Running) -> None:
    for name in ("nobody", "M", "m ", "any", "../m", "m\x00", "m\r\nx: 1", "é" * 1000):
        got = send(proxy, json.dumps(GOOD | {"model": name}).encode())
        assert error_of(got)[0] in (400, 404), name
        assert "x" not in got.headers
    assert error_of(send(proxy, json.dumps(GOOD | {"model": "nobody"}).encode())) == (404, "not_found_error")


@pytest.mark.parametrize(
    "name", ["any-\x00", "any-\r\nx-evil: 1", "any-\n\ndata: {}", "any-\u2028\u0085", "any-\ud800"]
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_names_stay_inside_their_strings(proxy: running.Running, name: str, stream: bool) -> None:
    """Of models and of tools: an escaped string, or an error, never a header or an event of its own."""
    tool = {"name": name, "description": name, "input_schema": {"type": "object"}}
    for fields in ({"model": name}, {"tools": [tool]}, {"metadata": {"user_id": name}}, {"stop_sequences": [name]}):
        got = send(proxy, json.dumps(GOOD | {"stream": stream} | fields).encode())
        assert "x-evil" not in got.headers
        if got.status != 200:
            assert error_of(got) == (400, BAD)
        elif stream:
            names = [event for event, _ in read_events(got.body)]
            assert names[0] == "message_start"
            assert names[-1] == "message_stop"
        else:
            assert got.json["content"] == [{"type": "text", "text": "alive"}]


def test_large_bodies(proxy: running.Running) -> None:
    large = json.dumps(message("x" * 1_100_000)).encode()
    assert error_of(send(proxy, large)) == (413, "request_too_large")
    assert error_of(send(proxy, large, "/v1/messages/count_tokens")) == (413, "request_too_large")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "x-nonsense"])
def test_encodings(proxy: running.Running, encoding: str) -> None:
    assert error_of(send(proxy, b"\x1f\x8b nonsense", content_encoding=encoding)) == (415, BAD)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_the_content_type_does_not_matter(proxy: running.Running, content_type: str) -> None:
    assert send(proxy, json.dumps(GOOD).encode(), content_type=content_type).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "name"),
    [
        ("POST", "/v1/message", 404, "not_found_error"),
        ("POST", "/v1/messages/", 404, "not_found_error"),
        ("POST", "/V1/Messages", 404, "not_found_error"),
        ("POST", "/v1/messages/batches", 404, "not_found_error"),
        ("POST", "//v1/messages", 404, "not_found_error"),
        ("POST", "/v1/../v1/messages", 404, "not_found_error"),
        ("POST", "/v1/complete", 404, "not_found_error"),
        ("GET", "/v1/files", 404, "not_found_error"),
        ("GET", "/%ff%fe", 404, "not_found_error"),
        ("GET", "/v1/models/nobody", 404, "not_found_error"),
        ("GET", "/v1/models/%00", 404, "not_found_error"),
        ("GET", "/docs", 404, "not_found_error"),
        ("GET", "/v1/messages", 405, BAD),
        ("DELETE", "/v1/models", 405, BAD),
        ("GET", "/v1/messages/count_tokens", 405, BAD),
        ("GET", "/v1/models?limit=-1", 400, BAD),
        ("GET", "/v1/models?after_id=nobody", 400, BAD),
    ],
)
def test_paths(proxy: running.Running, method: str, path: str, status: int, name: str) -> None:
    assert error_of(send(proxy, b"{}" if method == "POST" else b"", path, method)) == (status, name)


def test_it_is_alive_after_all_that(proxy: running.Running, tmp_path: Path) -> None:
    with Anthropic(base_url=proxy.url, api_key="x", max_retries=0) as sdk:
        assert blocks(ask(sdk, model="m")) == [("text", "alive")]
