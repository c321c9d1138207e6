"""How upstreams say that a prompt does not fit into the context window, as rules of ``bridge.core.errorrules``.

Clients act on one wording only, so all of these become that one.
"""

from __future__ import annotations

from bridge.core.errorrules import ErrorRule, Values, compile_wording

# ``n`` is how many tokens there were and ``m`` how many may be. Where a server counts prompt and
# answer together, so do we. Of two wordings that match, the first one counts.
_WORDINGS = (
    # vLLM, DeepSeek, OpenRouter, older OpenAI
    "maximum context length is {m} tokens{_}requested {n} tokens",
    "maximum context length is {m} tokens{_}requested about {n} tokens",
    "maximum context length is {m} tokens{_}resulted in {n} tokens",
    "maximum context length is {m} tokens{_}request has {n} input tokens",
    "passed {n} input tokens{_}context length is only {m} tokens",
    "prompt (length {n}){_}maximum model length of {m}",
    "prompt (total length {n}){_}maximum model length of {m}",
    "prompt (length {n}){_}context length {m}",
    "prompt (total length {n}){_}context length {m}",
    # SGLang
    "input ({n} tokens) is longer than the model's context length ({m} tokens)",
    "maximum context length of {m} tokens{_}requested a total of {n} tokens",
    "input length ({n} tokens) exceeds the maximum allowed length ({m} tokens)",
    # llama.cpp
    "request ({n} tokens) exceeds the available context size ({m} tokens)",
    "exceeds the available context size",
    "exceed the available context size",
    "exceed_context_size",
    # Ollama, LM Studio
    "prompt too long; exceeded max context length",
    "prompt too long; exceeded context length",
    "input length exceeds the context length",
    "input length exceeds maximum context length",
    "input length exceeds context length",
    "keep the first {n} tokens when context{_}context length of only {m} tokens",
    "tokens to keep from the initial prompt is greater than the context length",
    # OpenAI
    "exceed the configured limit of {m} tokens{_}resulted in {n} tokens",
    "input exceeds the context window of this model",
    "context_length_exceeded",
    # Moonshot, Mistral, Qwen, GLM, MiniMax
    "exceeded model token limit: {m} (requested: {n})",
    "exceeded model token limit: {m}",
    "prompt contains {n} tokens{_}model with {m} maximum context length",
    "range of input length should be [{_}, {m}]",
    "prompt exceeds max length",
    "prompt exceeds maximum length",
    "context window exceeds limit",
    # TGI, Gemini, xAI, Cerebras, Copilot, Anthropic
    "must be <= {m}. given: {n} `inputs` tokens",
    "input token count ({n}) exceeds the maximum number of tokens allowed ({m})",
    "input token count {_}{n}{_}exceeds the maximum number of tokens allowed {_}{m}",
    "maximum prompt length is {m} but the request contains {n} tokens",
    "current length is {n} while limit is {m}",
    "prompt token count of {n} exceeds the limit of {m}",
    "prompt is too long: {n} tokens > {m}",
    "prompt is too long",
    # Whoever words it nearly so
    "maximum context length is {m}",
    "reduce the length of the messages",
    "reduce the length of the prompt",
    "reduce the length of the input prompt",
    "reduce the length of the input messages",
    "reduce the length of the conversation",
)

_TOO_LONG = "prompt is too long"
_MESSAGES = (
    f"{_TOO_LONG}: {{n}} tokens > {{m}} maximum",
    f"{_TOO_LONG}: more than {{m}} tokens, the maximum",
    f"{_TOO_LONG}: it does not fit into the context window of the model",
)

OVERFLOW = tuple(
    ErrorRule(compile_wording(wording), frozenset({400, 413, 422, 500}), "invalid_request", _MESSAGES, retry=False)
    for wording in _WORDINGS
)
"""The built-in rules."""

# Servers that count in fields of the error object: how many, and how many may be.
_COUNTS = (("n_prompt_tokens", "n_ctx"),)


def counted(error: object) -> Values:
    """What an error object counts beside its words."""
    if isinstance(error, dict):
        for used, limit in _COUNTS:
            n, m = error.get(used), error.get(limit)
            if type(n) is int and type(m) is int:
                return {"n": str(n), "m": str(m)}
    return {}


def is_overflow(message: str) -> bool:
    """Whether ``message`` is the client's wording."""
    return message.startswith(_TOO_LONG)
