"""``toolbridge dev``: the proxy on this machine only, with console logs; without a file, the demo model."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from bridge import __version__
from bridge.cli import proxy, render, serve
from bridge.cli.env import exports, own_shell
from bridge.errors import UsageError

if TYPE_CHECKING:
    from bridge.config.snapshot import Snapshot


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "dev",
        help="serve on loopback with console logs; with no file, the demo model",
        description="Serve on loopback with console logs. Without a configuration, the built-in demo model answers.",
    )
    serve.add_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C; 3 if it cannot start."""
    from bridge.config.settings import settings
    from bridge.config.units import is_loopback, listen_address

    flags = {"config": args.config, "env": args.env, "log_level": args.log_level}
    chosen = settings(listen=args.listen, **flags)
    listen = chosen.listen or proxy.DEFAULT_LISTEN
    try:
        host, _ = listen_address(listen)
    except ValueError as problem:
        raise UsageError(f"--listen or BRIDGE_LISTEN: {problem}") from None
    if not is_loopback(host):
        raise UsageError(f"dev serves this machine only, not {listen}; use `toolbridge serve` for others")
    chosen = settings(listen=listen, **flags)
    return serve.start(chosen, chosen.config_path(demo=True), "console", _banner)


def _banner(url: str, snapshot: Snapshot) -> None:
    on = [key for key, route in snapshot.routes.items() if not route.upstream.off]
    render.note(
        f"toolbridge {__version__}  {render.paint(url, 'bold', stream=sys.stderr)}  revision {snapshot.revision}"
    )
    render.note(f"configuration  {os.path.relpath(snapshot.path)} (edits apply while it runs)")
    render.note(f"models         {', '.join(on)}")
    render.note("\nfor clients, in another terminal:\n")
    for line in exports(url, own_shell()):
        render.note(f"  {line}")
    render.note("")
