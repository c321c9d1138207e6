"""``toolbridge status``: which configuration the running proxy uses, and how the last reload went."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

from bridge.cli import proxy, render


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "status",
        help="revision, load and last reload error of the running proxy",
        description="Ask the running proxy how it is. Exit status 1 if the last reload was refused.",
    )
    parser.add_argument("--json", action="store_true", help="everything that it says, as JSON")
    proxy.add_admin_key(parser)
    proxy.add_target(parser)


def run(args: argparse.Namespace) -> int:
    """Print it; 1 if the configuration on disk was refused, 3 if no proxy answers."""
    _, answer = proxy.ask_admin(args, "GET", "/-/status")
    config = answer.get("config", {})
    attempt = config.get("last_attempt", {})
    if args.json:
        render.print_json(answer)
    else:
        for name, value in _lines(answer, config):
            print(f"{render.paint(f'{name:10}', 'bold')}  {value}")
    if attempt.get("error"):
        render.note(attempt["error"])
        render.error(f"the last reload was refused; revision {config.get('revision')} stays until the file is mended")
        return 1
    return 0


def _lines(answer: dict[str, Any], config: dict[str, Any]) -> Iterator[tuple[str, object]]:
    environment = f" ({config['environment']})" if config.get("environment") else ""
    yield "version", answer.get("version")
    yield "revision", f"{config.get('revision')}{environment}"
    yield "file", config.get("path")
    if loaded := config.get("loaded_at"):
        yield "loaded", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(loaded))
    if restart := config.get("restart_required"):
        yield "restart", f"needed for {', '.join(restart)}"
    yield "in flight", f"{answer.get('in_flight', 0)}{', draining' if answer.get('draining') else ''}"
    yield "requests", answer.get("requests", 0)
    for name, upstream in answer.get("upstreams", {}).items():
        yield (
            "upstream",
            f"{name}: {upstream['in_flight']}/{upstream['limit']} in flight, breaker {upstream['breaker']}",
        )
