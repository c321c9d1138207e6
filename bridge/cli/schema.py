"""``toolbridge schema``: the JSON Schema of routes.toml, for editors."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def add(subparsers: Any) -> None:
    """Register the verb."""
    parser = subparsers.add_parser("schema", help="print the JSON Schema of routes.toml")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The schema as the repository holds it."""
    from bridge.config.jsonschema import json_schema_text

    sys.stdout.write(json_schema_text())
    return 0
