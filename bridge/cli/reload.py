"""``toolbridge reload``: make the running proxy read its configuration now."""

from __future__ import annotations

import argparse

from bridge.cli import proxy, render


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "reload",
        help="make the running proxy read its configuration now",
        description="Make the running proxy read its configuration now. Exit status 1 if it is refused.",
    )
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    proxy.add_admin_key(parser)
    proxy.add_target(parser)


def run(args: argparse.Namespace) -> int:
    """Print the revision in force; 1 if the configuration on disk was refused, 3 if no proxy answers."""
    _, answer = proxy.ask_admin(args, "POST", "/-/reload")
    if args.json:
        render.print_json(answer)
    elif answer.get("ok"):
        print(f"{'reloaded' if answer.get('changed') else 'unchanged'}: revision {answer.get('revision')}")
    if not answer.get("ok"):
        render.note(str(answer.get("error", "")))
        render.error(f"refused; revision {answer.get('revision')} stays until the file is mended")
        return 1
    return 0
