"""How upstreams say that a prompt does not fit into the context window, as data.

Clients act on one wording only, so all of these become that one.
"""

from __future__ import annotations

import re

# In each pattern ``n`` is how many tokens there were and ``m`` how many may be.
# Where a server counts prompt and answer together, so do we.
_WORDINGS = (
    # vLLM, DeepSeek, OpenRouter, older OpenAI
    r"maximum context length is (?P<m>\d+) tokens.{0,40}?requested (?:about )?(?P<n>\d+) tokens",
    r"maximum context length is (?P<m>\d+) tokens.{0,60}?resulted in (?P<n>\d+) tokens",
    r"maximum context length is (?P<m>\d+) tokens.{0,40}?request has (?P<n>\d+) input tokens",
    r"passed (?P<n>\d+) input tokens.{0,120}?context length is only (?P<m>\d+) tokens",
    r"prompt \((?:total )?length (?P<n>\d+)\).{0,60}?(?:maximum model length of|context length) (?P<m>\d+)",
    # SGLang
    r"input \((?P<n>\d+) tokens\) is longer than the model's context length \((?P<m>\d+) tokens\)",
    r"maximum context length of (?P<m>\d+) tokens.{0,40}?requested a total of (?P<n>\d+) tokens",
    r"input length \((?P<n>\d+) tokens\) exceeds the maximum allowed length \((?P<m>\d+) tokens\)",
    # llama.cpp
    r"request \((?P<n>\d+) tokens\) exceeds the available context size \((?P<m>\d+) tokens\)",
    r"exceeds? the available context size",
    # Ollama, LM Studio
    r"prompt too long; exceeded (?:max )?context length",
    r"input length exceeds (?:the |maximum )?context length",
    r"keep the first (?P<n>\d+) tokens when context.{0,60}?context length of only (?P<m>\d+) tokens",
    r"tokens to keep from the initial prompt is greater than the context length",
    # OpenAI
    r"exceed the configured limit of (?P<m>\d+) tokens.{0,40}?resulted in (?P<n>\d+) tokens",
    r"input exceeds the context window of this model",
    r"context_length_exceeded",
    # Moonshot, Mistral, Qwen, GLM, MiniMax
    r"exceeded model token limit: (?P<m>\d+)(?: \(requested: (?P<n>\d+)\))?",
    r"prompt contains (?P<n>\d+) tokens.{0,60}?model with (?P<m>\d+) maximum context length",
    r"range of input length should be \[\d+, (?P<m>\d+)\]",
    r"prompt exceeds max(?:imum)? length",
    r"context window exceeds limit",
    # TGI, Gemini, xAI, Cerebras, Groq, Copilot, Anthropic
    r"must be <= (?P<m>\d+)\. given: (?P<n>\d+) `inputs` tokens",
    r"input token count \(?(?P<n>\d+)\)? exceeds the maximum number of tokens allowed \(?(?P<m>\d+)",
    r"maximum prompt length is (?P<m>\d+) but the request contains (?P<n>\d+) tokens",
    r"current length is (?P<n>\d+) while limit is (?P<m>\d+)",
    r"prompt token count of (?P<n>\d+) exceeds the limit of (?P<m>\d+)",
    r"prompt is too long(?:: (?P<n>\d+) tokens > (?P<m>\d+))?",
    # Whoever words it nearly so
    r"maximum context length is (?P<m>\d+)",
    r"reduce the length of the (?:messages|(?:input )?prompt|input messages|conversation)",
)

# Servers that count in fields of the error object: how many, and how many may be.
_COUNTS = (("n_prompt_tokens", "n_ctx"),)

_TOO_LONG = "prompt is too long"
_SEARCHED = 4000


def overflow_message(text: str, error: object) -> str | None:
    """The client's wording, if ``text`` (of the error object ``error``) says that the prompt is too long."""
    # Long digit groups are written with separators by some.
    plain = re.sub(r"(?<=\d)[,_](?=\d{3})", "", text[:_SEARCHED].lower())
    for wording in _WORDINGS:
        found = re.search(wording, plain, re.DOTALL)
        if found is not None:
            groups = found.groupdict()
            counted = _counted(error)
            return _worded(groups.get("n") or counted[0], groups.get("m") or counted[1])
    return None


def is_overflow(message: str) -> bool:
    """Whether ``message`` is the client's wording."""
    return message.startswith(_TOO_LONG)


def _counted(error: object) -> tuple[str, str]:
    if isinstance(error, dict):
        for used, limit in _COUNTS:
            n, m = error.get(used), error.get(limit)
            if isinstance(n, int) and isinstance(m, int):
                return str(n), str(m)
    return "", ""


def _worded(used: str | None, limit: str | None) -> str:
    if used and limit:
        return f"{_TOO_LONG}: {used} tokens > {limit} maximum"
    if limit:
        return f"{_TOO_LONG}: more than {limit} tokens, the maximum"
    return f"{_TOO_LONG}: it does not fit into the context window of the model"
