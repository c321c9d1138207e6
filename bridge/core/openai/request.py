"""A conversation and its route -> the chat completions request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.core import jsontext
from bridge.core.conversation import Conversation, Tool
from bridge.core.losses import Loss
from bridge.core.openai.messages import JsonObject, MessageWriter
from bridge.core.openai.prompted import NO_ARGUMENTS, PromptWriter
from bridge.core.openai.replay import Replay
from bridge.core.openai.toolnames import with_fitting_names
from bridge.core.repair import repaired
from bridge.core.route import BodyPatch, Route

PATH = "/chat/completions"

# Servers refuse what they do not know or what their model cannot do: a model that does not
# reason answers 400 to an effort, a strict cloud to any unknown key. These therefore go
# upstream only where the route's ``request.default`` names them.
_EFFORT = "reasoning_effort"
_USER = "user"
_LONGEST_USER = 64
_ASKED = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop": "stop_sequences",
    "response_format": "output_config.format",
    "tools": "tools",
}
"""What clients ask for that a route may take away or overrule, by its key upstream."""


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """What to POST to ``path`` below the upstream's base URL. ``warnings`` names what is not honoured.

    ``tool_names`` maps every tool name that had to be spelled otherwise to what the client calls it.
    """

    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    warnings: tuple[Loss, ...] = ()
    tool_names: Mapping[str, str] = field(default_factory=dict)


def build_request(conversation: Conversation, route: Route) -> UpstreamRequest:
    """The request for ``conversation``; the same bytes for the same arguments.

    The messages come right behind the model, so that a longer conversation's
    body begins with the bytes of a shorter one. Optional fields are left out
    where the client said nothing or said what is the upstream's default anyway.
    ``route.request`` is applied last: ``default`` to keys that are absent, then
    ``set``, then ``drop``. Where the route wants the tools in the prompt, the first
    parser that can writes them there. Raises RequestError where its templates fail.
    """
    conversation, repairs = repaired(conversation)
    conversation, tool_names = with_fitting_names(conversation)
    writer = _writer(route)
    writer.write(conversation)
    warnings = [*repairs, *writer.warnings]
    body: JsonObject = {"model": route.model, "messages": writer.messages}
    body |= _stream(conversation)
    body |= _limits(conversation, route, warnings)
    body |= _sampling(conversation)
    in_prompt = isinstance(writer, PromptWriter)
    body |= {} if in_prompt else _tools(conversation)
    body |= _declared(conversation, route.request, warnings)
    if conversation.output_schema is not None:
        schema = {"name": "output", "schema": conversation.output_schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if conversation.tools and not in_prompt:
        body["tools"] = [_tool(tool) for tool in conversation.tools]
    body |= conversation.extra
    _patch(body, route.request, warnings)
    return UpstreamRequest(PATH, _headers(conversation, route), jsontext.dumps(body), tuple(warnings), tool_names)


def _writer(route: Route) -> MessageWriter:
    replay = Replay(route)
    if route.tools == "prompt":
        for parser in route.parsers:
            if parser.prompt is not None:
                return PromptWriter(replay, parser.prompt)
    return MessageWriter(replay)


def _stream(conversation: Conversation) -> JsonObject:
    if not conversation.stream:
        return {}
    return {"stream": True, "stream_options": {"include_usage": True}}


def _limits(conversation: Conversation, route: Route, warnings: list[Loss]) -> JsonObject:
    asked, cap = conversation.max_tokens, route.max_output_tokens
    if cap is not None and asked > cap:
        warnings.append(Loss("max_tokens", f"{asked} is lowered to {cap}", "adjusted"))
        asked = cap
    return {"max_tokens": asked} if asked else {}


def _sampling(conversation: Conversation) -> JsonObject:
    fields: JsonObject = {
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "top_k": conversation.top_k,
        "stop": list(conversation.stop_sequences) or None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _tools(conversation: Conversation) -> JsonObject:
    if not conversation.tools:
        return {}
    choice = conversation.tool_choice
    fields: JsonObject = {}
    match choice.mode:
        case "any":
            fields["tool_choice"] = "required"
        case "tool":
            fields["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
        case "none":
            fields["tool_choice"] = "none"
    if not choice.parallel:
        fields["parallel_tool_calls"] = False
    return fields


def _tool(tool: Tool) -> JsonObject:
    function: JsonObject = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.schema or NO_ARGUMENTS
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _declared(conversation: Conversation, patch: BodyPatch, warnings: list[Loss]) -> JsonObject:
    """Fields that only a route can know its upstream to understand."""
    fields: JsonObject = {}
    if conversation.effort and _EFFORT in patch.default:
        fields[_EFFORT] = "high" if conversation.effort == "max" else conversation.effort
    elif conversation.effort and _EFFORT not in patch.set:
        warnings.append(Loss("output_config.effort", f"not sent, the route's `request.default` has no `{_EFFORT}`"))
    if conversation.thinking.mode != "unset":
        warnings.append(Loss("thinking", "not sent, whether the model reasons is up to the upstream"))
    if conversation.user_id and _USER in patch.default and len(conversation.user_id) <= _LONGEST_USER:
        fields[_USER] = conversation.user_id
    elif conversation.user_id and _USER not in conversation.extra:
        why = f"is over {_LONGEST_USER} characters" if _USER in patch.default else "is not declared by the route"
        warnings.append(Loss("metadata.user_id", f"not sent, it {why}", "adjusted"))
    return fields


def _patch(body: JsonObject, patch: BodyPatch, warnings: list[Loss]) -> None:
    for key, field_ in _ASKED.items():
        if key in body and key in patch.drop:
            warnings.append(Loss(field_, "not sent, the route's `request.drop` names it"))
        elif key in body and key in patch.set and patch.set[key] != body[key]:
            warnings.append(Loss(field_, "not sent, the route's `request.set` decides it", "adjusted"))
    for key, value in patch.default.items():
        body.setdefault(key, value)
    body.update(patch.set)
    for key in patch.drop:
        body.pop(key, None)


def _headers(conversation: Conversation, route: Route) -> dict[str, str]:
    headers = {"content-type": "application/json", "accept": "application/json"}
    if conversation.stream:
        headers["accept"] = "text/event-stream"
        # A compressing proxy in between would hold back what it has not filled a block with.
        headers["accept-encoding"] = "identity"
    if route.upstream.api_key:
        headers["authorization"] = f"Bearer {route.upstream.api_key}"
    for more in (route.upstream.headers, route.request.headers):
        headers |= {name.lower(): value for name, value in more.items()}
    return headers
