"""A Messages request -> a conversation."""

from __future__ import annotations

from bridge.core.anthropic.checks import (
    Notes,
    as_list,
    as_object,
    as_string,
    check_depth,
    name,
    optional_bool,
    optional_fraction,
    optional_integer,
    optional_list,
    optional_object,
    optional_string,
    required,
    shown,
    string,
    under,
    wrong,
)
from bridge.core.anthropic.content import read_content, read_texts
from bridge.core.anthropic.tools import read_tool_choice, read_tools
from bridge.core.conversation import Conversation, Json, Part, Role, Text, Thinking, ThinkingConfig, Turn
from bridge.errors import RequestError

_HANDLED = frozenset(
    {
        "model",
        "messages",
        "max_tokens",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
        "stop_sequences",
        "temperature",
        "top_p",
        "top_k",
        "metadata",
        "stream",
    }
)
# Hints whose loss changes nothing in the answer.
_SILENT = frozenset({"cache_control"})
# To ignore one of these would be to answer another question.
REFUSED = frozenset({"container", "mcp_servers", "compaction", "fallbacks", "fallback_credit_token"})
_THREAD = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}

_ROLES: dict[object, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
EFFORTS = ("low", "medium", "high", "xhigh", "max")
_BILLING_HEADER = "x-anthropic-billing-header"


def parse_request(body: object) -> Conversation:
    """The conversation that the decoded body of a Messages request asks to continue.

    Raises ``RequestError`` for whatever is wrong or cannot be honoured, naming
    the field as Anthropic does (``messages.0.content.1.text: Field required``).
    Fields that are not supported and do not change the answer are dropped;
    ``warnings`` names them.
    """
    body = _checked(body)
    max_tokens = optional_integer(body, "max_tokens", least=0)
    if max_tokens is None:
        raise wrong("max_tokens", "Field required")
    if max_tokens == 0:
        raise wrong("max_tokens", "0 (filling the cache, no answer) is not supported; ask for at least 1")
    conversation = _conversation(body, max_tokens)
    # Upstreams refuse an empty conversation, in words that do not help.
    if not any(_says_something(part) for turn in conversation.turns for part in turn.parts):
        raise wrong("messages", "At least one message must have content that is not empty")
    return conversation


def parse_count_request(body: object) -> Conversation:
    """The same for a request to count tokens, where ``max_tokens`` may be missing; it is then 0."""
    body = _checked(body)
    return _conversation(body, optional_integer(body, "max_tokens", least=0) or 0)


def _checked(body: object) -> Json:
    if not isinstance(body, dict):
        raise wrong("body", "Input should be a JSON object")
    check_depth(body)
    if body.get("thread") is not None:
        raise wrong("thread", "Threads are not supported; send the whole conversation instead", _THREAD)
    for key in sorted(REFUSED & body.keys()):
        if body[key]:
            raise wrong(key, "Not supported, and leaving it out would change the answer; remove it")
    return body


def _conversation(body: Json, max_tokens: int) -> Conversation:
    notes = Notes()
    for key, value in body.items():
        if key not in _HANDLED and key not in _SILENT and key not in REFUSED and value is not None:
            notes.drop(key)
    tools = read_tools(body, notes)
    effort, schema = _output(body, notes)
    return Conversation(
        model=name(body, "model"),
        max_tokens=max_tokens,
        turns=_turns(body, notes),
        system=_system(body.get("system")),
        tools=tools,
        tool_choice=read_tool_choice(body, tools),
        thinking=_thinking(body, notes),
        effort=effort,
        output_schema=schema,
        stop_sequences=_stop_sequences(body),
        temperature=optional_fraction(body, "temperature"),
        top_p=optional_fraction(body, "top_p"),
        top_k=optional_integer(body, "top_k", least=0),
        user_id=_user_id(body, notes),
        stream=bool(optional_bool(body, "stream")),
        warnings=notes.warnings(),
    )


def _turns(body: Json, notes: Notes) -> tuple[Turn, ...]:
    messages = as_list("messages", required(body, "messages"))
    if not messages:
        raise wrong("messages", "At least one message is required")
    turns = []
    for index, message in enumerate(messages):
        message = as_object(f"messages.{index}", message)
        try:
            role = _role(message)
            turns.append(Turn(role, read_content(required(message, "content"), role, notes)))
        except RequestError as error:
            raise under(f"messages.{index}", error) from None
    return tuple(turns)


def _says_something(part: Part) -> bool:
    return part.text != "" if isinstance(part, Text) else not isinstance(part, Thinking)


def _role(message: Json) -> Role:
    value = string(message, "role")
    role = _ROLES.get(value)
    if role is None:
        raise wrong("role", f"Input should be 'user', 'assistant' or 'system', not {shown(value)}")
    return role


def _system(system: object) -> tuple[Text, ...]:
    if system is None:
        return ()
    # The billing block differs from request to request and would defeat the upstream's prompt cache.
    return tuple(text for text in read_texts("system", system) if not text.text.startswith(_BILLING_HEADER))


def _thinking(body: Json, notes: Notes) -> ThinkingConfig:
    thinking = optional_object(body, "thinking")
    if thinking is None:
        return ThinkingConfig()
    try:
        mode = string(thinking, "type")
        display = optional_string(thinking, "display")
        budget = optional_integer(thinking, "budget_tokens", least=1)
        if mode == "enabled" and budget is None:
            raise wrong("budget_tokens", "Field required")
    except RequestError as error:
        raise under("thinking", error) from None
    match mode:
        case "enabled":
            return ThinkingConfig("enabled", budget or 0, shown=display != "omitted")
        case "adaptive":
            return ThinkingConfig("adaptive", budget or 0, shown=display != "omitted")
        case "disabled":
            return ThinkingConfig("disabled")
    notes.drop(f"thinking.type {mode}")
    return ThinkingConfig()


def _output(body: Json, notes: Notes) -> tuple[str, Json | None]:
    """Effort and output schema; ``output_format`` is the older place of the latter."""
    config = optional_object(body, "output_config") or {}
    for key in config:
        if key not in ("effort", "format") and config[key] is not None:
            notes.drop(f"output_config.{key}")
    try:
        effort = optional_string(config, "effort")
        if effort and effort not in EFFORTS:
            raise wrong("effort", f"Input should be one of {', '.join(EFFORTS)}, not {shown(effort)}")
        schema = _schema(config, "format")
    except RequestError as error:
        raise under("output_config", error) from None
    return effort, schema or _schema(body, "output_format")


def _schema(body: Json, key: str) -> Json | None:
    form = optional_object(body, key)
    if form is None:
        return None
    try:
        kind = string(form, "type")
        if kind != "json_schema":
            raise wrong("type", f"Input should be 'json_schema', not {shown(kind)}")
        return as_object("schema", required(form, "schema"))
    except RequestError as error:
        raise under(key, error) from None


def _stop_sequences(body: Json) -> tuple[str, ...]:
    sequences = []
    for index, entry in enumerate(optional_list(body, "stop_sequences")):
        sequence = as_string(f"stop_sequences.{index}", entry)
        if not sequence:
            raise wrong(f"stop_sequences.{index}", "String should have at least 1 character")
        sequences.append(sequence)
    return tuple(sequences)


def _user_id(body: Json, notes: Notes) -> str:
    metadata = optional_object(body, "metadata") or {}
    for key in metadata:
        if key != "user_id":
            notes.drop(f"metadata.{key}")
    try:
        return optional_string(metadata, "user_id")
    except RequestError as error:
        raise under("metadata", error) from None
