"""Files are edited while a real process serves the SDK: a request keeps what it began with."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import running
from anthropic import Anthropic, AsyncAnthropic
from official import ask, blocks, routes
from scripted import END, KEEP, Play, Upstream, answer, chunk, head, part

TOOL: list[Any] = [
    {"name": "say", "input_schema": {"type": "object", "properties": {"what": {"type": "string"}}}},
]
HOUSE = """
name = "house"
summary = "A format of our own"
models = ["acme/*"]

[[call]]
open = "{open}"
close = "{close}"
codec = "json-call"

[[examples]]
raw = '{example}'
tools = [{{ name = "f" }}]
expect = [{{ name = "f", input = {{}} }}]
"""


def house(open_: str, close: str, example: str = "") -> str:
    example = example or f'{open_}{{"name": "f", "arguments": {{}}}}{close}'
    return HOUSE.format(open=open_, close=close, example=example)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "parsers").mkdir()
    return tmp_path


@pytest.fixture
def client() -> Iterator[Anthropic]:
    with Anthropic(base_url="http://unset", api_key="x", max_retries=0, timeout=20) as made:
        yield made


def status(proxy: running.Running) -> Any:
    with urllib.request.urlopen(proxy.url + "/-/status", timeout=10) as response:
        return json.load(response)


def until(proxy: running.Running, reached: Any) -> Any:
    """The first status for which ``reached`` is true."""
    deadline = time.monotonic() + 15
    while not reached(found := status(proxy)):
        assert time.monotonic() < deadline, json.dumps(found["config"], indent=1)
        time.sleep(0.01)
    return found


def gated(gate: threading.Event) -> Play:
    finish = [part(chunk(finish="stop")), END, KEEP]
    return [head(), part(chunk("before")), gate, part(chunk("after")), *finish]


def test_edits_while_a_stream_runs(folder: Path, client: Anthropic) -> None:
    gate = threading.Event()
    with (
        Upstream(gated(gate)) as old,
        Upstream(answer("from the new one")) as new,
        running.serving(folder, routes(old.url)) as proxy,
    ):
        sdk = client.with_options(base_url=proxy.url)
        first = status(proxy)["config"]["revision"]
        prompt: Any = [{"role": "user", "content": "x"}]
        with sdk.messages.stream(model="m", max_tokens=9, messages=prompt) as stream:
            texts = stream.text_stream
            assert next(texts) == "before"

            proxy.file.write_text(routes(new.url, "another-model"))
            good = until(proxy, lambda found: found["config"]["revision"] != first)["config"]["revision"]
            assert blocks(ask(sdk)) == [("text", "from the new one")]
            assert new.requests[0].json["model"] == "another-model"

            broken = routes(new.url, "third-model").replace("upstream = ", "upstraem = ")
            proxy.file.write_text(broken)
            refused = until(proxy, lambda found: not found["config"]["last_attempt"]["ok"])["config"]
            line = next(number for number, text in enumerate(broken.splitlines(), 1) if "upstraem" in text)
            place = rf"routes\.toml:{line}:1: "
            assert refused["revision"] == good
            assert re.search(place, refused["last_attempt"]["error"])
            assert "did you mean `upstream`" in refused["last_attempt"]["error"]
            assert any((item["line"], item["column"]) == (line, 1) for item in refused["last_attempt"]["diagnostics"])
            proxy.wait_for_log(place)
            assert blocks(ask(sdk)) == [("text", "from the new one")]
            assert new.requests[1].json["model"] == "another-model"

            gate.set()
            assert "".join(texts) == "after"
            assert stream.get_final_message().stop_reason == "end_turn"

        proxy.file.write_text(routes(new.url, "mended"))
        until(proxy, lambda found: found["config"]["last_attempt"]["ok"] and found["config"]["revision"] != good)
        ask(sdk)
        assert new.requests[2].json["model"] == "mended"
        assert "Traceback" not in proxy.log()


def test_client_lifetime_is_leased_by_the_stream(folder: Path, client: Anthropic) -> None:
    """Its upstream is gone from the configuration, its connections are not closed under it, and then they are."""
    gate = threading.Event()
    with (
        Upstream(gated(gate)) as old,
        Upstream(answer("new")) as new,
        running.serving(folder, routes(old.url)) as proxy,
    ):
        sdk = client.with_options(base_url=proxy.url)
        prompt: Any = [{"role": "user", "content": "x"}]
        with sdk.messages.stream(model="m", max_tokens=9, messages=prompt) as stream:
            texts = stream.text_stream
            assert next(texts) == "before"
            proxy.file.write_text(routes(new.url))
            until(proxy, lambda found: found["config"]["generation"] == 2)
            assert blocks(ask(sdk)) == [("text", "new")]
            assert status(proxy)["generations"] == 2
            assert old.open == 1
            gate.set()
            assert "".join(texts) == "after"
        old.wait(lambda upstream: upstream.open == 0)
        until(proxy, lambda found: found["generations"] == 1)


def test_parser_files_are_added_changed_and_broken(folder: Path, client: Anthropic) -> None:
    call = '{"name": "say", "arguments": {"what": "hi"}}'
    first, second = f"[go]{call}[og]", f"[do]{call}[od]"
    parsers = 'parser_dirs = ["./parsers"]\n'
    file = folder / "parsers" / "house.toml"
    with (
        Upstream(answer(*first)) as upstream,
        running.serving(folder, parsers + routes(upstream.url, "acme/model-1")) as proxy,
    ):
        sdk = client.with_options(base_url=proxy.url)

        def generation() -> int:
            return int(status(proxy)["config"]["generation"])

        assert blocks(ask(sdk, tools=TOOL)) == [("text", first)], "no file knows this format yet"

        before = generation()
        file.write_text(house("[go]", "[og]"))
        until(proxy, lambda found: found["config"]["generation"] > before)
        assert blocks(ask(sdk, tools=TOOL)) == [("say", {"what": "hi"})]

        before = generation()
        file.write_text(house("[do]", "[od]"))
        until(proxy, lambda found: found["config"]["generation"] > before)
        assert blocks(ask(sdk, tools=TOOL)) == [("text", first)]
        upstream.plays = [answer(*second)]
        assert blocks(ask(sdk, tools=TOOL)) == [("say", {"what": "hi"})]

        before = generation()
        for broken, place in [
            (house("[do]", "[od]", example="[do]nothing of the kind[od]"), r"house\.toml:11:3: "),
            (house("[do]", "[od]").replace("json-call", "jason-call"), r"house\.toml:9:9: "),
            (house("[do]", "[od]")[:60], r"house\.toml:\d+:\d+: "),
        ]:
            file.write_text(broken)
            until(proxy, lambda found, place=place: re.search(place, found["config"]["last_attempt"]["error"]))
            proxy.wait_for_log(place)
            assert blocks(ask(sdk, tools=TOOL)) == [("say", {"what": "hi"})], "the last good one stays"
        assert generation() == before
        assert "Traceback" not in proxy.log()


def test_no_request_is_lost_to_edits(folder: Path) -> None:
    """Streams and whole answers go on at full speed while the file changes under them; each has one configuration."""

    async def main(url: str) -> int:
        async with AsyncAnthropic(base_url=url, api_key="x", max_retries=0, timeout=30) as client:
            count = 0

            async def caller() -> None:
                nonlocal count
                while not done.is_set():
                    prompt: Any = [{"role": "user", "content": "x"}]
                    async with client.messages.stream(model="m", max_tokens=9, messages=prompt) as stream:
                        got = await stream.get_final_message()
                    assert blocks(got) == [("text", "one two")]
                    count += 1

            callers = [asyncio.create_task(caller()) for _ in range(4)]
            for number in range(6):
                before = count
                generation = status(proxy)["config"]["generation"]
                proxy.file.write_text(routes(upstreams[number % 2].url, f"model-{number}"))
                while status(proxy)["config"]["generation"] == generation or count == before:
                    await asyncio.sleep(0.005)
            done.set()
            await asyncio.gather(*callers)
            return count

    done = asyncio.Event()
    with (
        Upstream(answer("one ", "two")) as first,
        Upstream(answer("one ", "two")) as second,
        running.serving(folder, routes(first.url)) as proxy,
    ):
        upstreams = (second, first)
        count = asyncio.run(main(proxy.url))
        assert count == len(first.requests) + len(second.requests)
        asked = {request.json["model"] for upstream in upstreams for request in upstream.requests}
        assert asked >= {f"model-{number}" for number in range(5)}
        until(proxy, lambda found: found["generations"] == 1)
        assert "Traceback" not in proxy.log()
