"""The FastAPI application: every endpoint, and errors in the shape that the client reads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from bridge import __version__
from bridge.config.watch import ConfigStore
from bridge.core.events import Fault
from bridge.core.jsontext import dumps
from bridge.errors import RequestError
from bridge.server import admin, models, openapi
from bridge.server.door import DOORS, door_of
from bridge.server.ids import new_id
from bridge.server.messages import MessagesEndpoint
from bridge.server.respond import Message, Receive, Scope, Send, own_headers
from bridge.server.state import REQUEST_ID, ROUTED, State
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
            await state.counting.aclose()
            await state.pools.aclose()

    app = _Application(
        {door.path: MessagesEndpoint(state, door) for door in DOORS},
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
    """Messages and chat completions go past the middleware, router and request objects of the framework."""

    def __init__(self, endpoints: Mapping[str, MessagesEndpoint], state: State, **options: Any) -> None:
        super().__init__(**options)
        self._endpoints = endpoints
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (endpoint := self._endpoints.get(scope["path"])) is not None:
            await endpoint(scope, receive, send)
        elif scope["type"] == "http":
            scope[REQUEST_ID] = new_id("req")
            await super().__call__(scope, receive, self._signed(scope, send))
        else:
            await super().__call__(scope, receive, send)

    def _signed(self, scope: Scope, send: Send) -> Send:
        """``send``, with the headers that every answer has."""
        door = door_of(Headers(scope=scope))

        async def signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = own_headers(self._state.store.current.revision, *scope.get(ROUTED, ()))
                message["headers"] = [*message["headers"], *door.ids(scope[REQUEST_ID]), *own]
            await send(message)

        return signed


async def _hello() -> Response:
    return Response(dumps({"name": "toolbridge", "version": __version__}), media_type="application/json")


def _answer(request: Request, fault: Fault) -> Response:
    door = door_of(request.headers)
    status, headers, body = door.error(fault, request.scope[REQUEST_ID])
    # The ids go to every answer, not only to these.
    return Response(
        body, status, {name: value for name, value in headers.items() if name.encode() not in door.id_headers}
    )


async def _on_request_error(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestError)
    return _answer(request, problem.fault)


async def _on_http_exception(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    path = request.scope["path"][:200]
    if problem.status_code == 404:
        known = " or ".join(door.path for door in DOORS)
        return _answer(request, Fault("not_found", f"there is nothing at {path}; requests go to {known}"))
    if problem.status_code == 405:
        response = _answer(request, Fault("invalid_request", f"{request.method} is not possible at {path}", status=405))
        response.headers.update(problem.headers or {})
        return response
    return _answer(request, Fault("invalid_request", str(problem.detail), status=problem.status_code))


async def _on_exception(request: Request, problem: Exception) -> Response:
    return _answer(request, INTERNAL)
