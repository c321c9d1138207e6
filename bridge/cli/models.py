"""``toolbridge models``: what is served."""

from __future__ import annotations

import argparse
from typing import Any

from bridge.cli import configfile, render


def add(subparsers: Any) -> None:
    """Register the verb."""
    parser = subparsers.add_parser("models", help="list the models that clients may ask for")
    configfile.add_config(parser)
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The table of routes."""
    rows = [
        {
            "id": route.key,
            "match": list(route.match),
            "upstream": route.upstream.name,
            "model": route.model,
            "parsers": [parser.name for parser in route.parsers],
            "fallbacks": list(route.fallbacks),
            "off": route.upstream.off,
        }
        for route in configfile.snapshot(args).routes.values()
    ]
    if args.json:
        render.print_json(rows)
        return 0
    headers = ("id", "also", "upstream", "model", "state")
    cells = [
        (
            row["id"],
            ", ".join(row["match"]) or "-",
            row["upstream"],
            row["model"] or "(as asked)",
            f"off: {row['off']}" if row["off"] else "on",
        )
        for row in rows
    ]
    print(render.table(headers, cells))
    return 0
