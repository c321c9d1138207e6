"""What checking a configuration costs before it begins: no server, no HTTP client, no watcher."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("fastapi", "httptools", "httpx", "jinja2", "starlette", "uvicorn", "watchfiles")


def test_configuration_does_not_load_the_server() -> None:
    code = f"""
import sys
import bridge.config.settings, bridge.config.snapshot, bridge.config.watch, bridge.config.effective
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
