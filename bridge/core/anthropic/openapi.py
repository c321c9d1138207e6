"""The Messages API as JSON Schemas, for an OpenAPI document: what is read, what is refused, what comes back.

Strict where a request is refused, open where it is read leniently: a field that
is not named here is dropped with a warning. What a schema cannot say (tool
names are unique, a chosen tool is declared) is in the descriptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.core.anthropic.errors import TYPES
from bridge.core.anthropic.models import MAX_LIMIT
from bridge.core.anthropic.policy import BLOCKS, REQUEST, TOOL_TYPES, Place
from bridge.core.anthropic.request import EFFORTS
from bridge.core.anthropic.shapes import STOP_REASONS
from bridge.core.conversation import Json

Schemas = Mapping[str, Json]

_NULL: Json = {"type": "null"}
_STRING: Json = {"type": "string"}
_NAME: Json = {"type": "string", "minLength": 1}
_OBJECT: Json = {"type": "object"}
_BOOLEAN: Json = {"type": "boolean"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_FRACTION: Json = {"type": "number", "minimum": 0, "maximum": 1}


def ref(name: str) -> Json:
    """A reference to one of the schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: Json) -> Json:
    if list(schema) == ["type"]:
        return {"type": [schema["type"], "null"]}
    return {"anyOf": [schema, _NULL]}


def _const(value: str) -> Json:
    return {"type": "string", "const": value}


def _enum(values: Iterable[object], description: str = "") -> Json:
    return {"enum": list(values)} | ({"description": description} if description else {})


def _list(items: Json, **more: object) -> Json:
    return {"type": "array", "items": items, **more}


def _object(required: Mapping[str, Json], optional: Mapping[str, Json] | None = None) -> dict[str, Any]:
    """An object that may have further fields; optional ones may be null."""
    nullable = {key: _or_null(schema) for key, schema in (optional or {}).items()}
    return {"type": "object", "required": list(required), "properties": {**required, **nullable}}


def _shape(required: Mapping[str, Json], optional: Mapping[str, Json] | None = None) -> Json:
    """An object that comes back: optional fields are there or not."""
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def _block(kind: str, required: Mapping[str, Json], optional: Mapping[str, Json] | None = None) -> Json:
    return _object({"type": _const(kind), **required}, optional)


_TEXTS: Json = {"anyOf": [_STRING, _list(ref("TextBlock"))]}
_WEB_URL = _block("url", {"url": {"type": "string", "pattern": "^https?://"}})


def _blocks(place: Place) -> Json:
    """A string, or the blocks that may stand there."""
    kinds = [kind for kind, block in BLOCKS.items() if place in block.places]
    return {"anyOf": [_STRING, _list({"oneOf": [ref(_block_name(kind)) for kind in kinds]})]}


def _block_name(kind: str) -> str:
    return "".join(word.capitalize() for word in kind.split("_")) + "Block"


_BLOCK_OF_KIND: Schemas = {
    "text": _block("text", {"text": _STRING}),
    "image": _block(
        "image",
        {
            "source": {
                "oneOf": [
                    _block("base64", {"media_type": {"type": "string", "pattern": "^image/"}, "data": _NAME}),
                    _WEB_URL,
                ]
            }
        },
    ),
    "document": _block(
        "document",
        {
            "source": {
                "oneOf": [
                    _block("text", {"data": _STRING}),
                    _block("content", {"content": _blocks("document")}),
                    _block("base64", {"media_type": _NAME, "data": _NAME}),
                    _WEB_URL,
                ]
            }
        },
        {"title": _STRING, "context": _STRING, "citations": _OBJECT},
    ),
    "search_result": _block(
        "search_result", {"title": _STRING, "source": _STRING, "content": _TEXTS}, {"citations": _OBJECT}
    ),
    "tool_reference": _block("tool_reference", {"tool_name": _NAME}),
    "tool_result": _block(
        "tool_result",
        {"tool_use_id": _NAME},
        {"content": _blocks("tool_result"), "is_error": _BOOLEAN},
    ),
    "thinking": _block("thinking", {"thinking": _STRING}, {"signature": _STRING}),
    "redacted_thinking": _block("redacted_thinking", {"data": _STRING}),
    "tool_use": _block("tool_use", {"id": _NAME, "name": _NAME, "input": _OBJECT}),
    "compaction": _block("compaction", {}, {"content": _STRING}),
    "server_tool_use": _block("server_tool_use", {"name": _NAME, "input": _OBJECT}),
    "mcp_tool_use": _block("mcp_tool_use", {"name": _NAME, "input": _OBJECT}),
    **{kind: _block(kind, {}) for kind in ("mcp_tool_listing", "fallback")},
    **{kind: _block(kind, {"content": {"not": _NULL}}) for kind in BLOCKS if kind.endswith("_tool_result")},
}


def _message(role: Place) -> Json:
    return _object({"role": _const(role), "content": _blocks(role)}, {"clear_at": _STRING})


def _system_message() -> Json:
    """One with content, or with only an ``output_config``, which is dropped."""
    bare = _object({"role": _const("system"), "output_config": {"not": _NULL}}, {"clear_at": _STRING})
    bare["properties"]["content"] = _NULL
    return {"anyOf": [_message("system"), bare]}


def _tools() -> Schemas:
    functions = [kind for kind, row in TOOL_TYPES.items() if row.action == "function"]
    told = {
        "description": _STRING,
        "strict": _BOOLEAN,
        "eager_input_streaming": _BOOLEAN,
        "defer_loading": _BOOLEAN,
        "input_examples": _list(_OBJECT),
        "allowed_callers": {
            "anyOf": [{"type": "array", "maxItems": 0}, {"type": "array", "contains": {"const": "direct"}}]
        },
    }
    client = _object({"name": _NAME, "input_schema": _OBJECT}, told)
    client["properties"] = {"type": _enum(["custom", "", None]), **client["properties"]}
    client["description"] = "A tool that the client runs. Names are unique within a request."
    # Its description is known, too: none is read.
    known = _object({"type": _enum(functions), "name": _NAME}, {key: told[key] for key in told if key != "description"})
    known["description"] = "A tool that the client runs and whose schema the model's maker defines."
    served = _object({"type": {"type": "string", "not": _enum(["custom", "", *functions])}}, {"name": _STRING})
    served["description"] = "A tool that runs at the API's servers: dropped with a warning, or refused."
    parallel = {"disable_parallel_tool_use": _BOOLEAN}
    return {
        "Tool": {"oneOf": [client, known, served]},
        "ToolChoice": {
            "description": "'any' needs a tool in `tools`, and 'tool' the one that it names.",
            "oneOf": [
                *(_block(mode, {}, parallel) for mode in ("auto", "any", "none")),
                _block("tool", {"name": _NAME}, parallel),
            ],
        },
    }


def _thinking() -> Json:
    budget: Json = {"type": "integer", "minimum": 1}
    other = _object(
        {"type": {"type": "string", "not": {"const": "enabled"}}}, {"budget_tokens": budget, "display": _STRING}
    )
    return {"oneOf": [_block("enabled", {"budget_tokens": budget}, {"display": _STRING}), other]}


def _requests() -> Schemas:
    form = _block("json_schema", {"schema": _OBJECT})
    required = {
        "model": _NAME,
        "messages": _list({"oneOf": [ref(f"{role}Message") for role in ("User", "Assistant", "System")]}, minItems=1),
    }
    optional = {
        "system": _TEXTS,
        "tools": _list(ref("Tool")),
        "tool_choice": ref("ToolChoice"),
        "thinking": ref("ThinkingConfig"),
        "output_config": _object({}, {"effort": _enum([*EFFORTS, ""]), "format": form}),
        "output_format": form,
        "stop_sequences": _list(_NAME),
        "temperature": _FRACTION,
        "top_p": _FRACTION,
        "top_k": _COUNT,
        "metadata": _object({}, {"user_id": _STRING}),
        "stream": _BOOLEAN,
    }
    refused = {
        key: _enum([None, False, 0, "", [], {}], row.note)
        for key, row in REQUEST.rows.items()
        if row.action == "refused"
    }
    counted = _object(required, {**optional, "max_tokens": _COUNT})
    asked = _object({**required, "max_tokens": {"type": "integer", "minimum": 1}}, optional)
    for schema in (asked, counted):
        schema["properties"].update(refused)
    return {"MessagesRequest": asked, "CountTokensRequest": counted}


def _usage() -> Json:
    counters = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    details = {"output_tokens_details": _shape({"thinking_tokens": _COUNT})}
    return _shape(dict.fromkeys(counters, _COUNT), details)


def _answers() -> Schemas:
    model = {
        "type": _const("model"),
        "id": _NAME,
        "display_name": _NAME,
        "created_at": {"type": "string", "format": "date-time"},
        "max_input_tokens": _or_null(_COUNT),
        "max_tokens": _or_null(_COUNT),
    }
    stop = {
        "stop_reason": _enum([*STOP_REASONS.values(), None]),
        "stop_sequence": _or_null(_STRING),
    }
    details = {"stop_details": _shape({"type": _const("refusal"), "explanation": _or_null(_STRING)})}
    message = {
        "id": _NAME,
        "type": _const("message"),
        "role": _const("assistant"),
        "model": _STRING,
        "content": _list({"oneOf": [ref("TextBlock"), ref("ThinkingBlock"), ref("ToolUseBlock")]}),
        "usage": ref("Usage"),
        **stop,
    }
    error = _shape({"type": _enum(sorted(TYPES.values())), "message": _STRING}, {"details": _OBJECT})
    return {
        "Message": _shape(message, details),
        "Usage": _usage(),
        "StreamEvent": {"oneOf": list(_events(_shape(stop, details)))},
        # OpenAPI 3.1 has no words for a stream: this is one item of it.
        "ServerSentEvent": _shape(
            {
                "event": {"type": "string", "description": "The `type` of its data."},
                "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": ref("StreamEvent")},
            }
        ),
        "TokenCount": _shape({"input_tokens": _COUNT}),
        "Model": _shape(model),
        "ModelPage": _shape(
            {
                "data": _list(ref("Model")),
                "has_more": _BOOLEAN,
                "first_id": _or_null(_STRING),
                "last_id": _or_null(_STRING),
            }
        ),
        "Error": _shape({"type": _const("error"), "error": error, "request_id": _or_null(_STRING)}),
    }


def _events(stop: Json) -> Iterable[Json]:
    """The data of each event of a stream; the event's name is its ``type``."""
    block = {"index": _COUNT}
    deltas = {
        "text_delta": "text",
        "thinking_delta": "thinking",
        "signature_delta": "signature",
        "input_json_delta": "partial_json",
    }
    yield _block("message_start", {"message": ref("Message")})
    opened = [ref("TextBlock"), ref("ThinkingBlock"), ref("ToolUseBlock")]
    yield _block("content_block_start", {**block, "content_block": {"oneOf": opened}})
    pieces = [_block(kind, {key: _STRING}) for kind, key in deltas.items()]
    yield _block("content_block_delta", {**block, "delta": {"oneOf": pieces}})
    yield _block("content_block_stop", block)
    yield _block("message_delta", {"delta": stop, "usage": ref("Usage")})
    yield _block("message_stop", {})
    yield _block("ping", {})
    yield ref("Error")


SCHEMAS: Schemas = {
    **_requests(),
    "UserMessage": _message("user"),
    "AssistantMessage": _message("assistant"),
    "SystemMessage": _system_message(),
    **_tools(),
    "ThinkingConfig": _thinking(),
    **{_block_name(kind): schema for kind, schema in _BLOCK_OF_KIND.items()},
    **_answers(),
}
"""By the name that ``ref`` refers to."""

EXAMPLE: Json = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
    "tools": [
        {
            "name": "get_weather",
            "description": "The weather of a city.",
            "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        }
    ],
}
"""Fits both requests."""

PAGING: tuple[Json, ...] = (
    {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    },
    {
        "name": "after_id",
        "in": "query",
        "description": "The id of a model: what comes behind it. Not together with `before_id`.",
        "schema": _STRING,
    },
    {"name": "before_id", "in": "query", "description": "The same in the other direction.", "schema": _STRING},
)
"""The query parameters of the list of models."""
