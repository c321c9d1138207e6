from __future__ import annotations

from collections.abc import Iterator

import pytest
from anthropic import Anthropic
from inprocess import Running
from official import routes


@pytest.fixture(scope="package")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(routes("http://127.0.0.1:1"), tmp_path_factory.mktemp("routes")) as server:
        yield server


@pytest.fixture(scope="package")
def sdk(proxy: Running) -> Iterator[Anthropic]:
    """The client, as it comes but for its retries: what is retried here, the proxy retries."""
    with Anthropic(base_url=proxy.url, api_key="client-key", max_retries=0, timeout=20) as client:
        yield client
