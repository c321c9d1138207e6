"""Asks an upstream which models it has."""

from __future__ import annotations

import asyncio
import json

from bridge.core.anthropic.client import request_headers
from bridge.core.events import Fault
from bridge.core.route import UpstreamRef
from bridge.errors import UpstreamError
from bridge.upstream.http import Answer, Client, Endpoint, Identity

_LARGEST = 8 << 20


async def listed_models(upstream: UpstreamRef, timeout: float = 10.0) -> list[str] | None:
    """The ids that every replica lists; None when one lists none. Raises UpstreamError."""
    found: list[set[str]] = []
    for base_url in upstream.base_urls:
        client = Client(Identity.of(base_url))
        try:
            async with asyncio.timeout(timeout):
                answer = await Endpoint(client, upstream.name, base_url).send(
                    _path(upstream), _headers(upstream), b"", timeout, method="GET"
                )
                ids = await _ids(answer, upstream.name)
        except TimeoutError:
            message = f"upstream `{upstream.name}` did not list its models within {timeout:g} s"
            raise UpstreamError(Fault("timeout", message)) from None
        finally:
            await client.aclose()
        if ids is None:
            return None
        found.append(ids)
    return sorted(set.intersection(*found)) if found else None


def _path(upstream: UpstreamRef) -> str:
    # Anthropic's list comes in pages, of 20 models unless it is told otherwise.
    return "/models?limit=1000" if upstream.protocol == "anthropic" else "/models"


def _headers(upstream: UpstreamRef) -> dict[str, str]:
    if upstream.protocol == "anthropic":
        known = {name: value for name, value in request_headers(upstream.api_key).items() if value}
        return {**known, **upstream.headers}
    key = {"authorization": f"Bearer {upstream.api_key}"} if upstream.api_key else {}
    return {**key, **upstream.headers}


async def _ids(answer: Answer, name: str) -> set[str] | None:
    try:
        body = await answer.read_all(_LARGEST)
    finally:
        await answer.aclose()
    if answer.status in (401, 403):
        message = f"upstream `{name}` refuses the key (status {answer.status}); see its `api_key`"
        raise UpstreamError(Fault("permission", message))
    try:
        found = json.loads(body) if answer.status == 200 else None
    except (ValueError, RecursionError):
        found = None
    items = found.get("data") if isinstance(found, dict) else None
    if not isinstance(items, list):
        return None
    return {item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)}
