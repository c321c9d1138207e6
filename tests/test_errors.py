from __future__ import annotations

import re
from collections.abc import Iterator

from bridge import errors
from bridge.errors import BridgeError


def tree(cls: type[BridgeError]) -> Iterator[str]:
    for child in cls.__subclasses__():
        yield child.__name__
        yield from tree(child)


def test_the_drawing_is_the_tree() -> None:
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    assert sorted(drawn) == sorted(tree(BridgeError))
