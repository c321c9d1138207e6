"""``canitoolcall probe``, a client of chat completions that judges servers, against a proxy whose upstream only writes text."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import running
from canitoolcall.probe import BUILTIN_SCENARIOS, probe
from inprocess import Running
from official import routes
from scripted import DONE, Play, Upstream, chunk, reply, sse
from written import MODELS, written

CALLS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "single-call": [("get_weather", {"city": "Paris"})],
    "parallel-calls": [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Tokyo", "unit": "c"})],
    "nested-args": [
        (
            "create_event",
            {
                "title": "Design review",
                "attendees": [{"name": "Ana", "email": "ana@example.com"}, {"name": "Bo", "email": "bo@example.com"}],
                "location": {"city": "Berlin", "room": "4.12"},
            },
        )
    ],
    "unicode-args": [("save_note", {"title": "Grüße aus Zürich", "body": "Café ☕ in 東京 — naïve résumé 🚀"})],
    "empty-args": [("get_server_time", {})],
    "forced-tool-choice": [("get_weather", {"city": "Lisbon"})],
    "reasoning-then-call": [("record_answer", {"answer": "9.9"})],
}
WORDS = {"no-call": "42", "tool-result-followup": "It is 18 °C in Paris, and the sky is clear."}


def plays(name: str) -> Iterator[Play]:
    """What a model of this format answers, in the order of the probe's requests: not streamed, then streamed."""
    for scenario in BUILTIN_SCENARIOS:
        calls = CALLS.get(scenario.id)
        text = written(name, "", *calls) if calls else WORDS[scenario.id]
        fields = {"reasoning_content": "9.9 is 9.90."} if "reasoning" in scenario.id else {}
        message = {"role": "assistant", "content": text, **fields}
        yield reply(200, json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))
        pieces = [text[start : start + 3] for start in range(0, len(text), 3)]
        first = [chunk(**fields)] if fields else []
        yield sse(*first, *map(chunk, pieces), chunk(finish="stop"), DONE)


def test_it_knows_all_scenarios() -> None:
    assert {scenario.id for scenario in BUILTIN_SCENARIOS} == CALLS.keys() | WORDS.keys()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_format_passes(tmp_path: Path, name: str) -> None:
    with Upstream(*plays(name)) as upstream, Running(routes(upstream.url, MODELS[name]), tmp_path) as server:
        report = probe(f"{server.url}/v1", "any", concurrency=1)
        failed = [(o.scenario_id, o.check, o.stream, o.detail) for o in report.outcomes if o.status != "pass"]
        assert not failed
        assert not [warning for outcome in report.outcomes for warning in outcome.warnings]
        assert len(report.outcomes) == 3 * len(BUILTIN_SCENARIOS)
        assert len(upstream.requests) == 2 * len(BUILTIN_SCENARIOS)


def test_the_command_against_a_process(tmp_path: Path) -> None:
    """Both as their users start them, with a key."""
    keys = '[clients.probe]\nkey = "a-key-of-the-client"\n'
    with (
        Upstream(*plays("hermes")) as upstream,
        running.serving(tmp_path, routes(upstream.url, "acme/house-model", rest=keys)) as proxy,
    ):
        options = ["--base-url", f"{proxy.url}/v1", "--model", "any", "--concurrency", "1", "--json", "-"]
        done = subprocess.run(
            [sys.executable, "-m", "canitoolcall", "probe", *options],
            env={"CANITOOLCALL_API_KEY": "a-key-of-the-client"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["summary"] == {"pass": 27, "fail": 0, "error": 0, "skip": 0}
