"""The program of the how-to runs as it is printed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from running import serving

from bridge.core.openai import inbound

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "openai-clients.md").read_text()


def test_the_program(tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with serving(tmp_path) as proxy:
        text = program.replace("http://127.0.0.1:4100", proxy.url)
        assert text != program
        done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    name, _, arguments = done.stdout.strip().partition(" ")
    assert name == "weather"
    assert json.loads(arguments).keys() == {"city"}


def test_every_field_that_is_passed_on_is_named() -> None:
    named = set(re.findall(r"`([a-z_.*]+)`", PAGE))
    expected = {re.sub("^guided_.*", "guided_*", key) for key in inbound._PASSED_ON}
    assert not expected - named
