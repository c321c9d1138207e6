from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def claude() -> Path:
    """The Claude Code program, installed if it is not yet there."""
    subprocess.run([HERE / "setup"], check=True)
    modules = HERE.parent.parent / ".e2e" / "claude-code" / "node_modules"
    # npm may be told to run no install scripts: then only the platform's own package has the program.
    found = [*modules.glob("@anthropic-ai/claude-code-*/claude"), modules / ".bin" / "claude"]
    return found[0]
