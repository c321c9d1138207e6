"""The SDK's tool runner keeps its history on the server where it can. Here it cannot, and is told so."""

from __future__ import annotations

import anthropic
import pytest
from anthropic import Anthropic, beta_tool
from inprocess import Running
from official import routes
from scripted import Upstream, answer

CALL = '<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_call>'


@beta_tool
def weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: Its name.
    """
    return f"rain in {city}"


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_the_tool_runner_falls_back_to_its_whole_history(proxy: Running, sdk: Anthropic, stream: bool) -> None:
    with Upstream(answer(*CALL), answer("It rains.")) as upstream, proxy.using(routes(upstream.url, "Qwen/Qwen3-8B")):
        runner = sdk.beta.messages.tool_runner(
            model="any",
            max_tokens=1000,
            tools=[weather],
            messages=[{"role": "user", "content": "Is it raining in Oslo?"}],
            stream=stream,
        )
        last = runner.until_done()
        assert last.content[0].text == "It rains."  # type: ignore[union-attr]
        first, second = (request.json for request in upstream.requests)
        assert [message["role"] for message in first["messages"]] == ["user"]
        assert [message["role"] for message in second["messages"]] == ["user", "assistant", "tool"]
        assert "rain in Oslo" in second["messages"][2]["content"]
        assert "thread" not in second
        assert second["tools"]


def test_the_refusal(proxy: Running, sdk: Anthropic) -> None:
    with proxy.using(routes("http://127.0.0.1:1")), pytest.raises(anthropic.BadRequestError) as raised:
        sdk.messages.create(
            model="m",
            max_tokens=9,
            messages=[{"role": "user", "content": "x"}],
            extra_body={"thread": {"type": "continue", "previous_message_id": "msg_1"}},
        )
    details = raised.value.body["error"]["details"]  # type: ignore[index]
    assert details == {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
