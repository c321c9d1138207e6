"""A chat completions request of a client -> a conversation, and how its answer is to be told."""

from __future__ import annotations

from bridge.core.checks import (
    Notes,
    as_list,
    as_string,
    check_depth,
    name,
    optional_bool,
    optional_integer,
    optional_number,
    optional_object,
    optional_string,
    shown,
    under,
    wrong,
)
from bridge.core.conversation import Conversation, Json, ThinkingConfig
from bridge.core.openai.inbound_messages import read_messages
from bridge.core.openai.inbound_tools import read_tool_choice, read_tools
from bridge.core.openai.reasoning import EFFORT, SCALE
from bridge.core.openai.voice import ChatVoice
from bridge.errors import RequestError

_HANDLED = frozenset(
    {
        "model",
        "messages",
        "max_tokens",
        "max_completion_tokens",
        "tools",
        "functions",
        "tool_choice",
        "function_call",
        "parallel_tool_calls",
        "stop",
        "temperature",
        "top_p",
        "top_k",
        "user",
        "stream",
        "stream_options",
        "n",
        "modalities",
    }
)
_PASSED_ON = frozenset(
    {
        # OpenAI
        "frequency_penalty",
        "logit_bias",
        "metadata",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "store",
        "user",
        "verbosity",
        # servers that one runs oneself, and clouds of open models
        "chat_template_kwargs",
        "enable_thinking",
        "guided_choice",
        "guided_grammar",
        "guided_json",
        "guided_regex",
        "min_p",
        "min_tokens",
        "reasoning",
        "repetition_penalty",
        "structured_outputs",
        "thinking",
        "thinking_budget",
    }
)
"""What the upstream reads as it stands. A list, and not all there is: routers read fields that name
other models, servers of their own ones that hold templates, and neither is for a client to choose."""

_REFUSED = {
    "audio": "audio answers are not supported",
    "best_of": "only one answer can be given",
    "web_search_options": "there is no web search here; leaving it out would change the answer",
}
_HOTTEST = 2


def read_request(body: object, now: int, text: bytes | None = None) -> tuple[Conversation, ChatVoice]:
    """What the decoded body of a request asks, at ``now`` (seconds since the epoch).

    Raises ``RequestError`` for whatever is wrong or cannot be honoured, naming the field
    (``messages.0.content: Field required``). Fields that the upstream understands as they are go
    into ``extra``; others that do not change what the answer is are dropped and named in
    ``warnings``. Without a limit, ``max_tokens`` is 0. ``text`` is what ``body`` was decoded from, if it is at hand.
    """
    if not isinstance(body, dict):
        raise wrong("body", "Input should be a JSON object")
    check_depth(body, text=text)
    _check_supported(body)
    notes = Notes()
    for key, value in body.items():
        if key not in _HANDLED and key not in _PASSED_ON and value is not None and value is not False:
            notes.drop(key)
    tools, legacy = read_tools(body, notes)
    tools, choice = read_tool_choice(body, tools, legacy=legacy)
    options = optional_object(body, "stream_options") or {}
    for key in options:
        if key not in ("include_usage", "include_obfuscation"):
            notes.drop(f"stream_options.{key}")
    effort, thinking = _effort(body.get(EFFORT))
    schema, strict = _schema(body)
    conversation = Conversation(
        model=name(body, "model"),
        max_tokens=_limit(body),
        turns=read_messages(body, notes),
        tools=tools,
        tool_choice=choice,
        thinking=thinking,
        effort=effort,
        output_schema=schema,
        strict_output=strict,
        stop_sequences=_stop(body.get("stop")),
        temperature=optional_number(body, "temperature", most=_HOTTEST),
        top_p=optional_number(body, "top_p", most=1),
        top_k=optional_integer(body, "top_k", least=-1),
        user_id=optional_string(body, "user"),
        stream=bool(optional_bool(body, "stream")),
        extra=_extra(body),
        warnings=notes.warnings(),
    )
    return conversation, ChatVoice(now, include_usage=bool(optional_bool(options, "include_usage")), legacy=legacy)


def _check_supported(body: Json) -> None:
    for key in sorted(_REFUSED.keys() & body.keys()):
        if body[key] is not None and body[key] is not False:
            raise wrong(key, f"{shown(body[key])} cannot be honoured: {_REFUSED[key]}")
    if (optional_integer(body, "n", least=1) or 1) > 1:
        raise wrong("n", "Only one answer can be given; leave this out, or ask several times")
    modalities = body.get("modalities")
    if modalities is not None and any(kind != "text" for kind in as_list("modalities", modalities)):
        raise wrong("modalities", "Only 'text' is supported")


def _limit(body: Json) -> int:
    newer = optional_integer(body, "max_completion_tokens", least=1)
    older = optional_integer(body, "max_tokens", least=1)
    return newer or older or 0


def _stop(stop: object) -> tuple[str, ...]:
    if stop is None:
        return ()
    if isinstance(stop, str):
        stop = [stop]
    sequences = []
    for index, entry in enumerate(as_list("stop", stop)):
        sequence = as_string(f"stop.{index}", entry)
        if not sequence:
            raise wrong(f"stop.{index}", "String should have at least 1 character")
        sequences.append(sequence)
    return tuple(sequences)


def _effort(said: object) -> tuple[str, ThinkingConfig]:
    """What routes can map; other words are the upstream's to judge."""
    if said == "none":
        return "", ThinkingConfig("disabled")
    return (said if isinstance(said, str) and said in SCALE else ""), ThinkingConfig()


def _schema(body: Json) -> tuple[Json | None, bool]:
    """The schema that the answer is to fit, and whether it has to."""
    form = optional_object(body, "response_format") or {}
    if form.get("type") != "json_schema":
        return None, True
    try:
        wanted = optional_object(form, "json_schema") or {}
        return optional_object(wanted, "schema"), wanted.get("strict") is True
    except RequestError as error:
        raise under("response_format", error) from None


def _extra(body: Json) -> Json:
    extra = {key: value for key, value in body.items() if key in _PASSED_ON and value is not None}
    if (optional_object(body, "response_format") or {}).get("type") == "text":
        # That is what every answer is.
        del extra["response_format"]
    return extra
