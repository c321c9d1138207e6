"""Claude Code at work: a folder of its own, pointed at a proxy, with a task that a scripted model does."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clients import bare_environment
from scripted import Play, answer
from written import written

SCRIPT = 'import sys\n\n# says "hello" & <b>more</b>\nprint("hello", len(sys.argv))\n'
PROMPT = "Write hello.py, run it, and tell me what it printed."
LAST = "It printed hello 1."


@dataclass
class Run:
    """What a run of ``claude -p`` left behind."""

    code: int
    output: dict[str, Any]
    errors: str
    seconds: float

    @property
    def said(self) -> str:
        return str(self.output.get("result", ""))


@dataclass
class Workshop:
    """A folder to work in and a client that is pointed at one proxy."""

    program: Path
    folder: Path
    url: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """What the model does."""
        script = self.project / "hello.py"
        return [
            ("Write", {"file_path": str(script), "content": SCRIPT}),
            ("Bash", {"command": "python3 hello.py | tee out.txt", "description": "Run it & keep the output"}),
        ]

    def steps(self, name: str) -> list[str]:
        """The model's three answers, as text of this format."""
        first, second = self.calls
        return [
            written(name, "I will write it.", first),
            written(name, "Now I run it.", second, first=1),
            LAST,
        ]

    @contextmanager
    def started(self, *arguments: str, prompt: str = PROMPT) -> Iterator[subprocess.Popen[str]]:
        """A run that is under way; it is over at the end."""
        environment = {
            **bare_environment(self.folder / "home"),
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": "x",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            **self.environment,
        }
        self.project.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [
                *(str(self.program), "-p", prompt, "--output-format", "json"),
                *("--allowedTools", "Read,Write,Edit,Bash,Agent", *arguments),
            ],
            cwd=self.project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *arguments: str, prompt: str = PROMPT, timeout: float = 120) -> Run:
        before = time.monotonic()
        with self.started(*arguments, prompt=prompt) as process:
            text, errors = process.communicate(timeout=timeout)
        seconds = time.monotonic() - before
        output = json.loads(text) if text.startswith("{") else {"result": text}
        print(f"\nclaude {' '.join(arguments)}: {seconds:.1f} s, {output.get('num_turns')} turns")
        return Run(process.returncode, output, errors, seconds)

    def check(self, run: Run) -> None:
        """The task was done, and nothing of a call was taken for text."""
        assert run.code == 0, (run.output, run.errors)
        assert run.output["is_error"] is False
        assert run.said == LAST
        assert (self.project / "hello.py").read_text() == SCRIPT
        assert (self.project / "out.txt").read_text() == "hello 1\n"


def typed(text: str) -> Play:
    """A streamed answer, four characters at a time."""
    return answer(*(text[i : i + 4] for i in range(0, len(text), 4)))
