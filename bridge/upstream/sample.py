"""An example value for a JSON Schema: the arguments of the demo upstream's calls, and its structured answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

_DEPTH = 8
_BY_FORMAT = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "duration": "PT1M",
    "email": "demo@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.org/",
    "url": "https://example.org/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
}


def sample_arguments(schema: Mapping[str, object] | None) -> dict[str, object]:
    """An arguments object that fits ``schema``: its required properties, or the first one if none is."""
    root = schema or {}
    value = sample_value(root)
    if value == {} and isinstance(properties := root.get("properties"), Mapping) and properties:
        key = next(iter(properties))
        return {key: _value(properties[key], root, key, 1)}
    return value if isinstance(value, dict) else {}


def sample_value(schema: Mapping[str, object]) -> object:
    """A value that fits ``schema``."""
    return _value(schema, schema, "", 0)


def _value(schema: object, root: Mapping[str, object], key: str, depth: int) -> object:
    if not isinstance(schema, Mapping) or depth > _DEPTH:
        return _string({}, key)
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    for listed in ("enum", "examples"):
        choices = schema.get(listed)
        if isinstance(choices, Sequence) and choices:
            return choices[0]
    if "default" in schema and depth > 0:
        return schema["default"]
    match _type_of(schema):
        case "object":
            return _object(schema, root, depth)
        case "array":
            return _array(schema, root, key, depth)
        case "integer" | "number" as kind:
            return _number(schema, kind == "integer")
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _string(schema, key)


def _resolved(schema: Mapping[str, object], root: Mapping[str, object]) -> Mapping[str, object]:
    """``schema`` with its local reference, its first alternative and all its parts merged in."""
    for _ in range(_DEPTH):
        if isinstance(reference := schema.get("$ref"), str):
            schema = _without(schema, "$ref") | _pointed_at(reference, root)
        elif isinstance(parts := schema.get("allOf"), Sequence):
            schema = _merged([_without(schema, "allOf"), *parts], root)
        elif isinstance(options := schema.get("anyOf") or schema.get("oneOf"), Sequence) and options:
            schema = _without(schema, "anyOf", "oneOf") | _first_real(options)
        else:
            break
    return schema


def _without(schema: Mapping[str, object], *keys: str) -> dict[str, object]:
    return {key: value for key, value in schema.items() if key not in keys}


def _pointed_at(reference: str, root: Mapping[str, object]) -> dict[str, object]:
    target: object = root
    for step in reference.removeprefix("#").split("/")[1:]:
        if not isinstance(target, Mapping):
            return {}
        target = target.get(step.replace("~1", "/").replace("~0", "~"))
    return dict(target) if isinstance(target, Mapping) else {}


def _merged(parts: Sequence[object], root: Mapping[str, object]) -> dict[str, object]:
    merged: dict[str, object] = {}
    properties: dict[str, object] = {}
    required: list[object] = []
    for part in parts:
        if isinstance(part, Mapping):
            if isinstance(reference := part.get("$ref"), str):
                part = _without(part, "$ref") | _pointed_at(reference, root)
            merged |= part
            if isinstance(own := part.get("properties"), Mapping):
                properties |= own
            if isinstance(names := part.get("required"), Sequence):
                required += names
    return merged | ({"properties": properties} if properties else {}) | {"required": required}


def _first_real(options: Sequence[object]) -> dict[str, object]:
    for option in options:
        if isinstance(option, Mapping) and option.get("type") != "null":
            return dict(option)
    return {"type": "null"}


def _type_of(schema: Mapping[str, object]) -> object:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((one for one in kind if one != "null"), "null")
    if kind is None and ("properties" in schema or "required" in schema):
        return "object"
    if kind is None and ("items" in schema or "prefixItems" in schema):
        return "array"
    return kind


def _object(schema: Mapping[str, object], root: Mapping[str, object], depth: int) -> dict[str, object]:
    properties = schema.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    names = schema.get("required")
    wanted = [name for name in names if isinstance(name, str)] if isinstance(names, Sequence) else []
    return {name: _value(known.get(name), root, name, depth + 1) for name in wanted}


def _array(schema: Mapping[str, object], root: Mapping[str, object], key: str, depth: int) -> list[object]:
    first = schema.get("prefixItems")
    items = [_value(one, root, key, depth + 1) for one in first] if isinstance(first, Sequence) else []
    least = _integer(schema, "minItems", 1)
    most = _integer(schema, "maxItems", max(least, len(items)))
    while len(items) < min(least, most):
        items.append(_value(schema.get("items"), root, key, depth + 1))
    return items[:most]


def _number(schema: Mapping[str, object], whole: bool) -> int | float:
    low, high = -math.inf, math.inf
    step = _bound(schema, "multipleOf") or (1 if whole else 0.5)
    if (least := _bound(schema, "minimum")) is not None:
        low = least
    if (over := _bound(schema, "exclusiveMinimum")) is not None:
        low = max(low, over + step)
    if (most := _bound(schema, "maximum")) is not None:
        high = most
    if (under := _bound(schema, "exclusiveMaximum")) is not None:
        high = min(high, under - step)
    value = min(max(step, low), high)
    value = math.ceil(value / step) * step if value == low else math.floor(value / step) * step
    return int(value) if whole else value


def _bound(schema: Mapping[str, object], key: str) -> float | None:
    value = schema.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _integer(schema: Mapping[str, object], key: str, default: int) -> int:
    value = schema.get(key)
    return min(max(value, 0), 64) if isinstance(value, int) else default


def _string(schema: Mapping[str, object], key: str) -> str:
    text = _BY_FORMAT.get(str(schema.get("format")), f"example {key}".rstrip())
    least, most = _integer(schema, "minLength", 0), schema.get("maxLength")
    if len(text) < least:
        text = text.ljust(least, ".")
    return text[:most] if isinstance(most, int) and most >= 0 else text
