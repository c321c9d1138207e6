"""The bundled parser files as the configuration reads them, examples unchecked."""

from __future__ import annotations

from pathlib import Path

from bridge.bundled import bundled
from bridge.config.document import Problems
from bridge.config.inputs import Inputs
from bridge.config.parsers import ParserCache, load_parsers
from bridge.core.parsing.spec import ParserSpec

FOLDER: Path = bundled("parsers")


PROBLEMS = Problems()
_FOUND = load_parsers((), Inputs(), PROBLEMS, ParserCache(check=lambda _: ()))
SPECS: dict[str, ParserSpec] = {name: parser.spec for name, parser in _FOUND.items()}
NAMES: list[str] = sorted(SPECS)
