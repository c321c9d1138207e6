"""Claude Code when something goes wrong at the upstream: the task goes on, or ends at once and says why."""

from __future__ import annotations

import json
from typing import Any

import pytest
from official import routes
from scripted import END, HANG, KEEP, RST, Play, Upstream, chunk, completion, head, part, reply
from workshop import Workshop, typed
from written import MODELS

pytestmark = pytest.mark.e2e


def native_cut(workshop: Workshop) -> Play:
    (tool, arguments), _ = workshop.calls
    fragment = {"index": 0, "id": "c1", "function": {"name": tool, "arguments": json.dumps(arguments)[:60]}}
    return [head(), part(chunk("I will write it.")), part(chunk(tool_calls=[fragment])), RST]


def text_cut(workshop: Workshop) -> Play:
    text = workshop.steps("hermes")[0]
    return [head(), part(chunk(text[:80])), part(chunk(text[80:120])), RST]


def thinking_cut(workshop: Workshop) -> Play:
    return [head(), part(chunk(reasoning_content="Let me see.")), RST]


@pytest.mark.parametrize("cut", [text_cut, native_cut, thinking_cut])
def test_an_upstream_that_dies_inside_a_block(workshop: Workshop, proxy: Any, cut: Any) -> None:
    """No block was completed, so Claude Code asks again by itself, and goes on."""
    first, second, last = workshop.steps("hermes")
    plays = [cut(workshop), reply(200, completion(first)), typed(second), typed(last)]
    with Upstream(*plays) as upstream, proxy.using(routes(upstream.url, MODELS["hermes"])):
        workshop.check(workshop.run())
        assert [request.json.get("stream", False) for request in upstream.requests] == [True, False, True, True]
        assert '"fault":"api"' in proxy.log()


def test_a_502_at_the_start_and_another_on_the_way(workshop: Workshop, proxy: Any) -> None:
    """Retried by the proxy: Claude Code sees three answers and no failure."""
    first, second, last = map(typed, workshop.steps("hermes"))
    bad = reply(502, "<html>Bad Gateway</html>", "text/html")
    with (
        Upstream(bad, first, bad, second, last) as upstream,
        proxy.using(routes(upstream.url, MODELS["hermes"])),
    ):
        workshop.check(workshop.run())
        assert len(upstream.requests) == 5
        assert proxy.log().count('"attempts":2') == 2


OVERFLOWS = {
    "vllm": (
        "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens "
        "(8000 in the messages, 32000 in the completion). Please reduce the length of the messages or completion."
    ),
    "llama.cpp": "the request exceeds the available context size. try increasing the context size or enable context shift",
}


@pytest.mark.parametrize("message", OVERFLOWS.values(), ids=OVERFLOWS)
def test_a_history_that_is_too_long_is_compacted(workshop: Workshop, proxy: Any, message: str) -> None:
    """Claude Code does it by itself when it is told so in the words that it knows, and if there is enough to compact."""
    first, second, last = map(typed, workshop.steps("hermes"))
    full = reply(400, json.dumps({"object": "error", "message": message, "type": "BadRequestError", "code": 400}))
    summary = typed("<summary>hello.py was written and run; it printed hello 1.</summary>")
    with (
        Upstream(first, second, full, summary, last) as upstream,
        proxy.using(routes(upstream.url, MODELS["hermes"])),
    ):
        workshop.check(workshop.run())
        assert len(upstream.requests) == 5
        assert "hello.py was written and run" in json.dumps(upstream.requests[4].json["messages"])


def test_a_wrong_key_ends_at_once(workshop: Workshop, proxy: Any) -> None:
    """The operator's, at the upstream: no minutes of retries, and the message says where to look."""
    with (
        Upstream(reply(401, '{"error": {"message": "Incorrect API key"}}')) as upstream,
        proxy.using(routes(upstream.url, "m")),
    ):
        run = workshop.run()
        assert run.output["is_error"] is True
        assert "upstreams.up.api_key" in run.said
        assert len(upstream.requests) == 1
        assert run.seconds < 30


@pytest.mark.parametrize("status", [400, 422, 403])
def test_a_refusal_ends_at_once(workshop: Workshop, proxy: Any, status: int) -> None:
    with (
        Upstream(reply(status, '{"error": {"message": "unknown field: tools"}}')) as upstream,
        proxy.using(routes(upstream.url, "m")),
    ):
        run = workshop.run()
        assert run.output["is_error"] is True
        assert f"{status}" in run.said
        assert len(upstream.requests) == 1
        assert run.seconds < 30


@pytest.mark.parametrize("said", ["", "first words"], ids=["before-the-answer", "in-the-answer"])
def test_a_client_that_leaves_frees_the_upstream(workshop: Workshop, proxy: Any, said: str) -> None:
    play: Play = [head(), part(chunk(said)), HANG] if said else [HANG]
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, "m")):
        with workshop.started() as process:
            upstream.wait(lambda up: up.requests, timeout=30)
            assert upstream.open == 1
            process.kill()
        upstream.wait(lambda up: up.open == 0)
        assert len(upstream.requests) == 1


def test_an_answer_without_its_end_is_not_taken_for_one(workshop: Workshop, proxy: Any) -> None:
    """The upstream ends in good form, but never said that it was done: Claude Code would take a cut answer for a whole one."""
    first, second, last = workshop.steps("hermes")
    cut: Play = [head(), part(chunk(first[:80])), END, KEEP]
    plays = [cut, reply(200, completion(first)), typed(second), typed(last)]
    with Upstream(*plays) as upstream, proxy.using(routes(upstream.url, MODELS["hermes"])):
        workshop.check(workshop.run())
        assert len(upstream.requests) == 4
