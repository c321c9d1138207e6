"""A conversation and its route -> the chat completions request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from bridge.core import jsontext
from bridge.core.conversation import Conversation, Tool, ToolChoice
from bridge.core.jsontext import Record
from bridge.core.losses import Loss
from bridge.core.openai.dialect import fitted
from bridge.core.openai.limits import allowed, room
from bridge.core.openai.messages import JsonObject, MessageWriter
from bridge.core.openai.prompted import NO_ARGUMENTS, PromptWriter
from bridge.core.openai.reasoning import as_said, reasoning_fields
from bridge.core.openai.replay import Replay
from bridge.core.openai.structured import response_format, told
from bridge.core.openai.toolnames import with_fitting_names
from bridge.core.repair import repaired
from bridge.core.route import BodyPatch, Path, Route, ToolSchema
from bridge.core.stops import check_sequences
from bridge.core.toolset import once

PATH = "/chat/completions"

# A key that ``request.default`` names is one that the upstream understands, too.
_USER = "user"
_TOOLS = "tools"
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


class UpstreamRequest(Record, frozen=True):
    """What to POST to ``path`` below the upstream's base URL. ``warnings`` names what is not honoured.

    ``tool_names`` maps every tool name that had to be spelled otherwise to what the client calls it.
    ``repr`` shows no header and nothing of the body.
    """

    path: str
    headers: Mapping[str, str]
    body: bytes
    warnings: tuple[Loss, ...] = ()
    tool_names: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"UpstreamRequest(path={self.path!r}, warnings={self.warnings!r}, tool_names={self.tool_names!r})"


def build_request(
    conversation: Conversation, route: Route, estimate: Callable[[], int] | None = None
) -> UpstreamRequest:
    """The request for ``conversation``; the same bytes for the same arguments.

    The messages come right behind the model, so that a longer conversation's
    body begins with the bytes of a shorter one. Optional fields are left out
    where the client said nothing or said what is the upstream's default anyway.
    ``route.request`` is applied last: ``default`` to keys that are absent, then
    ``set``, then ``drop``. Where the route wants the tools in the prompt, the first
    parser that can writes them there. ``estimate`` gives the tokens of the input: with it, the
    answer is kept within what the window has room for. Raises RequestError where templates fail
    and for what cannot be honoured at all.
    """
    check_sequences(conversation.stop_sequences)
    conversation, repairs = repaired(conversation)
    conversation, tool_names = with_fitting_names(conversation)
    writer = _writer(route)
    warnings = list(repairs)
    if conversation.output_schema is not None:
        conversation = told(conversation, route, warnings)
    writer.write(conversation)
    warnings += writer.warnings
    limit = allowed(conversation, route, warnings)
    body: JsonObject = {"model": route.model, "messages": writer.messages}
    if conversation.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    if limit:
        body[route.max_tokens_field] = limit
    _sample(body, conversation, route)
    tools = () if isinstance(writer, PromptWriter) else conversation.tools
    if tools:
        _choose(body, conversation.tool_choice)
    declared = _declared(conversation, route, limit, warnings)
    for path, value in declared.items():
        _put(body, path, value)
    if conversation.output_schema is not None:
        body |= response_format(conversation, route)
    if tools:
        # What is compared with the route's own has to be readable.
        written = None if _TOOLS in route.request.set else once(tools, _written_tools, route.tool_schema)
        body[_TOOLS] = _tools(tools, route.tool_schema) if written is None else written
    if conversation.extra:
        body |= as_said(conversation, route)
    patch = route.request
    if patch.default or patch.set or patch.drop:
        _patch(body, patch, {path[0] for path in declared}, warnings)
    data = jsontext.dumps(body)
    if estimate is not None and route.context_window is not None:
        data = _within_window(body, data, limit, route, estimate, warnings)
    return UpstreamRequest(PATH, _headers(conversation, route), data, tuple(warnings), tool_names)


def _writer(route: Route) -> MessageWriter:
    replay = Replay(route) if route.reasoning.replay else None
    if route.tools == "prompt":
        for parser in route.parsers:
            if parser.prompt is not None:
                return PromptWriter(replay, parser.prompt)
    return MessageWriter(replay)


def _within_window(
    body: JsonObject, data: bytes, limit: int, route: Route, estimate: Callable[[], int], warnings: list[Loss]
) -> bytes:
    """``data``, or what it becomes if the answer has to be shorter than ``limit``; the route's own limit stays."""
    left = room(limit, route.context_window, len(data), estimate)
    if left >= limit or body.get(route.max_tokens_field) != limit:
        return data
    what = f"{limit} is lowered to {left}, which is what the context window has room for"
    warnings.append(Loss("max_tokens", what, "adjusted"))
    body[route.max_tokens_field] = left
    budget = _get(body, route.reasoning.budget)
    if isinstance(budget, int) and budget >= left:
        _put(body, route.reasoning.budget, left - 1)
    return jsontext.dumps(body)


def _sample(body: JsonObject, conversation: Conversation, route: Route) -> None:
    if conversation.temperature is not None:
        body["temperature"] = conversation.temperature
    if conversation.top_p is not None:
        body["top_p"] = conversation.top_p
    if conversation.top_k is not None:
        body["top_k"] = conversation.top_k
    if stop := conversation.stop_sequences[: route.max_stop_sequences]:
        body["stop"] = list(stop)


def _choose(body: JsonObject, choice: ToolChoice) -> None:
    match choice.mode:
        case "any":
            body["tool_choice"] = "required"
        case "tool":
            body["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
        case "none":
            body["tool_choice"] = "none"
    if not choice.parallel:
        body["parallel_tool_calls"] = False


def _written_tools(tools: Sequence[Tool], dialect: ToolSchema) -> jsontext.Written | None:
    return jsontext.written(_tools(tools, dialect))


def _tools(tools: Sequence[Tool], dialect: ToolSchema) -> list[JsonObject]:
    return [_tool(tool, dialect) for tool in tools]


def _tool(tool: Tool, dialect: ToolSchema) -> JsonObject:
    function: JsonObject = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = fitted(tool.schema or NO_ARGUMENTS, dialect)
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _declared(conversation: Conversation, route: Route, limit: int, warnings: list[Loss]) -> dict[Path, object]:
    """Fields that only a route can know its upstream to understand."""
    fields: dict[Path, object] = {}
    if conversation.effort or conversation.thinking.mode != "unset":
        fields.update(reasoning_fields(conversation, route, limit, warnings))
    user, asked = conversation.user_id, route.request
    if not user:
        return fields
    if route.user_field:
        # Long ones are hashed, not lost: what they are for is to tell users apart.
        fields[route.user_field] = (
            user if len(user) <= _LONGEST_USER else sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
        )
    elif _USER in asked.default and len(user) <= _LONGEST_USER:
        fields[(_USER,)] = user
    elif _USER not in conversation.extra:
        over = _USER in asked.default
        why = f"is over {_LONGEST_USER} characters" if over else "is not declared by the route"
        warnings.append(Loss("metadata.user_id", f"not sent, it {why} (`user_field`)", "adjusted"))
    return fields


def _put(body: JsonObject, path: Path, value: object) -> None:
    *tables, key = path
    for name in tables:
        inner = body.setdefault(name, {})
        if not isinstance(inner, dict):
            inner = body[name] = {}
        body = inner
    body[key] = value


def _get(body: JsonObject, path: Path) -> object:
    node: object = body if path else None
    for name in path:
        node = node.get(name) if isinstance(node, dict) else None
    return node


def _patch(body: JsonObject, patch: BodyPatch, shared: set[str], warnings: list[Loss]) -> None:
    """The route's changes. Tables that hold a wish of the client's too (``shared``) are merged, the rest replaced."""
    for key, field_ in _ASKED.items() if patch.drop or patch.set else ():
        if key in body and key in patch.drop:
            warnings.append(Loss(field_, "not sent, the route's `request.drop` names it"))
        elif key in body and key in patch.set and patch.set[key] != body[key]:
            warnings.append(Loss(field_, "not sent, the route's `request.set` decides it", "adjusted"))
    for key, value in patch.default.items():
        if key in shared and isinstance(value, dict):
            body[key] = _merged(value, body[key])
        else:
            body.setdefault(key, value)
    for key, value in patch.set.items():
        body[key] = _merged(body[key], value) if key in shared else value
    for key in patch.drop:
        body.pop(key, None)


def _merged(under: object, over: object) -> object:
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return {**under, **{key: _merged(under.get(key), value) for key, value in over.items()}}


def _headers(conversation: Conversation, route: Route) -> dict[str, str]:
    headers = {"content-type": "application/json", "accept": "application/json"}
    if conversation.stream:
        headers["accept"] = "text/event-stream"
        # A compressing proxy in between would hold back what it has not filled a block with.
        headers["accept-encoding"] = "identity"
    upstream = route.upstream
    if upstream.api_key:
        headers["authorization"] = f"Bearer {upstream.api_key}"
    for more in (upstream.headers, route.request.headers):
        if more:
            headers |= {name.lower(): value for name, value in more.items()}
    return headers
