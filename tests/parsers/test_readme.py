"""The table in parsers/README.md is what the files say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "parsers_readme.py"


def test_the_table_is_current() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
