from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from inprocess import Running, ask, routes
from scripted import DONE, HANG, Play, Upstream, chunk, frame, reply, sse

from bridge.server import counting

COUNT = "/v1/messages/count_tokens?beta=true"
NOT_FOUND = reply(404, '{"detail":"Not Found"}')
TOOL = {"name": "read", "description": "Reads a file.", "input_schema": {"type": "object", "properties": {}}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}


def said(**fields: object) -> Play:
    return reply(200, json.dumps(fields))


def counted(server: Running, body: object = None) -> int:
    got = server.post(body or ask("hello there"), COUNT)
    assert got.status == 200, got.body
    assert got.headers["request-id"]
    tokens: int = got.json["input_tokens"]
    return tokens


def answered(prompt: int, **usage: object) -> Play:
    done = {"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": 1, **usage}}
    return sse(chunk("hi"), chunk(finish="stop"), frame(done), DONE)


def test_vllm_counts_what_would_be_sent(shared: Running) -> None:
    with Upstream(NOT_FOUND, said(count=9), said(count=1234, max_model_len=4096, tokens=[1])) as upstream:
        more = "[models.m.request]\nset = { chat_template_kwargs = { enable_thinking = false }, top_k = 3 }\n"
        with shared.using(routes(upstream.url, upstream='api_key = "secret"', model=more)) as server:
            assert counted(server, ask("hello", tools=[TOOL], system="Be brief.")) == 1234
            request = upstream.requests[2]
            assert (request.method, request.path) == ("POST", "/tokenize")
            assert request.headers["authorization"] == "Bearer secret"
            sent = request.json
            assert sent["model"] == "real-m"
            assert sent["messages"] == [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "hello"},
            ]
            assert sent["tools"][0]["function"]["name"] == "read"
            assert sent["chat_template_kwargs"] == {"enable_thinking": False}
            assert sent["add_generation_prompt"] is True
            assert "top_k" not in sent
            # The question that found out carried nothing of the conversation.
            assert "hello there" not in str(upstream.requests[1].json)
            assert "tools" not in upstream.requests[1].json


def test_llama_cpp_counts_by_template_and_tokens(shared: Running) -> None:
    nothing = said(tokens=[])
    probe = (NOT_FOUND, nothing, said(prompt="<user>hello"), said(tokens=[1]))
    with (
        Upstream(*probe, said(prompt="<user>hello there"), said(tokens=[1, 2, 3, 4, 5])) as upstream,
        shared.using(routes(upstream.url)) as server,
    ):
        assert counted(server) == 5
        paths = [request.path for request in upstream.requests]
        assert paths[-2:] == ["/apply-template", "/tokenize"]
        assert upstream.requests[-1].json == {"content": "<user>hello there", "add_special": True}


def test_llama_cpp_counts_in_one_go_where_it_can(shared: Running) -> None:
    with Upstream(said(object="x", input_tokens=77)) as upstream, shared.using(routes(upstream.url)) as server:
        assert counted(server) == 77
        assert [request.path for request in upstream.requests] == ["/v1/chat/completions/input_tokens"] * 2


def test_pictures_are_added_where_the_tokenizer_sees_none(shared: Running) -> None:
    body = ask("")
    body["messages"] = [{"role": "user", "content": [{"type": "text", "text": "what?"}, IMAGE]}]
    with Upstream(NOT_FOUND, said(count=9)) as upstream, shared.using(routes(upstream.url)) as server:
        assert counted(server, body) == 9 + 1_500
        assert upstream.requests[-1].json["messages"] == [
            {"role": "user", "content": [{"type": "text", "text": "what?"}]}
        ]
    with Upstream(said(input_tokens=300)) as upstream, shared.using(routes(upstream.url)) as server:
        assert counted(server, body) == 300


@pytest.mark.parametrize("refusal", [NOT_FOUND, reply(200, "<html>"), reply(200, "[]"), said(error="Unexpected")])
def test_an_upstream_that_cannot_count_is_asked_once(shared: Running, refusal: Play) -> None:
    with Upstream(refusal) as upstream, shared.using(routes(upstream.url)) as server:
        assert 1 < counted(server) < 30
        assert len(upstream.requests) == 3
        assert counted(server, ask("word " * 20_000)) > 15_000
        assert len(upstream.requests) == 3


def test_a_count_beyond_belief_is_none(shared: Running) -> None:
    with Upstream(NOT_FOUND, said(count=9), said(count=-1)) as upstream, shared.using(routes(upstream.url)) as server:
        assert 1 < counted(server) < 30


def test_an_estimate_asks_nobody(shared: Running) -> None:
    with (
        Upstream(NOT_FOUND) as upstream,
        shared.using(routes(upstream.url, model='count_tokens = "estimate"')) as server,
    ):
        assert 1 < counted(server) < 30
        assert upstream.requests == []


def test_a_failure_is_an_error_where_only_the_upstream_may_count(shared: Running) -> None:
    with (
        Upstream(NOT_FOUND) as upstream,
        shared.using(routes(upstream.url, model='count_tokens = "upstream"')) as server,
    ):
        got = server.post(ask(), COUNT)
        assert (got.status, got.json["type"], got.json["error"]["type"]) == (500, "error", "api_error")
        assert "`count_tokens`" in got.json["error"]["message"]
        assert "`u0`" in got.json["error"]["message"]


def test_an_upstream_that_is_down_or_fails_later_does_not_matter(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1")) as server:
        assert 1 < counted(server) < 30
    with (
        Upstream(said(input_tokens=5), said(input_tokens=55), reply(500, "{}")) as upstream,
        shared.using(routes(upstream.url)) as server,
    ):
        assert counted(server) == 55
        assert 1 < counted(server) < 30
        assert 1 < counted(server) < 30
        assert len(upstream.requests) == 3


def test_a_slow_tokenizer_is_not_waited_for(shared: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "AUTO_TIMEOUT", 0.05)
    with Upstream(said(input_tokens=5), [HANG]) as upstream, shared.using(routes(upstream.url)) as server:
        assert 1 < counted(server) < 30
        upstream.wait(lambda it: it.closed)


def test_a_client_that_leaves_ends_the_question(shared: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "AUTO_TIMEOUT", 60)
    with Upstream(said(input_tokens=5), [HANG]) as upstream, shared.using(routes(upstream.url)) as server:
        client = server.open(ask(), path=COUNT)
        upstream.wait(lambda it: len(it.requests) == 2)
        client.close()
        upstream.wait(lambda it: it.closed, timeout=1)
        server.wait(lambda: not server.state.load.in_flight)


def test_fourteen_counts_eight_at_once(shared: Running) -> None:
    with (
        Upstream(NOT_FOUND, said(count=9), said(count=20_000)) as upstream,
        shared.using(routes(upstream.url)) as server,
    ):
        body = ask("word " * 20_000, tools=[TOOL])
        with ThreadPoolExecutor(8) as clients:
            assert list(clients.map(lambda _: counted(server, body), range(14))) == [20_000] * 14
        # Found out once, although eight wanted to know.
        assert len(upstream.requests) == 2 + 14
        assert upstream.connections <= 8


def test_an_unknown_model_is_404(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1")) as server:
        got = server.post(ask(model="nobody"), COUNT)
        assert (got.status, got.json["error"]["type"]) == (404, "not_found_error")


def learnt(server: Running) -> int:
    calibration = server.state.pools.standings["u0"].calibrations.get("real-m")
    return calibration.learnt if calibration is not None else 0


TEXT = "The value of order 4711000 is 120034 and that of 4811777 is 998877. " * 40


def test_what_the_upstream_reports_corrects_the_estimate(shared: Running) -> None:
    body = ask(TEXT)
    settings = routes("URL", model='count_tokens = "estimate"')
    with Upstream(answered(1_600)) as upstream, shared.using(settings.replace("URL", upstream.url)) as server:
        before = counted(server, body)
        assert abs(before - 1_600) > 200
        start = server.post(body).events[0][1]["message"]["usage"]["input_tokens"]
        assert start == 0
        server.wait(lambda: learnt(server) == 1)
        assert counted(server, body) == pytest.approx(1_600, rel=0.1)
        # It is what a stream begins with, too.
        start = server.post(body).events[0][1]["message"]["usage"]["input_tokens"]
        assert start == pytest.approx(1_600, rel=0.1)
        server.wait(lambda: learnt(server) == 2)
        # A reload forgets nothing.
        server.save(settings.replace("URL", upstream.url) + "\n[log]\nlevel = 'debug'\n")
        assert counted(server, body) == pytest.approx(1_600, rel=0.1)


def test_cached_tokens_count_as_well(shared: Running) -> None:
    body = ask(TEXT)
    settings = 'count_tokens = "estimate"'
    with (
        Upstream(answered(1_600, prompt_tokens_details={"cached_tokens": 1_500})) as upstream,
        shared.using(routes(upstream.url, model=settings)) as server,
    ):
        server.post(body)
        server.wait(lambda: learnt(server) == 1)
        assert counted(server, body) == pytest.approx(1_600, rel=0.1)


@pytest.mark.parametrize("tokens", [1, 10**9])
def test_a_report_beyond_belief_teaches_nothing(shared: Running, tokens: int) -> None:
    with (
        Upstream(answered(tokens)) as upstream,
        shared.using(routes(upstream.url, model='count_tokens = "estimate"')) as server,
    ):
        before = counted(server, ask(TEXT))
        server.post(ask(TEXT))
        server.wait(lambda: "real-m" in server.state.pools.standings["u0"].calibrations)
        server.wait(lambda: not server.state.counting.learning)
        assert (learnt(server), counted(server, ask(TEXT))) == (0, before)


def test_later_answers_teach_seldom(shared: Running) -> None:
    with Upstream(answered(1_600)) as upstream, shared.using(routes(upstream.url)) as server:
        for _ in range(counting.EAGER + 2 * counting.EVERY):
            server.post(ask(TEXT))
            server.wait(lambda: not server.state.counting.learning)
        assert learnt(server) == counting.EAGER + 2


def test_a_catch_all_does_not_remember_every_name(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1")) as server:

        def fill() -> int:
            upstream = server.state.live().generation.upstreams["u0"]
            for number in range(1_000):
                counting.calibration_of(upstream, f"model-{number}")
            return len(upstream.standing.calibrations)

        assert server.call(fill) <= 256


def test_long_bodies_are_measured_beside_the_loop(shared: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    measure = counting._measure

    def noted(data: bytes):  # type: ignore[no-untyped-def]
        names.append(threading.current_thread().name)
        return measure(data)

    monkeypatch.setattr(counting, "_measure", noted)
    with shared.using(routes("http://127.0.0.1:1", model='count_tokens = "estimate"')) as server:
        counted(server, ask("hello"))
        counted(server, ask("word " * 20_000))
    assert names[0] != names[1]
    assert names[1].startswith("asyncio_")
