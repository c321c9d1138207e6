"""The servers that are compared: started on a core of their own, and what they cost read from /proc."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import payloads

HARNESS_CORE = 0
PEER_CORE = 1
HERE = Path(__file__).resolve().parent.parent
_START_WITHIN = 20.0

_ROUTES = """\
[server]
drain = "1s"

[upstreams]
{upstreams}

[models]
{models}
"""
_UPSTREAM = '{kind} = {{ base_url = "http://127.0.0.1:{port}/{kind}/v1", api_key = "bench", max_in_flight = 512 }}'
_MODEL = '{kind} = {{ upstream = "{kind}", model = "{model}", parsers = "auto" }}'

_NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_buffer_size 4m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream mock {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


class BenchError(Exception):
    """The benchmark cannot run here; the message says what to do."""


class Peer:
    """A server under test. ``request`` makes what it is asked; the direct peer has no process."""

    def __init__(
        self,
        name: str,
        command: list[str],
        port: int,
        request: Callable[[payloads.Kind, int, int, int], bytes],
        log: Path,
        checkout: Path = HERE,
    ) -> None:
        self.name = name
        self._checkout = checkout
        self.port = port
        self._command = command
        self._request = request
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def request(self, kind: payloads.Kind, tools: int, turns: int = 0) -> bytes:
        return self._request(kind, tools, turns, self.port)

    def start(self, profile: Path | None = None) -> float:
        """Start it; gives the seconds to its first answer with status 200."""
        command = self._command
        if profile is not None and command[0] == sys.executable:
            command = [command[0], "-m", "cProfile", "-o", str(profile), *command[1:]]
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = pinned(command, PEER_CORE, log, self._checkout)
        request = self.request("whole", 1)
        while not _answers(self.port, request):
            if self._process.poll() is not None or time.monotonic() - began > _START_WITHIN:
                raise BenchError(f"{self.name} did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.002)
        return time.monotonic() - began

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process)
            self._process = None

    def cpu(self) -> float:
        """Seconds of CPU time so far, of the process and its children, in user and system mode."""
        if self._process is None:
            return 0.0
        return sum(_cpu_of(pid) for pid in _family(self._process.pid))

    def memory(self) -> float:
        """Resident memory now, in MB."""
        if self._process is None:
            return 0.0
        return sum(_rss_of(pid) for pid in _family(self._process.pid)) / 1e6


def toolbridge(folder: Path, upstream: int, checkout: Path = HERE, name: str = "toolbridge") -> Peer:
    """This proxy, from a checkout, as ``toolbridge serve`` runs it."""
    kinds: tuple[payloads.Kind, ...] = ("whole", "paced", "burst")
    path = folder / "routes.toml"
    path.write_text(
        _ROUTES.format(
            upstreams="\n".join(_UPSTREAM.format(kind=kind, port=upstream) for kind in kinds),
            models="\n".join(_MODEL.format(kind=kind, model=payloads.UPSTREAM_MODEL) for kind in kinds),
        )
    )
    port = free_port()
    command = [sys.executable, "-m", "bridge", "serve", "-c", str(path), "--listen", f"127.0.0.1:{port}"]
    return Peer(name, command, port, payloads.anthropic_request, folder / f"{name}.log", checkout)


def nginx(folder: Path, upstream: int) -> Peer:
    """nginx, which passes everything through unread. Raises BenchError if it is not installed."""
    binary = nginx_binary()
    port = free_port()
    path = folder / "nginx.conf"
    path.write_text(_NGINX.format(folder=folder, port=port, upstream=upstream))
    command = [binary, "-p", str(folder), "-c", str(path), "-e", "stderr"]
    return Peer("nginx", command, port, payloads.openai_request, folder / "nginx.log")


def nginx_binary() -> str:
    binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if binary is None:
        raise BenchError("nginx is not installed (Debian: apt-get install nginx-light); nothing to compare with")
    return binary


def direct(folder: Path, upstream: int) -> Peer:
    """No proxy at all: what the harness itself can do."""
    return Peer("direct", [], upstream, payloads.openai_request, folder / "direct.log")


def pinned(
    command: list[str], core: int, log: object = subprocess.DEVNULL, folder: Path = HERE
) -> subprocess.Popen[bytes]:
    """Start a command on one core. Python is let keep its bytecode, as an installed package has it."""
    taskset = shutil.which("taskset")
    if taskset is None:
        raise BenchError("taskset is not installed (Debian: apt-get install util-linux)")
    return subprocess.Popen(
        [taskset, "-c", str(core), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,  # type: ignore[arg-type]
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


def _answers(port: int, request: bytes) -> bool:
    """Whether the request gets an answer with status 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5.0) as sock:
            sock.sendall(request)
            return sock.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def _family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except FileNotFoundError:
            continue
    return found


def _cpu_of(pid: int) -> float:
    """From the scheduler's nanoseconds where the kernel gives them, else from its ticks."""
    try:
        return sum(int((task / "schedstat").read_text().split()[0]) for task in _tasks(pid)) / 1e9
    except FileNotFoundError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _tasks(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").iterdir())


def _rss_of(pid: int) -> int:
    match = re.search(r"VmRSS:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) * 1024 if match else 0
