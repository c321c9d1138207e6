"""A ``toolbridge`` process that serves, for tests that need the real thing.

with serving(tmp_path, ROUTES) as proxy:
    ... talk to proxy.url, edit proxy.file, read proxy.log() ...
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEMO = '[upstreams.demo]\nprotocol = "demo"\n\n[models."*"]\nupstream = "demo"\nmodel = "demo"\n'

_SERVES = r"serves on (http://[^,\s]+)"


@dataclass
class Running:
    """The process; ``url`` is where it answers."""

    process: subprocess.Popen[str]
    file: Path
    url: str = ""
    lines: list[str] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def log(self) -> str:
        """What it wrote on stderr so far."""
        with self.news:
            return "".join(self.lines)

    def wait_for_log(self, pattern: str, timeout: float = 15.0) -> re.Match[str]:
        """Block until its log matches."""
        with self.news:
            found = self.news.wait_for(lambda: re.search(pattern, "".join(self.lines)), timeout)
        assert found, f"{pattern!r} not in the log after {timeout} s:\n{self.log()}"
        return found

    def stop(self, sig: int = signal.SIGINT) -> int:
        """End it; its exit status."""
        self.process.send_signal(sig)
        return self.process.wait(15)

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            with self.news:
                self.lines.append(line)
                self.news.notify_all()


@contextlib.contextmanager
def serving(
    folder: Path,
    routes: str = DEMO,
    *flags: str,
    verb: str = "serve",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """``toolbridge VERB`` on a free port with this configuration ("" for none)."""
    file = folder / "routes.toml"
    if routes:
        file.write_text(routes)
    command = [sys.executable, "-m", "bridge", verb, *(["-c", str(file)] if routes else [])]
    process = subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0", *flags],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    running = Running(process, file)
    reader = threading.Thread(target=running._read, daemon=True)
    reader.start()
    try:
        running.url = running.wait_for_log(_SERVES)[1]
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        reader.join(5)
        if process.stderr:
            process.stderr.close()
