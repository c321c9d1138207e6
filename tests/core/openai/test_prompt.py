from __future__ import annotations

import pytest

from bridge.core.anthropic.request import parse_count_request
from bridge.core.jsontext import loads
from bridge.core.openai.prompt import PromptSize, prompt_size, without_media
from bridge.core.openai.request import build_request
from bridge.core.route import BodyPatch, Reasoning, Route, UpstreamRef
from bridge.core.signature import Signer
from bridge.core.tokens import TextSize

ROUTE = Route("m", UpstreamRef("u"), "m")
TEXT = "The old configuration stays in force. " * 10
LETTERS = prompt_size({"messages": [{"role": "user", "content": TEXT}]}).text.letters


def size(messages: object, route: Route = ROUTE, **fields: object) -> PromptSize:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    conversation = parse_count_request({"model": "m", "messages": messages, **fields})
    return prompt_size(loads(build_request(conversation, route).body))


def test_every_part_that_is_sent_counts() -> None:
    tool = {"name": "read", "description": TEXT, "input_schema": {"type": "object", "properties": {}}}
    call = {"type": "tool_use", "id": "i", "name": "read", "input": {"text": TEXT}}
    result = {"type": "tool_result", "tool_use_id": "i", "content": TEXT}
    turns = [{"role": "user", "content": TEXT}, {"role": "assistant", "content": [call]}]
    got = size([*turns, {"role": "user", "content": [result]}], system=TEXT, tools=[tool])
    assert (got.messages, got.tools) == (4, 1)
    assert got.text.letters == pytest.approx(5 * LETTERS + 20, abs=30)
    assert got.fixed > size(turns[:1], tools=[tool]).fixed > 0


def test_what_is_not_sent_does_not_count() -> None:
    more = {"metadata": {"user_id": TEXT}, "cache_control": {"type": "ephemeral"}, "stop_sequences": [TEXT]}
    assert size("hello", **more) == size("hello")
    patch = BodyPatch(set={"messages": [{"role": "user", "content": "hello"}]}, drop=("tools",))
    tool = {"name": "read", "description": TEXT, "input_schema": {}}
    assert size(TEXT, Route("m", UpstreamRef("u"), "m", request=patch), tools=[tool]) == size("hello")


def test_reasoning_counts_where_it_is_sent_and_since_the_last_question() -> None:
    thinking = {"type": "thinking", "thinking": TEXT, "signature": Signer(b"", "m").sign(TEXT)}
    call = {"type": "tool_use", "id": "i", "name": "n", "input": {}}
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [thinking, call]}]
    turns.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "i", "content": "x"}]})
    replaying = Route("m", UpstreamRef("u"), "m", reasoning=Reasoning(replay="reasoning_content"))
    assert size(turns).text.letters < LETTERS / 2
    assert size(turns, replaying).text.letters > LETTERS
    assert size([*turns, {"role": "user", "content": "next"}], replaying).text.letters < LETTERS / 2


def test_media_have_a_price() -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA" * 9_000}}
    away = {"type": "image", "source": {"type": "url", "url": "https://x/y"}}
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "A" * 1_350_000}}
    text = {"type": "text", "text": TEXT}
    got = size([{"role": "user", "content": [text, picture, away, pdf]}])
    assert got.media == pytest.approx(2 * 1_500 + 50_000, rel=0.01)
    assert got.text.letters == pytest.approx(LETTERS, rel=0.1)


def test_without_media_only_media_are_missing() -> None:
    text = {"type": "text", "text": "x"}
    picture = {"type": "image_url", "image_url": {"url": "https://x/y"}}
    messages = [{"role": "user", "content": [text, picture], "name": "n"}, {"role": "assistant", "content": "y"}]
    assert without_media(messages) == [{"role": "user", "content": [text], "name": "n"}, messages[1]]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": "x"},
        {"messages": [1, None, {}]},
        {"messages": [{"role": "user", "content": [1, {"type": "image_url"}, {"type": "image_url", "image_url": 1}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{}, {"function": 1}, 7]}], "tools": {"a": 1}},
    ],
)
def test_a_body_that_a_route_made_strange_is_no_trouble(body: dict[str, object]) -> None:
    assert prompt_size(body).text == TextSize()
    without_media(body.get("messages"))
