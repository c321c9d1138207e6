#!/usr/bin/env python3
"""Writes the table in parsers/README.md out of the files; with --check it only says whether the table is current."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "parsers"
BEGIN, END = "<!-- written by scripts/parsers_readme.py -->", "<!-- end -->"


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def row(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    file = tomllib.loads(text)
    models = [
        line.removeprefix("# Models: ").rstrip(".") for line in text.splitlines() if line.startswith("# Models: ")
    ]
    summary = file.get("summary", "")
    layout = summary.partition(": ")[2] or summary
    any_model = "yes" if file.get("distinctive", True) else "no"
    examples = str(len(file.get("examples", [])))
    cells = [f"[{path.stem}]({path.name})", cell(" ".join(models)), cell(layout), any_model, examples]
    return f"| {' | '.join(cells)} |"


def table() -> str:
    head = ["| file | models | layout | armed for any model | examples |", "|---|---|---|---|---|"]
    return "\n".join([*head, *(row(path) for path in sorted(FOLDER.glob("*.toml")))])


def main() -> int:
    readme = FOLDER / "README.md"
    old = readme.read_text(encoding="utf-8")
    before, _, rest = old.partition(BEGIN)
    new = f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"
    if "--check" in sys.argv[1:]:
        if new != old:
            print("parsers/README.md is not what the files say; run scripts/parsers_readme.py", file=sys.stderr)
        return int(new != old)
    readme.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
