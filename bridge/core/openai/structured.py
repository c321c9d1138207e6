"""An answer that has to fit a JSON Schema: how the upstream is told."""

from __future__ import annotations

from dataclasses import replace

from bridge.core import jsontext
from bridge.core.conversation import Conversation, Json, Text
from bridge.core.events import Fault
from bridge.core.losses import Loss
from bridge.core.openai.dialect import references
from bridge.core.route import Route
from bridge.errors import RequestError

_FIELD = "response_format"
_TOLD = (
    "Your answer has to be one JSON value that is valid against the JSON Schema below, and nothing else: "
    "no words around it, no code fence.\n\n"
)


def asked_in(conversation: Conversation) -> str:
    """The field in which the client says what its answer has to be like."""
    return f"{_FIELD}.json_schema" if _FIELD in conversation.extra else "output_config.format"


def told(conversation: Conversation, route: Route, warnings: list[Loss]) -> Conversation:
    """``conversation`` with the wanted schema where the route says that it belongs: in its system text, or nowhere.

    Raises RequestError for a schema that refers to others by address: they are not fetched, here or upstream.
    """
    schema = conversation.output_schema
    if schema is None:
        return conversation
    for ref in references(schema):
        if not ref.startswith("#"):
            message = f"{asked_in(conversation)}.schema: `$ref` to another document ({ref[:100]}) is not supported"
            raise RequestError(Fault("invalid_request", message))
    if route.structured_output == "response_format":
        return conversation
    system = conversation.system
    if route.structured_output == "prompt":
        system = (*system, Text(_TOLD + jsontext.dumps_text(schema)))
    else:
        warnings.append(Loss(asked_in(conversation), "not sent, the route has `structured_output` = none"))
    extra = {key: value for key, value in conversation.extra.items() if key != _FIELD}
    return replace(conversation, system=system, extra=extra)


def response_format(conversation: Conversation, route: Route) -> Json:
    """The field for the wanted schema, which is sent as it came; nothing if the client's own field goes there."""
    if (
        conversation.output_schema is None
        or _FIELD in conversation.extra
        or route.structured_output != "response_format"
    ):
        return {}
    schema = {"name": "output", "schema": conversation.output_schema, "strict": True}
    return {_FIELD: {"type": "json_schema", "json_schema": schema}}
