"""Texts of kinds that requests are full of."""

from __future__ import annotations

import json

ENGLISH = """The server reads its configuration once, keeps it for the whole request, and reloads it
when the file changes. A mistake in the file changes nothing: the old configuration stays in force, and
the log says which line is wrong. Requests that are under way keep the configuration they began with.
"""
CODE = '''def total(items: list[dict[str, int]], *, key: str = "price") -> int:
    """Sum one field over all items."""
    result = 0
    for index, item in enumerate(items):
        if item.get(key) is None:
            raise KeyError(f"item {index} has no {key!r}")
        result += item[key]
    return result
'''
JSON = json.dumps(
    {
        "type": "object",
        "properties": {
            "file_path": {"type": "string", "description": "The absolute path to the file to read"},
            "limit": {"type": "integer", "minimum": 1, "maximum": 2000, "default": 100},
        },
        "required": ["file_path"],
        "additionalProperties": False,
    }
)
