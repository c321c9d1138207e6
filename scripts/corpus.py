#!/usr/bin/env python3
"""Runs the canitoolcall corpus and writes what passes into README.md; --check only says whether that is current.

The corpus is run by tests/conformance, and this reads what those tests know.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- written by scripts/corpus.py -->", "<!-- end -->"


def conformance() -> ModuleType:
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    path = ROOT / "tests" / "conformance" / "test_corpus.py"
    found = importlib.util.spec_from_file_location("conformance_corpus", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def line() -> str:
    corpus = conformance()
    fixtures = corpus.FIXTURES
    failing = [
        name
        for name, fixture in fixtures.items()
        if not corpus.passes(fixture, corpus.read(fixture, [fixture.raw_output]))
    ]
    version = importlib.metadata.version("canitoolcall")
    text = (
        f"Of the {len(fixtures)} recorded model outputs of [canitoolcall](https://github.com/redd34/canitoolcall) "
        f"{version}, {len(fixtures) - len(failing)} come out strictly as expected, with the parser file found by the "
        "model's id alone, whole and streamed"
    )
    return f"{text}; not {', '.join(f'`{name}`' for name in failing)}." if failing else f"{text}."


def main() -> int:
    readme = ROOT / "README.md"
    old = readme.read_text(encoding="utf-8")
    before, begin, rest = old.partition(BEGIN)
    assert begin, f"README.md has no place for it: {BEGIN} ... {END}"
    new = f"{before}{BEGIN}\n{line()}\n{END}{rest.partition(END)[2]}"
    if "--check" not in sys.argv[1:]:
        readme.write_text(new, encoding="utf-8")
        return 0
    if new != old:
        print("README.md does not say what the corpus gives; run scripts/corpus.py", file=sys.stderr)
    return int(new != old)


if __name__ == "__main__":
    sys.exit(main())
