"""LiteLLM as a client of the Messages API."""

from __future__ import annotations

import os

# Else it fetches a table of prices.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import json
from typing import Any

import jobs
import litellm

STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


def function(tool: dict[str, Any]) -> dict[str, Any]:
    named = {"name": tool["name"], "description": tool["description"], "parameters": tool["input_schema"]}
    return {"type": "function", "function": named}


def complete(url: str, stream: bool, messages: list[Any], **params: Any) -> Any:
    arguments: Any = {
        "model": "anthropic/house-coder-7b",
        "api_base": url,
        "api_key": "client-key",
        "max_tokens": 4000,
        "num_retries": 0,
        "messages": messages,
        **params,
    }
    if not stream:
        return litellm.completion(**arguments)
    chunks = list(litellm.completion(**arguments, stream=True, stream_options={"include_usage": True}))
    return litellm.stream_chunk_builder(chunks, messages=messages)


def ask(url: str, stream: bool, prompt: str, tools: Any = (), thinking: bool = False, **params: Any) -> dict[str, Any]:
    if tools:
        params["tools"] = [function(tool) for tool in tools]
    if thinking:
        # It knows no such model, and so would not let it through.
        params |= {"thinking": {"type": "enabled", "budget_tokens": 1024}, "allowed_openai_params": ["thinking"]}
    response = complete(url, stream, [{"role": "user", "content": prompt}], **params)
    (choice,) = response.choices
    calls = choice.message.tool_calls or []
    details = response.usage.prompt_tokens_details
    return {
        "text": choice.message.content or "",
        "thinking": getattr(choice.message, "reasoning_content", None) or "",
        "calls": [[call.function.name, json.loads(call.function.arguments)] for call in calls],
        "ids": [call.id for call in calls],
        "stop": STOPS.get(choice.finish_reason, choice.finish_reason),
        "usage": {
            "prompt": response.usage.prompt_tokens,
            "cached": (details and details.cached_tokens) or 0,
            "output": response.usage.completion_tokens,
        },
    }


def loop(url: str, stream: bool) -> dict[str, Any]:
    """As its users write it."""
    ran: list[Any] = []
    properties = {"city": {"type": "string"}, "days": {"type": "integer"}}
    schema = {"type": "object", "properties": properties, "required": ["city", "days"]}
    weather = function({"name": "weather", "description": "The weather of a city.", "input_schema": schema})
    messages: list[Any] = [{"role": "user", "content": "How is Oslo?"}]
    while (message := complete(url, stream, messages, tools=[weather]).choices[0].message).tool_calls:
        messages.append(message.model_dump())
        for call in message.tool_calls:
            given = json.loads(call.function.arguments)
            ran.append([given["city"], given["days"]])
            result = f"{given['days']} days of rain in {given['city']}"
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    return {"said": message.content, "ran": ran}


jobs.serve(ask, loop)
