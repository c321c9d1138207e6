"""The FastAPI application: every endpoint, and errors in the shape that clients of the Messages API read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from bridge import __version__
from bridge.config.watch import ConfigStore
from bridge.core.anthropic.errors import error_response
from bridge.core.events import Fault
from bridge.core.jsontext import dumps
from bridge.errors import RequestError
from bridge.server import admin, models, openapi
from bridge.server.messages import MessagesEndpoint
from bridge.server.respond import Message, Receive, Scope, Send
from bridge.server.state import State, new_id
from bridge.server.stream import INTERNAL, Pace


def create_app(store: ConfigStore, pace: Pace | None = None) -> FastAPI:
    """The application over a configuration store; it follows the store's files while it runs.

    ``app.state.bridge`` is the ``State`` behind it.
    """
    state = State(store, pace or Pace())

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        state.live()
        # At once, not with the next request: what a new snapshot leaves unused is to be closed.
        store.on_swap(state.follow)
        stop = asyncio.Event()
        watcher = asyncio.create_task(store.watch(stop))
        try:
            yield
        finally:
            stop.set()
            await watcher
            await state.pools.aclose()

    app = _Application(
        MessagesEndpoint(state),
        state,
        title="toolbridge",
        version=__version__,
        openapi_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.bridge = state
    for path in ("/", "/api/hello"):
        app.add_api_route(path, _hello, methods=["GET", "HEAD"])
    models.add(app, state)
    admin.add(app, state)
    openapi.add(app)
    app.add_exception_handler(RequestError, _on_request_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_exception)
    return app


class _Application(FastAPI):
    """Messages go past the middleware, router and request objects of the framework; the rest through them."""

    def __init__(self, messages: MessagesEndpoint, state: State, **options: Any) -> None:
        super().__init__(**options)
        self._messages = messages
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/v1/messages":
            await self._messages(scope, receive, send)
        else:
            await super().__call__(scope, receive, _naming(send, self._state) if scope["type"] == "http" else send)


def _naming(send: Send, state: State) -> Send:
    """``send``, with the headers that every answer has."""

    async def named(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message["headers"]
            headers.append((b"x-bridge-revision", state.store.current.revision.encode()))
            if all(name != b"request-id" for name, _ in headers):
                headers.append((b"request-id", new_id("req").encode()))
        await send(message)

    return named


async def _hello() -> Response:
    return Response(dumps({"name": "toolbridge", "version": __version__}), media_type="application/json")


def _answer(fault: Fault) -> Response:
    status, headers, body = error_response(fault, new_id("req"))
    return Response(body, status, headers)


async def _on_request_error(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestError)
    return _answer(problem.fault)


async def _on_http_exception(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    path = request.scope["path"][:200]
    if problem.status_code == 404:
        return _answer(Fault("not_found", f"there is nothing at {path}; messages go to /v1/messages"))
    if problem.status_code == 405:
        response = _answer(Fault("invalid_request", f"{request.method} is not possible at {path}", status=405))
        response.headers.update(problem.headers or {})
        return response
    return _answer(Fault("invalid_request", str(problem.detail), status=problem.status_code))


async def _on_exception(request: Request, problem: Exception) -> Response:
    return _answer(INTERNAL)
