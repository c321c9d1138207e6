"""What the endpoints share: the configuration in force and everything that outlives a request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.core.anthropic.toolmemo import ToolMemo
from bridge.observe.record import Records
from bridge.server.auth import Keyring
from bridge.server.counting import Counting
from bridge.server.limits import Limiter, Load
from bridge.server.stream import Pace, Pump
from bridge.upstream.pool import Generation, Pools

if TYPE_CHECKING:
    from bridge.config.snapshot import Snapshot
    from bridge.config.watch import ConfigStore


REQUEST_ID = "bridge.request_id"
"""Where a request's scope has the id that its answer will carry."""
ROUTED = "bridge.routed"
"""Where an endpoint leaves the model and the upstream that its answer is about, and how often it asked there."""


@dataclass(frozen=True, slots=True)
class Live:
    """What was made of one snapshot, for all of its requests."""

    generation: Generation
    keyring: Keyring


@dataclass(slots=True)
class State:
    """One per process. ``live`` is asked once per request."""

    store: ConfigStore
    pace: Pace
    pools: Pools = field(default_factory=Pools)
    load: Load = field(default_factory=Load)
    counting: Counting = field(default_factory=Counting)
    tools: ToolMemo = field(default_factory=ToolMemo)
    pumps: set[Pump] = field(default_factory=set)
    records: Records = field(init=False)
    limiter: Limiter = field(init=False)
    _live: Live | None = None

    def __post_init__(self) -> None:
        self.records = Records(self.store.current.dashboard.keep)
        self.limiter = Limiter(lambda: asyncio.get_running_loop().time())

    def live(self) -> Live:
        """What the current snapshot came to."""
        live = self._live
        if live is None or live.generation.snapshot is not self.store.current:
            self.follow(self.store.current)
        assert self._live is not None
        return self._live

    def follow(self, snapshot: Snapshot) -> None:
        """Put a snapshot into effect. What it leaves unused is closed as soon as no request needs it."""
        self._live = Live(self.pools.follow(snapshot), Keyring(snapshot.clients.values()))
