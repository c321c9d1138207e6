"""Every file that a configuration was made of, so that a change of any of them is seen."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_FILE = 1 << 20
"""Larger files are refused: no configuration is that long."""
_SUFFIX = ".toml"


@dataclass(frozen=True, slots=True)
class Places:
    """Where a change may matter. ``folders`` has each folder that exists with what tells it from one of the same name
    made later; ``files`` the paths of what was read, and of what those are links to.
    """

    folders: Mapping[Path, tuple[int, int]]
    files: frozenset[str]

    def concerns(self, path: str) -> bool:
        """Whether what happened at ``path`` may matter: not to a log that grows beside the configuration."""
        if path in self.files or path.endswith(_SUFFIX):
            return True
        try:
            return not stat.S_ISREG(os.lstat(path).st_mode)
        except OSError:
            return True


@dataclass(slots=True)
class Inputs:
    """What one load read: files by digest (None: not there), folders of parser files, variables.

    ``trees`` is what those files said that were read as TOML; a cached parser file is not read again.
    ``given`` are files that are not on disk.
    """

    files: dict[Path, str | None] = field(default_factory=dict)
    folders: dict[Path, tuple[Path, ...]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    trees: dict[Path, dict[str, Any]] = field(default_factory=dict)
    given: Mapping[Path, bytes] = field(default_factory=dict)

    def read(self, path: Path) -> bytes:
        """The file's bytes; OSError when it cannot be read."""
        self.files[path] = None
        data = self.given[path] if path in self.given else _read(path)
        self.files[path] = digest(data)
        return data

    def list(self, folder: Path) -> tuple[Path, ...]:
        """The parser files of ``folder``, in order of name; none when there is no such folder."""
        self.folders[folder] = files = _toml_files(folder)
        return files

    def revision(self) -> str:
        """12 hex digits over all of it; equal contents on another machine give the same."""
        parts = [f"{path.name}={found}" for path, found in self.files.items()]
        parts += [f"${name}={value}" for name, value in sorted(self.variables.items())]
        return digest("\n".join(parts).encode("utf-8", "surrogateescape"))[:12]

    def changed(self) -> bool:
        """Whether a file has other contents, came or went since it was read."""
        return any(_digest_of(path) != found for path, found in self.files.items()) or any(
            _toml_files(folder) != found for folder, found in self.folders.items()
        )

    def places(self) -> Places:
        """What to watch now. Blocks, as it follows every link."""
        files = {path for named in self.files for path in (named, Path(os.path.realpath(named)))}
        wanted = {path.parent for path in files} | set(self.folders)
        # macOS reports where the folder really is.
        real = {folder: os.path.realpath(folder) for folder in {named.parent for named in self.files}}
        files |= {Path(real[named.parent], named.name) for named in self.files}
        folders = {}
        for folder in sorted({_existing(folder) for folder in wanted}):
            with suppress(OSError):
                found = folder.stat()
                folders[folder] = (found.st_dev, found.st_ino)
        return Places(folders, frozenset(map(str, files)))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # opening a pipe would wait for its other end
        raise OSError("not a regular file")
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise OSError(f"larger than {MAX_FILE >> 20} MiB")
    return data


def _digest_of(path: Path) -> str | None:
    try:
        return digest(_read(path))
    except OSError:
        return None


def _toml_files(folder: Path) -> tuple[Path, ...]:
    try:
        found = sorted(entry for entry in folder.iterdir() if entry.suffix == _SUFFIX)
    except OSError:
        return ()
    return tuple(entry for entry in found if not entry.name.startswith("."))


def _existing(folder: Path) -> Path:
    """``folder``, or the nearest one above it that is there."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder
