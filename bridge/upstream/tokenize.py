"""Asks an upstream how many tokens a request is, where it can say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from bridge.core import jsontext
from bridge.core.openai.request import UpstreamRequest
from bridge.core.openai.tokenizers import WAYS, Question, Way, counted, follow_up, question
from bridge.errors import UpstreamError
from bridge.upstream.http import Endpoint

if TYPE_CHECKING:
    from bridge.upstream.pool import Upstream

PROBE_TIMEOUT = 2.0
UNABLE_FOR = 600.0
"""An upstream that answered and cannot count is not asked again for so long."""
FAILED_FOR = 10.0
"""Nor is one that did not answer."""
AT_ONCE = 8

_LARGEST = 64 << 20


class Tokenizer:
    """The tokenizer of one upstream of one snapshot. Which way it is reached is found out once, with a word or two."""

    __slots__ = ("_not_before", "_places", "_probing", "_way")

    def __init__(self) -> None:
        self._way: Way | None = None
        self._not_before = -inf
        self._probing = asyncio.Lock()
        self._places = asyncio.Semaphore(AT_ONCE)

    async def count(
        self, upstream: Upstream, request: UpstreamRequest, body: Mapping[str, Any], timeout: float
    ) -> tuple[int, Way] | None:
        """The tokens of ``body``, the request's, and how they were counted; None when the upstream cannot say.

        Raises UpstreamError only for what would be a bug of ours; every failure is None, and remembered.
        """
        way = await self._find(upstream, request, body)
        if way is None:
            return None
        try:
            async with asyncio.timeout(timeout), self._places:
                count = await self._ask(upstream, request, way, body)
        except (UpstreamError, TimeoutError):
            count = None
        if count is None:
            self._failed(FAILED_FOR)
            return None
        return count, way

    async def _find(self, upstream: Upstream, request: UpstreamRequest, body: Mapping[str, Any]) -> Way | None:
        clock = asyncio.get_running_loop().time
        async with self._probing:
            if self._way is not None or clock() < self._not_before:
                return self._way
            small = {"model": body.get("model"), "messages": [{"role": "user", "content": "hello"}]}
            try:
                async with asyncio.timeout(PROBE_TIMEOUT):
                    for way in WAYS:
                        if await self._ask(upstream, request, way, small) is not None:
                            self._way = way
                            return way
                self._failed(UNABLE_FOR)
            except (UpstreamError, TimeoutError):
                self._failed(FAILED_FOR)
            return None

    def _failed(self, seconds: float) -> None:
        self._way = None
        self._not_before = asyncio.get_running_loop().time() + seconds

    async def _ask(self, upstream: Upstream, request: UpstreamRequest, way: Way, body: Mapping[str, Any]) -> int | None:
        answer = await _post(upstream, request, question(way, body))
        if way == "apply_template":
            more = follow_up(answer)
            answer = await _post(upstream, request, more) if more is not None else None
        return counted(way, answer)


async def _post(upstream: Upstream, request: UpstreamRequest, asked: Question) -> object:
    """The JSON of the answer; None for a refusal and for what is not JSON. Raises UpstreamError."""
    endpoint = upstream.endpoint("", 1)
    if asked.at_root:
        endpoint = Endpoint(endpoint.client, upstream.ref.name, endpoint.base_url.removesuffix("/v1"))
    answer = await endpoint.send(asked.path, request.headers, asked.body, PROBE_TIMEOUT)
    try:
        data = await answer.read_all(_LARGEST)
    finally:
        await answer.aclose()
    try:
        return jsontext.loads(data) if answer.status == 200 else None
    except ValueError:
        return None
