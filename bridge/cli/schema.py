"""``toolbridge schema``: the JSON Schema of routes.toml, for editors; the OpenAPI document of the server."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def add(subparsers: Any) -> None:
    """Register the verb."""
    parser = subparsers.add_parser("schema", help="print the JSON Schema of routes.toml, or what the server answers")
    parser.add_argument("--openapi", action="store_true", help="the OpenAPI document of the server instead")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The schema as the repository holds it, or the document as the server gives it."""
    if args.openapi:
        from bridge.server.openapi import document_text

        sys.stdout.write(document_text())
    else:
        from bridge.config.jsonschema import json_schema_text

        sys.stdout.write(json_schema_text())
    return 0
