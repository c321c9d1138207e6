"""Parser files: found, merged, checked, compiled; unchanged ones are taken from the cache as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bridge.bundled import bundled, packaged
from bridge.config.diagnose import suggest
from bridge.config.document import Document, Origin, Problems, display, read_document
from bridge.config.explain import explain
from bridge.config.inputs import Inputs
from bridge.config.locate import Place
from bridge.config.parser_schema import ParserFile
from bridge.config.templates import TemplateProblem, compile_prompt
from bridge.core.parsing.selftest import ExampleFailure, check_examples
from bridge.core.parsing.spec import ParserSpec, Prompt
from bridge.core.routing import literal_count

ExampleCheck = Callable[[ParserSpec], Sequence[ExampleFailure]]
# A save should be live at once, and how a text is cut changes nothing: `parsers test` proves it at every split.
_QUICK_CHECK: ExampleCheck = partial(check_examples, splits="whole")


@dataclass(frozen=True, slots=True)
class AvailableParser:
    """A parser that routes may name: its file, and files of the same name that it shadows."""

    spec: ParserSpec
    path: Path
    shadows: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    chain: tuple[tuple[Path, str | None], ...]  # the file and those it extends, with their digests
    spec: ParserSpec


@dataclass(slots=True)
class ParserCache:
    """Remembers parser files that passed, by path and contents. Keep one as long as reloads go on.

    ``check`` runs a file's examples; `toolbridge parsers test` runs them at every split too.
    """

    check: ExampleCheck = _QUICK_CHECK
    known: dict[Path, _Known] = field(default_factory=dict)


def load_parsers(
    folders: Sequence[Path], inputs: Inputs, problems: Problems, cache: ParserCache
) -> dict[str, AvailableParser]:
    """Every parser of ``folders`` (first wins) and of the bundled folder, by name in order of name."""
    search: dict[str, list[Path]] = {}
    for folder in dict.fromkeys([*folders, bundled("parsers")]):
        for path in inputs.list(folder):
            search.setdefault(path.stem, []).append(path)
    found = {}
    for name in sorted(search):
        path, *shadows = search[name]
        spec = _load(path, search, inputs, problems, cache)
        if spec is not None:
            found[name] = AvailableParser(spec, path, tuple(shadows))
    return found


def parser_names(folders: Sequence[Path], inputs: Inputs) -> set[str]:
    """Names of all parser files, whether they can be used or not."""
    return {path.stem for folder in [*folders, bundled("parsers")] for path in inputs.list(folder)}


def resolve_parsers(
    setting: str | Sequence[str], model: str, available: Mapping[str, ParserSpec]
) -> tuple[ParserSpec, ...]:
    """The parsers of a route: the named ones, or for "auto" those made for upstream model ``model``.

    "auto" arms the files with a glob in ``models`` that matches, ignoring case: more literal
    characters first, then by name. When none does, it arms every ``distinctive`` file.
    """
    if setting != "auto":
        return tuple(available[name] for name in setting)
    ranked = []
    for spec in available.values():
        glob = matching_glob(spec, model)
        if glob is not None:
            ranked.append((-literal_count(glob), spec.name, spec))
    if ranked:
        return tuple(spec for *_, spec in sorted(ranked, key=lambda item: item[:2]))
    return tuple(spec for _, spec in sorted(available.items()) if spec.distinctive)


def matching_glob(spec: ParserSpec, model: str) -> str | None:
    """The most literal glob of ``spec.models`` that matches ``model``, ignoring case."""
    matching = [glob for glob in spec.models if fnmatchcase(model.lower(), glob.lower())]
    return max(matching, key=literal_count, default=None)


def _load(
    path: Path, search: Mapping[str, list[Path]], inputs: Inputs, problems: Problems, cache: ParserCache
) -> ParserSpec | None:
    known = cache.known.get(path)
    if known and all(_digest(one, inputs) == digest for one, digest in known.chain) and _same_chain(known, search):
        return known.spec
    before = len(problems.found)
    chain: list[Path] = []
    document = _layers(path, search, inputs, problems, chain)
    if document is None:
        return None
    spec = _compile(path, document, problems, cache)
    if spec is None or len(problems.found) > before:
        return None
    cache.known[path] = _Known(tuple((one, inputs.files.get(one)) for one in chain), spec)
    return spec


def _digest(path: Path, inputs: Inputs) -> str | None:
    if path not in inputs.files:
        try:
            inputs.read(path)
        except OSError:
            return None
    return inputs.files[path]


def _same_chain(known: _Known, search: Mapping[str, list[Path]]) -> bool:
    """Whether each file would still extend the same one."""
    paths = [path for path, _ in known.chain]
    return all(_base(below.stem, path, search) == below for path, below in pairwise(paths))


def _base(name: str, path: Path, search: Mapping[str, list[Path]]) -> Path | None:
    """The file that ``path`` means by ``extends = name``; its own name means the one that it shadows."""
    files = search.get(name, [])
    if path in files:
        files = files[files.index(path) + 1 :]
    return files[0] if files else None


def _layers(
    path: Path, search: Mapping[str, list[Path]], inputs: Inputs, problems: Problems, chain: list[Path]
) -> Document | None:
    document = read_document(path, inputs, problems, secrets=False)
    chain.append(path)
    name = document.values.get("extends") if document else None
    if document is None or not isinstance(name, str) or not name:
        return document
    base = _base(name, path, search)
    if base is None or base in chain:
        origin = document.origin(("extends",))
        if base:
            problems.add("extends-cycle", origin, "extends", f"parser files extend each other through `{name}`")
        else:
            problems.add("unknown-parser", origin, "extends", f"unknown parser `{name}`", hint=suggest(name, search))
        return None
    below = _layers(base, search, inputs, problems, chain)
    if below is None:
        origin = document.origin(("extends",))
        problems.add("broken-parser", origin, "extends", f"parser `{name}` has problems of its own")
        return None
    below.values = {key: value for key, value in below.values.items() if key != "name"}
    return document.under(below)


def _compile(path: Path, document: Document, problems: Problems, cache: ParserCache) -> ParserSpec | None:
    try:
        file = ParserFile.model_validate(document.values)
    except ValidationError as error:
        explain(error, ParserFile, document, problems)
        return None
    if file.name not in ("", path.stem):
        message = f'must be "{path.stem}", like the file, not "{file.name}"'
        problems.add("invalid-value", document.origin(("name",)), "name", message)
        return None
    # what the wheel carries passed its examples before it was built: a start need not run them again
    trusted = packaged(path)
    prompt: Prompt | None = None
    if file.prompt:
        try:
            prompt = compile_prompt(path.stem, file.prompt.system, file.prompt.call, file.prompt.result, tried=trusted)
        except TemplateProblem as problem:
            origin = _inside(document.origin(("prompt", problem.key)), problem.line, problems)
            problems.add("template", origin, f"prompt.{problem.key}", problem.message)
            return None
    spec = file.value(path.stem, display(path), prompt)
    return spec if trusted or _examples_pass(spec, document, problems, cache) else None


def _inside(origin: Origin | None, line: int, problems: Problems) -> Origin | None:
    """The place of line ``line`` of a multi-line string."""
    if origin is None:
        return None
    start = origin.place.value_line
    opening = problems.sources[origin.file].lines[start - 1][origin.place.value_column - 1 :].rstrip("\r")
    if not opening.startswith(('"""', "'''")):
        return origin
    below = start + line - (0 if len(opening) == 3 else 1)
    if below == start:
        return origin
    return Origin(origin.file, Place(below, 1, below, 1))


def _examples_pass(spec: ParserSpec, document: Document, problems: Problems, cache: ParserCache) -> bool:
    failures = cache.check(spec)
    for failure in failures:
        path: tuple[Any, ...] = ("examples", failure.index)
        title = f" `{failure.title}`" if failure.title else ""
        message = f"example{title} fails when fed {failure.split}: expected {failure.expected}, got {failure.got}"
        problems.add("example", document.origin(path), path, message)
    return not failures
