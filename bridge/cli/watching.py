"""Files that are saved while a command waits for them (``parsers test --watch``)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

_EVERY_MS = 250


def saved(folders: Collection[Path]) -> Iterator[set[Path]]:
    """Parser files of ``folders`` as they are saved; ends with KeyboardInterrupt.

    Now and then an empty set: the first one means that nothing is missed from here on.
    Folders are watched, not files: editors replace a file rather than write into it.
    """
    from watchfiles import watch

    for changes in watch(*folders, recursive=False, debounce=50, rust_timeout=_EVERY_MS, yield_on_timeout=True):
        yield {path for path in (Path(name) for _, name in changes) if path.suffix == ".toml" and path.is_file()}
