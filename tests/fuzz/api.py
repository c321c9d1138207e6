"""``python -m fuzz.api [schemathesis flags]``: a proxy with the demo upstream, and schemathesis on its OpenAPI document.

Exit status 1 if it finds something, or if the proxy logged an error of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from running import DEMO, serving

# One attempt: what fails is to fail the same way each time.
ROUTES = (
    DEMO
    + '[defaults]\nretry = { attempts = 1 }\n[models.named]\nupstream = "demo"\nmodel = "demo"\n[log]\nlevel = "warning"\n'
)
CONFIG = Path(__file__).with_name("schemathesis.toml")


def main(flags: list[str]) -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), ROUTES, environment={"BRIDGE_LOG_LEVEL": "info"}) as proxy,
    ):
        program = Path(sys.executable).with_name("schemathesis")
        command = [program, "--config-file", CONFIG, "run", f"{proxy.url}/openapi.json", *flags]
        status = subprocess.run(command, check=False, cwd=folder).returncode
        ours = [line for line in proxy.log().splitlines() if "Traceback" in line or "internal error" in line]
        print(*ours, sep="\n", file=sys.stderr)
        return 1 if ours or proxy.process.poll() is not None else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
