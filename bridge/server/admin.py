"""What operators ask: is it alive, is it ready, which configuration, how much. And: reload now."""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response

from bridge import __version__
from bridge.core.events import Fault
from bridge.core.jsontext import dumps
from bridge.errors import RequestError
from bridge.observe import metrics
from bridge.server.auth import presented_keys
from bridge.server.state import State


def add(app: FastAPI, state: State) -> None:
    """Register the endpoints. Those under ``/-/`` are for loopback, or for who has the dashboard's key."""

    @app.api_route("/healthz", methods=["GET", "HEAD"])
    async def healthz() -> Response:
        return _json({"status": "ok"})

    @app.api_route("/readyz", methods=["GET", "HEAD"])
    async def readyz() -> Response:
        draining = state.load.draining
        body = {"ready": not draining, "draining": draining, "degraded": _reload_error(state) != ""}
        return _json(body, 503 if draining else 200)

    @app.get("/metrics")
    async def get_metrics() -> Response:
        text = metrics.render(state.records, state.load.in_flight, state.pools.generations, not _reload_error(state))
        return Response(text, media_type="text/plain; version=0.0.4")

    @app.get("/-/status")
    async def status(request: Request) -> Response:
        _check(request, state)
        return _json(status_body(state))

    @app.post("/-/reload")
    async def reload(request: Request) -> Response:
        _check(request, state)
        result = await state.store.reload_async()
        body = {
            "ok": result.ok,
            "changed": result.changed,
            "revision": result.revision,
            "error": result.error,
        }
        return _json(body, 200 if result.ok else 422)


def status_body(state: State) -> dict[str, object]:
    """The whole process at a glance; no secrets."""
    upstreams = {
        name: {
            "breaker": standing.breaker.state,
            "in_flight": standing.bulkhead.in_flight,
            "limit": standing.bulkhead.limit,
        }
        for name, standing in state.pools.standings.items()
        if name in state.store.current.upstreams
    }
    records = state.records
    return {
        "version": __version__,
        "draining": state.load.draining,
        "in_flight": state.load.in_flight,
        "requests": records.requests,
        "outcomes": records.outcomes,
        "generations": state.pools.generations,
        "upstreams": upstreams,
        "config": state.store.status(),
    }


def _reload_error(state: State) -> str:
    last = state.store.status()["last_attempt"]
    return str(last.get("error", "")) if isinstance(last, dict) else ""


def _check(request: Request, state: State) -> None:
    """Raises RequestError (403) for who may not see this."""
    key = state.store.current.dashboard.key.encode()
    keys = presented_keys(dict(request.scope["headers"]))
    if key and any(hmac.compare_digest(key, presented) for presented in keys):
        return
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise RequestError(Fault("permission", "requests from pages of other sites are refused here"))
    # A proxy in front of us sits on loopback too; what it forwards does not come from there.
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for"))
    if forwarded or not _on_loopback(request) or not _asked_by_address(request):
        raise RequestError(Fault("permission", "only from this machine, or with the key of [dashboard]"))


def _asked_by_address(request: Request) -> bool:
    """Whether no name of a site was asked: it may lead a browser here, whose page then counts as ours."""
    try:
        host = urlsplit(f"//{request.headers.get('host', 'localhost')}").hostname or ""
        return host == "localhost" or bool(ip_address(host))
    except ValueError:
        return False


def _on_loopback(request: Request) -> bool:
    client = request.client
    try:
        return client is None or ip_address(client.host).is_loopback
    except ValueError:
        return False


def _json(body: object, status: int = 200) -> Response:
    return Response(dumps(body), status, media_type="application/json")
