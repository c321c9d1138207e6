from __future__ import annotations

import asyncio

import pytest
from scripted import FIN, HANG, Play, Upstream, reply

from bridge.core.openai.request import UpstreamRequest
from bridge.core.route import UpstreamRef
from bridge.upstream import pool, tokenize
from bridge.upstream.http import Client, Endpoint, Identity

BODY = {"model": "m", "messages": [{"role": "user", "content": "hello there"}]}
REQUEST = UpstreamRequest("/chat/completions", {"content-type": "application/json"}, b"{}")
CUT: Play = [b"HTTP/1.1 200 X\r\ncontent-length: 50\r\n\r\n{", FIN]
SAYS = reply(200, '{"input_tokens": 12}')


def counts(*plays: Play, times: int = 1, base: str = "/v1") -> tuple[list[int | None], list[str]]:
    """What came of counting so often, and the paths that were asked."""

    async def run(url: str) -> list[int | None]:
        ref = UpstreamRef("u", (url,))
        client = Client(Identity.of(url))
        upstream = pool.Upstream(ref, (Endpoint(client, "u", url),), pool.Standing(ref))
        found = []
        try:
            for _ in range(times):
                got = await upstream.tokenizer.count(upstream.endpoint("", 1), REQUEST, BODY, 5.0)
                found.append(got[0] if got else None)
        finally:
            await client.aclose()
        return found

    with Upstream(*plays) as upstream:
        return asyncio.run(run(upstream.url.removesuffix("/v1") + base)), [it.path for it in upstream.requests]


def test_the_way_is_found_out_once() -> None:
    assert counts(SAYS, times=3) == ([12] * 3, ["/v1/chat/completions/input_tokens"] * 4)


def test_the_root_is_the_base_without_its_version() -> None:
    plays = [reply(404), reply(200, '{"count": 3}')]
    assert counts(*plays)[1][-1] == "/tokenize"
    assert counts(*plays, base="/vllm/v1/")[1][-1] == "/vllm/tokenize"
    assert counts(*plays, base="/vllm")[1][-1] == "/vllm/tokenize"


def test_who_cannot_count_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    found, paths = counts(reply(404), times=3)
    assert (found, len(paths)) == ([None] * 3, 3)
    monkeypatch.setattr(tokenize, "UNABLE_FOR", 0.0)
    found, paths = counts(reply(404), times=2)
    assert (found, len(paths)) == ([None] * 2, 6)


@pytest.mark.parametrize("failure", [CUT, reply(500), reply(200, "{"), reply(429)])
def test_after_a_failure_it_is_tried_again_later(failure: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    assert counts(SAYS, failure, SAYS, times=2)[0] == [None, None]
    monkeypatch.setattr(tokenize, "FAILED_FOR", 0.0)
    assert counts(SAYS, failure, SAYS, times=2)[0] == [None, 12]


def test_a_silent_upstream_is_waited_for_a_short_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenize, "PROBE_TIMEOUT", 0.1)
    found, paths = counts([HANG], times=2)
    assert (found, len(paths)) == ([None, None], 1)
