"""The bundled parser files as the configuration reads them, examples unchecked."""

from __future__ import annotations

from pathlib import Path

from bridge.bundled import bundled
from bridge.config.document import Problems
from bridge.config.inputs import Inputs
from bridge.config.parsers import ParserCache, load_parsers
from bridge.core.parsing.spec import ParserSpec

FOLDER: Path = bundled("parsers")


def _load() -> dict[str, ParserSpec]:
    problems = Problems()
    found = load_parsers((), Inputs(), problems, ParserCache(check=lambda _: ()))
    assert not problems.found, problems.ordered()
    return {name: parser.spec for name, parser in found.items()}


SPECS: dict[str, ParserSpec] = _load()
NAMES: list[str] = sorted(SPECS)
