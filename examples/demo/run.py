"""The main job, once: a tool call that a model writes as text arrives as a ``tool_use`` block.

    python examples/demo/run.py [FORMAT ...]        # default: hermes; `toolbridge parsers list` names them

Starts the proxy with its built-in demo upstream on a free port, streams one request per format
through it, and shows the upstream's text beside the Anthropic blocks. No key, no network.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

TOOL = json.loads((HERE / "weather.json").read_text())
ROUTES = """\
[upstreams.demo]
protocol = "demo"

[models."*"]                 # parsers = "auto": whatever the format, no name decides
upstream = "demo"
model = "demo"

[models."*llama*"]           # without a marker of its own, so it is armed only where a route or a name says so
upstream = "demo"
model = "demo-llama-3.1"
"""
WIDTH = 52


@contextlib.contextmanager
def proxy() -> Iterator[int]:
    """A running proxy; gives its port."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        (Path(folder) / "routes.toml").write_text(ROUTES)
        command = [sys.executable, "-m", "bridge", "serve", "-c", f"{folder}/routes.toml"]
        command += ["--listen", f"127.0.0.1:{port}"]
        log = Path(folder) / "log"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=folder)
        try:
            wait_until_it_answers(process, port, log)
            yield port
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)


def wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            sys.exit(f"the proxy did not start:\n{log.read_text()}")
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    sys.exit(f"the proxy does not answer on port {port}:\n{log.read_text()}")


def stream(port: int, prompt: str) -> Iterator[dict[str, object]]:
    """One streamed request; its events as they come."""
    body = {
        "model": f"claude-and-{prompt.split()[-1]}",
        "max_tokens": 1024,
        "stream": True,
        "tools": [TOOL],
        "messages": [{"role": "user", "content": prompt}],
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01", "x-api-key": "local"}
    connection.request("POST", "/v1/messages", json.dumps(body), headers)
    response = connection.getresponse()
    if response.status != 200:
        sys.exit(f"{response.status}: {response.read().decode()}")
    for line in response:
        if line.startswith(b"data:"):
            yield json.loads(line[5:])


def blocks(events: Iterator[dict[str, object]]) -> tuple[list[str], bool]:
    """The stream's blocks as lines to show, and whether a tool call is among them."""
    lines: list[str] = []
    called = False
    content = ""
    for event in events:
        match event:
            case {"type": "content_block_start", "content_block": {"type": kind, **rest}}:
                called |= kind == "tool_use"
                lines += [f"[{kind}]"] + ([str(rest["name"])] if "name" in rest else [])
                content = ""
            case {"type": "content_block_delta", "delta": delta}:
                content += delta.get("text") or delta.get("thinking") or delta.get("partial_json") or ""
            case {"type": "content_block_stop"}:
                lines += [*content.split("\n"), ""]
            case {"type": "message_delta", "delta": {"stop_reason": reason}}:
                lines.append(f"stop_reason: {reason}")
            case {"type": "error", "error": error}:
                sys.exit(f"the stream ended in an error: {error}")
    return lines, called


def upstream_text(prompt: str) -> list[str]:
    """What the demo model answers: the same function, asked the same thing."""
    from bridge.bundled import bundled
    from bridge.config.document import Problems
    from bridge.config.inputs import Inputs
    from bridge.config.parsers import ParserCache, load_parsers
    from bridge.upstream.demo import demo_answer

    function = {"name": TOOL["name"], "parameters": TOOL["input_schema"]}
    body = {
        "model": "demo",
        "messages": [{"role": "user", "content": prompt}],
        "tools": [{"type": "function", "function": function}],
    }
    cache = ParserCache(check=lambda _: ())
    parsers = load_parsers([bundled("parsers")], Inputs(), Problems(), cache)
    specs = {name: parser.spec for name, parser in parsers.items()}

    async def whole() -> bytes:
        answer = demo_answer("POST", "/v1/chat/completions", json.dumps(body).encode(), specs)
        return b"".join([chunk async for chunk in answer.chunks])

    text: str = json.loads(asyncio.run(whole()))["choices"][0]["message"]["content"]
    return text.split("\n")


def wrapped(lines: list[str]) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, WIDTH, drop_whitespace=False) or [""]]


def main(formats: list[str]) -> int:
    with proxy() as port:
        print(f"the proxy runs on http://127.0.0.1:{port}, its upstream is the built-in demo model")
        for name in formats:
            prompt = f"/tool {name}"
            shown, called = blocks(stream(port, prompt))
            left, right = (
                wrapped([f"upstream text ({name})", "", *upstream_text(prompt)]),
                wrapped(["Anthropic blocks", "", *shown]),
            )
            print("-" * (2 * WIDTH + 3))
            for one, other in zip_longest(left, right, fillvalue=""):
                print(f"{one:{WIDTH}} | {other}")
            if not called:
                print(f"error: no tool_use block for {name}", file=sys.stderr)
                return 1
    print("-" * (2 * WIDTH + 3))
    print("the tool call went in as text and came out as tool_use; now: toolbridge dev")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["hermes"]))
