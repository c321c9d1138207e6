"""The flags that say which configuration a command works on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.files import read_bytes
from bridge.errors import UsageError

if TYPE_CHECKING:
    from bridge.config.inputs import Inputs
    from bridge.config.settings import Settings
    from bridge.config.snapshot import Snapshot

STDIN = "-"


def add_config(parser: argparse.ArgumentParser, *, positional: bool = False) -> None:
    """``-c FILE`` (or ``FILE``) and ``--env NAME``."""
    text = "the routes file, `-` for standard input (default: BRIDGE_CONFIG, else ./routes.toml)"
    if positional:
        parser.add_argument("config", metavar="FILE", nargs="?", help=text)
    else:
        parser.add_argument("-c", "--config", metavar="FILE", help=text)
    parser.add_argument("--env", metavar="NAME", help="use routes.NAME.toml beside it (default: BRIDGE_ENV)")


def chosen(args: argparse.Namespace) -> Settings:
    """Settings with a file that is there; UsageError when it is not."""
    from bridge.config.load import environment_file
    from bridge.config.settings import settings

    found = settings(config=args.config, env=args.env)
    if args.config == STDIN:
        if found.env:
            raise UsageError(f"`-` is one file; environment `{found.env}` is another one beside it: name the file")
        return found
    path = environment_file(found.config_path(), found.env)
    if not path.is_file():
        hint = f"; environment `{found.env}` needs it" if found.env else ""
        what = "not a regular file" if path.exists() else "there is no such file"
        raise UsageError(f"{path}: {what}{hint}")
    return found


def inputs(args: argparse.Namespace) -> Inputs:
    """What a command begins to read with: nothing, or what stands on standard input."""
    from bridge.config.document import absolute
    from bridge.config.inputs import Inputs

    if args.config != STDIN:
        return Inputs()
    return Inputs(given={absolute(Path(STDIN)): read_bytes(STDIN)})


def snapshot(args: argparse.Namespace) -> Snapshot:
    """The compiled configuration; ConfigError with every problem when it is wrong."""
    from bridge.config.parsers import ParserCache
    from bridge.config.settings import environ
    from bridge.config.snapshot import build

    found = chosen(args)
    cache = ParserCache(check=lambda _: ())  # these commands explain; `check` and `serve` run the examples
    return build(found.config_path(), found.env, environ(), cache, overrides=found.overrides(), inputs=inputs(args))
