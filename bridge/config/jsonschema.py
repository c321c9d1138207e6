"""The JSON Schema of ``routes.toml``, for editors."""

from __future__ import annotations

import json
from typing import Any

from bridge.config.schema import Config


def json_schema() -> dict[str, Any]:
    """Draft 2020-12. Nothing is required in it: a file that extends another may leave out anything."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(mode="serialization"),
    }
    schema["title"] = "routes.toml of toolbridge"
    simple: dict[str, Any] = _simplified(schema)
    return simple


def json_schema_text() -> str:
    """What ``routes.schema.json`` holds."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _simplified(node: Any, names: bool = False) -> Any:
    """Without ``required``, titles made of names, and null (TOML has none); words may be ``${variables}``."""
    if isinstance(node, list):
        return [_simplified(item) for item in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {key: _simplified(value) for key, value in node.items()}
    kept = {
        key: _simplified(value, names=key in ("properties", "$defs"))
        for key, value in node.items()
        if key != "required"
        and not (key == "title" and "$schema" not in node)
        and not (key == "default" and (value is None or isinstance(value, dict)))
    }
    options = [item for item in kept.get("anyOf", []) if item != {"type": "null"}]
    if len(options) == 1:
        del kept["anyOf"]
        kept = options[0] | kept
    if kept.get("type") == "string" and ("enum" in kept or "const" in kept):
        words = {"enum": kept.pop("enum", None) or [kept.pop("const")]}
        kept.pop("type")
        kept = {"anyOf": [words, {"type": "string", "pattern": r"\$\{"}]} | kept
    return kept
