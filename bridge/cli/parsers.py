"""``toolbridge parsers``: the parser files that are there, and whether their examples pass."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import parserfiles, render
from bridge.errors import UsageError

if TYPE_CHECKING:
    from bridge.config.parsers import AvailableParser
    from bridge.core.parsing.selftest import ExampleFailure


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser("parsers", help="list the parser files, or run their examples")
    parser.set_defaults(action=_list, json=False, config=None)
    actions = parser.add_subparsers(metavar="ACTION", title="actions")

    listing = actions.add_parser("list", help="the parser files: models, where from, shadowing (the default)")
    parserfiles.add_config(listing)
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(action=_list)

    testing = actions.add_parser("test", help="run their examples: whole, at every split, one character at a time")
    testing.add_argument(
        "what", nargs="*", metavar="NAME|FILE|DIR", help="parsers by name, or files and folders (default: all)"
    )
    parserfiles.add_config(testing)
    testing.add_argument("--json", action="store_true", help="as JSON")
    testing.add_argument("--watch", action="store_true", help="run them again whenever a file is saved, until Ctrl-C")
    testing.set_defaults(action=_test)

    importing = actions.add_parser(
        "import",
        help="turn a Hugging Face response template into a parser file",
        description="Print a parser file for a tokenizer_config.json, or for a response_template or response_schema "
        "alone. What cannot be expressed is refused under its key; comments say what has changed.",
    )
    importing.add_argument("file", metavar="FILE", help="the JSON; - is stdin")
    importing.add_argument("--name", help="the parser's name (default: that of the file's folder, or `imported`)")
    importing.set_defaults(action=_import)


def run(args: argparse.Namespace) -> int:
    """List, test or import; 1 if an example fails or a file cannot be used."""
    status: int = args.action(args)
    return status


def _list(args: argparse.Namespace) -> int:
    files = parserfiles.read(args.config)
    if args.json:
        render.print_json([_facts(parser) for parser in files.found.values()])
    else:
        rows = [
            [
                name,
                "yes" if parser.spec.distinctive else "no",
                len(parser.spec.examples),
                _place(parser.path) + "".join(f", shadows {_place(path)}" for path in parser.shadows),
                " ".join(parser.spec.models),
            ]
            for name, parser in files.found.items()
        ]
        print(render.table(["name", "distinctive", "examples", "file", "models"], rows))
    return 1 if files.problems else 0


def _import(args: argparse.Namespace) -> int:
    from bridge.cli import files
    from bridge.cli.importer import converted

    folder = os.path.basename(os.path.dirname(os.path.abspath(args.file))) if args.file != "-" else ""
    print(converted(files.read_json(args.file), args.name or _plain(folder) or "imported"), end="")
    return 0


def _plain(name: str) -> str:
    """``name`` as a parser may be called."""
    return "".join(char if char.isalnum() else "_" for char in name.lower()).strip("_")


def _test(args: argparse.Namespace) -> int:
    paths = [path for path in map(parserfiles.as_path, args.what) if path]
    names = [what for what in args.what if parserfiles.as_path(what) is None]
    files = parserfiles.read(args.config, paths)
    chosen = [files.named(name) for name in names] + files.under(paths)
    if args.what and not chosen and not files.problems:
        raise UsageError(f"{', '.join(args.what)}: there is no parser file")
    chosen = chosen if args.what else list(files.found.values())
    status = _run_examples(chosen, len(files.problems), args.json)
    return _watch(args, paths, chosen, status) if args.watch else status


def _watch(args: argparse.Namespace, paths: Sequence[Path], chosen: Sequence[AvailableParser], status: int) -> int:
    """Runs examples again as files are saved, until Ctrl-C; the last status."""
    from bridge.cli.watching import saved
    from bridge.config.parsers import ParserCache

    cache = ParserCache(check=lambda _: ())
    wanted = {path.resolve() for path in (*paths, *(parser.path for parser in chosen))}
    folders = {path if path.is_dir() else path.parent for path in wanted}
    with contextlib.suppress(KeyboardInterrupt):
        for number, changed in enumerate(saved(folders)):
            if number == 0:
                render.note(f"watching {', '.join(sorted(map(_place, folders)))}; Ctrl-C ends it")
            if changed := {path for path in changed if not args.what or {path, path.parent} & wanted}:
                files = parserfiles.read(args.config, paths, cache)
                again = [parser for parser in files.found.values() if parser.path.resolve() in changed]
                status = _run_examples(again, len(files.problems), args.json)
    return status


def _run_examples(chosen: Sequence[AvailableParser], broken: int, as_json: bool) -> int:
    from bridge.core.parsing.selftest import check_examples

    started = time.perf_counter()
    results = []
    for parser in chosen:
        failures = check_examples(parser.spec)
        results.append((parser, failures))
        if not as_json:
            _progress(parser, len(failures))
    if as_json:
        render.print_json([_facts(one) | {"failures": list(map(dataclasses.asdict, bad))} for one, bad in results])
    else:
        _summary(results, broken, time.perf_counter() - started)
    sys.stdout.flush()
    return 1 if broken or any(failures for _, failures in results) else 0


def _progress(parser: AvailableParser, failed: int) -> None:
    count = len(parser.spec.examples)
    marks = render.paint("." * (count - failed), "green") + render.paint("F" * failed, "red")
    print(f"{_place(parser.path)} {marks if count else 'has no examples'}")


def _summary(results: list[tuple[AvailableParser, list[ExampleFailure]]], broken: int, seconds: float) -> None:
    failed = 0
    for parser, failures in results:
        for failure in failures:
            failed += 1
            title = f" {failure.title!r}" if failure.title else ""
            print(
                render.paint(f"\n{parser.spec.name}: example {failure.index + 1}{title}, fed {failure.split}", "bold")
            )
            print(f"  expected {failure.expected}\n  got      {failure.got}")
    counts = {"failed": failed, "passed": sum(len(one.spec.examples) for one, _ in results) - failed}
    if broken:
        counts["problems in files"] = broken
    text = ", ".join(f"{count} {what}" for what, count in counts.items() if count or what == "passed")
    print(render.paint(f"{text} in {seconds:.2f}s", "red" if failed or broken else "green", "bold"))


def _facts(parser: AvailableParser) -> dict[str, object]:
    spec = parser.spec
    return {
        "name": spec.name,
        "summary": spec.summary,
        "models": spec.models,
        "distinctive": spec.distinctive,
        "examples": len(spec.examples),
        "prompt": spec.prompt is not None,
        "file": str(parser.path),
        "shadows": [str(path) for path in parser.shadows],
    }


def _place(path: os.PathLike[str]) -> str:
    """As short as it can be understood: below the bundled folder, or relative to where we are."""
    from bridge.bundled import bundled

    text, folder = os.fspath(path), os.fspath(bundled("parsers"))
    if text.startswith(folder + os.sep):
        return "bundled" + text[len(folder) :]
    return min(text, os.path.relpath(text), key=len)
