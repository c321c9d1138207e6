"""However an upstream says that the prompt is too long, the client reads its own wording."""

from __future__ import annotations

import time

import pytest

from bridge.core.errorrules import Said, meaning_of
from bridge.core.openai.errors import fault_from_response
from bridge.core.openai.overflow import OVERFLOW, counted

SAID = {
    "vLLM": (
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens "
        "(4000 in the messages, 1000 in the completion). Please reduce the length of the messages or completion.",
        "5000 tokens > 4096",
    ),
    "vLLM, later": (
        "This model's maximum context length is 2048 tokens. However, your request has 3000 input tokens. "
        "Please reduce the length of the input messages.",
        "3000 tokens > 2048",
    ),
    "vLLM, passed": (
        "You passed 10001 input tokens and requested 1000 output tokens. However, the model's context length is "
        "only 8192 tokens, resulting in a maximum input length of 7192 tokens.",
        "10001 tokens > 8192",
    ),
    "vLLM, decoder": (
        "The decoder prompt (length 40000) is longer than the maximum model length of 32768.",
        "40000 tokens > 32768",
    ),
    "SGLang": (
        "The input (10000 tokens) is longer than the model's context length (8192 tokens).",
        "10000 tokens > 8192",
    ),
    "SGLang, requested": (
        "Requested token count exceeds the model's maximum context length of 8192 tokens. You requested a total of "
        "10000 tokens: 9000 tokens from the input messages and 1000 tokens for the completion.",
        "10000 tokens > 8192",
    ),
    "llama.cpp": (
        "request (26714 tokens) exceeds the available context size (16384 tokens), try increasing it",
        "26714 tokens > 16384",
    ),
    "OpenAI": (
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 140000 tokens.",
        "140000 tokens > 128000",
    ),
    "OpenAI, limit": (
        "Input tokens exceed the configured limit of 272,000 tokens. Your messages resulted in 300,123 tokens.",
        "300123 tokens > 272000",
    ),
    "OpenRouter": (
        "This endpoint's maximum context length is 131072 tokens. However, you requested about 140000 tokens.",
        "140000 tokens > 131072",
    ),
    "Moonshot": (
        "Invalid request: Your request exceeded model token limit: 131072 (requested: 140000)",
        "140000 tokens > 131072",
    ),
    "Mistral": (
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        "40000 tokens > 32768",
    ),
    "TGI": (
        "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and 500 `max_new_tokens`",
        "5000 tokens > 4096",
    ),
    "Gemini": (
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "1200000 tokens > 1048576",
    ),
    "xAI": (
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        "537812 tokens > 131072",
    ),
    "LM Studio": (
        "Trying to keep the first 6000 tokens when context the overflows. However, the model is loaded with "
        "context length of only 4096 tokens",
        "6000 tokens > 4096",
    ),
    "Anthropic": ("prompt is too long: 208310 tokens > 200000 maximum", "208310 tokens > 200000"),
    "Qwen": ("Range of input length should be [1, 129024]", "more than 129024 tokens"),
    "GLM": ("Prompt exceeds max length", "it does not fit"),
    "MiniMax": ("context window exceeds limit (2013)", "it does not fit"),
    "Ollama": ("prompt too long; exceeded max context length by 12 tokens", "it does not fit"),
    "vLLM, total": ("prompt (total length 9000) is too long (context length 8192)", "9000 tokens > 8192"),
    "DeepSeek": (
        "This model's maximum context length is 65536 tokens. However, you requested 70000 tokens",
        "70000 tokens > 65536",
    ),
    "LM Studio, keep": (
        "The number of tokens to keep from the initial prompt is greater than the context length. Try to load more",
        "it does not fit",
    ),
    "OpenAI, code": ("Your input exceeds the context window of this model.", "it does not fit"),
    "Moonshot, short": ("Your request exceeded model token limit: 131072", "more than 131072 tokens"),
    "Gemini, bare": (
        "The input token count 1200000 exceeds the maximum number of tokens allowed 1048576.",
        "1200000 tokens > 1048576",
    ),
    "Cerebras": (
        "Please reduce the length. Current length is 9000 while limit is 8192",
        "9000 tokens > 8192",
    ),
    "Copilot": ("prompt token count of 140000 exceeds the limit of 128000", "140000 tokens > 128000"),
    "Ollama, embedding": ("the input length exceeds the context length", "it does not fit"),
    "only the window": ("the maximum context length is 8192 here", "more than 8192 tokens"),
    "two lines": (
        "maximum context length is 8192 tokens.\\n  However, your messages\\tresulted in 9_000 tokens",
        "9000 tokens > 8192",
    ),
    "Groq": ("Please reduce the length of the messages or completion.", "it does not fit"),
}


@pytest.mark.parametrize(("said", "told"), SAID.values(), ids=SAID.keys())
@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_wording(said: str, told: str, status: int) -> None:
    body = b'{"error":{"message":"%b"}}' % said.encode()
    fault = fault_from_response(status, {}, body, "u", "m")
    assert fault.message.startswith(f"prompt is too long: {told}")
    # The status is that of the kind: 400, also for a 413.
    assert (fault.kind, fault.status, fault.retry) == ("invalid_request", None, "never")


def test_counts_in_fields_of_their_own() -> None:
    body = (
        b'{"error":{"code":400,"type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":4096,'
        b'"message":"the request exceeds the available context size, try increasing it"}}'
    )
    assert fault_from_response(400, {}, body, "u", "m").message == "prompt is too long: 9000 tokens > 4096 maximum"


def test_other_counts_are_none() -> None:
    assert counted({"n_prompt_tokens": True, "n_ctx": "x"}) == counted([]) == counted(None) == {}


def test_a_code_alone_is_enough() -> None:
    body = b'{"error":{"message":"no","code":"context_length_exceeded"}}'
    assert fault_from_response(400, {}, body, "u", "m").message.startswith("prompt is too long:")


@pytest.mark.parametrize("said", ["", "bad temperature", "rate limit: 10 tokens", "reduce the size of the image"])
def test_other_failures_are_not_touched(said: str) -> None:
    assert meaning_of(400, Said(said), {}, OVERFLOW) is None


def test_a_limit_of_tokens_per_minute_stays_one() -> None:
    body = b'{"error":{"message":"Limit 6000 tokens per minute, please reduce the length of the prompt"}}'
    assert fault_from_response(429, {}, body, "u", "m").kind == "rate_limit"


def test_hostile_text_costs_little() -> None:
    hostile = "maximum context length is 1 tokens " * 5000 + "prompt (length 1) " * 5000
    started = time.process_time()
    assert meaning_of(400, Said(hostile), {}, OVERFLOW) is not None
    assert time.process_time() - started < 0.2
