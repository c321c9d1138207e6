#!/usr/bin/env python3
"""Runs the commands of a tutorial and writes their output into it; with --check it only says where they differ.

A code block `console` holds commands (`$ ...`) and what they print; a block with a file's name behind its
language (`toml mine.toml`) is that file from there on.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "tutorial" / "write-a-parser.md"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)
TIME = re.compile(r"in \d+\.\d+s")


def refreshed(text: str, folder: Path) -> str:
    """``text`` with what its commands print now, run one after the other in ``folder``."""

    def block(found: re.Match[str]) -> str:
        language, name, body = found[1], found[2], found[3]
        if name:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(body, encoding="utf-8")
        if language != "console":
            return found[0]
        commands = [line[2:] for line in body.splitlines() if line.startswith("$ ")]
        return "```console\n" + "".join(f"$ {command}\n{output(command, folder)}" for command in commands) + "```"

    return BLOCK.sub(block, text)


def output(command: str, folder: Path) -> str:
    words = shlex.split(command)
    assert words[0] == "toolbridge", f"the tutorial runs nothing but toolbridge: {command}"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BRIDGE_")}
    done = subprocess.run(
        [sys.executable, "-m", "bridge", *words[1:]],
        cwd=folder,
        env={**environment, "NO_COLOR": "1", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return TIME.sub("in 0.02s", done.stdout)


def main() -> int:
    old = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        new = refreshed(old, Path(folder))
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(new, encoding="utf-8")
        return 0
    if new != old:
        print(f"{PAGE.name} shows what commands no longer print; run scripts/tutorial.py", file=sys.stderr)
    return int(new != old)


if __name__ == "__main__":
    sys.exit(main())
