from __future__ import annotations

from collections.abc import Iterator

import pytest
from inprocess import Running, routes

from bridge.server.stream import Pace

PACE = Pace(ping_after=0.1, keep_alive=0.25)


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that is impatient: pings after 100 ms."""
    with Running(routes("http://127.0.0.1:1"), tmp_path_factory.mktemp("routes"), pace=PACE) as server:
        yield server
