"""``parsers test --watch`` as a process: a save runs the file's examples again, Ctrl-C ends it."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bridge.cli.watching import saved

RIGHT = """\
schema = 1
[[call]]
open = "<c>"
close = "</c>"
codec = "json-call"
[[examples]]
raw = '<c>{"name": "f", "arguments": {}}</c>'
tools = [{ name = "f" }]
expect = [{ name = "f", input = {} }]
"""
WRONG = RIGHT.replace("expect = [{ name", 'expect = [{ text = "?" }, { name')


def _interruptible() -> None:
    """A suite that a shell runs in the background hands on that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Watching:
    """The process, and its lines as they come."""

    def __init__(self, folder: Path, *what: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bridge", "parsers", "test", "--watch", *what],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=_interruptible,
        )  # fmt: skip
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)

    def wait_for(self, text: str) -> list[str]:
        """The lines up to the one that holds ``text``."""
        lines = [self._lines.get(timeout=20)]
        while text not in lines[-1]:
            lines.append(self._lines.get(timeout=20))
        return lines

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(10)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self._reader.join(5)
        assert self.process.stdout
        self.process.stdout.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.toml").write_text(RIGHT)
    (tmp_path / "other.toml").write_text(RIGHT)
    return tmp_path


@pytest.mark.parametrize("what", ["mine.toml", "."])
def test_a_save_runs_the_examples_of_that_file(folder: Path, what: str) -> None:
    watching = Watching(folder, what)
    try:
        watching.wait_for("watching ")
        (folder / "mine.toml").write_text(WRONG)
        lines = watching.wait_for("1 failed")
        assert not any("other.toml" in line for line in lines)
        replacement = folder / "mine.toml~"
        replacement.write_text(RIGHT)
        replacement.rename(folder / "mine.toml")
        watching.wait_for("1 passed")
        (folder / "mine.toml").write_text("schema = 2\n")
        watching.wait_for("problems in files")
        assert watching.end() in (0, 1)
    finally:
        watching.close()


def test_the_first_step_tells_that_nothing_is_missed(tmp_path: Path) -> None:
    steps = saved([tmp_path])
    assert next(steps) == set()
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "a.toml").write_text("")
    found: set[Path] = set()
    while not found:
        found = next(steps)
    assert {path.name for path in found} == {"a.toml"}
    steps.close()
