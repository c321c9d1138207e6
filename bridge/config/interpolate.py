"""``${NAME}`` in string values, and secrets that lie in files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.config.diagnose import key_path
from bridge.config.document import Document, KeyPath, Problems, absolute
from bridge.config.inputs import Inputs

_TOKEN = re.compile(r"\$\$|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<how>[-?])(?P<rest>[^}]*))?\})?")
_UNSET = object()


@dataclass(slots=True)
class Resolver:
    """Replaces references in a document. What cannot be resolved is left out of it.

    ``off`` holds why an upstream or a client cannot be used, by ``("upstreams", NAME)``.
    ``outside`` are the places of values that came from a variable or a file.
    """

    inputs: Inputs
    environ: Mapping[str, str]
    problems: Problems
    off: dict[tuple[str, str], str] = field(default_factory=dict)
    outside: set[KeyPath] = field(default_factory=set)

    def resolve(self, document: Document) -> Document:
        values = {
            key: value if key == "extends" else self._value(document, (key,), value)
            for key, value in document.values.items()
        }
        for path in _secret_paths(values):
            self._secret(document, values, path)
        return Document(values, document.origins)

    def _value(self, document: Document, path: KeyPath, value: Any) -> Any:
        match value:
            case str() if "$" in value:
                return self._string(document, path, value)
            case dict():
                items = ((key, self._value(document, (*path, key), item)) for key, item in value.items())
                return {key: item for key, item in items if item is not _UNSET}
            case list():
                found = (self._value(document, (*path, index), item) for index, item in enumerate(value))
                return [item for item in found if item is not _UNSET]
        return value

    def _string(self, document: Document, path: KeyPath, text: str) -> Any:
        parts: list[str] = []
        end = 0
        for token in _TOKEN.finditer(text):
            parts.append(text[end : token.start()])
            end = token.end()
            found = "$" if token[0] == "$$" else self._variable(document, path, token)
            if found is None:
                return _UNSET
            parts.append(found)
        if end:
            self.outside.add(path)
        return "".join(parts) + text[end:]

    def _variable(self, document: Document, path: KeyPath, token: re.Match[str]) -> str | None:
        name, origin = token["name"], document.origin(path)
        if name is None:
            message = "`${` must be followed by a variable's name and `}`; `$$` is a plain dollar"
            self.problems.add("bad-reference", origin, path, message)
            return None
        value = self.environ.get(name, "")
        self.inputs.variables[name] = value
        if not _is_text(value):
            self.problems.add("bad-variable", origin, path, f"variable `{name}` is not UTF-8 text")
            return None
        if "${" in (token["rest"] or ""):
            message = f"what stands for an unset `{name}` cannot be a reference itself"
            self.problems.add("bad-reference", origin, path, message)
            return None
        if value or token["how"] == "-":
            return value or token["rest"]
        if token["how"] == "?":
            message = token["rest"] or f"variable `{name}` is not set"
            hint = f"set `{name}`" if token["rest"] else ""
            self.problems.add("unset-variable", origin, path, message, hint=hint)
        elif not self._switch_off(document, path, f"variable `{name}` is not set"):
            message = f"variable `{name}` is not set"
            self.problems.add("unset-variable", origin, path, message, hint=f"or write `${{{name}:-default}}`")
        return None

    def _switch_off(self, document: Document, path: KeyPath, reason: str) -> bool:
        """Whether ``path`` belongs to an upstream or a client, which is off from now on."""
        match path:
            case ("upstreams" | "clients" as table, str() as name, _, *_):
                kind = table.removesuffix("s")
                first = (table, name) not in self.off
                self.off.setdefault((table, name), reason)
                if first:
                    message = f"{reason}: {kind} `{name}` is off"
                    self.problems.add("off", document.origin(path), path, message, severity="warning")
                return True
        return False

    def _secret(self, document: Document, values: dict[str, Any], path: KeyPath) -> None:
        """A secret in a file is read; a literal one is warned about."""
        table: Any = values
        for part in path[:-1]:
            table = table[part]
        origin = document.origin(path)
        match table[path[-1]]:
            case {"file": str() as name, **rest} if not rest and name:
                at = (*path, "file")
                inner = document.origin(at)
                folder = self.problems.sources[inner.file].path.parent if inner else Path.cwd()
                self.outside.add(path)
                content = self._read(folder / name)
                if content:
                    table[path[-1]] = content
                    return
                del table[path[-1]]
                reason = f"secret file `{name}` " + ("cannot be read" if content is None else "is empty")
                if not self._switch_off(document, at, reason):
                    self.problems.add("unreadable", inner, at, reason)
            case {} as empty if not empty and (*path, "file") in document.origins:
                del table[path[-1]]  # what named the file has been reported
            case str() as text if path not in self.outside and text.lower() not in ("", "none"):
                message = "a secret is written in this file"
                hint = f'refer to it: {path[-1]} = "${{{_variable_name(path)}}}"'
                self.problems.add("literal-secret", origin, path, message, hint=hint, severity="warning")

    def _read(self, path: Path) -> str | None:
        try:
            return self.inputs.read(absolute(path)).decode("utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError):
            return None


def _secret_paths(values: dict[str, Any]) -> list[KeyPath]:
    """The places of secrets that are given."""
    found: list[KeyPath] = []
    for table, key in (("upstreams", "api_key"), ("clients", "key")):
        entries = values.get(table)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if isinstance(entry, dict) and key in entry:
                found.append((table, name, key))
    if isinstance(values.get("dashboard"), dict) and "key" in values["dashboard"]:
        found.append(("dashboard", "key"))
    return found


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _variable_name(path: KeyPath) -> str:
    words = re.sub(r"[^A-Za-z0-9]+", "_", key_path(path[-2:-1])).strip("_").upper()
    return f"{words}_KEY" if words else "KEY"
