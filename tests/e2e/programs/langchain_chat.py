"""langchain-anthropic."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import jobs
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool


def chat(url: str, thinking: bool = False, **params: Any) -> ChatAnthropic:
    params = {"model": "house-coder-7b", "max_tokens": 4000, **params}
    if thinking:
        params["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    return ChatAnthropic(base_url=url, api_key="client-key", max_retries=0, **params)


def told(message: AIMessage) -> dict[str, Any]:
    blocks = message.content_blocks
    usage = message.usage_metadata or {}
    return {
        "text": "".join(block["text"] for block in blocks if block["type"] == "text"),
        "thinking": "".join(block.get("reasoning", "") for block in blocks if block["type"] == "reasoning"),
        "calls": [[call["name"], call["args"]] for call in message.tool_calls],
        "ids": [call["id"] for call in message.tool_calls],
        "stop": message.response_metadata.get("stop_reason"),
        "usage": {
            "prompt": usage.get("input_tokens"),
            "cached": usage.get("input_token_details", {}).get("cache_read", 0),
            "output": usage.get("output_tokens"),
        },
    }


def said(model: Any, messages: Any, stream: bool) -> AIMessage:
    return reduce(add, model.stream(messages)) if stream else model.invoke(messages)


def ask(url: str, stream: bool, prompt: str, tools: Any = None, tool_choice: Any = None, **params: Any) -> Any:
    model: Any = chat(url, **params)
    if tools:
        model = model.bind_tools(tools, tool_choice=tool_choice)
    return told(said(model, prompt, stream))


def loop(url: str, stream: bool) -> dict[str, Any]:
    """As its users write it."""
    ran: list[Any] = []

    @tool
    def weather(city: str, days: int) -> str:
        """The weather of a city."""
        ran.append([city, days])
        return f"{days} days of rain in {city}"

    model = chat(url).bind_tools([weather])
    messages: list[Any] = [HumanMessage("How is Oslo?")]
    while (answer := said(model, messages, stream)).tool_calls:
        results = [ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"]) for call in answer.tool_calls]
        messages += [answer, *results]
    return {"said": answer.text, "ran": ran}


jobs.serve(ask, loop)
