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

_TOLD = (
    "Your answer has to be one JSON value that is valid against the JSON Schema below, and nothing else: "
    "no words around it, no code fence.\n\n"
)


def told(conversation: Conversation, route: Route, warnings: list[Loss]) -> Conversation:
    """``conversation`` with the wanted schema in its system text, where the route says that it belongs there.

    Raises RequestError for a schema that refers to others by address: they are not fetched, here or upstream.
    """
    schema = conversation.output_schema
    if schema is None:
        return conversation
    for ref in references(schema):
        if not ref.startswith("#"):
            message = f"output_config.format.schema: `$ref` to another document ({ref[:100]}) is not supported"
            raise RequestError(Fault("invalid_request", message))
    match route.structured_output:
        case "prompt":
            words = Text(_TOLD + jsontext.dumps_text(schema))
            return replace(conversation, system=(*conversation.system, words))
        case "none":
            warnings.append(Loss("output_config.format", "not sent, the route has `structured_output` = none"))
    return conversation


def response_format(conversation: Conversation, route: Route) -> Json:
    """The field for the wanted schema, which is sent as it came."""
    if conversation.output_schema is None or route.structured_output != "response_format":
        return {}
    schema = {"name": "output", "schema": conversation.output_schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}
