"""The chat completions API as it is offered to clients, as JSON Schemas for an OpenAPI document.

What they forbid is refused. They allow more than is read: what depends on other
fields (``functions`` where there are no ``tools``) is not in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.core.conversation import Json
from bridge.core.openai.shapes import CHUNK, COMPLETION, FINISH_WORDS

_Schema = dict[str, Any]

_STRING: _Schema = {"type": "string"}
_NAME: _Schema = {"type": "string", "minLength": 1}
_OBJECT: _Schema = {"type": "object"}
_BOOLEAN: _Schema = {"type": "boolean"}
_COUNT: _Schema = {"type": "integer", "minimum": 0}
_POSITIVE: _Schema = {"type": "integer", "minimum": 1}
_NULL: _Schema = {"type": "null"}


def _or_null(schema: _Schema) -> _Schema:
    return {"anyOf": [schema, _NULL]}


def _list(items: _Schema, **more: object) -> _Schema:
    return {"type": "array", "items": items, **more}


def _object(required: Mapping[str, _Schema], optional: Mapping[str, _Schema] | None = None) -> _Schema:
    """An object that may have further fields; optional ones may be null."""
    nullable = {key: _or_null(schema) for key, schema in (optional or {}).items()}
    return {"type": "object", "required": list(required), "properties": {**required, **nullable}}


def _part(kind: str, **required: _Schema) -> _Schema:
    return _object({"type": {"const": kind}, **required})


def _content(*parts: _Schema) -> _Schema:
    return {"anyOf": [_STRING, _list({"oneOf": list(parts)})]}


_TEXT = _part("text", text=_STRING)
_FUNCTION_TYPE: _Schema = {"enum": ["function", "", None]}
_MEDIA = _content(
    _TEXT,
    _part("image_url", image_url={"anyOf": [_NAME, _object({"url": _NAME}, {"detail": _STRING})]}),
    _part("file", file=_object({"file_data": _NAME}, {"filename": _STRING})),
)


def _messages() -> _Schema:
    function = _object({"name": _NAME, "arguments": {"anyOf": [_STRING, _OBJECT]}})
    call = _object({"id": _NAME, "function": function})
    call["properties"]["type"] = _FUNCTION_TYPE
    answer = _object(
        {"role": {"const": "assistant"}},
        {
            "content": _content(_TEXT, _part("refusal", refusal=_STRING)),
            "refusal": _STRING,
            "tool_calls": _list(call),
        },
    )
    roles = [
        _object({"role": {"enum": ["system", "developer"]}, "content": _content(_TEXT)}),
        _object({"role": {"const": "user"}, "content": _MEDIA}),
        answer,
        _object({"role": {"const": "tool"}, "tool_call_id": _NAME, "content": _MEDIA}),
        _object({"role": {"const": "function"}, "name": _NAME, "content": _MEDIA}),
    ]
    return _list({"oneOf": roles}, minItems=1)


def _request() -> _Schema:
    function = _object({"name": _NAME}, {"description": _STRING, "parameters": _OBJECT, "strict": _BOOLEAN})
    tool = _object({"function": function})
    tool["properties"]["type"] = _FUNCTION_TYPE
    asked = _object(
        {"model": _NAME, "messages": _messages()},
        {
            "max_tokens": _POSITIVE,
            "max_completion_tokens": _POSITIVE,
            "tools": _list(tool),
            "stop": {"anyOf": [_NAME, _list(_NAME)]},
            "temperature": {"type": "number", "minimum": 0, "maximum": 2},
            "top_p": {"type": "number", "minimum": 0, "maximum": 1},
            "top_k": {"type": "integer", "minimum": -1},
            "n": {"type": "integer", "const": 1},
            "modalities": _list({"const": "text"}),
            "response_format": _OBJECT,
            "user": _STRING,
            "stream": _BOOLEAN,
            "stream_options": _object({}, {"include_usage": _BOOLEAN}),
        },
    )
    return asked


def _answer(kind: str, said: str, message: _Schema) -> _Schema:
    reason: _Schema = {"enum": [*dict.fromkeys(FINISH_WORDS.values()), "function_call", None]}
    choice = _object({"index": _COUNT, said: message, "finish_reason": reason})
    usage = _object(dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), _COUNT))
    head: dict[str, _Schema] = {"id": _NAME, "object": {"const": kind}, "created": _COUNT, "model": _STRING}
    return _object({**head, "choices": _list(choice)}, {"usage": usage})


def _answers() -> dict[str, Json]:
    function = _object({"name": _NAME, "arguments": _STRING})
    call = _object({"id": _NAME, "type": {"const": "function"}, "function": function})
    said = {"content": _STRING, "refusal": _STRING, "reasoning_content": _STRING}
    message = _object({"role": {"const": "assistant"}}, {**said, "tool_calls": _list(call), "function_call": function})
    delta = _object({}, {**said, "tool_calls": _list(_object({"index": _COUNT})), "function_call": _OBJECT})
    model = _object({"id": _NAME, "object": {"const": "model"}, "created": _COUNT, "owned_by": _STRING})
    return {
        "ChatCompletion": _answer(COMPLETION, "message", message),
        "ChatChunk": _answer(CHUNK, "delta", delta),
        # OpenAPI 3.1 has no words for a stream: this is one item of it.
        "ChatEvent": _object(
            {"data": {"type": "string", "description": "A ChatChunk, an Error, or at the end [DONE]."}}
        ),
        "OpenAIModel": model,
        "OpenAIModelList": _object({"object": {"const": "list"}, "data": _list(model)}),
    }


SCHEMAS: Mapping[str, Json] = {"ChatRequest": _request(), **_answers()}
"""By the name that a reference to ``#/components/schemas`` has."""

EXAMPLE: Json = {
    "model": "gpt-5",
    "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            },
        }
    ],
}
"""A request that fits."""
