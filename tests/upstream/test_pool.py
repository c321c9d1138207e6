from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from inprocess import routes

from bridge.config.snapshot import Snapshot, build
from bridge.core.events import Fault
from bridge.core.route import UpstreamRef
from bridge.errors import UpstreamError
from bridge.upstream.http import Client, Endpoint, Identity
from bridge.upstream.pool import Bulkhead, Pools, Standing, Upstream


def snapshot(tmp_path: Path, *urls: str, upstream: str = "") -> Snapshot:
    file = tmp_path / "routes.toml"
    file.write_text(routes(*urls, upstream=upstream))
    return build(file)


def test_a_reload_keeps_the_clients_of_what_did_not_change(tmp_path: Path) -> None:
    async def run() -> None:
        pools = Pools()
        first = pools.follow(snapshot(tmp_path, "http://a/v1", "http://b/v1"))
        a, b = pools.clients[Identity.of("http://a")], pools.clients[Identity.of("http://b")]
        stream = first.lease()
        assert pools.follow(first.snapshot) is first
        pools.follow(snapshot(tmp_path, "http://a/other", "http://c/v1"))
        assert pools.clients[Identity.of("http://a")] is a
        assert not b.closed
        assert pools.generations == 2
        stream.release()
        assert pools.generations == 1
        await asyncio.sleep(0)
        assert b.closed
        assert not a.closed
        assert set(pools.clients) == {Identity.of("http://a"), Identity.of("http://c")}
        await pools.aclose()
        assert a.closed
        assert pools.clients == {}

    asyncio.run(run())


def test_what_was_learnt_of_an_upstream_outlives_a_reload(tmp_path: Path) -> None:
    async def run() -> None:
        pools = Pools()
        pools.follow(snapshot(tmp_path, "http://a/v1"))
        standing = pools.standings["u0"]
        pools.follow(snapshot(tmp_path, "http://b/v1", upstream="max_in_flight = 3"))
        assert pools.standings["u0"] is standing
        assert standing.bulkhead.limit == 3
        await pools.aclose()

    asyncio.run(run())


def test_what_failed_at_an_address_is_not_held_against_another(tmp_path: Path) -> None:
    """Who mends ``base_url`` need not wait for the breaker; who changes anything else, does."""

    async def run() -> None:
        pools = Pools()
        pools.follow(snapshot(tmp_path, "http://wrong/v1"))
        standing = pools.standings["u0"]
        for _ in range(5):
            standing.breaker.failed(0.0, Fault("api", "no", retry="transient"), 0.5, sole=True)
        assert not standing.breaker.admit(1.0)
        pools.follow(snapshot(tmp_path, "http://wrong/v1", upstream="max_in_flight = 3"))
        assert not standing.breaker.admit(1.0)
        pools.follow(snapshot(tmp_path, "http://right/v1"))
        assert standing.breaker.admit(1.0)
        await pools.aclose()

    asyncio.run(run())


def test_a_bulkhead_lets_in_by_turn() -> None:
    async def run() -> list[int]:
        bulkhead, order = Bulkhead("up", 1), []
        await bulkhead.acquire()

        async def enter(number: int) -> None:
            await bulkhead.acquire()
            order.append(number)
            bulkhead.release()

        tasks = [asyncio.create_task(enter(number)) for number in range(4)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        bulkhead.release()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)
        return order

    assert asyncio.run(run()) == [0, 2, 3]


def test_a_place_given_to_someone_who_left_is_passed_on() -> None:
    async def run() -> None:
        bulkhead = Bulkhead("up", 1)
        await bulkhead.acquire()
        task = asyncio.create_task(bulkhead.acquire())
        await asyncio.sleep(0)
        bulkhead.release()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert bulkhead.in_flight == 0

    asyncio.run(run())


@pytest.mark.parametrize(
    ("keys", "limit", "key"),
    [
        ("", 64, "max_in_flight"),
        ("max_in_flight = 300\n", 300, "max_connections"),
        ("max_connections = 2\n", 2, "max_connections"),
        ("max_connections = 8\nmax_in_flight = 7\n", 7, "max_in_flight"),
    ],
)
def test_a_call_needs_a_place_and_a_connection(tmp_path: Path, keys: str, limit: int, key: str) -> None:
    async def run() -> None:
        pools = Pools()
        pools.follow(snapshot(tmp_path, "http://a/v1", upstream=keys))
        (standing,) = pools.standings.values()
        assert (standing.bulkhead.limit, standing.bulkhead.key) == (limit, key)
        pools.follow(snapshot(tmp_path, "http://a/v1", upstream="max_connections = 1\n"))
        assert (standing.bulkhead.limit, standing.bulkhead.key) == (1, "max_connections")
        await pools.aclose()

    asyncio.run(run())


def test_a_bulkhead_does_not_keep_people_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.upstream.pool.QUEUE_TIMEOUT", 0.01)

    async def run() -> None:
        bulkhead = Bulkhead("up", 1)
        await bulkhead.acquire()
        with pytest.raises(UpstreamError, match="max_in_flight") as caught:
            await bulkhead.acquire()
        assert caught.value.fault.kind == "overloaded"
        bulkhead.limit = 2
        bulkhead.admit()
        await bulkhead.acquire()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("balance", "picked"),
    [("session", ["c", "c", "a"]), ("round_robin", ["b", "c", "a"]), ("least_busy", ["c", "c", "c"])],
)
def test_replicas(balance: str, picked: list[str]) -> None:
    async def run() -> list[str]:
        ref = UpstreamRef("up", balance=balance)  # type: ignore[arg-type]
        client = Client(Identity.of("http://a"))
        endpoints = tuple(Endpoint(client, name, f"http://{name}/v1") for name in "abc")
        endpoints[0].in_flight = endpoints[1].in_flight = 1
        upstream = Upstream(ref, endpoints, Standing(ref))
        names = dict(zip(endpoints, "abc", strict=True))
        found = [names[upstream.endpoint("a session", attempt)] for attempt in (1, 1, 2)]
        await client.aclose()
        return found

    assert asyncio.run(run()) == picked
