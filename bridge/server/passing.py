"""``/v1/messages/count_tokens`` for models of Anthropic upstreams: their own count."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from fastapi import Request, Response

from bridge.core.anthropic.passing import Question
from bridge.errors import RequestError, UpstreamError
from bridge.server.respond import Scope, header
from bridge.server.state import REQUEST_ID, ROUTED, State
from bridge.upstream.passing import Passed, pass_count

_GONE = Passed(499, {}, b"")


async def passed_count(state: State, request: Request, question: Question) -> Response | None:
    """The upstream's answer; None if the model is not one of theirs, or is to be estimated here.

    Raises RequestError for a failure that an estimate must not hide: one of the configuration, or any with
    ``count_tokens = "upstream"``.
    """
    generation = state.live().generation.lease()
    try:
        route = generation.snapshot.router.decide(question.model).route
        if route is None or route.upstream.protocol != "anthropic" or route.count_tokens == "estimate":
            return None
        scope = request.scope
        question = question.with_head(scope["headers"], scope["query_string"])
        upstream = generation.upstreams[route.upstream.name]
        session = request.headers.get("x-claude-code-session-id", "") or question.user_id
        passed = await _unless_gone(scope, pass_count(question, route, upstream, session))
        response = Response(passed.body, passed.status)
        said = {"content-type": "application/json"} | {k: v for k, v in passed.headers.items() if k != "request-id"}
        response.raw_headers += [header(name, value) for name, value in said.items()]
        scope[ROUTED] = route.key, route.upstream.name, 1
        if theirs := passed.headers.get("request-id"):
            response.raw_headers.append((b"x-bridge-request-id", scope[REQUEST_ID].encode()))
            scope[REQUEST_ID] = theirs
        return response
    except UpstreamError as problem:
        if route is not None and route.count_tokens == "auto" and problem.fault.kind != "permission":
            return None
        raise RequestError(problem.fault) from None
    finally:
        generation.release()


async def _unless_gone(scope: Scope, work: Coroutine[object, object, Passed]) -> Passed:
    """The result of ``work``, which ends at once when the client leaves."""
    on_gone = scope.get("bridge.on_gone")
    task = asyncio.current_task()
    if on_gone is None or task is None:
        return await work
    gone = False

    def leave() -> None:
        nonlocal gone
        gone = True
        task.cancel()

    on_gone(leave)
    try:
        return await work
    except asyncio.CancelledError:
        if not gone or task.uncancel() > 0:
            raise
        return _GONE
    finally:
        on_gone(None)
