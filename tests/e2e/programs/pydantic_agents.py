"""pydantic-ai."""

from __future__ import annotations

from typing import Any

import jobs
from anthropic import AsyncAnthropic
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.tools import ToolDefinition


def model(url: str, name: str = "house-coder-7b") -> AnthropicModel:
    client = AsyncAnthropic(base_url=url, api_key="client-key", max_retries=0)
    return AnthropicModel(name, provider=AnthropicProvider(anthropic_client=client))


def told(response: ModelResponse) -> dict[str, Any]:
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    usage = response.usage
    return {
        "text": "".join(part.content for part in response.parts if isinstance(part, TextPart)),
        "thinking": "".join(part.content for part in response.parts if isinstance(part, ThinkingPart)),
        "calls": [[part.tool_name, part.args_as_dict()] for part in calls],
        "ids": [part.tool_call_id for part in calls],
        "stop": (response.provider_details or {}).get("finish_reason"),
        "usage": {
            "prompt": usage.input_tokens,
            "cached": usage.cache_read_tokens,
            "output": usage.output_tokens,
        },
    }


async def ask(
    url: str, stream: bool, prompt: str, tools: Any = (), thinking: bool = False, max_tokens: int = 4000
) -> dict[str, Any]:
    """One request, without an agent around it."""
    functions = [
        ToolDefinition(name=one["name"], description=one["description"], parameters_json_schema=one["input_schema"])
        for one in tools
    ]
    settings: Any = {"max_tokens": max_tokens}
    if thinking:
        settings["anthropic_thinking"] = {"type": "enabled", "budget_tokens": 1024}
    arguments: Any = {
        "messages": [ModelRequest.user_text_prompt(prompt)],
        "model_settings": settings,
        "model_request_parameters": ModelRequestParameters(function_tools=functions),
    }
    if not stream:
        return told(await model_request(model(url), **arguments))
    async with model_request_stream(model(url), **arguments) as events:
        async for _ in events:
            pass
        return told(events.get())


async def loop(url: str, stream: bool) -> dict[str, Any]:
    """An agent with a tool."""
    ran: list[Any] = []
    agent = Agent(model(url))

    @agent.tool_plain
    def weather(city: str, days: int) -> str:
        """The weather of a city."""
        ran.append([city, days])
        return f"{days} days of rain in {city}"

    async def listen(_: Any, events: Any) -> None:
        async for _ in events:
            pass

    # run_stream() would take the text before a call for the answer.
    result = await agent.run("How is Oslo?", event_stream_handler=listen if stream else None)
    return {"said": result.output, "ran": ran}


async def typed(url: str) -> dict[str, Any]:
    """An agent that answers with an object."""

    class City(BaseModel):
        name: str
        people: int

    return (await Agent(model(url), output_type=City).run("Describe Oslo.")).output.model_dump()


jobs.serve(ask, loop, typed)
