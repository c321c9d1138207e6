"""A Messages request -> a conversation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, cast

from bridge.core.anthropic.content import read_content, read_texts
from bridge.core.anthropic.policy import (
    FORMAT,
    MESSAGE,
    METADATA,
    OUTPUT_CONFIG,
    REQUEST,
    THINKING,
    THINKING_TYPES,
)
from bridge.core.anthropic.toolmemo import ToolMemo
from bridge.core.anthropic.tools import read_tool_choice, read_tools
from bridge.core.checks import (
    Notes,
    as_list,
    as_string,
    check_depth,
    name,
    object_at,
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
from bridge.core.conversation import Conversation, Json, Role, Text, ThinkingConfig, ToolChoice, Turn
from bridge.errors import RequestError

_ROLES: dict[object, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
_Mode = Literal["enabled", "adaptive", "disabled"]
EFFORTS = ("low", "medium", "high", "xhigh", "max")
_BILLING_HEADER = "x-anthropic-billing-header"
_FREE = ToolChoice()
_OUTPUT = frozenset({"output_config", "output_format"})
_WISHES = frozenset({"thinking", "stop_sequences", "temperature", "top_p", "top_k", "metadata"})


def parse_request(
    body: object, text: bytes | None = None, memo: ToolMemo | None = None, tools: bytes = b""
) -> Conversation:
    """The conversation that the decoded body of a Messages request asks to continue.

    Raises ``RequestError`` for whatever is wrong or cannot be honoured, naming
    the field as Anthropic does (``messages.0.content.1.text: Field required``).
    Fields that are not supported and do not change the answer are dropped;
    ``warnings`` names them. ``text`` is what ``body`` was decoded from, if it is at hand.
    ``memo`` spares reading the same tools again; it has taken ``tools`` apart from the rest of the body, if so.
    """
    body, tools = _checked(body, text, memo, tools)
    max_tokens = optional_integer(body, "max_tokens", least=0)
    if max_tokens is None:
        raise wrong("max_tokens", "Field required")
    if max_tokens == 0:
        raise wrong("max_tokens", "0 (filling the cache, no answer) is not supported; ask for at least 1")
    conversation = _conversation(body, max_tokens, memo, tools)
    for turn in conversation.turns:
        for part in turn.parts:
            if type(part) is not Text or part.text:
                return conversation
    raise wrong("messages", "At least one message must have content that is not empty")


def parse_count_request(
    body: object, text: bytes | None = None, memo: ToolMemo | None = None, tools: bytes = b""
) -> Conversation:
    """The same for a request to count tokens, where ``max_tokens`` may be missing; it is then 0."""
    body, tools = _checked(body, text, memo, tools)
    return _conversation(body, optional_integer(body, "max_tokens", least=0) or 0, memo, tools)


def _checked(body: object, text: bytes | None, memo: ToolMemo | None, tools: bytes) -> tuple[Json, bytes]:
    if not isinstance(body, dict):
        raise wrong("body", "Input should be a JSON object")
    asked: Json = body
    if memo is not None and not tools:
        asked, tools = memo.apart(asked)
    # Known tools are not too deep.
    check_depth(asked, text=text)
    return asked, tools


def _conversation(body: Json, max_tokens: int, memo: ToolMemo | None, tools_text: bytes) -> Conversation:
    notes = Notes()
    notes.look(body, REQUEST)
    declared = read_tools(body, notes) if memo is None else memo.read(body, tools_text, notes)
    choice = read_tool_choice(body, declared, notes) if "tool_choice" in body else _FREE
    effort, schema = ("", None) if _OUTPUT.isdisjoint(body) else _output(body, notes)
    turns = _turns(body, notes)
    tools, hidden = declared.revealed(notes.references, choice.name)
    return Conversation(
        name(body, "model"),
        max_tokens,
        turns,
        _system(body["system"], notes) if "system" in body else (),
        tools,
        hidden,
        choice,
        effort=effort,
        output_schema=schema,
        **({} if _WISHES.isdisjoint(body) else _wishes(body, notes)),
        stream=bool(optional_bool(body, "stream")),
        warnings=notes.warnings(),
    )


def _wishes(body: Json, notes: Notes) -> dict[str, Any]:
    """Of the fields of a conversation, those that most requests say little of."""
    return {
        "thinking": _thinking(body, notes),
        "stop_sequences": _stop_sequences(body),
        "temperature": optional_fraction(body, "temperature"),
        "top_p": optional_fraction(body, "top_p"),
        "top_k": optional_integer(body, "top_k", least=0),
        "user_id": _user_id(body, notes),
    }


def _turns(body: Json, notes: Notes) -> tuple[Turn, ...]:
    messages = as_list("messages", required(body, "messages"))
    if not messages:
        raise wrong("messages", "At least one message is required")
    turns = []
    fading: list[int] = []
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise wrong(f"messages.{index}", "Input should be an object")
        try:
            turn = _turn(message, notes)
            if "clear_at" in message and optional_string(message, "clear_at") == "next_user_message":
                fading.append(index)
        except RequestError as error:
            raise under(f"messages.{index}", error) from None
        turns.append(turn)
    return tuple(_lasting(turns, fading) if fading else turns)


def _lasting(turns: Sequence[Turn], fading: Sequence[int]) -> Iterator[Turn]:
    """``turns`` without the system messages among those at ``fading`` that a user's message follows."""
    last = max((index for index, turn in enumerate(turns) if turn.role == "user"), default=0)
    gone = {index for index in fading if index < last and turns[index].role == "system"}
    return (turn for index, turn in enumerate(turns) if index not in gone)


def _turn(message: Json, notes: Notes) -> Turn:
    if not MESSAGE.quiet.issuperset(message):
        notes.look(message, MESSAGE, "messages.*.")
    role = _ROLES.get(said) if isinstance(said := message.get("role"), str) else None
    if role is None:
        raise wrong("role", f"Input should be 'user', 'assistant' or 'system', not {shown(string(message, 'role'))}")
    content = message.get("content")
    if content is None:
        if role == "system" and message.get("output_config") is not None:
            return Turn(role, ())
        required(message, "content")
    return Turn(role, read_content(content, role, notes))


def _system(system: object, notes: Notes) -> tuple[Text, ...]:
    if system is None:
        return ()
    # The billing block differs from request to request and would defeat the upstream's prompt cache.
    texts = read_texts("system", system, "prompt", notes)
    return tuple([text for text in texts if not text.text.startswith(_BILLING_HEADER)])


def _thinking(body: Json, notes: Notes) -> ThinkingConfig:
    thinking = optional_object(body, "thinking")
    if thinking is None:
        return ThinkingConfig()
    try:
        notes.look(thinking, THINKING, "thinking.")
        mode = string(thinking, "type")
        display = optional_string(thinking, "display")
        budget = optional_integer(thinking, "budget_tokens", least=1)
        if mode == "enabled" and budget is None:
            raise wrong("budget_tokens", "Field required")
    except RequestError as error:
        raise under("thinking", error) from None
    row = THINKING_TYPES.get(mode)
    if row is None or row.action == "dropped":
        notes.drop(f"thinking.type {mode}")
        return ThinkingConfig()
    return ThinkingConfig(cast(_Mode, mode), 0 if mode == "disabled" else budget or 0, shown=display != "omitted")


def _output(body: Json, notes: Notes) -> tuple[str, Json | None]:
    """Effort and output schema; ``output_format`` is the older place of the latter."""
    config = optional_object(body, "output_config") or {}
    try:
        notes.look(config, OUTPUT_CONFIG, "output_config.")
        effort = optional_string(config, "effort")
        if effort and effort not in EFFORTS:
            raise wrong("effort", f"Input should be one of {', '.join(EFFORTS)}, not {shown(effort)}")
        schema = _schema(config, "format", notes)
    except RequestError as error:
        raise under("output_config", error) from None
    return effort, schema or _schema(body, "output_format", notes)


def _schema(body: Json, key: str, notes: Notes) -> Json | None:
    form = optional_object(body, key)
    if form is None:
        return None
    try:
        notes.look(form, FORMAT, f"{key}.")
        kind = string(form, "type")
        if kind != "json_schema":
            raise wrong("type", f"Input should be 'json_schema', not {shown(kind)}")
        return object_at(form, "schema")
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
    try:
        notes.look(metadata, METADATA, "metadata.")
        return optional_string(metadata, "user_id")
    except RequestError as error:
        raise under("metadata", error) from None
