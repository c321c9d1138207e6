"""Questions about tokens that an Anthropic upstream answers."""

from __future__ import annotations

import asyncio
import json

import messagesapi
import pytest
from messagesapi import error_body, refusal
from scripted import HANG, RST, Play, Upstream, reply

from bridge.core.anthropic.passing import read_question
from bridge.core.route import BodyPatch, Route, Timeouts, UpstreamRef
from bridge.errors import UpstreamError
from bridge.upstream import pool
from bridge.upstream.http import Client, Endpoint, Identity
from bridge.upstream.passing import Passed, pass_count

RAW = b'{ "model":"m" , "thread":{"id":1.0} }'
COUNT = b'{"input_tokens" : 2095}'


async def count(upstream: Upstream, *, off: str = "", seconds: float = 5.0) -> Passed:
    ref = UpstreamRef("up", (upstream.url,), "anthropic", api_key="s3cret", off=off)
    route = Route("m", ref, "real", timeouts=Timeouts(first_token=seconds), request=BodyPatch(set={"temperature": 1}))
    client = Client(Identity.of(upstream.url))
    try:
        bound = pool.Upstream(ref, (Endpoint(client, "up", upstream.url),), pool.Standing(ref))
        question = read_question(RAW, json.loads(RAW)).with_head([(b"anthropic-beta", b"b")], b"beta=true")
        try:
            return await pass_count(question, route, bound)
        finally:
            assert bound.standing.bulkhead.in_flight == 0
    finally:
        await client.aclose()


def ask(play: Play, **options: float) -> Passed:
    with Upstream(play) as upstream:
        return asyncio.run(count(upstream, **options))  # type: ignore[arg-type]


def test_the_count() -> None:
    with Upstream(reply(200, COUNT, "application/json", *messagesapi.HEADERS)) as upstream:
        passed = asyncio.run(count(upstream))
        (request,) = upstream.requests
    assert (passed.status, passed.body) == (200, COUNT)
    assert passed.headers["request-id"] == "req_upstream"
    assert request.path == "/v1/messages/count_tokens?beta=true"
    assert request.body == RAW.replace(b'"m"', b'"real"')
    assert (request.headers["x-api-key"], request.headers["anthropic-beta"]) == ("s3cret", "b")


@pytest.mark.parametrize(("status", "kind"), [(400, "invalid_request_error"), (429, "rate_limit_error")])
def test_what_the_upstream_says_about_the_request(status: int, kind: str) -> None:
    passed = ask(refusal(status, kind, "retry-after: 500"))
    assert (passed.status, passed.body) == (status, error_body(kind))
    assert passed.headers["retry-after"] == "60"


@pytest.mark.parametrize(
    ("play", "kind"),
    [
        (refusal(401, "authentication_error", text="s3cret"), "permission"),
        (refusal(404, "not_found_error"), "not_found"),
        (refusal(529, "overloaded_error"), "overloaded"),
        (reply(400, "no", "text/plain"), "invalid_request"),
        ([RST], "api"),
    ],
)
def test_failures(play: Play, kind: str) -> None:
    with pytest.raises(UpstreamError) as problem:
        ask(play)
    assert problem.value.fault.kind == kind
    assert "s3cret" not in str(problem.value)


def test_silence_ends() -> None:
    with pytest.raises(UpstreamError, match=r"did not count within 0.1 s"):
        ask([HANG], seconds=0.1)


def test_an_upstream_that_is_off() -> None:
    with Upstream([HANG]) as upstream, pytest.raises(UpstreamError, match="is off: no key"):
        asyncio.run(count(upstream, off="no key"))
