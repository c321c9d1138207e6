"""Which parser files a command works on: named ones, those of a folder, those of the configuration."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import render
from bridge.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from bridge.config.diagnose import Diagnostic
    from bridge.config.parsers import AvailableParser, ParserCache


@dataclass(frozen=True, slots=True)
class ParserFiles:
    """What was found, by name in order of name, and what is wrong with the files that were left out."""

    found: dict[str, AvailableParser]
    problems: tuple[Diagnostic, ...]

    def named(self, name: str) -> AvailableParser:
        """The parser called ``name``. Raises UsageError with the nearest name if there is none."""
        from bridge.config.diagnose import suggest

        if name in self.found:
            return self.found[name]
        hint = suggest(name, self.found) or "`toolbridge parsers list` names them, and a path to a file works too"
        raise UsageError(f"unknown parser `{name}`; {hint}")

    def under(self, paths: Sequence[Path]) -> list[AvailableParser]:
        """The parsers that are one of ``paths``, or lie in one of them."""
        return [one for one in self.found.values() if one.path in paths or one.path.parent in paths]


def add_config(parser: argparse.ArgumentParser) -> None:
    """The flag that says whose ``parser_dirs`` are searched before the bundled files."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        help="whose parser_dirs come first (default: BRIDGE_CONFIG, else ./routes.toml if it is there)",
    )


def as_path(argument: str) -> Path | None:
    """The file or folder that an argument means; None if it is a parser's name."""
    if os.sep not in argument and not argument.endswith(".toml") and not os.path.isdir(argument):
        return None
    path = Path(os.path.abspath(argument))
    if not path.exists():
        raise UsageError(f"{argument}: there is no such file or folder")
    return path


def read(config: str | None, paths: Sequence[Path] = (), cache: ParserCache | None = None) -> ParserFiles:
    """Every parser file that can be used, whether or not its examples pass.

    Files and folders in ``paths`` shadow the ``parser_dirs`` of the configuration, these the bundled
    files. What is wrong with a file is printed on stderr. ``cache`` saves work when the same files are read again.
    """
    from bridge.config.document import Problems
    from bridge.config.inputs import Inputs
    from bridge.config.parsers import ParserCache, load_parsers

    class OnlyNamed(Inputs):
        """Of a folder from which files were named, no others."""

        def list(self, folder: Path) -> tuple[Path, ...]:
            files = Inputs.list(self, folder)
            named = tuple(file for file in files if file in paths)
            return named or files

    problems = Problems()
    folders = [path if path.is_dir() else path.parent for path in paths] + _parser_dirs(config)
    found = load_parsers(folders, OnlyNamed(), problems, cache or ParserCache(check=lambda _: ()))
    for diagnostic in problems.ordered():
        render.note(str(diagnostic))
    return ParserFiles(found, problems.ordered())


def read_one(argument: str, config: str | None) -> AvailableParser:
    """The parser with this name or path. Raises UsageError or ConfigError if there is none that can be used."""
    path = as_path(argument)
    if path is None:
        return read(config).named(argument)
    if chosen := read(config, [path]).under([path]):
        return chosen[0]
    raise ConfigError(f"{argument} cannot be used as a parser file; mend what is listed above")


def _parser_dirs(config: str | None) -> list[Path]:
    from bridge.config.inputs import Inputs
    from bridge.config.load import load

    given = config or os.environ.get("BRIDGE_CONFIG")
    path = Path(given or "routes.toml")
    if not path.is_file():
        if given:
            raise UsageError(f"{given}: there is no such file; name the configuration with -c")
        return []
    loaded = load(path, os.environ.get("BRIDGE_ENV", ""), os.environ, Inputs())
    return [folder for folder, _ in loaded.parser_dirs()]
