"""A set of requests, and what real vocabularies make of them.

``requests/*.json`` are Messages requests of many kinds; ``reference.json`` holds, for each, how long its prompt is
for some models: converted, rendered with the model's chat template, encoded with its vocabulary (``reference.py``).
``python -m bench.tokens`` shows how far the proxy's own count is from that.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bridge.core.anthropic.request import parse_count_request
from bridge.core.openai.request import build_request
from bridge.core.route import Route, UpstreamRef

FOLDER = Path(__file__).parent
REFERENCE = FOLDER / "reference.json"
ROUTE = Route("m", UpstreamRef("u"), "m")


def requests() -> dict[str, Any]:
    """The requests by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "requests").glob("*.json"))}


def converted(request: Any) -> dict[str, Any]:
    """The body that goes upstream."""
    body: dict[str, Any] = json.loads(build_request(parse_count_request(request), ROUTE).body)
    return body


def reference() -> dict[str, dict[str, int]]:
    """Tokens by request, then by model."""
    counts: dict[str, dict[str, int]] = json.loads(REFERENCE.read_text())
    return counts
