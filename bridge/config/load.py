"""From files to one checked configuration, or to every problem that they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from bridge.config import schema
from bridge.config.document import Document, KeyPath, Origin, Origins, Problems, absolute, merge, read_document
from bridge.config.explain import explain
from bridge.config.inputs import Inputs
from bridge.config.interpolate import Resolver
from bridge.config.locate import Place

Overrides = Mapping[KeyPath, tuple[object, str]]
"""Values that beat the file, each with the flag or variable that gave it, by key path."""


@dataclass(slots=True)
class Loaded:
    """One reading. ``config`` is None when values are wrong; ``problems`` then say which.

    ``document`` holds the values, ``written`` the same with references instead of what they stand for.
    """

    path: Path
    document: Document
    problems: Problems
    inputs: Inputs
    config: schema.Config | None = None
    off: dict[tuple[str, str], str] = field(default_factory=dict)
    readable: bool = True
    written: Document = field(default_factory=Document)
    disabled: dict[tuple[str, str], Origin | None] = field(default_factory=dict)
    overrides: Overrides = field(default_factory=dict)

    def parser_dirs(self) -> list[tuple[Path, KeyPath]]:
        """Folders of the file, each relative to the file that names it, and where it is named."""
        names = self.document.values.get("parser_dirs")
        found: list[tuple[Path, KeyPath]] = []
        for index, name in enumerate(names if isinstance(names, list) else ()):
            if isinstance(name, str):
                path: KeyPath = ("parser_dirs", index)
                origin = self.document.origin(path)
                source = self.problems.sources.get(origin.file) if origin else None
                found.append((absolute((source.path if source else self.path).parent / name), path))
        return found

    def model_values(self, name: str) -> dict[str, object]:
        """What holds for model ``name``: [defaults], then those of its upstream, then its own keys."""
        values = self.document.values
        defaults, own = values.get("defaults", {}), values["models"][name]
        upstream = own.get("upstream", defaults.get("upstream", ""))
        below = values.get("upstreams", {}).get(upstream, {}).get("defaults", {})
        return merge(merge(defaults, below), own)

    def model_path(self, name: str, path: KeyPath) -> KeyPath | None:
        """The place in the document that sets a model's key; None when it is built in."""
        upstream = self.model_values(name).get("upstream")
        for base in (("models", name), ("upstreams", str(upstream), "defaults"), ("defaults",)):
            if (*base, *path) in self.document.origins:
                return (*base, *path)
        return None


def environment_file(path: Path, environment: str) -> Path:
    """``routes.prod.toml`` beside ``routes.toml`` for environment ``prod``."""
    return path.with_name(f"{path.stem}.{environment}{path.suffix}") if environment else path


def load(
    path: Path,
    environment: str,
    environ: Mapping[str, str],
    inputs: Inputs,
    overrides: Overrides | None = None,
) -> Loaded:
    """Read ``path`` (or its file for ``environment``) and what it extends; never raises for what is in them."""
    problems = Problems()
    entry = environment_file(absolute(path), environment)
    document = _layers(entry, (), inputs, problems)
    loaded = Loaded(entry, document or Document(), problems, inputs, readable=document is not None)
    loaded.overrides = overrides or {}
    loaded.document = _overridden(loaded.document, loaded.overrides)
    loaded.document, loaded.disabled = _without_disabled(loaded.document)
    resolver = Resolver(inputs, environ, problems)
    loaded.written = loaded.document
    loaded.document = resolver.resolve(loaded.document)
    loaded.off = resolver.off
    if loaded.readable:
        try:
            loaded.config = schema.Config.model_validate(loaded.document.values)
        except ValidationError as error:
            explain(error, schema.Config, loaded.document, problems)
    return loaded


def _layers(path: Path, above: tuple[Path, ...], inputs: Inputs, problems: Problems) -> Document | None:
    """The file over what it extends; None when any of them cannot be read."""
    document = read_document(path, inputs, problems)
    if document is None:
        return None
    name = document.values.get("extends")
    if not isinstance(name, str) or not name:
        return document
    base = absolute(path.parent / name)
    origin = document.origin(("extends",))
    if base in (*above, path):
        chain = " -> ".join(one.name for one in (*above, path, base))
        problems.add("extends-cycle", origin, "extends", f"files extend each other: {chain}")
        return None
    if not base.is_file():
        inputs.files.setdefault(base, None)
        problems.add("unreadable", origin, "extends", f"there is no file `{name}` beside this one")
        return None
    below = _layers(base, (*above, path), inputs, problems)
    return document.under(below) if below is not None else None


def _overridden(document: Document, overrides: Overrides) -> Document:
    for path, (value, giver) in overrides.items():
        tree: object = value
        for part in reversed(path):
            tree = {part: tree}
        assert isinstance(tree, dict)
        origins = Origins(partial(_given_origins, path, giver, document.origins))
        document = Document(tree, origins).under(document)
    return document


def _given_origins(path: KeyPath, giver: str, below: Mapping[KeyPath, Origin]) -> dict[KeyPath, Origin]:
    """Of ``path`` and of the tables around it that no file has."""
    around = (path[:depth] for depth in range(1, len(path)))
    return {key: Origin(giver, Place(0, 0, 0, 0)) for key in (*(key for key in around if key not in below), path)}


def _without_disabled(document: Document) -> tuple[Document, dict[tuple[str, str], Origin | None]]:
    """The document without entries that say ``enabled = false``, and which those are."""
    values = dict(document.values)
    gone: dict[tuple[str, str], Origin | None] = {}
    for table in ("upstreams", "models", "clients"):
        entries = values.get(table)
        if isinstance(entries, dict):
            for name, entry in entries.items():
                if isinstance(entry, dict) and entry.get("enabled") is False:
                    gone[table, name] = document.origin((table, name))
            values[table] = {name: entry for name, entry in entries.items() if (table, name) not in gone}
    return Document(values, document.origins), gone
