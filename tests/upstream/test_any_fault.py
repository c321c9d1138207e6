"""An upstream that dies anywhere, in any way: every answer still ends in one of three ways."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
import scripted
from inprocess import Reply, Running, ask, routes
from scripted import DONE, END, FIN, HANG, KEEP, RST, Upstream, chunk, head, part

from bridge.core.breaker import CircuitBreaker
from bridge.core.route import Breaker

TOOL = {"name": "run", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
ARGUMENTS = {"a": "x" * 30}
TEXT_CALL = f"Look: <tool_call>\n{json.dumps({'name': 'run', 'arguments': ARGUMENTS})}\n</tool_call>"
CUTS = 40


def native_call() -> list[bytes]:
    text = json.dumps(ARGUMENTS)
    opening = {"index": 0, "id": "c1", "type": "function", "function": {"name": "run", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": text[at : at + 5]}} for at in range(0, len(text), 5)]
    return [chunk("Look: "), *(chunk(tool_calls=[item]) for item in (opening, *pieces)), chunk(finish="tool_calls")]


def text_call() -> list[bytes]:
    return [*(chunk(TEXT_CALL[at : at + 7]) for at in range(0, len(TEXT_CALL), 7)), chunk(finish="stop")]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(routes("http://127.0.0.1:1"), tmp_path_factory.mktemp("routes")) as server:
        yield server


def check(got: Reply, whole: bool) -> None:
    """The answer is the whole one, an error answer, or a stream that ends in one error event."""
    assert got.complete
    if got.status != 200:
        assert got.json["type"] == "error"
        return
    assert got.names[0] == "message_start"
    assert got.names[-1] in ("message_stop", "error")
    assert got.names.count("message_stop") + got.names.count("error") == 1
    stops = [data["delta"]["stop_reason"] for name, data in got.events if name == "message_delta"]
    assert stops == (["tool_use"] if got.names[-1] == "message_stop" else [])
    assert whole <= (got.names[-1] == "message_stop")
    deltas = [data["delta"] for name, data in got.events if name == "content_block_delta"]
    arguments = "".join(delta.get("partial_json", "") for delta in deltas)
    assert not arguments or json.loads(arguments) == ARGUMENTS
    if got.names[-1] == "message_stop":
        assert arguments


@pytest.mark.parametrize("frames", [native_call(), text_call()], ids=["native", "text"])
@pytest.mark.parametrize("end", [RST, FIN, HANG, "chunk", "error"])
def test_a_stream_cut_anywhere(shared: Running, frames: list[bytes], end: str) -> None:
    dice = random.Random(7)
    wire = b"".join([head(), *(part(frame) for frame in [*frames, DONE]), END])
    ends: dict[str, list[scripted.Step]] = {
        "chunk": [b"\r\nzz\r\n", FIN],
        "error": [part(b'data: {"error": {"message": "x", "code": 503}}\n\n'), END, KEEP],
    }
    plays: list[scripted.Play] = []
    for _ in range(CUTS // 3 if end == HANG else CUTS):
        at = dice.randrange(1, len(wire))
        middle = dice.randrange(at)
        plays.append([wire[:middle], wire[middle:at], *ends.get(end, [end])])  # type: ignore[list-item]
    plays.append([wire, KEEP])
    # Long where nothing is to time out: a busy machine would do so before the upstream has the request.
    patience = "100ms" if end == HANG else "20s"
    model = f'retry = {{ attempts = 1 }}\ntimeouts = {{ first_token = "{patience}", stall = "{patience}" }}\n'
    with (
        Upstream(*plays) as upstream,
        shared.using(routes(upstream.url, model=model).replace("[]", '["hermes"]', 1)) as server,
    ):
        for number in range(len(plays)):
            check(server.post(ask(tools=[TOOL])), whole=number == len(plays) - 1)
            # Half of all calls fail: on purpose, and no reason to stop calling.
            server.state.pools.standings["u0"].breaker = CircuitBreaker(Breaker())
        upstream.wait(lambda upstream: upstream.open <= 1)
