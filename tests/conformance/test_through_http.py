"""The same corpus through a running server: an HTTP upstream writes, a Messages client reads, ``parsers`` is "auto"."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from canitoolcall.fixtures import Fixture
from canitoolcall.results import ParseResult
from inprocess import Reply, Running
from recorded import DIFFERENT, FIXTURES, passes, result, starts_open
from scripted import DONE, END, KEEP, Play, Upstream, chunk, completion, head, part, reply

Key = tuple[str, bool | None]


def key_of(fixture: Fixture) -> Key:
    """What a route has to know of a fixture: the model's id, and whether its prompt opens the reasoning."""
    return fixture.models[0], starts_open(fixture)


ROUTES: Mapping[Key, str] = {
    key: f"m{number}" for number, key in enumerate(dict.fromkeys(map(key_of, FIXTURES.values())))
}


def configuration(url: str) -> str:
    text = f'[upstreams.up]\nbase_url = "{url}"\n'
    for (model, opened), name in ROUTES.items():
        text += f'[models.{name}]\nupstream = "up"\nmodel = {json.dumps(model)}\n'
        text += "" if opened is None else f"reasoning = {{ starts_open = {str(opened).lower()} }}\n"
    return text


def finish(fixture: Fixture) -> str:
    return "length" if fixture.truncated else "stop"


def whole(fixture: Fixture) -> Play:
    return reply(200, completion(fixture.raw_output, finish(fixture)))


def characters(fixture: Fixture) -> Play:
    """Each character in a frame of its own."""
    frames = [*map(chunk, fixture.raw_output), chunk(finish=finish(fixture)), DONE]
    return [head(), part(b"".join(frames)), END, KEEP]


def ask(server: Running, fixture: Fixture, *, stream: bool) -> ParseResult:
    functions = [tool.get("function", tool) for tool in fixture.tools]
    tools = [{"name": tool["name"], "input_schema": tool.get("parameters") or {}} for tool in functions]
    body = {
        "model": ROUTES[key_of(fixture)],
        "max_tokens": 1000,
        "stream": stream,
        "messages": [{"role": "user", "content": "go"}],
        "tools": tools,
    }
    got = server.post(body)
    assert got.status == 200, got.body
    assert got.complete
    return result([block for block in (streamed(got) if stream else got.json["content"]) if said(block)])


def said(block: Mapping[str, Any]) -> bool:
    """An answer without content holds one empty text."""
    return block.get("text") != ""


def streamed(got: Reply) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for name, data in got.events:
        assert name != "error", data
        match data:
            case {"content_block": {"type": "tool_use", "name": tool}}:
                blocks.append({"name": tool, "input": ""})
            case {"content_block": {"type": "text"}}:
                blocks.append({"text": ""})
            case {"content_block": {"type": "thinking"}}:
                blocks.append({"thinking": ""})
            case {"delta": {"partial_json": piece}}:
                blocks[-1]["input"] += piece
            case {"delta": {"text": piece}}:
                blocks[-1]["text"] += piece
            case {"delta": {"thinking": piece}}:
                blocks[-1]["thinking"] += piece
    return [{**block, "input": json.loads(block["input"] or "{}")} if "input" in block else block for block in blocks]


@pytest.mark.parametrize("form", ["whole", "characters"])
def test_every_recording(tmp_path: Path, form: str) -> None:
    plays = map(whole if form == "whole" else characters, FIXTURES.values())
    with Upstream(*plays) as upstream, Running(configuration(upstream.url), tmp_path) as server:
        results = {name: ask(server, fixture, stream=form == "characters") for name, fixture in FIXTURES.items()}
    assert [name for name, got in results.items() if not passes(FIXTURES[name], got, strictly=False)] == []
    assert [name for name, got in results.items() if not passes(FIXTURES[name], got)] == list(DIFFERENT)
