"""The other side of chat completions: what a request asks, and what an upstream says that is no answer.

For whoever plays the upstream (the built-in demo), so that the words of this
format stay in this package. Answers are written by ``ChunkEncoder`` and ``CompletionFold``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.core import jsontext
from bridge.core.conversation import Tool

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_exceeded",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a request: who says it (``tool``: a tool's result) and its texts."""

    role: Literal["user", "assistant", "tool"]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat completions request as its upstream sees it: ``said`` leaves system messages out.

    ``max_tokens`` is 0 when the request names none. ``schema`` is what the answer has to fit, if anything.
    """

    model: str
    said: tuple[Said, ...] = ()
    tools: tuple[Tool, ...] = ()
    stream: bool = False
    include_usage: bool = False
    max_tokens: int = 0
    schema: Mapping[str, object] | None = None


def read_asked(body: bytes) -> Asked:
    """Read a request body. Raises ValueError, with a sentence for the caller, if it is not a request."""
    value = jsontext.loads(body)
    if not isinstance(value, dict):
        raise ValueError("the body is not a JSON object")
    messages = value.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ValueError("`messages` is not a list with at least one message")
    options = value.get("stream_options")
    limit = value.get("max_completion_tokens") or value.get("max_tokens")
    return Asked(
        model=str(value.get("model", "")),
        said=tuple(_said(messages)),
        tools=tuple(_tools(value.get("tools"))),
        stream=value.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        max_tokens=limit if isinstance(limit, int) and limit > 0 else 0,
        schema=_schema(value.get("response_format")),
    )


def _schema(form: object) -> Mapping[str, object] | None:
    match form:
        case {"json_schema": {"schema": dict(schema)}}:
            return schema
        case {"type": "json_object"}:
            return {"type": "object"}
    return None


def _said(messages: Sequence[object]) -> Iterator[Said]:
    for message in messages:
        if isinstance(message, dict) and message.get("role") in {"user", "assistant", "tool"}:
            yield Said(message["role"], tuple(_texts(message.get("content"))))


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                yield part["text"]


def _tools(value: object) -> Iterator[Tool]:
    for item in value if isinstance(value, list) else []:
        function = item.get("function") if isinstance(item, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            schema = function.get("parameters")
            yield Tool(
                name=function["name"],
                description=str(function.get("description", "")),
                schema=schema if isinstance(schema, dict) else None,
            )


def error_body(status: int, message: str) -> bytes:
    """The error object that goes with an HTTP status."""
    kind = _ERROR_TYPES.get(status, "server_error")
    return jsontext.dumps({"error": {"message": message, "type": kind, "param": None, "code": str(status)}})


def model_body(model_id: str, created: int, owner: str) -> bytes:
    """The answer to a request for one model."""
    return jsontext.dumps(_model(model_id, created, owner))


def _model(model_id: str, created: int, owner: str) -> dict[str, object]:
    return {"id": model_id, "object": "model", "created": created, "owned_by": owner}


def model_list(ids: Iterable[str], created: int, owner: str) -> bytes:
    """The answer to a request for the list of models."""
    return jsontext.dumps({"object": "list", "data": [_model(id_, created, owner) for id_ in ids]})
