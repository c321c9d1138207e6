from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bridge
from bridge.bundled import bundled

SCRIPT = Path(bridge.__file__).parent.parent / "examples" / "demo" / "run.py"
INPUT = '{"city":"example city","days":1,"units":"celsius"}'


def test_every_bundled_format_arrives_as_a_call(tmp_path: Path) -> None:
    formats = sorted(path.stem for path in bundled("parsers").glob("*.toml"))
    environment = os.environ | {"PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, SCRIPT, *formats], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    right = [line.partition(" | ")[2] for line in done.stdout.splitlines()]
    assert right.count(INPUT) == len(formats)
    assert right.count("stop_reason: tool_use") == len(formats)
