"""Whatever is sent to an endpoint, a process of ours answers as its OpenAPI document says, and goes on."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
import running
from hypothesis import given, settings
from hypothesis import strategies as st
from inprocess import Reply, read_events
from openapi import anything, described, instances, problems, resolve, shape, spoilt

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "PURGE")
CONTENT_TYPES = (
    "application/json", "application/json; charset=latin-1", "text/plain", "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x", "application/xml", "image/png", "nonsense", "",
)  # fmt: skip
UNFIT = b"the answer of upstream `demo` does not fit"
PATHS = sorted(described()["paths"])
WITH_BODY = {
    path: methods["post"] for path, methods in described()["paths"].items() if "requestBody" in methods.get("post", {})
}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Running]:
    routes = (
        running.DEMO
        + '[defaults]\nretry = { attempts = 1 }\n[models.named]\nupstream = "demo"\nmodel = "demo"\n[limits]\nrequest_body = "1MB"\n'
    )
    with running.serving(tmp_path_factory.mktemp("any"), routes) as process:
        yield process
        log = process.log()
        assert process.process.poll() is None
        assert "Traceback" not in log
        assert "internal error" not in log


def send(proxy: running.Running, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body or None, named)
        return Reply(connection.getresponse())
    finally:
        connection.close()


def judge(got: Reply, method: str, operation: Any = None) -> None:
    """It is an answer of this operation, or an error in the one shape; never one of ours."""
    assert got.complete
    assert got.headers["request-id"].startswith("req_")
    # What is not even HTTP never comes to where the configuration is.
    assert got.headers.get("x-bridge-revision") or got.headers["connection"] == "close"
    # The demo upstream cannot be asked for JSON of a schema: that its answer is none is noticed.
    assert got.status < 500 or UNFIT in got.body, got.body
    if method == "HEAD":
        assert got.body == b""
    elif got.status >= 400:
        assert problems(shape("Error"), got.json) == []
        assert got.json["request_id"] == got.headers["request-id"]
        assert got.json["error"]["message"]
    elif operation is not None:
        answers = resolve(operation["responses"][str(got.status)])["content"]
        media_type = got.headers["content-type"].partition(";")[0]
        assert media_type in answers
        if media_type == "text/event-stream" and operation["operationId"] == "createChatCompletion":
            assert got.body.endswith(b"data: [DONE]\n\n")
        elif media_type == "text/event-stream":
            names = [name for name, data in read_events(got.body) if not problems(shape("StreamEvent"), data)]
            assert names[0] == "message_start"
            assert names[-1] == "message_stop"
        elif media_type == "application/json":
            assert problems(answers[media_type]["schema"], got.json) == []


@pytest.mark.parametrize("path", WITH_BODY)
@settings(max_examples=60)
@given(data=st.data())
def test_bodies(proxy: running.Running, path: str, data: st.DataObject) -> None:
    operation = WITH_BODY[path]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    body = data.draw(instances(schema) | anything)
    for _ in range(data.draw(st.integers(0, 2))):
        body = data.draw(spoilt(body))
    content_type = data.draw(st.sampled_from(CONTENT_TYPES))
    got = send(proxy, "POST", path, json.dumps(body).encode(), content_type=content_type)
    judge(got, "POST", operation)
    if problems(schema, body):
        assert got.status == 400


@pytest.mark.parametrize("path", WITH_BODY)
@settings(max_examples=60)
@given(data=st.data())
def test_bytes(proxy: running.Running, path: str, data: st.DataObject) -> None:
    """JSON with bytes of it changed, and bytes that never were JSON."""
    example = json.dumps(WITH_BODY[path]["requestBody"]["content"]["application/json"]["example"]).encode()
    at, length = data.draw(st.integers(0, len(example))), data.draw(st.integers(0, 4))
    spoilt_bytes = example[:at] + data.draw(st.binary(max_size=6)) + example[at + length :]
    body = data.draw(st.just(spoilt_bytes) | st.binary(max_size=100))
    judge(send(proxy, "POST", path, body, content_type="application/json"), "POST", WITH_BODY[path])


@settings(max_examples=80)
@given(st.data())
def test_headers(proxy: running.Running, data: st.DataObject) -> None:
    names = ["authorization", "x-api-key", "anthropic-version", "anthropic-beta", "accept", "content-encoding", "origin",
             "x-stainless-timeout", "x-stainless-retry-count", "x-claude-code-session-id", "x-forwarded-for", "expect", "upgrade"]  # fmt: skip
    value = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\x00"), max_size=20) | st.sampled_from(
        ["9" * 100, "-1", "1e9", "Bearer", "Bearer  ", "gzip", "identity", "null", "h2c", "websocket"]
    )
    headers = data.draw(st.dictionaries(st.sampled_from(names), value, max_size=4))
    path = data.draw(st.sampled_from(PATHS))
    method = "POST" if "post" in described()["paths"][path] else "GET"
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}).encode()
    judge(
        send(proxy, method, path.replace("{model_id}", "named"), body if method == "POST" else b"", **headers), method
    )


@settings(max_examples=60)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30), st.sampled_from(PATHS))
def test_queries(proxy: running.Running, query: str, path: str) -> None:
    method = "get" if "get" in described()["paths"][path] else "post"
    path = path.replace("{model_id}", query.replace("?", "").replace("#", "") or "named")
    for said in (query, f"limit={query}", f"after_id={query}", "limit=1&limit=2", "beta=true"):
        judge(
            send(proxy, method.upper(), f"{path}?{said}".replace("#", "%23"), b"{}" if method == "post" else b""),
            method,
        )


@pytest.mark.parametrize("path", PATHS)
def test_methods(proxy: running.Running, path: str) -> None:
    for method in METHODS:
        got = send(
            proxy, method, path.replace("{model_id}", "named"), b"{}" if method in ("POST", "PUT", "PATCH") else b""
        )
        judge(got, method)
        if method.lower() not in described()["paths"][path]:
            assert got.status == 405
            assert set(got.headers["allow"].lower().split(", ")) == set(described()["paths"][path])
