"""The ``toolbridge`` command: one module per verb, each with ``add(subparsers)`` and ``run(args) -> int``.

Nothing heavy is imported here or at the top of a verb's module: ``--help`` stays
under a quarter of a second (docs/adr/0001-argparse.md).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from bridge import __version__
from bridge.cli import render
from bridge.errors import BridgeError, UnreachableError, UsageError

VERBS = (
    "serve",
    "dev",
    "check",
    "show",
    "schema",
    "route",
    "models",
    "parsers",
    "parse",
    "probe",
    "send",
    "env",
    "status",
    "reload",
)

_STATUS: dict[type[BridgeError], int] = {UsageError: 2, UnreachableError: 3}

_EPILOG = """\
exit status: 0 fine, 1 problems found, 2 wrong usage, 3 could not reach or start
environment: BRIDGE_CONFIG, BRIDGE_ENV, BRIDGE_LISTEN, BRIDGE_LOG_LEVEL; NO_COLOR, FORCE_COLOR
first steps: `toolbridge dev` serves a built-in demo model; `toolbridge VERB --help` explains a verb
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        render.error(f"{message}; see `{self.prog} --help`")
        self.exit(2)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line, every verb registered."""
    parser = _Parser(
        prog="toolbridge",
        description="Anthropic Messages API in front of OpenAI-compatible upstreams.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"toolbridge {__version__}")
    subparsers = parser.add_subparsers(metavar="VERB", title="verbs", parser_class=_Parser)
    for verb in VERBS:
        module = importlib.import_module(f"bridge.cli.{verb}")
        module.add(subparsers)
        subparsers.choices[verb].set_defaults(run=module.run, verb_parser=subparsers.choices[verb])
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. No exception and no traceback leaves this function."""
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    parser = build_parser()
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        getattr(args, "verb_parser", parser).error(f"unrecognized arguments: {' '.join(unknown)}")
    if not hasattr(args, "run"):
        parser.print_help(sys.stderr)
        return 2
    try:
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        _silence(sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except BridgeError as error:
        render.failure(error)
        return _STATUS.get(type(error), 1)
    except OSError as error:  # no bug: a full disk, above all
        _silence(sys.stdout.fileno())
        render.error(f"{error.filename or 'the output'}: {error.strerror or error}")
        return 1
    except Exception as error:
        if os.environ.get("BRIDGE_LOG_LEVEL", "").lower() == "debug":
            import traceback

            traceback.print_exc()
        render.error(f"a bug: {type(error).__name__}: {error}; please report it with what BRIDGE_LOG_LEVEL=debug shows")
        return 1


def _open_missing_streams() -> None:
    """A process may be started with its streams closed; what goes there is lost, as other commands do it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def _silence(descriptor: int) -> None:
    """Keep the interpreter from complaining about the closed pipe once more when it exits."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
