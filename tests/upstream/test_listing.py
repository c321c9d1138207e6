"""Which models an upstream says it has."""

from __future__ import annotations

import asyncio
import json

import pytest
from scripted import HANG, RST, Play, Upstream, reply

from bridge.core.route import UpstreamRef
from bridge.errors import UpstreamError
from bridge.upstream.listing import listed_models


def models(*ids: str) -> Play:
    return reply(200, json.dumps({"data": [{"id": name} for name in ids]}))


def ask(*plays: Play, timeout: float = 5.0, **settings: str) -> list[str] | None:
    with Upstream(*plays) as upstream:
        ref = UpstreamRef("u", (upstream.url,), **settings)  # type: ignore[arg-type]
        return asyncio.run(listed_models(ref, timeout))


def test_ids() -> None:
    assert ask(models("b", "a")) == ["a", "b"]


def test_what_is_sent() -> None:
    with Upstream(models("a")) as upstream:
        for protocol in ("openai", "anthropic"):
            ref = UpstreamRef("u", (upstream.url + "/",), protocol, api_key="k", headers={"x-team": "t"})  # type: ignore[arg-type]
            asyncio.run(listed_models(ref))
        openai, anthropic = upstream.requests
    assert (openai.method, openai.path, openai.headers["authorization"]) == ("GET", "/v1/models", "Bearer k")
    assert anthropic.headers["x-api-key"] == "k"
    assert anthropic.path == "/v1/models?limit=1000"
    assert openai.headers["x-team"] == anthropic.headers["x-team"] == "t"


def test_replicas_are_asked_each() -> None:
    with Upstream(models("a", "b")) as one, Upstream(models("b", "c")) as two:
        assert asyncio.run(listed_models(UpstreamRef("u", (one.url, two.url)))) == ["b"]


@pytest.mark.parametrize(
    "play",
    [
        reply(404, "no"),
        reply(200, "<html>"),
        reply(200, "[" * 100_000),
        reply(200, "[]"),
        reply(200, '{"data": 5}'),
    ],
)
def test_upstreams_without_a_list(play: Play) -> None:
    assert ask(play) is None


@pytest.mark.parametrize("data", [[5, {}, {"id": 5}, {"id": "a"}]])
def test_odd_entries_are_skipped(data: list[object]) -> None:
    assert ask(reply(200, json.dumps({"data": data}))) == ["a"]


@pytest.mark.parametrize(
    ("play", "message"),
    [
        (reply(401, "secret page"), r"upstream `u` refuses the key \(status 401\); see its `api_key`"),
        ([RST], "upstream `u` closed the connection without an answer"),
        ([HANG], r"upstream `u` did not list its models within 0\.1 s"),
    ],
)
def test_failures(play: Play, message: str) -> None:
    with pytest.raises(UpstreamError, match=message):
        ask(play, timeout=0.1 if play == [HANG] else 5.0)


def test_no_key_no_header() -> None:
    with Upstream(models("a")) as upstream:
        ref = UpstreamRef("u", (upstream.url,), "anthropic")
        assert asyncio.run(listed_models(ref)) == ["a"]
    assert "x-api-key" not in upstream.requests[0].headers
