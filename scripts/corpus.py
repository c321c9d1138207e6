#!/usr/bin/env python3
"""Runs the canitoolcall corpus and writes what passes into README.md; --check only says whether that is current.

The corpus is run by tests/conformance, and this reads what those tests know.
"""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

BEGIN, END = "<!-- written by scripts/corpus.py -->", "<!-- end -->"


def line() -> str:
    from recorded import DIFFERENT, FIXTURES, passes, read

    results = {name: read(fixture, [fixture.raw_output]) for name, fixture in FIXTURES.items()}
    strict = sum(passes(FIXTURES[name], got) for name, got in results.items())
    passing = sum(passes(FIXTURES[name], got, strictly=False) for name, got in results.items())
    return (
        f"Of the {len(results)} recorded model outputs of [canitoolcall](https://github.com/redd34/canitoolcall) "
        f"{importlib.metadata.version('canitoolcall')}, {passing} pass, {strict} of them to the character "
        f"({', '.join(f'`{name}`' for name in DIFFERENT)} differs in one blank): with the parser file found by the "
        "model's id alone, whole and streamed, in the engine and through HTTP."
    )


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
