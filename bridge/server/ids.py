"""Fresh identifiers."""

from __future__ import annotations

from random import getrandbits


def new_id(prefix: str) -> str:
    """A fresh identifier such as ``msg_...``: never the same twice, also across processes. Not a secret."""
    return f"{prefix}_{getrandbits(96):024x}"
