"""The upstream calls of one request: attempts, retries, fallbacks, clocks.

The only place that waits between attempts. What the client sees of it is decided elsewhere:
``flush`` is called whenever the exchange may have something to show.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from math import inf

from bridge.core import retrying
from bridge.core.carrier import Carrier
from bridge.core.events import Fault
from bridge.core.openai.errors import fault_from_response
from bridge.core.route import Route
from bridge.errors import RequestError, UpstreamError
from bridge.upstream.http import Answer
from bridge.upstream.pool import Generation, Upstream
from bridge.upstream.schemacheck import violation

ERROR_BODY = 64 * 2**10
WRITE_STALL = 30.0
SETTLE = 1.0
USAGE_WAIT = 2.0


class ClientStalled(Exception):
    """The client took nothing for so long that its connection is worth no more."""


class Call:
    """Runs an exchange against its route and that route's fallbacks.

    ``deadline`` is of the event loop's clock. ``streams``: the answer comes in pieces. ``original`` is
    False for a request that the client itself repeats: it earns no budget. ``attempts`` counts the calls
    made; ``route``, ``upstream`` and ``model`` name the last one. Make it in the task that runs it.
    """

    def __init__(
        self,
        exchange: Carrier,
        chain: Sequence[Route],
        generation: Generation,
        flush: Callable[[], Awaitable[None]],
        *,
        deadline: float,
        streams: bool,
        session: str = "",
        original: bool = True,
    ) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        self._exchange = exchange
        self._chain = list(chain)
        self._generation = generation
        self._flush = flush
        self._deadline = deadline
        self._streams = streams
        self._session = session
        self._original = self._deposit = original
        self._alarm = generation.alarms.alarm(task)
        self._clock = loop.time
        self._expires = inf
        self._reason = ""
        self._flushed = False
        self._unfit = False
        self.attempts = 0
        self.route = chain[0].key
        self.upstream = chain[0].upstream.name
        self.model = chain[0].model

    async def run(self) -> Fault | None:
        """None when the exchange has finished; else the fault to tell the client."""
        chain = self._chain
        try:
            while True:
                route = chain[0]
                fault = await self._attempt(route)
                if fault is None:
                    return None
                verdict = self._verdict(route, fault)
                match verdict:
                    case retrying.GiveUp(final):
                        return final
                    case retrying.Fallback():
                        del chain[0]
                        self._deposit = self._original
                    case retrying.Retry(after):
                        if after > 0:
                            await asyncio.sleep(after)
        finally:
            self._alarm.close()

    def _verdict(self, route: Route, fault: Fault) -> retrying.Verdict:
        now = self._clock()
        budget = self._generation.upstreams[route.upstream.name].standing.budget
        cost = retrying.cost(fault)
        verdict = retrying.decide(
            route.retry,
            retrying.Situation(
                attempt=self.attempts,
                fault=fault,
                affordable=budget.balance(now) >= cost,
                fallback=len(self._chain) > 1,
                content_started=self._exchange.content_started,
                unfit=self._unfit,
                now=now,
                deadline=self._deadline,
                unit=random.random(),
            ),
        )
        if isinstance(verdict, retrying.Retry):
            budget.withdraw(now, cost)
        return verdict

    async def _attempt(self, route: Route) -> Fault | None:
        """One call, with its place in the upstream's bulkhead and its word to the breaker."""
        upstream = self._generation.upstreams[route.upstream.name]
        ref = upstream.ref
        self.route = route.key
        self.upstream = ref.name
        self.model = route.model
        self._unfit = False
        if ref.off:
            return Fault("permission", f"upstream `{ref.name}` is off: {ref.off}")
        standing = upstream.standing
        breaker = standing.breaker
        now = self._clock()
        if not breaker.admit(now):
            message = f"upstream `{ref.name}` kept failing and is left alone for a moment"
            return Fault("overloaded", message, retry_after=breaker.retry_in(now))
        if self._deposit:
            self._deposit = False
            standing.budget.deposit(now)
        try:
            await standing.bulkhead.acquire()
            try:
                fault = await self._once(upstream, route)
            finally:
                standing.bulkhead.release()
        except (UpstreamError, RequestError) as problem:
            fault = problem.fault
            self._unfit = isinstance(problem, RequestError)
        except BaseException:
            breaker.abandoned()
            raise
        if fault is not None:
            sole = not self._chain[1:]
            breaker.failed(self._clock(), fault, random.random(), sole=sole)
        elif not self._exchange.progress:
            # It answered, if only with nothing: a probe that tells nobody would be the last one.
            breaker.succeeded(self._clock())
        return fault

    async def _once(self, upstream: Upstream, route: Route) -> Fault | None:
        exchange = self._exchange
        request = exchange.attempt(route)
        self.attempts += 1
        endpoint = upstream.endpoint(self._session, self.attempts)
        # An answer in one piece has no first token: only the deadline limits it.
        self._expect(self._clock() + route.timeouts.first_token if self._streams else inf, "sent no token")
        endpoint.in_flight += 1
        answer: Answer | None = None
        try:
            answer = await endpoint.send(request.path, request.headers, request.body, route.timeouts.connect)
            if not 200 <= answer.status < 300:
                return await self._refusal(answer, upstream, route)
            exchange.receive_head(answer.content_type, answer.headers)
            await self._receive(answer, upstream, route)
        except UpstreamError as problem:
            if answer is None:
                return problem.fault
            exchange.receive_fault(problem.fault)
        except asyncio.CancelledError:
            reason = self._alarm.caught()
            if not reason:
                raise
            fault = Fault("timeout", f"upstream `{upstream.ref.name}` {reason}", "timeout")
            if answer is None:
                return fault
            exchange.receive_fault(fault)
        finally:
            self._alarm.off()
            endpoint.in_flight -= 1
            if answer is not None:
                await answer.aclose()
        if exchange.finished and not self._flushed:
            await self._write()
        return exchange.fault

    async def _refusal(self, answer: Answer, upstream: Upstream, route: Route) -> Fault:
        body = await answer.read_all(ERROR_BODY)
        fault = fault_from_response(
            answer.status,
            answer.headers,
            body,
            upstream.ref.name,
            route.model,
            now=time.time(),
            secrets=(upstream.ref.api_key,) if upstream.ref.api_key else (),
            rules=route.errors,
        )
        self._exchange.receive_refusal(fault, answer.status, answer.headers, body)
        return fault

    async def _receive(self, answer: Answer, upstream: Upstream, route: Route) -> None:
        """Pass the body to the exchange until it has finished or failed."""
        exchange = self._exchange
        clock = self._clock
        read = answer.read
        progress = 0
        while data := await read():
            exchange.receive(data)
            said = exchange.progress
            if said != progress:
                now = clock()
                if not progress:
                    # It works, whatever becomes of what the model says.
                    upstream.standing.breaker.succeeded(now)
                progress = said
                self._expires, self._reason = now + route.timeouts.stall, "fell silent"
            if exchange.unchecked is not None:
                await self._check()
            if exchange.fault is not None:
                return
            if exchange.ended and not exchange.finished:
                # Only token counts can still come.
                self._expires = min(self._expires, clock() + USAGE_WAIT)
            if progress or self._streams or exchange.finished:
                await self._write()
            if exchange.finished:
                if not exchange.cut_short:
                    await self._settle(answer)
                return
        exchange.receive_eof()
        if exchange.progress and not progress:
            # An answer in one piece says nothing before its end.
            upstream.standing.breaker.succeeded(clock())
        await self._check()

    async def _check(self) -> None:
        """Whether the answer fits the client's schema, if it wants one and the answer is complete."""
        exchange = self._exchange
        if exchange.unchecked is not None:
            self._expect(inf, "")
            exchange.checked(await violation(exchange.output_schema or {}, exchange.unchecked))

    async def _write(self) -> None:
        """Let the client have what there is. The upstream's clock stands still meanwhile. Raises ClientStalled."""
        before = self._clock()
        self._alarm.set(before + WRITE_STALL, "client")
        try:
            await self._flush()
        except asyncio.CancelledError:
            if self._alarm.caught():
                raise ClientStalled from None
            raise
        self._flushed = self._exchange.finished
        self._expect(self._expires + self._clock() - before, self._reason)

    def _expect(self, expires: float, reason: str) -> None:
        """Something has to come before ``expires``, and all of it before the deadline."""
        self._expires, self._reason = expires, reason
        if expires > self._deadline:
            expires, reason = self._deadline, "took longer than the request may"
        self._alarm.set(expires, reason)

    async def _settle(self, answer: Answer) -> None:
        """Read the end of the body, so that the connection can serve again; the client has its answer."""
        self._alarm.set(self._clock() + SETTLE, "rest")
        try:
            while await answer.read():
                pass
        except UpstreamError:
            return
        except asyncio.CancelledError:
            if self._alarm.caught() != "rest":
                raise
