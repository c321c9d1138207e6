"""Golden cases: what an upstream sent, what the client gets for it, as text to be read in a diff.

Each file of ``tests/cases`` holds a sentence, settings, and the sections ``upstream``,
``client`` and ``record``. ``UPDATE_CASES=1 pytest tests/core/test_cases.py`` writes the last two
anew from the first; the diff is the review.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from chunking import bytewise, every_split, seeded_splits, whole
from playbook import CONVERSATION, ROUTE, counting

from bridge.config.document import Problems
from bridge.config.inputs import Inputs
from bridge.config.parsers import AvailableParser, ParserCache, load_parsers
from bridge.core.anthropic.voice import MESSAGES
from bridge.core.conversation import Tool
from bridge.core.exchange import Exchange

CASES = sorted((Path(__file__).parent.parent / "cases").glob("*.txt"))
UPDATE = bool(os.environ.get("UPDATE_CASES"))


@dataclass(frozen=True)
class Case:
    settings: dict[str, str]
    head: str
    upstream: str
    client: str
    record: str

    @classmethod
    def read(cls, path: Path) -> Case:
        head, upstream, *outcome = path.read_bytes().decode().split("\n=== ")
        lines = (line.partition(": ") for line in head.splitlines()[1:])
        client, record = outcome if outcome else ("client\n", "record\n")
        return cls(
            {name: value for name, _, value in lines},
            head,
            upstream.removeprefix("upstream\n"),
            client.removeprefix("client\n"),
            record.removeprefix("record\n"),
        )

    def text(self) -> str:
        sections = zip(("upstream", "client", "record"), (self.upstream, self.client, self.record), strict=True)
        return self.head + "".join(f"\n=== {name}\n{body}" for name, body in sections)


@cache
def parsers() -> dict[str, AvailableParser]:
    return load_parsers((), Inputs(), Problems(), ParserCache(check=lambda _: ()))


def run(case: Case, chunks: list[bytes]) -> tuple[str, str]:
    names = case.settings.get("parsers", "").split()
    route = replace(
        ROUTE,
        parsers=tuple(parsers()[name].spec for name in names),
        tool_streaming=case.settings.get("tool_streaming", "complete"),
    )
    stream = case.settings.get("stream", "yes") == "yes"
    tools = tuple(Tool(name) for name in case.settings.get("tools", "").split())
    exchange = Exchange(replace(CONVERSATION, stream=stream, tools=tools), counting(), "req_1", MESSAGES)
    exchange.attempt(route)
    for chunk in chunks:
        exchange.receive(chunk)
    exchange.receive_eof()
    failure = exchange.fault
    if failure is not None:
        exchange.open()
        exchange.fail(failure)
    client = exchange.client_bytes() if stream else exchange.message() + b"\n"
    record = [
        f"fault: {failure.kind}, {failure.retry}: {failure.message}"
        if failure
        else f"stop_reason: {exchange.stop_reason}",
        f"usage: {exchange.usage}",
        f"counters: {exchange.counters}",
    ]
    return client.decode(), "\n".join(record) + "\n"


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_case(path: Path) -> None:
    case = Case.read(path)
    sent = case.upstream.encode()
    client, record = run(case, whole(sent))
    if UPDATE:
        path.write_bytes(replace(case, client=client, record=record).text().encode())
        return
    assert client == case.client
    assert record == case.record
    for chunks in (bytewise(sent), *seeded_splits(sent, 20)):
        assert run(case, chunks) == (client, record)


def test_one_case_at_every_split() -> None:
    case = Case.read(next(path for path in CASES if path.stem == "stream_for_json"))
    sent = case.upstream.encode()
    for chunks in every_split(sent):
        assert run(case, chunks) == (case.client, case.record)


def test_there_are_cases() -> None:
    assert len(CASES) >= 10
