"""``toolbridge serve``: the proxy itself, watching its configuration."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bridge.cli import render
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from bridge.config.settings import Settings
    from bridge.config.snapshot import Snapshot

WRONG_USAGE = 2
COULD_NOT_START = 3


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "serve",
        help="serve, watching the configuration",
        description="Serve the configuration and follow its edits. SIGHUP reloads, SIGTERM drains and ends.",
    )
    add_flags(parser)
    parser.add_argument("--workers", type=int, metavar="N", help="beats server.workers")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What ``serve`` and ``dev`` share."""
    parser.add_argument("-c", "--config", metavar="FILE", help="default: BRIDGE_CONFIG, else ./routes.toml")
    parser.add_argument("--env", metavar="NAME", help="use routes.NAME.toml beside the file (default: BRIDGE_ENV)")
    parser.add_argument("--listen", metavar="HOST:PORT", help="beats BRIDGE_LISTEN and server.listen")
    parser.add_argument("--log-level", metavar="LEVEL", help="beats BRIDGE_LOG_LEVEL and log.level")


def run(args: argparse.Namespace) -> int:
    """Serve until a signal ends it; 3 if it cannot start."""
    from bridge.config.settings import settings

    chosen = settings(
        config=args.config, env=args.env, listen=args.listen, workers=args.workers, log_level=args.log_level
    )
    return start(chosen, chosen.config_path())


def start(
    chosen: Settings,
    path: Path,
    log_format: Literal["auto", "console", "json"] | None = None,
    ready: Callable[[str, Snapshot], None] | None = None,
) -> int:
    """Serve; a configuration that cannot be used is a failure to start."""
    # All that is made until requests are taken stays: collections would only look through it, again and again.
    gc.disable()
    try:
        from bridge.server import process

        return process.run(path, chosen.env, chosen.overrides(), log_format=log_format, ready=ready)
    except ConfigError as problem:
        render.failure(problem)
        errors = [item for item in problem.diagnostics if item.severity == "error"]
        given = bool(errors) and not any(item.line for item in errors)  # only flags and variables are wrong
        return WRONG_USAGE if given else COULD_NOT_START
    finally:
        gc.enable()
