"""The process around the application: the listening socket, signals, and an end that cuts nothing off.

SIGTERM: ``/readyz`` fails at once while requests are still taken for a moment, so that balancers
notice; what is under way may finish within ``server.drain``; what is left then gets an error event.
SIGINT does not wait for balancers. A second signal shortens all of it. SIGHUP reloads.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn

from bridge import __version__
from bridge.config.load import Overrides
from bridge.config.settings import environ
from bridge.config.snapshot import Snapshot
from bridge.config.watch import ConfigStore
from bridge.core.events import Fault
from bridge.errors import UnreachableError
from bridge.observe import log
from bridge.server.app import create_app
from bridge.server.protocol import Protocol
from bridge.server.state import State

_log = logging.getLogger("bridge.server")

NOTICE = 5.0
"""How long requests are still taken after SIGTERM, at most."""
LAST_WORDS = 2.0
"""How long the error events may take that end what did not finish in time."""

_SECRET_HEADER = re.compile("key|token|secret|auth|cookie", re.IGNORECASE)
_RESTARTING = Fault("overloaded", "the proxy is restarting", retry_after=1.0)


class Server(uvicorn.Server):
    """uvicorn's server with a drain of its own."""

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self._state = state
        self._notice_ends = 0.0
        self._drain_ends = 0.0
        self._interrupted = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal begins the drain, the second one hurries it."""
        now = time.monotonic()
        if self._state.load.draining:
            self._notice_ends = now
            self._drain_ends = min(self._drain_ends, now + 1.0)
            return
        drain = self._state.store.current.server.drain
        self._state.load.draining = True
        self._notice_ends = now + (min(NOTICE, drain / 6) if sig == signal.SIGTERM else 0.0)
        self._drain_ends = now + drain
        self.config.encoded_headers.append((b"connection", b"close"))
        self.server_state.default_headers = [
            *self.server_state.default_headers,
            (b"connection", b"close"),
        ]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if hasattr(signal, "SIGHUP"):
            try:
                asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
            except (ValueError, RuntimeError):
                _log.debug("not in the main thread: SIGHUP does not reload")

    async def on_tick(self, counter: int) -> bool:
        stop = await super().on_tick(counter)
        if not self._state.load.draining:
            return stop
        now = time.monotonic()
        if now < self._notice_ends:
            return False
        if self._state.load.in_flight and not self._interrupted and now >= self._drain_ends:
            _log.warning("drain is over: ending %d requests", self._state.load.in_flight)
            self._interrupted = True
            for pump in tuple(self._state.pumps):
                pump.interrupt(_RESTARTING)
        return not self._state.load.in_flight or now >= self._drain_ends + LAST_WORDS

    def _reload(self) -> None:
        task = asyncio.ensure_future(self._state.store.reload_async())
        self._reloading = task


def run(
    path: Path,
    environment: str = "",
    overrides: Overrides | None = None,
    *,
    log_format: log.Format | None = None,
    ready: Callable[[str, Snapshot], None] | None = None,
) -> int:
    """Serve the configuration at ``path`` until a signal ends it; 0 then.

    ``ready`` is called with the URL once requests are taken. Raises ConfigError, or UnreachableError
    when the address cannot be had.
    """
    store = ConfigStore(path, environment, environ(), overrides=overrides)
    snapshot = store.current
    _set_up_log(snapshot, log_format)
    store.on_swap(lambda changed: _set_up_log(changed, log_format))
    sock = listen(*snapshot.server.address)
    app = create_app(store)
    server = Server(configure(app), app.state.bridge)
    url = url_of(sock)

    async def serve() -> None:
        serving = asyncio.create_task(server.serve([sock]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        if server.started:
            # What is here now stays: no collection needs to look at it again.
            gc.collect()
            gc.freeze()
            # Requests leave hardly any cycles: reference counts free them. The default of 700 objects had the
            # collector run with every second request, and dozens of long ones hold some 20,000 by themselves.
            gc.set_threshold(100_000, 20, 20)
            gc.enable()
            _log.info("toolbridge %s serves on %s, revision %s", __version__, url, snapshot.revision)
            if ready is not None:
                ready(url, snapshot)
        await serving

    asyncio.run(serve())
    return 0


def configure(app: object) -> uvicorn.Config:
    """How uvicorn is run: our protocol, our log, no time limit of its own before ours."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # Longer than the idle time of usual balancers, so that it is they who close.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UnreachableError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        sock = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as problem:
        raise UnreachableError(
            f"cannot listen on {host}:{port}: {problem.strerror or problem}; choose another address with --listen"
        ) from None
    # Only for sockets that name their protocol does asyncio turn Nagle's algorithm off: without this, an event
    # of a stream waits up to 40 ms for the acknowledgement of the one before it.
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=sock.detach())


def url_of(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _set_up_log(snapshot: Snapshot, log_format: log.Format | None) -> None:
    secrets = [snapshot.dashboard.key]
    for upstream in snapshot.upstreams.values():
        secrets.append(upstream.api_key)
        secrets += (value for name, value in upstream.headers.items() if _SECRET_HEADER.search(name))
    log.setup(snapshot.log.level, log_format or snapshot.log.format, secrets)
