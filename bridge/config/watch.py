"""The configuration in force, and its replacement while requests run.

A candidate is read, checked and compiled in a thread; then one reference is swapped.
Whatever is wrong with a candidate, the last good snapshot stays.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bridge.config.checks import exposed
from bridge.config.diagnose import Diagnostic, render_text
from bridge.config.document import loses
from bridge.config.inputs import Inputs, Places
from bridge.config.load import Overrides
from bridge.config.parsers import ParserCache
from bridge.config.snapshot import Snapshot, build
from bridge.errors import ConfigError

log = logging.getLogger("bridge.config")

REMOVAL_PATIENCE = 1.5
"""Half of a TOML file is mostly valid TOML: a candidate that lacks something must stay as it is so long."""
ERROR_PATIENCE = 0.3
"""An error must stay so long before it is reported: the file may be half written."""
POLL_INTERVAL = 5.0
"""Contents are compared this often even when nothing was notified (network and overlay file systems)."""
_STEP = 0.1
_TICK_MS = 500


@dataclass(frozen=True, slots=True)
class ReloadResult:
    """``changed`` is False for equal contents. When not ``ok``, ``error`` is the text that ``check`` prints."""

    ok: bool
    changed: bool
    revision: str
    error: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    at: float
    inputs: Inputs
    snapshot: Snapshot | None = None
    summary: str = ""
    error: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()


class ConfigStore:
    """Holds the current ``Snapshot``; take ``current`` once per request and keep it to the request's end.

    Raises ConfigError when the first load fails. Everything but ``reload`` belongs to one thread.
    """

    def __init__(
        self,
        path: Path,
        environment: str = "",
        environ: Mapping[str, str] | None = None,
        *,
        overrides: Overrides | None = None,
        cache: ParserCache | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path, self._environment, self._environ = path, environment, dict(environ or {})
        self._overrides, self._clock = overrides, clock
        self._cache = ParserCache() if cache is None else cache
        self._swapped: list[Callable[[Snapshot], None]] = []
        first = self._candidate()
        if first.snapshot is None:
            raise ConfigError(first.summary, first.diagnostics)
        self.current: Snapshot = first.snapshot
        self.generation = 1
        self.restart_required: tuple[str, ...] = ()
        self._server = first.snapshot.server
        self._last = first
        self._trees = first.inputs.trees
        _log_warnings(first.snapshot)

    def on_swap(self, callback: Callable[[Snapshot], None]) -> None:
        """Call ``callback`` with every new snapshot, after it became current."""
        self._swapped.append(callback)

    def status(self) -> dict[str, object]:
        """What ``/-/status`` shows of the configuration; JSON values only, no secrets."""
        last = self._last
        return {
            "revision": self.current.revision,
            "environment": self.current.environment,
            "path": str(self.current.path),
            "loaded_at": self.current.loaded_at,
            "generation": self.generation,
            "restart_required": list(self.restart_required),
            "last_attempt": {
                "ok": not last.error,
                "at": last.at,
                "error": last.error,
                "diagnostics": [asdict(item) for item in last.diagnostics],
            },
        }

    def reload(self) -> ReloadResult:
        """Read everything again now and swap if it is right; blocks, so not on an event loop."""
        return self._settle(self._candidate())

    async def reload_async(self) -> ReloadResult:
        """``reload`` with the work in a thread and the swap on the event loop."""
        while True:
            last = self._last
            candidate = await asyncio.to_thread(self._candidate)
            if self._last is last:
                return self._settle(candidate)
            # Someone settled what may be newer than what was read here.

    async def watch(self, stop: asyncio.Event) -> None:
        """Reload on every change of a file that matters, until ``stop`` is set."""
        while not stop.is_set():
            places = await asyncio.to_thread(self._last.inputs.places)
            try:
                await self._watch_places(places, stop)
            except OSError as error:
                log.warning("cannot watch the configuration (%s); comparing contents instead", error)
                await _pause(stop, POLL_INTERVAL)
                await self._look(stop)
            except Exception:  # a watcher that died of one file would be silent about all later ones
                log.exception("watching the configuration failed; it goes on")
                await _pause(stop, POLL_INTERVAL)

    async def _watch_places(self, places: Places, stop: asyncio.Event) -> None:
        """Until ``stop``, or until other folders are to be watched."""
        from watchfiles import awatch

        # folders, never files: a file that is replaced by renaming is lost to its watcher
        changes = awatch(
            *places.folders,
            watch_filter=None,
            recursive=False,
            stop_event=stop,
            debounce=100,
            step=20,
            rust_timeout=_TICK_MS,
            yield_on_timeout=True,
        )
        next_poll = 0.0  # at once: something may have changed before the watcher stood
        async with aclosing(changes):
            async for found in changes:
                if time.monotonic() >= next_poll or any(places.concerns(path) for _, path in found):
                    next_poll = time.monotonic() + POLL_INTERVAL
                    await self._look(stop)
                    before, places = places, await asyncio.to_thread(self._last.inputs.places)
                    if places.folders != before.folders:
                        return

    async def _look(self, stop: asyncio.Event) -> None:
        """Take what is on disk, if it differs from what was last read and is likely to be whole."""
        last = self._last
        if not await asyncio.to_thread(last.inputs.changed):
            return
        candidate = await asyncio.to_thread(self._candidate)
        waited = 0.0
        while waited < self._patience(candidate):
            if await _pause(stop, _STEP):
                return
            waited += _STEP
            if await asyncio.to_thread(candidate.inputs.changed):
                candidate = await asyncio.to_thread(self._candidate)
                waited = 0.0
        if self._last is last:
            self._settle(candidate)
        else:  # a reload came between, and may have read what is newer
            await self._look(stop)

    def _patience(self, candidate: _Candidate) -> float:
        if candidate.snapshot is None:
            return ERROR_PATIENCE
        return REMOVAL_PATIENCE if self._lacks(candidate.inputs, candidate.snapshot) else 0.0

    def _lacks(self, inputs: Inputs, snapshot: Snapshot) -> bool:
        """Whether a file, a key or a secret is missing that the configuration in force has."""
        gone = any(
            path not in inputs.files or loses(tree, inputs.trees.get(path, tree)) for path, tree in self._trees.items()
        )
        return gone or bool(_off(snapshot) - _off(self.current))

    def _candidate(self) -> _Candidate:
        inputs, now = Inputs(), self._clock()
        try:
            snapshot = build(
                self._path,
                self._environment,
                self._environ,
                self._cache,
                overrides=self._overrides,
                inputs=inputs,
                loaded_at=now,
            )
        except ConfigError as error:
            errors = [item for item in error.diagnostics if item.severity == "error"]
            text = render_text(errors) or str(error)
            return _Candidate(now, inputs, None, str(error), text, error.diagnostics)
        return _Candidate(now, inputs, snapshot)

    def _settle(self, candidate: _Candidate) -> ReloadResult:
        """Swap, or keep what is there and say why."""
        last, snapshot = self._last, candidate.snapshot
        if snapshot and not snapshot.clients and exposed(self._server.listen):
            candidate = _still_exposed(candidate, self._server.listen)
        self._last = candidate
        if snapshot is None or candidate.error:
            if candidate.error != last.error:
                log.error("configuration refused, revision %s stays:\n%s", self.current.revision, candidate.error)
            return ReloadResult(False, False, self.current.revision, candidate.error, candidate.diagnostics)
        self._trees = {path: tree for path, tree in self._trees.items() if path in candidate.inputs.files}
        self._trees |= candidate.inputs.trees
        if snapshot.revision == self.current.revision:
            if last.error:
                log.info("configuration is as before, revision %s", self.current.revision)
            return ReloadResult(True, False, self.current.revision)
        self._swap(snapshot)
        return ReloadResult(True, True, snapshot.revision, diagnostics=snapshot.warnings)

    def _swap(self, snapshot: Snapshot) -> None:
        running = self._server
        names = [
            f"server.{name}"
            for name in type(running).model_fields
            if getattr(running, name) != getattr(snapshot.server, name)
        ]
        if names and tuple(names) != self.restart_required:
            log.warning("%s changed: restart to apply; the rest is applied now", ", ".join(names))
        self.restart_required = tuple(names)
        before, self.current = self.current, replace(snapshot, server=running)
        self.generation += 1
        log.info("configuration reloaded: revision %s, before %s", snapshot.revision, before.revision)
        _log_warnings(snapshot, before)
        for callback in self._swapped:
            callback(self.current)


def _still_exposed(candidate: _Candidate, listen: str) -> _Candidate:
    message = f'"{listen}", where this process listens until its restart, would be open to anyone without [clients]'
    problem = Diagnostic("open-listener", "error", "", 0, 0, "clients", message)
    return replace(candidate, error=str(problem), diagnostics=(problem,))


def _off(snapshot: Snapshot) -> set[tuple[str, str]]:
    """The upstreams and clients that cannot be used: an empty secret file may be half written, too."""
    entries = [("upstreams", one.name, one.off) for one in snapshot.upstreams.values()]
    entries += [("clients", one.name, one.off) for one in snapshot.clients.values()]
    return {(table, name) for table, name, off in entries if off}


def _log_warnings(snapshot: Snapshot, before: Snapshot | None = None) -> None:
    """What is new among the warnings; an upstream without its key is normal and no more than noted."""
    for item in snapshot.warnings:
        if before is None or item not in before.warnings:
            log.log(logging.INFO if item.code == "off" else logging.WARNING, "%s", item)


async def _pause(stop: asyncio.Event, seconds: float) -> bool:
    """Wait; True when ``stop`` was set meanwhile."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()
