"""Fresh identifiers."""

from __future__ import annotations

import os


def new_id(prefix: str) -> str:
    """A fresh identifier such as ``msg_...``: never the same twice, also across processes."""
    return f"{prefix}_{os.urandom(12).hex()}"
