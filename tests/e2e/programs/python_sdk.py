"""The official Python SDK, any major version."""

from __future__ import annotations

import asyncio
from typing import Any

import jobs
from anthropic import Anthropic, AsyncAnthropic, beta_tool


def client(url: str) -> Anthropic:
    return Anthropic(base_url=url, api_key="client-key", max_retries=0)


def told(message: Any) -> dict[str, Any]:
    """What every program says of an answer. The prompt's tokens are all of them, cached or not."""
    blocks = {"text": [], "thinking": [], "tool_use": []}
    for block in message.content:
        blocks[block.type].append(block)
    usage = message.usage
    cached = usage.cache_read_input_tokens or 0
    return {
        "text": "".join(block.text for block in blocks["text"]),
        "thinking": "".join(block.thinking for block in blocks["thinking"]),
        "calls": [[block.name, block.input] for block in blocks["tool_use"]],
        "ids": [block.id for block in blocks["tool_use"]],
        "stop": message.stop_reason,
        "usage": {
            "prompt": usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0),
            "cached": cached,
            "output": usage.output_tokens,
        },
    }


def request(prompt: str, thinking: bool = False, **params: Any) -> dict[str, Any]:
    params = {"model": "house-coder-7b", "max_tokens": 4000, **params}
    if thinking:
        params["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    return {**params, "messages": [{"role": "user", "content": prompt}]}


def ask(url: str, stream: bool, **params: Any) -> dict[str, Any]:
    with client(url) as sdk:
        if not stream:
            return told(sdk.messages.create(**request(**params)))
        with sdk.messages.stream(**request(**params)) as events:
            return told(events.get_final_message())


async def ask_many(url: str, count: int, **params: Any) -> list[dict[str, Any]]:
    """All at once by one asynchronous client, every other one streamed."""

    async def one(stream: bool) -> dict[str, Any]:
        if not stream:
            return told(await sdk.messages.create(**request(**params)))
        async with sdk.messages.stream(**request(**params)) as events:
            return told(await events.get_final_message())

    async with AsyncAnthropic(base_url=url, api_key="client-key", max_retries=0) as sdk:
        return await asyncio.gather(*(one(number % 2 == 0) for number in range(count)))


def loop(url: str, stream: bool) -> dict[str, Any]:
    """The SDK's own loop around a tool."""
    ran: list[Any] = []

    @beta_tool
    def weather(city: str, days: int) -> str:
        """The weather of a city.

        Args:
            city: Its name.
            days: How many days to look ahead.
        """
        ran.append([city, days])
        return f"{days} days of rain in {city}"

    with client(url) as sdk:
        runner = sdk.beta.messages.tool_runner(**request("How is Oslo?"), tools=[weather], stream=stream)
        last = runner.until_done()
    return {"said": last.content[-1].text, "ran": ran}


def parse(url: str) -> dict[str, Any]:
    """Typed output."""
    from pydantic import BaseModel

    class City(BaseModel):
        name: str
        people: int

    with client(url) as sdk:
        return sdk.messages.parse(**request("Describe Oslo."), output_format=City).parsed_output.model_dump()


def count(url: str, **params: Any) -> int:
    params = request(**params)
    del params["max_tokens"]
    with client(url) as sdk:
        return sdk.messages.count_tokens(**params).input_tokens


def models(url: str, limit: int) -> list[list[str]]:
    """All of them, page by page."""
    with client(url) as sdk:
        return [[model.id, model.display_name] for model in sdk.models.list(limit=limit)]


def model(url: str, id: str) -> str:
    with client(url) as sdk:
        return sdk.models.retrieve(id).display_name


def leave(url: str, **params: Any) -> str:
    """Close the stream at its first text."""
    with client(url) as sdk, sdk.messages.stream(**request(**params)) as events:
        return next(iter(events.text_stream))


if __name__ == "__main__":
    jobs.serve(ask, ask_many, loop, parse, count, models, model, leave)
