"""What is generated is what the code and the files say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("script", ["reference.py", "corpus.py"])
def test_nothing_has_drifted(script: str) -> None:
    command = [sys.executable, ROOT / "scripts" / script, "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, "COLUMNS": "40"})
    assert done.returncode == 0, done.stderr


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    missing = [
        str(page) for page in pages if page.parts[0] != "adr" and page.name != "README.md" and str(page) not in index
    ]
    assert not missing


def test_every_description_is_there() -> None:
    for name in ("parsers.md", "routes.md", "cli.md"):
        rows = [
            line for line in (ROOT / "docs" / "reference" / name).read_text().splitlines() if line.startswith("| `")
        ]
        assert [row for row in rows if row.endswith("|  |")] == []
