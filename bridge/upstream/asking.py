"""Asks a route's upstream one question and gives the answer as the model wrote it, unparsed."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from bridge.core.conversation import Conversation
from bridge.core.events import Fault, Finish, TextDelta, ThinkingDelta, ToolCallStart
from bridge.core.openai.decoder import Decoder
from bridge.core.openai.errors import fault_from_response
from bridge.core.openai.reader import AnswerReader
from bridge.core.openai.request import build_request
from bridge.core.parsing.spec import ParserSpec
from bridge.core.route import Route
from bridge.errors import UpstreamError
from bridge.upstream.http import Answer, Client, DemoTransport, Endpoint, Identity

_LARGEST = 8 << 20


@dataclass(frozen=True, slots=True)
class Said:
    """One answer. ``structured`` names the tools that the upstream itself says were called."""

    text: str
    reasoning: str = ""
    structured: tuple[str, ...] = ()
    cut: bool = False


async def ask(route: Route, question: Conversation, parsers: Mapping[str, ParserSpec], timeout: float = 120.0) -> Said:
    """The answer to ``question``, after one attempt. ``parsers`` are what the demo upstream can write.

    Raises UpstreamError.
    """
    request = build_request(question, replace(route, tools="native"))
    name = route.upstream.name
    try:
        async with asyncio.timeout(timeout), _endpoint(route, parsers) as endpoint:
            answer = await endpoint.send(request.path, request.headers, request.body, route.timeouts.connect)
            try:
                body = await answer.read_all(_LARGEST)
            finally:
                await answer.aclose()
    except TimeoutError:
        raise UpstreamError(Fault("timeout", f"upstream `{name}` gave no whole answer within {timeout:g} s")) from None
    if not 200 <= answer.status < 300:
        raise UpstreamError(_refusal(answer, body, route))
    return _read(body, route)


@asynccontextmanager
async def _endpoint(route: Route, parsers: Mapping[str, ParserSpec]) -> AsyncIterator[Endpoint]:
    upstream = route.upstream
    if upstream.protocol == "demo":
        client, base_url = Client(None, DemoTransport(parsers)), "http://demo/v1"
    else:
        base_url = upstream.base_urls[0]
        client = Client(Identity.of(base_url))
    try:
        yield Endpoint(client, upstream.name, base_url)
    finally:
        await client.aclose()


def _refusal(answer: Answer, body: bytes, route: Route) -> Fault:
    key = route.upstream.api_key
    return fault_from_response(
        answer.status,
        answer.headers,
        body,
        route.upstream.name,
        route.model,
        now=time.time(),
        secrets=(key,) if key else (),
        rules=route.errors,
    )


def _read(body: bytes, route: Route) -> Said:
    numbers = itertools.count()
    decoder = Decoder(lambda: f"call_{next(numbers)}", route.upstream.name, route.model)
    reader = AnswerReader(decoder)
    text, reasoning, structured, cut = "", "", list[str](), False
    for event in [*reader.feed(body), *reader.eof()]:
        match event:
            case TextDelta(more):
                text += more
            case ThinkingDelta(more):
                reasoning += more
            case ToolCallStart(name=name):
                structured.append(name)
            case Finish(reason):
                cut = reason in ("max_tokens", "context_window")
            case Fault():
                raise UpstreamError(event)
    return Said(text, reasoning, tuple(structured), cut)
