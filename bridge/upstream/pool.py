"""What is kept of the upstreams between requests.

``Standing`` is what was learnt of an upstream: its budget, breaker and load; it survives reloads (the breaker,
as long as the addresses stay).
A ``Generation`` binds one snapshot to the clients of its upstreams. Whoever works with a snapshot
leases its generation; the clients close when nothing that needs them is left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from zlib import crc32

from bridge.core.breaker import CircuitBreaker
from bridge.core.budget import Budget
from bridge.core.calibration import Calibration
from bridge.core.events import Fault
from bridge.core.route import UpstreamRef
from bridge.errors import UpstreamError
from bridge.upstream.alarm import Alarms
from bridge.upstream.http import Client, DemoTransport, Endpoint, Identity
from bridge.upstream.tokenize import Tokenizer

if TYPE_CHECKING:
    from bridge.config.snapshot import Snapshot

QUEUE_LENGTH = 64
QUEUE_TIMEOUT = 5.0


class Bulkhead:
    """At most ``limit`` calls at once; a few more wait in order, for a short time. ``key`` is what sets the limit."""

    __slots__ = ("_waiting", "in_flight", "key", "limit", "name")

    def __init__(self, name: str, limit: int, key: str = "max_in_flight") -> None:
        self.name = name
        self.limit = limit
        self.key = key
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self) -> None:
        """Raises UpstreamError when there is no place. A caller that was let in calls ``release`` once."""
        if self.in_flight < self.limit and not self._waiting:
            self.in_flight += 1
            return
        if len(self._waiting) >= QUEUE_LENGTH:
            raise self._full()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(QUEUE_TIMEOUT):
                await turn
        except BaseException as problem:
            if turn.done() and not turn.cancelled():
                self.release()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(problem, TimeoutError):
                raise self._full() from None
            raise

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def release(self) -> None:
        self.in_flight -= 1
        self.admit()

    def admit(self) -> None:
        """Let in who waits, as far as there is room."""
        while self._waiting and self.in_flight < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)

    def _full(self) -> UpstreamError:
        message = f"upstream `{self.name}` is busy: {self.limit} requests are in flight ({self.key})"
        return UpstreamError(Fault("overloaded", message, retry_after=2.0))


class Standing:
    """What was learnt of one upstream, by name."""

    __slots__ = ("_addresses", "breaker", "budget", "bulkhead", "calibrations")

    def __init__(self, ref: UpstreamRef) -> None:
        self._addresses = ref.base_urls
        self.budget = Budget(ref.retry_budget)
        self.breaker = CircuitBreaker(ref.breaker)
        self.bulkhead = Bulkhead(ref.name, *_places(ref))
        self.calibrations: dict[str, Calibration] = {}

    def follow(self, ref: UpstreamRef) -> None:
        """Take the limits of a reloaded configuration. What failed at an address is not held against another."""
        self.budget.retune(ref.retry_budget)
        if ref.base_urls == self._addresses:
            self.breaker.retune(ref.breaker)
        else:
            self._addresses = ref.base_urls
            self.breaker = CircuitBreaker(ref.breaker)
        self.bulkhead.limit, self.bulkhead.key = _places(ref)
        self.bulkhead.admit()


def _places(ref: UpstreamRef) -> tuple[int, str]:
    """How many calls there may be at once, each of which takes a connection, and the key that says so."""
    return min((ref.max_in_flight, "max_in_flight"), (ref.max_connections, "max_connections"))


class Upstream:
    """One upstream of one snapshot: where its replicas are, and its standing."""

    __slots__ = ("_turn", "endpoints", "ref", "standing", "tokenizer")

    def __init__(self, ref: UpstreamRef, endpoints: tuple[Endpoint, ...], standing: Standing) -> None:
        self.ref = ref
        self.endpoints = endpoints
        self.standing = standing
        self.tokenizer = Tokenizer()
        self._turn = 0

    def endpoint(self, session: str, attempt: int) -> Endpoint:
        """The replica for this attempt: a session keeps its replica as long as that does not fail."""
        endpoints = self.endpoints
        if len(endpoints) == 1:
            return endpoints[0]
        match self.ref.balance:
            case "least_busy":
                return min(endpoints, key=lambda endpoint: endpoint.in_flight)
            case "session" if session:
                return endpoints[(crc32(session.encode()) + attempt - 1) % len(endpoints)]
        self._turn += 1
        return endpoints[self._turn % len(endpoints)]


class Generation:
    """A snapshot with the clients of its upstreams. ``lease`` it before use, ``release`` it after."""

    __slots__ = ("_closing", "alarms", "leases", "snapshot", "upstreams")

    def __init__(
        self,
        snapshot: Snapshot,
        upstreams: Mapping[str, Upstream],
        alarms: Alarms,
        closing: Callable[[Generation], None],
    ) -> None:
        self.snapshot = snapshot
        self.upstreams = upstreams
        self.alarms = alarms
        self.leases = 1
        self._closing = closing

    def lease(self) -> Generation:
        self.leases += 1
        return self

    def release(self) -> None:
        self.leases -= 1
        if self.leases == 0:
            self._closing(self)


class Pools:
    """All clients of the process, and the current generation."""

    def __init__(self) -> None:
        self.current: Generation | None = None
        self.clients: dict[Identity, Client] = {}
        self.standings: dict[str, Standing] = {}
        self.alarms = Alarms()
        self.generations = 0
        self._closing: set[asyncio.Task[None]] = set()

    def follow(self, snapshot: Snapshot) -> Generation:
        """The generation of this snapshot. A new snapshot keeps the clients of identities it shares."""
        previous = self.current
        if previous is not None and previous.snapshot is snapshot:
            return previous
        upstreams = {ref.name: self._bind(ref, snapshot) for ref in snapshot.upstreams.values()}
        self.current = Generation(snapshot, upstreams, self.alarms, self._retire)
        self.generations += 1
        if previous is not None:
            previous.release()
        return self.current

    async def aclose(self) -> None:
        """Give up the current generation and wait until the clients that nobody needs are closed."""
        if self.current is not None:
            self.current.release()
            self.current = None
        await asyncio.gather(*self._closing)

    def _bind(self, ref: UpstreamRef, snapshot: Snapshot) -> Upstream:
        standing = self.standings.get(ref.name)
        if standing is None:
            standing = self.standings[ref.name] = Standing(ref)
        else:
            standing.follow(ref)
        if ref.protocol == "demo":
            client = Client(None, DemoTransport({name: parser.spec for name, parser in snapshot.parsers.items()}))
            client.leases += 1
            return Upstream(ref, (Endpoint(client, ref.name, "http://demo/v1"),), standing)
        endpoints = []
        for base_url in ref.base_urls:
            identity = Identity.of(base_url)
            client = self.clients.get(identity) or Client(identity)
            self.clients[identity] = client
            client.leases += 1
            endpoints.append(Endpoint(client, ref.name, base_url))
        return Upstream(ref, tuple(endpoints), standing)

    def _retire(self, generation: Generation) -> None:
        self.generations -= 1
        for upstream in generation.upstreams.values():
            for endpoint in upstream.endpoints:
                client = endpoint.client
                client.leases -= 1
                if client.leases == 0:
                    if client.identity is not None:
                        del self.clients[client.identity]
                    task = asyncio.ensure_future(client.aclose())
                    self._closing.add(task)
                    task.add_done_callback(self._closing.discard)
