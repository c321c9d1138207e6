"""Asks an Anthropic upstream how many tokens a request has, in the client's own bytes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.core.anthropic.passing import Question, answer_headers
from bridge.core.events import Fault
from bridge.core.openai.errors import fault_from_response
from bridge.core.relay import count_request, passed_refusal
from bridge.core.route import Route
from bridge.errors import UpstreamError
from bridge.upstream.pool import Upstream

_LARGEST = 64 * 2**10
_LONGEST = 30.0


@dataclass(frozen=True, slots=True)
class Passed:
    """An upstream's answer as the client gets it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def pass_count(question: Question, route: Route, upstream: Upstream, session: str = "") -> Passed:
    """The upstream's answer: its count, or what it says is wrong with the request.

    One attempt. Raises UpstreamError if it failed, RequestError for what cannot be passed on.
    """
    request = count_request(question, route)
    name = upstream.ref.name
    if upstream.ref.off:
        raise UpstreamError(Fault("permission", f"upstream `{name}` is off: {upstream.ref.off}"))
    seconds = min(_LONGEST, route.timeouts.first_token)
    try:
        async with asyncio.timeout(seconds):
            await upstream.standing.bulkhead.acquire()
            try:
                endpoint = upstream.endpoint(session, 1)
                answer = await endpoint.send(request.path, request.headers, request.body, route.timeouts.connect)
                try:
                    body = await answer.read_all(_LARGEST)
                finally:
                    await answer.aclose()
            finally:
                upstream.standing.bulkhead.release()
    except TimeoutError:
        raise UpstreamError(Fault("timeout", f"upstream `{name}` did not count within {seconds:g} s")) from None
    if answer.status == 200:
        return Passed(200, answer_headers(answer.headers), body)
    secrets = (upstream.ref.api_key,)
    fault = fault_from_response(
        answer.status, answer.headers, body, name, route.model, now=time.time(), secrets=secrets
    )
    refusal = passed_refusal(fault, answer.status, answer.headers, body, route)
    # Of a server that fails, or that cannot count at all, nothing is worth passing on.
    if refusal is None or answer.status in (404, 405) or answer.status >= 500:
        raise UpstreamError(fault)
    return Passed(refusal.status, refusal.headers, refusal.body)
