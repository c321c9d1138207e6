"""A request at one of the doors: admission, its exchange. An ASGI application of its own, for speed."""

from __future__ import annotations

import logging
from asyncio import get_running_loop
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from bridge.core.events import Fault
from bridge.core.route import Route
from bridge.errors import RequestError
from bridge.observe.log import log_request
from bridge.observe.record import RequestRecord
from bridge.server.auth import Caller
from bridge.server.body import ClientGone, read_body
from bridge.server.door import MESSAGES, Door
from bridge.server.ids import new_id
from bridge.server.respond import Receive, Scope, Send, own_headers, send_fault
from bridge.server.state import Live, State
from bridge.server.stream import INTERNAL, Pump
from bridge.upstream.call import Call

_log = logging.getLogger(__name__)


class MessagesEndpoint:
    """The endpoint of ``door``. Nothing that goes wrong leaves it as an exception."""

    def __init__(self, state: State, door: Door = MESSAGES) -> None:
        self._state = state
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = self._state
        live = state.live()
        generation = live.generation.lease()
        clock = get_running_loop().time
        record = RequestRecord(new_id("req"), clock(), revision=generation.snapshot.revision)
        try:
            if scope["method"] != "POST":
                message = f"{scope['method']} is not possible at {self._door.path}; POST a request"
                raise RequestError(Fault("invalid_request", message, status=405))
            with state.load.admit(generation.snapshot.limits.in_flight):
                await self._admitted(scope, receive, send, live, record)
        except RequestError as problem:
            await self._refuse(send, problem.fault, record)
        except ClientGone:
            record.outcome = "client_gone"
        except Exception:
            _log.exception("request %s: internal error", record.request_id)
            await self._refuse(send, INTERNAL, record)
        finally:
            generation.release()
            record.ended = clock()
            state.records.add(record)
            log_request(record)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send, live: Live, record: RequestRecord) -> None:
        headers = dict(scope["headers"])
        caller = live.keyring.identify(headers)
        if caller.client is None:
            return await self._serve(scope, receive, send, live, record, caller, headers)
        record.client = caller.name
        with self._state.limiter.admit(caller.client):
            await self._serve(scope, receive, send, live, record, caller, headers)
        usage = record.usage
        tokens = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens + usage.output_tokens
        self._state.limiter.spend(caller.name, tokens)

    async def _serve(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        live: Live,
        record: RequestRecord,
        caller: Caller,
        headers: Mapping[bytes, bytes],
    ) -> None:
        snapshot = live.generation.snapshot
        raw = await read_body(headers, receive, snapshot.limits.request_body)
        asked = self._door.read(raw, self._state.tools)
        model, stream = record.model, record.stream = asked.model, asked.stream
        caller.check(model)
        chain = self._door.passable(_chain(live, model, record))
        guess = partial(self._state.counting.guess, chain[0], live.generation, len(raw))
        exchange = asked.carrier(chain, scope, record.request_id, guess)
        pump = Pump(scope, receive, send, exchange, record, self._state.pace, self._door, stream=stream)
        call = Call(
            exchange,
            chain,
            live.generation,
            pump.flush,
            deadline=record.started + _patience(headers, chain[0], stream=stream),
            streams=stream,
            session=headers.get(b"x-claude-code-session-id", b"").decode("latin-1") or asked.user_id,
            original=headers.get(b"x-stainless-retry-count", b"0") == b"0",
        )
        # While the answer comes nothing is held of a long request but what another attempt needs.
        del raw, asked
        self._state.pumps.add(pump)
        try:
            await pump.run(call)
        finally:
            self._state.pumps.discard(pump)
            record.attempts = call.attempts
            record.route, record.upstream, record.upstream_model = call.route, call.upstream, call.model
            record.upstream_request_id = record.upstream_request_id or exchange.headers.get("request-id", "")
            record.usage, record.stop_reason = exchange.usage, exchange.stop_reason
            record.counters, record.warnings = dict(exchange.counters), tuple(exchange.warnings)
            if (request := exchange.counted) is not None:
                upstream = live.generation.upstreams[call.upstream]
                self._state.counting.learn(upstream, call.model, request, exchange.usage)

    async def _refuse(self, send: Send, fault: Fault, record: RequestRecord) -> None:
        """Answer a request that no upstream was asked about."""
        record.outcome = "error"
        record.fault = fault
        own = own_headers(record.revision, record.route, record.upstream, record.attempts)
        allow = [(b"allow", b"POST")] if fault.status == 405 else []
        record.status = await send_fault(send, fault, record.request_id, self._door.error, [*own, *allow])


def _chain(live: Live, model: str, record: RequestRecord) -> list[Route]:
    """The route of the request and those behind it. Raises RequestError (404) if there is none."""
    snapshot = live.generation.snapshot
    decision = snapshot.router.decide(model)
    record.reason = decision.reason
    if decision.route is None:
        raise RequestError(Fault("not_found", decision.reason))
    chain = [decision.route]
    for key in decision.route.fallbacks:
        route = snapshot.routes[key]
        chain.append(route if route.model else replace(route, model=model))
    return chain


def _patience(headers: Mapping[bytes, bytes], route: Route, *, stream: bool) -> float:
    """How long the request may take: the route's limit, or the client's own if that is shorter.

    Of a stream, a client's timeout only limits the silence, and there is none.
    """
    total = route.timeouts.total
    asked = headers.get(b"x-stainless-timeout") or headers.get(b"x-stainless-read-timeout", b"")
    asked = asked.removesuffix(b".0")
    if not stream and asked.isdigit() and 0 < len(asked) < 7:
        return min(total, max(1.0, float(asked)))
    return total
