"""``/v1/models`` and ``/v1/messages/count_tokens``: what a client may ask about without asking a model."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from bridge.core.anthropic.models import ListedModel, find_model, model_page
from bridge.core.anthropic.request import parse_count_request
from bridge.core.events import Fault
from bridge.core.jsontext import dumps
from bridge.core.openai.answer import model_body, model_list
from bridge.core.routing import is_glob
from bridge.errors import RequestError
from bridge.server.auth import Caller
from bridge.server.body import ClientGone, read_body
from bridge.server.counting import unless_gone
from bridge.server.door import CHAT, door_of, question_in
from bridge.server.passing import passed_count
from bridge.server.state import ROUTED, State

_OWNER = "toolbridge"


def add(app: FastAPI, state: State) -> None:
    """Register the endpoints."""

    @app.get("/v1/models")
    async def list_models(request: Request) -> Response:
        caller = _caller(state, request)
        listed = _listed(state, caller)
        if door_of(request.headers) is CHAT:
            return _json(model_list([model.id for model in listed], int(state.store.current.loaded_at), _OWNER))
        return _json(dumps(model_page(listed, request.query_params)))

    @app.get("/v1/models/{model_id:path}")
    async def get_model(request: Request, model_id: str) -> Response:
        caller = _caller(state, request)
        if caller.may_use(model_id):
            _note_route(state, request, model_id)
        found = find_model(_listed(state, caller), model_id)
        if found is None:
            route = state.store.current.router.decide(model_id).route
            if route is None or not caller.may_use(model_id):
                raise RequestError(Fault("not_found", f"model: {model_id[:200]}"))
            found = find_model([_shown(state, route.key, model_id)], model_id)
        if door_of(request.headers) is CHAT:
            return _json(model_body(model_id, int(state.store.current.loaded_at), _OWNER))
        return _json(dumps(found))

    @app.post("/v1/messages/count_tokens")
    async def count_tokens(request: Request) -> Response:
        live = state.live()
        caller = live.keyring.identify(dict(request.scope["headers"]))
        generation = live.generation.lease()
        try:
            with state.load.admit(generation.snapshot.limits.in_flight):
                limit = generation.snapshot.limits.request_body
                raw = await read_body(dict(request.scope["headers"]), request.receive, limit)
                question = question_in(raw, state.tools)
                caller.check(question.model)
                decision = generation.snapshot.router.decide(question.model)
                route = decision.route
                if route is None:
                    raise RequestError(Fault("not_found", decision.reason))
                if (passed := await passed_count(request, question, route, generation)) is not None:
                    return passed
                conversation = parse_count_request(question.body, raw, state.tools, question.tools)
                request.scope[ROUTED] = route.key, route.upstream.name
                tokens = await unless_gone(
                    request.receive, lambda: state.counting.count(conversation, route, generation)
                )
        except ClientGone:
            return Response(status_code=499)
        finally:
            generation.release()
        return _json(dumps({"input_tokens": tokens}))


def _caller(state: State, request: Request) -> Caller:
    return state.live().keyring.identify(dict(request.scope["headers"]))


def _note_route(state: State, request: Request, model: str) -> None:
    """Name the route in the answer's headers."""
    route = state.store.current.router.decide(model).route
    if route is not None:
        request.scope[ROUTED] = route.key, route.upstream.name


def _listed(state: State, caller: Caller) -> list[ListedModel]:
    """Every id that can be asked for by name; globs have none, and models of an upstream that is off are not there."""
    ids = {}
    for route in state.store.current.routes.values():
        if route.upstream.off:
            continue
        for model_id in (route.key, *route.match):
            if not is_glob(model_id) and caller.may_use(model_id):
                ids[model_id] = route.key
    return [_shown(state, key, model_id) for model_id, key in ids.items()]


def _shown(state: State, key: str, model_id: str) -> ListedModel:
    route = state.store.current.routes[key]
    return ListedModel(model_id, route.display_name, route.context_window, route.max_output_tokens)


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
