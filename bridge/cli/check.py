"""``toolbridge check``: every problem of the configuration, at its place."""

from __future__ import annotations

import argparse
from typing import Any

from bridge.cli import configfile, render


def add(subparsers: Any) -> None:
    """Register the verb."""
    parser = subparsers.add_parser("check", help="validate the configuration and all parser files")
    configfile.add_config(parser, positional=True)
    parser.add_argument("--online", action="store_true", help="ask each upstream in use for its models, too")
    parser.add_argument("--strict", action="store_true", help="warnings are errors")
    parser.add_argument("--format", choices=("text", "json", "github"), default="text", help="how to print")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """1 when something is wrong, 3 when an upstream cannot be reached; what is wrong is the data."""
    from bridge.config import diagnose
    from bridge.config.document import display
    from bridge.config.load import load
    from bridge.config.parsers import ParserCache
    from bridge.config.settings import environ
    from bridge.config.snapshot import check, compiled

    found = configfile.chosen(args)
    loaded = load(found.config_path(), found.env, environ(), configfile.inputs(args), found.overrides())
    parsers = check(loaded, ParserCache())
    reached = True
    if args.online and not loaded.problems.failed:
        from bridge.cli.online import ask_upstreams

        reached = ask_upstreams(loaded, compiled(loaded, parsers))
    problems = loaded.problems.ordered()
    renderers = {
        "text": diagnose.render_text,
        "json": diagnose.render_json,
        "github": diagnose.render_github,
    }
    if text := renderers[args.format](problems):
        print(text)
    if args.format == "text":
        render.note(f"{display(loaded.path)}: {diagnose.summary(problems)}")
    if not reached:
        return 3
    return int(loaded.problems.failed or (args.strict and bool(problems)))
