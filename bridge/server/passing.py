"""``/v1/messages/count_tokens`` for models of Anthropic upstreams: their own count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request, Response

from bridge.core.anthropic.passing import Question
from bridge.core.route import Route
from bridge.errors import RequestError, UpstreamError
from bridge.server.counting import unless_gone
from bridge.server.respond import header
from bridge.server.state import REQUEST_ID, ROUTED
from bridge.upstream.passing import pass_count

if TYPE_CHECKING:
    from bridge.upstream.pool import Generation


async def passed_count(request: Request, question: Question, route: Route, generation: Generation) -> Response | None:
    """The upstream's answer; None if the route is not to one of theirs, or the count is to be estimated here.

    Raises RequestError for a failure that an estimate must not hide: one of the configuration, or any with
    ``count_tokens = "upstream"``. Raises ClientGone.
    """
    if route.upstream.protocol != "anthropic" or route.count_tokens == "estimate":
        return None
    scope = request.scope
    question = question.with_head(scope["headers"], scope["query_string"])
    upstream = generation.upstreams[route.upstream.name]
    session = request.headers.get("x-claude-code-session-id", "") or question.user_id
    try:
        passed = await unless_gone(request.receive, lambda: pass_count(question, route, upstream, session))
    except UpstreamError as problem:
        if route.count_tokens == "auto" and problem.fault.kind != "permission":
            return None
        raise RequestError(problem.fault) from None
    response = Response(passed.body, passed.status)
    said = {"content-type": "application/json"} | {k: v for k, v in passed.headers.items() if k != "request-id"}
    response.raw_headers += [header(name, value) for name, value in said.items()]
    scope[ROUTED] = route.key, route.upstream.name, 1
    if theirs := passed.headers.get("request-id"):
        response.raw_headers.append((b"x-bridge-request-id", scope[REQUEST_ID].encode()))
        scope[REQUEST_ID] = theirs
    return response
