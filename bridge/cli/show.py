"""``toolbridge show``: the configuration that holds, flat, with the origin of every value."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from bridge.cli import configfile, render
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from bridge.config.document import KeyPath
    from bridge.config.load import Loaded


def add(subparsers: Any) -> None:
    """Register the verb."""
    parser = subparsers.add_parser("show", help="print the effective configuration, secrets masked")
    configfile.add_config(parser, positional=True)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--origin", action="store_true", help="say where each value was set")
    how.add_argument("--json", action="store_true", help="JSON instead of TOML")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The flat configuration; ConfigError when it is wrong."""
    from bridge.config.diagnose import summary
    from bridge.config.document import display
    from bridge.config.effective import effective, toml_lines
    from bridge.config.load import load
    from bridge.config.parsers import ParserCache
    from bridge.config.settings import environ
    from bridge.config.snapshot import check

    found = configfile.chosen(args)
    loaded = load(found.config_path(), found.env, environ(), configfile.inputs(args), found.overrides())
    check(loaded, ParserCache(check=lambda _: ()))
    if loaded.problems.failed or loaded.config is None:
        problems = loaded.problems.ordered()
        raise ConfigError(f"{display(loaded.path)}: {summary(problems)}", problems)
    tree = effective(loaded)
    if args.json:
        render.print_json(tree)
        return 0
    lines = list(toml_lines(tree))
    width = max((len(line) for line, path in lines if path and len(line) <= 60), default=0)
    for line, path in lines:
        note = f"{line.ljust(width)}  # {_origin(loaded, path)}" if args.origin and path else line
        print(note)
    return 0


def _origin(loaded: Loaded, path: KeyPath) -> str:
    from bridge.config.effective import origin

    found = origin(loaded, path)
    if found is None:
        return "built in"
    return f"{found.file}:{found.place.line}" if found.place.line else found.file
