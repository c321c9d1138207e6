"""Asks an upstream how many tokens a request is, where it can say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import inf
from typing import Any

from bridge.core import jsontext
from bridge.core.openai.request import UpstreamRequest
from bridge.core.openai.tokenizers import WAYS, Question, Way, counted, follow_up, question
from bridge.errors import UpstreamError
from bridge.upstream.http import Endpoint

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
        self, endpoint: Endpoint, request: UpstreamRequest, body: Mapping[str, Any], timeout: float
    ) -> tuple[int, Way] | None:
        """The tokens of ``body``, the request's, and how ``endpoint`` counted them; None when it cannot say.

        Raises UpstreamError only for what would be a bug of ours; every failure is None, and remembered.
        """
        way = await self._find(endpoint, request, body)
        if way is None:
            return None
        try:
            async with asyncio.timeout(timeout), self._places:
                count = await self._ask(endpoint, request, way, body)
        except (UpstreamError, TimeoutError):
            count = None
        if count is None:
            self._failed(FAILED_FOR)
            return None
        return count, way

    async def _find(self, endpoint: Endpoint, request: UpstreamRequest, body: Mapping[str, Any]) -> Way | None:
        clock = asyncio.get_running_loop().time
        async with self._probing:
            if self._way is not None or clock() < self._not_before:
                return self._way
            small = {"model": body.get("model"), "messages": [{"role": "user", "content": "hello"}]}
            try:
                async with asyncio.timeout(PROBE_TIMEOUT):
                    for way in WAYS:
                        if await self._ask(endpoint, request, way, small) is not None:
                            self._way = way
                            return way
                self._failed(UNABLE_FOR)
            except (UpstreamError, TimeoutError):
                self._failed(FAILED_FOR)
            return None

    def _failed(self, seconds: float) -> None:
        self._way = None
        self._not_before = asyncio.get_running_loop().time() + seconds

    async def _ask(self, endpoint: Endpoint, request: UpstreamRequest, way: Way, body: Mapping[str, Any]) -> int | None:
        answer = await _post(endpoint, request, question(way, body))
        if way == "apply_template":
            more = follow_up(answer)
            answer = await _post(endpoint, request, more) if more is not None else None
        return counted(way, answer)


async def _post(endpoint: Endpoint, request: UpstreamRequest, asked: Question) -> object:
    """The JSON of the answer; None for a refusal and for what is not JSON. Raises UpstreamError."""
    if asked.at_root:
        endpoint = endpoint.at_root()
    answer = await endpoint.send(asked.path, request.headers, asked.body, PROBE_TIMEOUT)
    try:
        data = await answer.read_all(_LARGEST)
    finally:
        await answer.aclose()
    try:
        return jsontext.loads(data) if answer.status == 200 else None
    except ValueError:
        return None
