"""What no single value shows: references, fallbacks, ties, and who may connect."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import combinations
from typing import Any

from bridge.config import units
from bridge.config.diagnose import suggest
from bridge.config.document import Document, KeyPath, Problems
from bridge.config.schema import Client, Model, Upstream
from bridge.core.routing import globs_overlap, is_glob, literal_count

_COMMON = frozenset(Upstream.model_fields) | frozenset(Model.model_fields) | frozenset(Client.model_fields)
_WITHOUT_EFFECT: tuple[tuple[KeyPath, re.Pattern[str], str], ...] = (
    (("server", "workers"), re.compile(r"[2-9]|[1-9]\d+"), "one process serves"),
    (("limits", "storage"), re.compile(r"(redis|valkey)s?:.*"), "each process counts by itself"),
    (("log", "bodies"), re.compile("errors|all"), "no bodies are logged"),
)
"""Keys, the values that change nothing yet, and what holds instead."""
Off = dict[tuple[str, str], str]


def check_all(
    document: Document,
    off: Off,
    disabled: Collection[KeyPath],
    parsers: Collection[str],
    problems: Problems,
) -> None:
    """Note every problem between values. Values of a wrong type are somebody else's and skipped here."""
    check = _Checks(document, off, disabled, problems)
    check.models()
    check.upstream_references()
    check.parser_names(parsers)
    check.fallbacks()
    check.ties()
    check.upstreams()
    check.clients()
    check.exposure()
    check.unsupported()


class _Checks:
    def __init__(self, document: Document, off: Off, disabled: Collection[KeyPath], problems: Problems) -> None:
        self.document, self.off, self.disabled, self.problems = document, off, disabled, problems
        values = document.values
        self.models_table = _tables_of(values.get("models"))
        self.upstreams_table = _tables_of(values.get("upstreams"))
        self.clients_table = _tables_of(values.get("clients"))
        defaults = values.get("defaults")
        self.defaults: dict[str, Any] = defaults if isinstance(defaults, dict) else {}

    def error(self, code: str, path: KeyPath, message: str, hint: str = "", *, at_key: bool = False) -> None:
        self.problems.add(code, self.document.origin(path), path, message, hint=hint, at_key=at_key)

    def settings(self, key: str) -> Iterator[tuple[KeyPath, Any]]:
        """Every place where the model's ``key`` is set: defaults, defaults of upstreams, models."""
        if key in self.defaults:
            yield ("defaults", key), self.defaults[key]
        for name, entry in self.upstreams_table.items():
            below = entry.get("defaults")
            if isinstance(below, dict) and key in below:
                yield ("upstreams", name, "defaults", key), below[key]
        for name, entry in self.models_table.items():
            if key in entry:
                yield ("models", name, key), entry[key]

    def models(self) -> None:
        if not self.models_table:
            self.error("no-models", ("models",), 'no model is configured; add [models."*"]')
        for name, entry in self.models_table.items():
            if not self.defaults.get("upstream"):
                hint = f'such as upstream = "{next(iter(self.upstreams_table), "local")}"'
                self.required(("models", name), entry, "upstream", hint)

    def required(self, path: KeyPath, entry: dict[str, Any], key: str, hint: str) -> None:
        """A missing ``key`` is noted, unless it is there misspelt and noted as that."""
        misspelt = any(suggest(word, [key]) for word in entry if word not in _COMMON)
        if not entry.get(key) and not misspelt:
            self.error("missing-key", path, f"`{key}` is missing", hint, at_key=True)

    def unknown(self, code: str, kind: str, path: KeyPath, name: str, known: Collection[str], table: str = "") -> None:
        if (table, name) in self.disabled:
            self.error(code, path, f"{kind} `{name}` has `enabled = false`")
        else:
            there = "" if known else f"; there is no {kind}"
            self.error(code, path, f"unknown {kind} `{name}`{there}", suggest(name, known))

    def upstream_references(self) -> None:
        for path, name in self.settings("upstream"):
            if isinstance(name, str) and name not in self.upstreams_table:
                self.unknown("unknown-upstream", "upstream", path, name, self.upstreams_table, "upstreams")

    def parser_names(self, known: Collection[str]) -> None:
        for path, names in self.settings("parsers"):
            for index, name in enumerate(names if isinstance(names, list) else ()):
                if isinstance(name, str) and name not in known:
                    self.unknown("unknown-parser", "parser", (*path, index), name, known)

    def fallbacks(self) -> None:
        edges: dict[str, list[str]] = {}
        for path, names in self.settings("fallbacks"):
            for index, name in enumerate(names if isinstance(names, list) else ()):
                at = (*path, index)
                if isinstance(name, str) and name not in self.models_table:
                    self.unknown("unknown-fallback", "model", at, name, self.models_table, "models")
                elif isinstance(name, str) and path[0] == "models":
                    edges.setdefault(str(path[1]), []).append(name)
        for start in edges:
            cycle = _cycle(edges, start)
            if cycle and start == min(cycle):
                chain = " -> ".join(f"`{name}`" for name in [*cycle, start])
                self.error("fallback-cycle", ("models", start, "fallbacks"), f"fallbacks go in a circle: {chain}")

    def ties(self) -> None:
        seen: dict[str, KeyPath] = {}
        globs: list[tuple[str, KeyPath]] = []
        for path, pattern in self.patterns():
            first = seen.setdefault(pattern, path)
            if first is not path:
                owner = f"model `{first[1]}`" if first[1] != path[1] else "this model"
                self.error("tie", path, f"`{pattern}` already belongs to {owner}", at_key=len(path) == 2)
            elif is_glob(pattern):
                globs.append((pattern, path))
        by_length: dict[int, list[tuple[str, KeyPath]]] = {}
        for glob in globs:
            by_length.setdefault(literal_count(glob[0]), []).append(glob)
        for group in by_length.values():
            for (one, first), (other, path) in combinations(group, 2):
                if first[1] != path[1] and globs_overlap(one, other):
                    message = f"`{other}` and `{one}` of model `{first[1]}` match the same ids and are equally specific"
                    hint = "make one of them longer"
                    self.error("tie", path, message, hint, at_key=len(path) == 2)

    def patterns(self) -> Iterator[tuple[KeyPath, str]]:
        for name, entry in self.models_table.items():
            yield ("models", name), name
            match = entry.get("match")
            for index, pattern in enumerate(match if isinstance(match, list) else ()):
                if isinstance(pattern, str):
                    yield ("models", name, "match", index), pattern

    def upstreams(self) -> None:
        for name, entry in self.upstreams_table.items():
            remote = entry.get("protocol", "openai") in ("openai", "anthropic")
            if remote and ("upstreams", name) not in self.off:
                hint = 'such as base_url = "http://localhost:11434/v1"'
                self.required(("upstreams", name), entry, "base_url", hint)

    def clients(self) -> None:
        for name, entry in self.clients_table.items():
            if ("clients", name) not in self.off:
                self.required(("clients", name), entry, "key", 'such as key = "${KEY}"')

    def exposure(self) -> None:
        server = self.document.values.get("server")
        listen = server.get("listen") if isinstance(server, dict) else None
        if not isinstance(listen, str) or not exposed(listen):
            return
        path = ("server", "listen")
        if not self.clients_table:
            message = f'"{listen}" is reachable from other machines, and without [clients] anyone could use it'
            self.error("open-listener", path, message, "add [clients.NAME] with a key, or listen on 127.0.0.1")
        dashboard = self.document.values.get("dashboard")
        settings = dashboard if isinstance(dashboard, dict) else {}
        if settings.get("enabled", True) and not settings.get("key"):
            message = "the dashboard needs a key when others can connect; it is off"
            origin = self.document.origin(path)
            hint = "set dashboard.key, or dashboard.enabled = false"
            self.problems.add("no-dashboard-key", origin, path, message, hint=hint, severity="warning")

    def unsupported(self) -> None:
        """What may be said already and changes nothing yet."""
        for path, values, what in _WITHOUT_EFFECT:
            table, key = path
            entry = self.document.values.get(str(table))
            if isinstance(entry, dict) and values.fullmatch(str(entry.get(str(key)))):
                origin = self.document.origin(path)
                self.problems.add("no-effect", origin, path, f"{what} for now", severity="warning")


def exposed(listen: str) -> bool:
    """Whether machines other than this one can connect to ``listen``."""
    try:
        return not units.is_loopback(units.listen_address(listen)[0])
    except ValueError:
        return False


def _tables_of(value: object) -> dict[str, dict[str, Any]]:
    entries = value.items() if isinstance(value, dict) else ()
    return {name: entry for name, entry in entries if isinstance(entry, dict)}


def _cycle(edges: dict[str, list[str]], start: str) -> list[str]:
    """The keys of a circle through ``start``, beginning with it; empty when there is none."""
    stack: list[list[str]] = [[start]]
    seen = {start}
    while stack:
        walk = stack.pop()
        for name in edges.get(walk[-1], ()):
            if name == start:
                return walk
            if name not in seen:
                seen.add(name)
                stack.append([*walk, name])
    return []
