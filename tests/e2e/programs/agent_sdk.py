"""claude-agent-sdk: Claude Code as a library."""

from __future__ import annotations

from typing import Any

import jobs
from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, create_sdk_mcp_server, query, tool


async def loop(url: str, folder: str, home: str, search: bool) -> dict[str, Any]:
    """A query with a tool of the caller's."""
    ran: list[Any] = []

    @tool("weather", "The weather of a city.", {"city": str, "days": int})
    async def weather(given: dict[str, Any]) -> dict[str, Any]:
        ran.append([given["city"], given["days"]])
        return {"content": [{"type": "text", "text": f"{given['days']} days of rain in {given['city']}"}]}

    options = ClaudeAgentOptions(
        model="house-coder-7b",
        cwd=folder,
        mcp_servers={"sky": create_sdk_mcp_server("sky", tools=[weather])},
        allowed_tools=["mcp__sky__weather"],
        env={
            "HOME": home,
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "client-key",
            "ENABLE_TOOL_SEARCH": str(search).lower(),
            "DISABLE_TELEMETRY": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        },
    )
    async for message in query(prompt="How is Oslo?", options=options):
        if isinstance(message, ResultMessage):
            result = message
    return {"said": result.result, "ran": ran, "turns": result.num_turns, "failed": result.is_error}


jobs.serve(loop)
