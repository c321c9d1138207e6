"""What OpenAI clients get, as JSON Schemas for an OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.conversation import Json

_MODEL: Json = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "object": {"const": "model"},
        "created": {"type": "integer"},
        "owned_by": {"type": "string"},
    },
}

SCHEMAS: Mapping[str, Json] = {
    "OpenAIModelList": {
        "type": "object",
        "required": ["object", "data"],
        "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": _MODEL}},
    },
}
"""By the name that a reference to ``#/components/schemas`` has."""
