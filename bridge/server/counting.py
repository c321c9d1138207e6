"""Counting tokens: by the upstream's tokenizer, or by an estimate that the upstream's own counts correct."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from bridge.core.calibration import Calibration
from bridge.core.conversation import Conversation, Document, Image, Part, ToolResult
from bridge.core.events import Fault, Usage
from bridge.core.jsontext import loads
from bridge.core.openai.prompt import PromptSize, prompt_size
from bridge.core.openai.request import UpstreamRequest, build_request
from bridge.core.route import Route
from bridge.errors import RequestError
from bridge.server.body import ClientGone
from bridge.server.respond import Receive

if TYPE_CHECKING:
    from bridge.upstream.pool import Generation, Upstream

T = TypeVar("T")

AUTO_TIMEOUT = 2.0
"""How long the upstream may take to count before the estimate answers."""
UPSTREAM_TIMEOUT = 10.0

QUICK = 32_000
"""Bodies up to so many bytes are measured at once; longer ones beside the event loop, which has streams to serve."""
THREADS = 2

EAGER = 16
EVERY = 32
"""So many answers of a model are lessons for its calibration one by one, if they can teach it anything or not; of the
later ones every 32nd: to measure a long prompt takes longer than all else that is done about it."""
LONGEST = 2**20


class Counting:
    """What counting shares: the threads for long bodies, and lessons that are under way."""

    def __init__(self) -> None:
        self._threads = asyncio.Semaphore(THREADS)
        self._lessons: set[asyncio.Task[None]] = set()

    async def count(self, conversation: Conversation, route: Route, generation: Generation) -> int:
        """The input tokens of the request that the route makes of ``conversation``. Raises RequestError."""
        request = build_request(conversation, route)
        upstream = generation.upstreams[route.upstream.name]
        body, size = await self._measured(request)
        if route.count_tokens != "estimate" and route.upstream.protocol == "openai" and not route.upstream.off:
            timeout = UPSTREAM_TIMEOUT if route.count_tokens == "upstream" else AUTO_TIMEOUT
            found = await upstream.tokenizer.count(upstream.endpoint("", 1), request, body, timeout)
            if found is not None:
                count, way = found
                return count if way == "input_tokens" else count + size.media
        if route.count_tokens == "upstream":
            message = (
                f"upstream `{route.upstream.name}` did not count the tokens, and `count_tokens` of model `{route.key}` "
                'is "upstream"; "auto" would estimate them'
            )
            raise RequestError(Fault("api", message))
        return calibration_of(upstream, route.model).count(size)

    def guess(self, route: Route, generation: Generation, length: int, conversation: Conversation) -> int:
        """What a request of ``length`` bytes may come to, until the upstream says; 0 if nothing is known."""
        guess = calibration_of(generation.upstreams[route.upstream.name], route.model).guess(length)
        return 0 if guess and any(_has_media(turn.parts) for turn in conversation.turns) else guess

    def learn(self, upstream: Upstream, model: str, request: UpstreamRequest, usage: Usage) -> None:
        """Let what the upstream counted for a request correct later estimates; at times, and after the answer."""
        calibration = calibration_of(upstream, model)
        calibration.seen += 1
        due = calibration.seen <= EAGER or not calibration.seen % EVERY
        if not due or len(request.body) > LONGEST or len(self._lessons) >= THREADS:
            return
        lesson = asyncio.create_task(self._lesson(calibration, request, usage))
        self._lessons.add(lesson)
        lesson.add_done_callback(self._lessons.discard)

    @property
    def learning(self) -> int:
        """Lessons that are under way."""
        return len(self._lessons)

    async def aclose(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._lessons)

    async def _lesson(self, calibration: Calibration, request: UpstreamRequest, usage: Usage) -> None:
        _, size = await self._measured(request)
        reported = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
        calibration.learn(size, reported, len(request.body))

    async def _measured(self, request: UpstreamRequest) -> tuple[dict[str, Any], PromptSize]:
        if len(request.body) <= QUICK:
            return _measure(request.body)
        async with self._threads:
            return await asyncio.to_thread(_measure, request.body)


def calibration_of(upstream: Upstream, model: str) -> Calibration:
    """The calibration of a model there; it lives as long as the upstream's standing."""
    known = upstream.standing.calibrations
    found = known.get(model)
    if found is None:
        if len(known) >= _MODELS:
            known.clear()
        found = known[model] = Calibration()
    return found


_MODELS = 256
"""A catch-all passes on whatever id clients think of: so many are remembered."""


def _measure(data: bytes) -> tuple[dict[str, Any], PromptSize]:
    body: dict[str, Any] = loads(data)
    return body, prompt_size(body)


_MEDIA = frozenset({Image, Document})


def _has_media(parts: Iterable[Part]) -> bool:
    return not _MEDIA.isdisjoint(map(type, parts)) or any(
        _has_media(part.parts) for part in parts if isinstance(part, ToolResult)
    )


async def unless_gone(receive: Receive, work: Callable[[], Awaitable[T]]) -> T:
    """What the work gives. When the client leaves it is cancelled, and ClientGone raised.

    The request's body must have been read.
    """

    async def leaves() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work()), asyncio.ensure_future(leaves())
    try:
        await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return await working
        raise ClientGone
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.wait([working, leaving])
