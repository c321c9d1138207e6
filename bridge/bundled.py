"""Finds what the distribution carries beside the code: ``parsers/``, ``routes.toml``, ``routes.schema.json``."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def bundled(name: str) -> Path:
    """Where ``name`` lies: inside an installed wheel, else at the top of the checkout."""
    packed = _PACKAGE / "_bundled" / name
    return packed if packed.exists() else _PACKAGE.parent / name


def packaged(path: Path) -> bool:
    """Whether ``path`` came with an installed wheel, so that it is what was tested before that was built."""
    return (_PACKAGE / "_bundled") in path.parents
