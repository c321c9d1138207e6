"""Files that commands are given: read as text or JSON, with one-line errors. ``-`` is stdin."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from bridge.errors import UsageError


def read_bytes(name: str) -> bytes:
    """What is in the file. Raises UsageError if it cannot be read."""
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as problem:
        raise UsageError(
            f"{name}: {problem.strerror or problem}; name a file that can be read, or - for stdin"
        ) from None


def read_text(name: str) -> str:
    """The file's text; bytes that are not UTF-8 become U+FFFD. Raises UsageError if it cannot be read."""
    return read_bytes(name).decode("utf-8", "replace")


def read_json(name: str) -> Any:
    """The file's JSON value. Raises UsageError if there is none."""
    from bridge.core import jsontext

    try:
        return jsontext.loads(read_text(name))
    except ValueError as problem:
        raise UsageError(f"{name}: not JSON: {problem}") from None


def read_tool_list(name: str) -> list[dict[str, Any]]:
    """Tool definitions as they stand: one, a list of them, or a whole request that has ``tools``."""
    value = read_json(name)
    if isinstance(value, dict):
        value = value.get("tools", [value])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise UsageError(f"{name}: must hold a tool definition, a list of them, or a request with `tools`")
    return value
