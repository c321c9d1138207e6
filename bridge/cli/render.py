"""How commands print: colour, tables, JSON. Data goes to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Literal, TextIO

from bridge.errors import BridgeError, ConfigError

Style = Literal["bold", "dim", "red", "green", "yellow", "blue", "magenta", "cyan"]

_CODES: dict[Style, str] = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}


def coloured(stream: TextIO) -> bool:
    """Whether ``stream`` gets colour: never with NO_COLOR, always with FORCE_COLOR, else on a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, *styles: Style, stream: TextIO | None = None) -> str:
    """``text`` in ``styles`` if ``stream`` (stdout unless told) gets colour, else as it is."""
    if not styles or not coloured(stream or sys.stdout):
        return text
    return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Left-aligned columns under ``headers``, two blanks apart, no trailing blanks."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]

    def line(row: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    return "\n".join([paint(line([h.upper() for h in headers]), "bold"), *map(line, cells)])


def print_json(value: object) -> None:
    """``value`` as indented JSON on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def note(text: str) -> None:
    """A remark for the person in front of the terminal."""
    print(text, file=sys.stderr)


def error(text: str) -> None:
    """One line on stderr that begins with ``error:``."""
    print(f"{paint('error:', 'red', 'bold', stream=sys.stderr)} {text}", file=sys.stderr)


def failure(problem: BridgeError) -> None:
    """What went wrong: every diagnostic if there are any, then one line."""
    found = problem.diagnostics if isinstance(problem, ConfigError) else ()
    for diagnostic in found:
        note(str(diagnostic))
    if found:
        errors = sum(diagnostic.severity == "error" for diagnostic in found)
        error(f"{errors} problem{'' if errors == 1 else 's'} in the configuration; mend what is listed above")
    else:
        error(str(problem))


def warning(text: str) -> None:
    """One line on stderr that begins with ``warning:``."""
    print(f"{paint('warning:', 'yellow', 'bold', stream=sys.stderr)} {text}", file=sys.stderr)
