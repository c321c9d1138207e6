from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from inprocess import Reply, Running, ask
from openapi import described, problems, resolve, shape
from running import DEMO

from bridge.core.anthropic.openapi import EXAMPLE
from bridge.core.openai.openapi import EXAMPLE as CHAT_EXAMPLE
from bridge.server.door import DOORS

NAMED = DEMO + '[models.named]\nupstream = "demo"\nmodel = "demo"\ndisplay_name = "Named"\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(NAMED, tmp_path_factory.mktemp("openapi")) as running:
        yield running


def operation(path: str, method: str) -> dict[str, Any]:
    found: dict[str, Any] = described()["paths"][path][method]
    return found


def fits(got: Reply, path: str, method: str, status: str = "200") -> None:
    """The answer is one that the document has for this status."""
    answer = resolve(operation(path, method)["responses"][status])
    media_type = got.headers["content-type"].partition(";")[0]
    assert problems(answer["content"][media_type]["schema"], got.json) == []
    for name in answer["headers"]:
        assert name in got.headers or name == "retry-after"


def test_it_is_served(server: Running) -> None:
    got = server.get("/openapi.json")
    assert got.status == 200
    assert got.headers["content-type"] == "application/json"
    assert got.json == described()
    assert got.json["openapi"].startswith("3.1.")


def test_it_has_every_endpoint_and_no_other(server: Running) -> None:
    registered = {
        (route.path.replace(":path", ""), method.lower())
        for route in server.app.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    registered |= {(door.path, "post") for door in DOORS}
    assert {(path, method) for path, methods in described()["paths"].items() for method in methods} == registered


def test_operations_have_names_of_their_own() -> None:
    names = [each["operationId"] for methods in described()["paths"].values() for each in methods.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", [path for path, methods in described()["paths"].items() if "get" in methods])
def test_what_is_asked_with_get(server: Running, path: str) -> None:
    got = server.get(path.replace("{model_id}", "named"))
    assert got.status == 200
    if path == "/metrics":
        assert got.headers["content-type"].startswith("text/plain")
    else:
        fits(got, path, "get")
    assert server.get("/healthz").headers["request-id"] != got.headers["request-id"]


def test_models_as_openai_clients_get_them(server: Running) -> None:
    got = server.get("/v1/models", {"authorization": "Bearer x"})
    assert got.json["object"] == "list"
    fits(got, "/v1/models", "get")


def test_one_model_as_openai_clients_get_it(server: Running) -> None:
    got = server.get("/v1/models/named", {"authorization": "Bearer x"})
    assert got.json["object"] == "model"
    fits(got, "/v1/models/{model_id}", "get")


def test_chat_completions(server: Running) -> None:
    asked = {**CHAT_EXAMPLE, "messages": [{"role": "user", "content": "/think /tool"}]}
    got = server.post(asked, "/v1/chat/completions")
    assert got.json["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "get_weather"
    fits(got, "/v1/chat/completions", "post")
    streamed = server.post({**asked, "stream": True, "stream_options": {"include_usage": True}}, "/v1/chat/completions")
    *chunks, done = (frame.removeprefix(b"data: ") for frame in streamed.body.split(b"\n\n") if frame)
    assert done == b"[DONE]"
    assert len(chunks) > 3
    for chunk in chunks:
        assert problems(shape("ChatChunk"), json.loads(chunk)) == []


def test_messages(server: Running) -> None:
    got = server.post({**EXAMPLE, "messages": [{"role": "user", "content": "/think /tool"}]})
    assert [block["type"] for block in got.json["content"]] == ["thinking", "text", "tool_use"]
    fits(got, "/v1/messages", "post")
    fits(server.post(EXAMPLE, "/v1/messages/count_tokens"), "/v1/messages/count_tokens", "post")


@pytest.mark.parametrize("said", ["hello", "/think /tool", "/cut" + " and so on" * 20])
def test_events(server: Running, said: str) -> None:
    got = server.post({**ask(said), "tools": EXAMPLE["tools"]})
    assert (
        got.headers["content-type"].partition(";")[0]
        in operation("/v1/messages", "post")["responses"]["200"]["content"]
    )
    assert len(got.events) > 3
    for name, data in got.events:
        assert data["type"] == name
        assert problems(shape("StreamEvent"), data) == []
    assert problems(shape("StreamEvent"), {"type": "message_end"})


@pytest.mark.parametrize(
    ("said", "status"), [("/status 400", "4XX"), ("/status 401", "4XX"), ("/status 429", "4XX"), ("/status 500", "5XX")]
)
def test_errors(server: Running, said: str, status: str) -> None:
    with server.using(NAMED.replace('model = "demo"\n', 'model = "demo"\nretry.attempts = 1\n')):
        got = server.post(ask(said))
    assert str(got.status)[0] == status[0]
    fits(got, "/v1/messages", "post", status)


def test_a_reload_that_is_refused(server: Running) -> None:
    fits(server.post({}, "/-/reload"), "/-/reload", "post")
    assert not server.edit("nonsense")
    got = server.post({}, "/-/reload")
    assert got.status == 422
    fits(got, "/-/reload", "post", "422")
    server.save(NAMED)
