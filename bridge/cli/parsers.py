"""``toolbridge parsers``: the parser files that are there, and whether their examples pass."""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from typing import TYPE_CHECKING

from bridge.cli import parserfiles, render

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
    testing.set_defaults(action=_test)


def run(args: argparse.Namespace) -> int:
    """List or test them; 1 if an example fails or a file cannot be used."""
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


def _test(args: argparse.Namespace) -> int:
    from bridge.core.parsing.selftest import check_examples

    paths = [path for path in map(parserfiles.as_path, args.what) if path]
    names = [what for what in args.what if parserfiles.as_path(what) is None]
    files = parserfiles.read(args.config, paths)
    chosen = [files.named(name) for name in names] + files.under(paths)
    started = time.perf_counter()
    results = []
    for parser in chosen if args.what else files.found.values():
        failures = check_examples(parser.spec)
        results.append((parser, failures))
        if not args.json:
            _progress(parser, len(failures))
    if args.json:
        render.print_json([_facts(one) | {"failures": list(map(dataclasses.asdict, bad))} for one, bad in results])
    else:
        _summary(results, len(files.problems), time.perf_counter() - started)
    return 1 if files.problems or any(failures for _, failures in results) else 0


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
