"""The OpenAPI document: every endpoint that a program may call, with the schemas that the core has of its bodies.

Described by hand, because messages go past the framework; a test compares it with
what is registered, and others send what it allows and what it forbids. The schemas
are only imported when somebody asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fastapi import FastAPI, Response

from bridge import __version__
from bridge.core.conversation import Json


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. ``answers`` are the contents of 200: a media type -> a schema, or the name of one."""

    path: str
    method: str
    id: str
    summary: str
    answers: Mapping[str, str | Json]
    body: str = ""
    example: Json | None = None
    parameters: Sequence[Json] = ()
    more: Mapping[str, str | Json] = field(default_factory=dict)
    """Further statuses with JSON bodies, which are not errors of the API."""
    links: Mapping[str, Json] = field(default_factory=dict)


def add(app: FastAPI) -> None:
    """Register the endpoint."""

    @app.get("/openapi.json")
    async def openapi() -> Response:
        return Response(document_text(), media_type="application/json")


@cache
def document_text() -> str:
    """The document as JSON text; written once per process."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    from bridge.core.anthropic import openapi as messages
    from bridge.core.openai import openapi as openai

    paths: dict[str, dict[str, Any]] = {}
    for operation in (*_operations(messages.PAGING, messages.EXAMPLE, openai.EXAMPLE), *_own_operations()):
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "toolbridge",
            "version": __version__,
            "summary": "The Anthropic Messages API in front of OpenAI-compatible upstreams",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        # Which of them, or none, is a matter of [clients] and [dashboard].
        "security": [{}, {"ApiKey": []}, {"Bearer": []}],
        "paths": paths,
        "components": {
            "schemas": {**messages.SCHEMAS, **openai.SCHEMAS, **_OWN},
            "securitySchemes": {
                "ApiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "Bearer": {"type": "http", "scheme": "bearer"},
            },
            "headers": _HEADERS,
            "responses": {"Error": _error()},
        },
    }


_JSON = "application/json"
_EVENTS = "text/event-stream"
_TEXT = "text/plain"


def _operations(paging: Sequence[Json], example: Json, chat_example: Json) -> tuple[Operation, ...]:
    """What clients ask for."""
    hello = {_JSON: "Hello"}
    either: Json = {"anyOf": [_ref("ModelPage"), _ref("OpenAIModelList")]}
    one: Json = {"anyOf": [_ref("Model"), _ref("OpenAIModel")]}
    model_id: Json = {"name": "model_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return (
        Operation(
            "/v1/messages",
            "post",
            "createMessage",
            "Continue a conversation; streamed if the request says so",
            {_JSON: "Message", _EVENTS: "ServerSentEvent"},
            "MessagesRequest",
            example,
        ),
        Operation(
            "/v1/chat/completions",
            "post",
            "createChatCompletion",
            "The same for OpenAI's clients",
            {_JSON: "ChatCompletion", _EVENTS: "ChatEvent"},
            "ChatRequest",
            chat_example,
        ),
        Operation(
            "/v1/messages/count_tokens",
            "post",
            "countTokens",
            "How many tokens a request has",
            {_JSON: "TokenCount"},
            "CountTokensRequest",
            example,
        ),
        Operation(
            "/v1/models",
            "get",
            "listModels",
            "The models that can be asked for by name; in OpenAI's shape for OpenAI's clients",
            {_JSON: either},
            parameters=paging,
            links={"first": {"operationId": "getModel", "parameters": {"model_id": "$response.body#/data/0/id"}}},
        ),
        Operation("/v1/models/{model_id}", "get", "getModel", "One model", {_JSON: one}, parameters=[model_id]),
        *(
            Operation(path, method, f"{method}{name}", "Is somebody there", hello if method == "get" else {})
            for path, name in (("/", "Root"), ("/api/hello", "Hello"))
            for method in ("get", "head")
        ),
    )


def _own_operations() -> tuple[Operation, ...]:
    """What is about the process itself."""
    return (
        Operation("/healthz", "get", "health", "The process is alive", {_JSON: "Health"}),
        Operation(
            "/readyz",
            "get",
            "readiness",
            "New requests are taken; 503 while the process ends",
            {_JSON: "Readiness"},
            more={"503": "Readiness"},
        ),
        Operation("/healthz", "head", "headHealth", "The same, without a body", {}),
        Operation("/readyz", "head", "headReadiness", "The same, without a body", {}),
        Operation("/metrics", "get", "metrics", "Counters, as Prometheus text", {_TEXT: {"type": "string"}}),
        Operation("/openapi.json", "get", "openapi", "This document", {_JSON: {"type": "object"}}),
        Operation("/-/status", "get", "status", "The process at a glance", {_JSON: "Status"}),
        Operation(
            "/-/reload",
            "post",
            "reload",
            "Read the configuration now; 422 if it is refused, and the old one stays",
            {_JSON: "Reload"},
            more={"422": "Reload"},
        ),
    )


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {"operationId": operation.id, "summary": operation.summary}
    if operation.parameters:
        described["parameters"] = list(operation.parameters)
    if operation.body:
        content = {"schema": _ref(operation.body), "example": operation.example}
        described["requestBody"] = {"required": True, "content": {_JSON: content}}
    described["responses"] = {
        "200": _answer("Success", operation.answers),
        **{status: _answer("Not so", {_JSON: schema}) for status, schema in operation.more.items()},
        "4XX": {"$ref": "#/components/responses/Error"},
        "5XX": {"$ref": "#/components/responses/Error"},
    }
    if operation.links:
        described["responses"]["200"]["links"] = dict(operation.links)
    return described


def _answer(description: str, contents: Mapping[str, str | Json]) -> dict[str, Any]:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in ("request-id", "x-bridge-revision")}
    content = {
        media_type: {"schema": _ref(schema) if isinstance(schema, str) else schema}
        for media_type, schema in contents.items()
    }
    return {"description": description, "headers": headers} | ({"content": content} if content else {})


def _error() -> dict[str, Any]:
    answer = _answer("What is wrong, in the shape of the Messages API", {_JSON: "Error"})
    answer["headers"]["retry-after"] = {"$ref": "#/components/headers/retry-after"}
    return answer


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _record(**properties: str | list[str]) -> Json:
    """An object with these properties and their types."""
    types = {name: {"type": type_} for name, type_ in properties.items()}
    return {"type": "object", "required": list(types), "properties": types}


_HEADERS: dict[str, Json] = {
    "request-id": {"required": True, "description": "Also in the log.", "schema": {"type": "string"}},
    "x-bridge-revision": {"description": "Of the configuration that answered.", "schema": {"type": "string"}},
    "retry-after": {"description": "Seconds; there where waiting helps.", "schema": {"type": "integer", "minimum": 1}},
}

_OWN: dict[str, Json] = {
    "Hello": _record(name="string", version="string"),
    "Health": _record(status="string"),
    "Readiness": _record(ready="boolean", draining="boolean", degraded="boolean"),
    "Reload": _record(ok="boolean", changed="boolean", revision="string", error="string"),
    "Status": _record(
        version="string",
        draining="boolean",
        in_flight="integer",
        requests="integer",
        outcomes="object",
        generations="integer",
        upstreams="object",
        config="object",
    ),
}
"""What only this proxy answers."""
