"""The official client in front of an Anthropic upstream: the proxy is not there."""

from __future__ import annotations

from typing import Any

import messagesapi
import pytest
from anthropic import Anthropic, APIStatusError, BadRequestError
from inprocess import Running
from messagesapi import BLOCK, delta, error_body, event, refusal, start, stream, whole
from official import TOOLS, ask, blocks
from scripted import END, FIN, KEEP, RST, Play, Step, Upstream, reply


def routes(url: str, extra: str = "") -> str:
    return (
        f'[upstreams.up]\nbase_url = "{url}"\nprotocol = "anthropic"\napi_key = "${{UP_KEY:-upstream-key}}"\n'
        f'breaker = {{ failures = 1000 }}\n[models."*"]\nupstream = "up"\nmodel = "claude-real"\n{extra}\n'
    )


def call(number: int, name: str, *pieces: str) -> list[bytes]:
    block = {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": {}}
    return [
        event("content_block_start", index=number, content_block=block),
        *(
            event("content_block_delta", index=number, delta={"type": "input_json_delta", "partial_json": piece})
            for piece in pieces
        ),
        event("content_block_stop", index=number),
    ]


THINKING = [
    event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
    event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "hm"}),
    event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "c2ln"}),
    event("content_block_stop", index=0),
]
ENDS = [
    event(
        "message_delta",
        delta={"stop_reason": "tool_use", "stop_sequence": None},
        usage={"output_tokens": 5, "server_tool_use": {"web_search_requests": 2}},
    ),
    event("message_stop"),
]


def test_thinking_and_calls(proxy: Running, sdk: Anthropic) -> None:
    pieces = [start(), *THINKING, *call(1, "plan", '{"title"', ':"x"}'), *call(2, "ping"), *ENDS]
    play: Play = [*stream(*pieces), END, KEEP]
    with Upstream(play) as upstream, proxy.using(routes(upstream.url)):
        got = ask(sdk, tools=TOOLS, thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=2000)
        assert blocks(got) == [("thinking", "hm"), ("plan", {"title": "x"}), ("ping", {})]
        assert (got.stop_reason, got.id, got.model) == ("tool_use", "msg_up", "claude-real")
        assert got.usage.server_tool_use is not None
        assert got.usage.server_tool_use.web_search_requests == 2
        sent = upstream.requests[0]
        assert sent.json["thinking"] == {"type": "enabled", "budget_tokens": 1024}
        assert sent.json["model"] == "claude-real"
        assert sent.headers["x-api-key"] == "upstream-key"


def test_a_whole_answer_and_its_request_id(proxy: Running, sdk: Anthropic) -> None:
    with Upstream(whole("all well")) as upstream, proxy.using(routes(upstream.url)):
        got = ask(sdk, stream=False)
        assert blocks(got) == [("text", "all well")]
        assert got._request_id == "req_upstream"


def test_betas_and_server_tools_pass(proxy: Running, sdk: Anthropic) -> None:
    with Upstream(whole()) as upstream, proxy.using(routes(upstream.url)):
        sdk.beta.messages.create(
            model="any",
            max_tokens=10,
            messages=[{"role": "user", "content": "go"}],
            betas=["one-2026", "two-2026"],
            tools=[{"type": "web_search_20250305", "name": "web_search"}],
            container="c_1",
        )
        (request,) = upstream.requests
        assert request.headers["anthropic-beta"] == "one-2026,two-2026"
        assert request.json["container"] == "c_1"
        assert request.json["tools"][0]["type"] == "web_search_20250305"


def test_tokens_are_counted_there(proxy: Running, sdk: Anthropic) -> None:
    with Upstream(reply(200, '{"input_tokens": 2095}')) as upstream, proxy.using(routes(upstream.url)):
        messages: Any = [{"role": "user", "content": "go"}]
        assert sdk.messages.count_tokens(model="any", messages=messages).input_tokens == 2095
        assert upstream.requests[0].path == "/v1/messages/count_tokens"


def test_an_error_of_the_upstream(proxy: Running, sdk: Anthropic) -> None:
    with Upstream(refusal(400, "invalid_request_error", text="prompt is too long")) as upstream:
        with proxy.using(routes(upstream.url)), pytest.raises(BadRequestError, match="prompt is too long") as problem:
            ask(sdk)
        assert problem.value.request_id == "req_upstream"
        assert problem.value.response.content == error_body("invalid_request_error", "prompt is too long")


@pytest.mark.parametrize("ends", [[RST], [FIN], [END, KEEP]])
def test_an_upstream_that_dies(proxy: Running, sdk: Anthropic, ends: list[Step]) -> None:
    """Inside the arguments of a call and inside a frame: the client must not take the call for whole."""
    frames = b"".join([start(), BLOCK, delta("a"), messagesapi.BLOCK_STOP, *call(1, "plan", '{"a":1,', '"b":"x"}')])
    prompt: Any = [{"role": "user", "content": "go"}]
    whole_blocks: list[str] = []

    def read() -> None:
        with sdk.messages.stream(model="m", max_tokens=9, messages=prompt) as events:
            for got in events:
                assert got.type != "message_stop"
                if got.type == "content_block_stop":
                    whole_blocks.append(got.content_block.type)

    body = [frames[:cut] for cut in range(frames.index(b'{\\"a'), len(frames) - 1, 7)]
    with (
        Upstream(*[[*stream(piece), *ends] for piece in body]) as upstream,
        proxy.using(routes(upstream.url, "retry = { attempts = 1 }")),
    ):
        for _ in body:
            whole_blocks.clear()
            with pytest.raises(APIStatusError):
                read()
            assert whole_blocks == ["text"]
