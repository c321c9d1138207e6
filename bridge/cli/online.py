"""``check --online``: whether the upstreams answer, and have the models that routes ask them for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bridge.config.diagnose import suggest

if TYPE_CHECKING:
    from bridge.config.document import KeyPath
    from bridge.config.load import Loaded
    from bridge.config.snapshot import Snapshot
    from bridge.core.route import UpstreamRef

Answer = list[str] | str | None
"""The models that an upstream lists, None when it lists none, or what is wrong with it."""


def ask_upstreams(loaded: Loaded, snapshot: Snapshot) -> bool:
    """Note what is wrong in ``loaded``; True when every upstream that a model uses could be reached."""
    used = {route.upstream.name: route.upstream for route in snapshot.routes.values()}
    asked = [upstream for upstream in used.values() if upstream.base_urls and not upstream.off]
    answers = asyncio.run(_ask(asked))
    for name, answer in answers.items():
        path: KeyPath = ("upstreams", name, "base_url")
        origin = loaded.document.origin(path)
        if isinstance(answer, str):
            loaded.problems.add("unreachable", origin, path, answer)
        elif answer is None:
            message = f"upstream `{name}` does not list its models; they are not checked"
            loaded.problems.add("no-model-list", origin, path, message, severity="warning")
    for key, route in snapshot.routes.items():
        listed = answers.get(route.upstream.name)
        if isinstance(listed, list) and route.model and route.model not in listed:
            path = loaded.model_path(key, ("model",)) or ("models", key)
            message = f"upstream `{route.upstream.name}` does not list the model `{route.model}`"
            origin, hint = loaded.document.origin(path), suggest(route.model, listed)
            loaded.problems.add("unknown-model", origin, path, message, hint=hint, severity="warning")
    return not any(isinstance(answer, str) for answer in answers.values())


async def _ask(upstreams: list[UpstreamRef]) -> dict[str, Answer]:
    answers = await asyncio.gather(*map(_ask_one, upstreams))
    return {upstream.name: answer for upstream, answer in zip(upstreams, answers, strict=True)}


async def _ask_one(upstream: UpstreamRef) -> Answer:
    from bridge.errors import UpstreamError
    from bridge.upstream.listing import listed_models

    try:
        return await listed_models(upstream)
    except UpstreamError as error:
        return str(error)
