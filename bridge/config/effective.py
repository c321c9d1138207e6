"""The configuration that holds, flat: every value, and where it was set. Secrets stay references or stars."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.config import schema
from bridge.config.diagnose import key_path, masked
from bridge.config.document import KeyPath, Origin
from bridge.config.load import Loaded

_PLAIN = ("", "none")
_SECRET_HEADER = re.compile(r"auth|key|token|secret|cookie|password", re.IGNORECASE)
_DEFAULT = re.compile(r"(\$\{\w+:-)([^}]+)\}")


def effective(loaded: Loaded) -> dict[str, Any]:
    """All tables with defaults applied, as values that TOML and JSON can hold; ``loaded`` must be valid."""
    config = loaded.config
    assert config is not None
    tree: dict[str, Any] = {
        "server": _dump(config.server),
        "upstreams": {name: _dump(entry, "defaults") for name, entry in config.upstreams.items()},
        "models": {name: _dump(schema.Model.model_validate(loaded.model_values(name))) for name in config.models},
        "clients": {name: _dump(entry) for name, entry in config.clients.items()},
        "limits": _dump(config.limits),
        "log": _dump(config.log),
        "dashboard": _dump(config.dashboard),
    }
    base = loaded.path.parent
    folders = [os.path.relpath(folder, base) for folder, _ in loaded.parser_dirs()]
    tree = {"parser_dirs": folders, **tree}
    return {key: _safe(loaded, (key,), value) for key, value in tree.items() if value not in ({}, [])}


def origin(loaded: Loaded, path: KeyPath) -> Origin | None:
    """Where the value at ``path`` of ``effective`` was set; None when it is built in."""
    found = _document_path(loaded, path)
    return loaded.document.origins.get(found) if found else None


def toml_lines(tree: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[str, KeyPath]]:
    """Lines of TOML for ``tree``, each with the key path that it sets; headers and blank lines with ()."""
    tables = {key: value for key, value in tree.items() if isinstance(value, dict) and not _inline(value)}
    rest = {key: value for key, value in tree.items() if key not in tables}
    if path and (rest or not tables):
        yield "", ()
        yield f"[{key_path(path)}]", ()
    for key, value in rest.items():
        yield f"{key_path((key,))} = {_toml(value)}", (*path, key)
    for key, value in tables.items():
        yield from toml_lines(value, (*path, key))


def _dump(table: schema.Table, *without: str) -> dict[str, Any]:
    return table.model_dump(
        mode="json", exclude={"enabled", *without} if not _switch(table) else set(without), exclude_none=True
    )


def _switch(table: schema.Table) -> bool:
    """Whether ``enabled`` is a setting there; in entries it only takes them away."""
    return isinstance(table, schema.Dashboard)


def _inline(value: dict[str, Any]) -> bool:
    return set(value) in (set(), {"file"}, {"sha256"})


def _document_path(loaded: Loaded, path: KeyPath) -> KeyPath | None:
    if path[0] == "models" and len(path) > 2:
        return loaded.model_path(str(path[1]), path[2:])
    return path if path in loaded.document.origins else None


def _safe(loaded: Loaded, path: KeyPath, value: Any) -> Any:
    """``value`` without secrets, and such that reading it again gives the same."""
    if _is_secret(path):
        return _reference(loaded, path, value)
    match value:
        case dict():
            return {key: _safe(loaded, (*path, key), item) for key, item in value.items()}
        case list():
            return [_safe(loaded, (*path, index), item) for index, item in enumerate(value)]
        case str():
            return masked(value).replace("$$", "$$$$").replace("${", "$${")
    return value


def _is_secret(path: KeyPath) -> bool:
    match path:
        case ("upstreams", _, "api_key") | ("clients", _, "key") | ("dashboard", "key"):
            return True
        case (*_, "headers", str()):
            return True
    return False


def _reference(loaded: Loaded, path: KeyPath, value: Any) -> Any:
    """What the file says instead of the secret; stars when it says the secret itself."""
    written: Any = loaded.written.values
    for part in _document_path(loaded, path) or ():
        written = written[part]
    match written:
        case {"file": str() as name} if "$" not in name:
            place = loaded.document.origin(path)
            source = loaded.problems.sources.get(place.file) if place else None
            return {"file": os.path.relpath((source.path if source else loaded.path).parent / name, loaded.path.parent)}
        case {"file": _} | {"sha256": _}:
            return written
        case str() if "${" in written:
            return _DEFAULT.sub(lambda match: match[0] if match[2] in _PLAIN else f"{match[1]}***}}", written)
    harmless = value in _PLAIN or ("headers" in path and not _SECRET_HEADER.search(str(path[-1])))
    return value if harmless else "***"


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case dict():
            pairs = ", ".join(f"{key_path((key,))} = {_toml(item)}" for key, item in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
    return str(value)
