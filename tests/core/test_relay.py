"""One request whose routes lead to upstreams of both kinds: to the client it is one answer."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace

import messagesapi
import pytest
from inprocess import read_events
from messagesapi import BLOCK, PING, event, start
from scripted import DONE, chunk

from bridge.core.anthropic.passing import read_question
from bridge.core.events import Fault
from bridge.core.relay import Relay, count_request, passed_refusal
from bridge.core.route import Route, UpstreamRef
from bridge.errors import RequestError

CLAUDE = Route("m", UpstreamRef("a", protocol="anthropic", api_key="s3cret"), "real", max_output_tokens=None)
OPEN = Route("o", UpstreamRef("b"), "open")
STREAM = b"".join(messagesapi.frames("hi"))
GONE = Fault("api", "gone", "ambiguous")
OVERLOADED = event("error", error={"type": "overloaded_error", "message": "busy"})
HEAD = ("text/event-stream", {"content-type": "text/event-stream", "request-id": "req_up"})


def relay(**fields: object) -> Relay:
    body = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "x"}], **fields}
    numbers = itertools.count()
    question = read_question(json.dumps(body).encode(), body).with_head([], b"beta=true")
    return Relay(question, lambda prefix: f"{prefix}_{next(numbers)}", "req_ours")


def begin(one: Relay, route: Route, data: bytes = b"") -> None:
    one.attempt(route)
    one.receive_head(*HEAD)
    one.receive(data)


def names(data: bytes) -> list[str]:
    return [name for name, _ in read_events(data)]


def test_a_request_and_its_answer() -> None:
    one = relay()
    assert (one.fault, one.finished, one.ready, one.progress, one.warnings) == (None, False, False, 0, ())
    request = one.attempt(CLAUDE)
    assert request.path == "/messages?beta=true"
    assert request.headers["x-api-key"] == "s3cret"
    assert json.loads(request.body)["model"] == "real"
    one.receive_head(*HEAD)
    assert (one.headers, one.ready) == ({}, False)
    one.receive(STREAM)
    assert one.client_bytes() == STREAM
    assert (one.finished, one.ended, one.ready, one.content_started) == (True, True, True, True)
    assert one.headers == HEAD[1]
    assert (one.usage.output_tokens, one.stop_reason, one.counters) == (42, "end_turn", {})
    one.ping()
    one.fail(GONE)
    assert (one.client_bytes(), one.fault) == (b"", None)
    with pytest.raises(RuntimeError):
        one.attempt(CLAUDE)


def test_a_whole_answer() -> None:
    one = relay(stream=False)
    with pytest.raises(RuntimeError):
        one.message()
    one.attempt(CLAUDE)
    one.receive(messagesapi.message())
    one.receive_eof()
    assert one.message() == messagesapi.message()
    assert one.client_bytes() == b""


def test_nothing_is_left_of_an_attempt_that_failed() -> None:
    one = relay()
    begin(one, CLAUDE, start() + PING)
    one.receive_fault(GONE)
    assert one.fault is GONE
    begin(one, CLAUDE, STREAM)
    assert (one.client_bytes(), one.fault) == (STREAM, None)


def test_pings_before_anything_else() -> None:
    one = relay()
    one.attempt(CLAUDE)
    one.open()
    one.keep_alive()
    assert one.client_bytes() == b""
    one.ping()
    assert one.client_bytes() == PING
    one.receive(STREAM[:-9])
    one.ping()
    one.receive(STREAM[-9:])
    got = one.client_bytes()
    assert got.replace(PING, b"") == STREAM.replace(PING, b"")
    assert read_events(got)


def test_an_upstream_that_dies_ends_in_one_error() -> None:
    for cut in range(len(start() + BLOCK), len(STREAM) - 2):
        one = relay()
        begin(one, CLAUDE, STREAM[:cut])
        one.receive_eof()
        assert one.fault is not None
        one.fail(one.fault)
        one.fail(GONE)
        one.ping()
        got = list(read_events(one.client_bytes()))
        assert [name for name, _ in got].count("error") == 1
        assert got[-1][1]["error"]["type"] == "api_error"
        assert got[-1][1]["request_id"] == "req_up"
        one.receive(STREAM)
        assert one.client_bytes() == b""


def test_an_error_of_the_upstream_is_the_error() -> None:
    one = relay()
    begin(one, CLAUDE, start() + BLOCK + OVERLOADED)
    assert one.fault is not None
    one.fail(one.fault)
    assert one.client_bytes() == start() + BLOCK + OVERLOADED


def test_a_failure_after_pings_only() -> None:
    one = relay()
    one.attempt(CLAUDE)
    one.ping()
    one.receive_fault(GONE)
    one.fail(GONE)
    got = list(read_events(one.client_bytes()))
    assert [name for name, _ in got] == ["ping", "error"]
    assert got[-1][1]["request_id"] == "req_ours"


OPEN_STREAM = chunk("open") + chunk(finish="stop") + DONE


@pytest.mark.parametrize("opened", [False, True], ids=["quick", "slow"])
@pytest.mark.parametrize("before", [b"", start(), start() + PING + OVERLOADED], ids=["silent", "started", "error"])
def test_from_an_anthropic_upstream_to_another(before: bytes, opened: bool) -> None:
    one = relay()
    begin(one, CLAUDE, before)
    if opened:
        one.open()
        one.ping()
    one.receive_fault(GONE)
    assert one.attempt(OPEN).path == "/chat/completions"
    assert one.fault is None
    one.receive_head("text/event-stream", {"request-id": "theirs"})
    one.receive(OPEN_STREAM)
    got = names(one.client_bytes())
    assert got == ["ping"] * opened + ["message_start", "content_block_start", "content_block_delta",
                                       "content_block_stop", "message_delta", "message_stop"]  # fmt: skip
    assert (one.finished, one.headers, one.stop_reason) == (True, {}, "end_turn")


@pytest.mark.parametrize("opened", [False, True], ids=["quick", "slow"])
def test_from_another_upstream_to_an_anthropic_one(opened: bool) -> None:
    one = relay()
    one.attempt(OPEN)
    if opened:
        one.open()
        one.keep_alive()
        one.ping()
    one.receive_fault(GONE)
    begin(one, CLAUDE, STREAM)
    got = one.client_bytes()
    if opened:
        assert names(got)[:3] == ["message_start", "ping", "ping"]
        assert got.endswith(STREAM.replace(start(), b""))
        assert got.count(b"event: message_start") == 1
    else:
        assert got == STREAM
    assert one.finished


def test_there_and_back_and_nothing_works() -> None:
    one = relay()
    one.attempt(OPEN)
    one.open()
    one.ping()
    one.receive_fault(GONE)
    begin(one, CLAUDE, start())
    one.receive_eof()
    one.ping()
    one.attempt(OPEN)
    one.receive_fault(GONE)
    one.fail(GONE)
    assert names(one.client_bytes()) == ["message_start", "ping", "ping", "error"]


def test_an_exchange_fails_after_pings_of_a_passage() -> None:
    one = relay()
    one.attempt(CLAUDE)
    one.ping()
    one.receive_fault(GONE)
    one.attempt(OPEN)
    one.fail(GONE)
    assert names(one.client_bytes()) == ["ping", "error"]


def test_whole_answers_of_another_upstream() -> None:
    one = relay(stream=False, metadata={"user_id": "u", "x": 1})
    one.attempt(CLAUDE)
    one.receive_eof()
    assert one.fault is not None
    one.attempt(OPEN)
    message = {"role": "assistant", "content": "open"}
    one.receive(json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode())
    one.receive_eof()
    assert json.loads(one.message())["content"] == [{"type": "text", "text": "open"}]
    assert any("metadata.x" in warning for warning in one.warnings)
    assert one.ended


def test_a_request_that_only_one_of_them_can_answer() -> None:
    one = relay(thread={"id": "t"})
    with pytest.raises(RequestError, match="thread"):
        one.attempt(OPEN)
    begin(one, CLAUDE, STREAM)
    assert one.client_bytes() == STREAM


def test_warnings() -> None:
    one = relay(max_tokens=100)
    one.attempt(replace(CLAUDE, max_output_tokens=50))
    assert one.warnings == ("max_tokens: 100 is lowered to 50",)


BUSY = Fault("overloaded", "busy", "transient", upstream_status=529, retry_after=300.0)
BODY = messagesapi.error_body("overloaded_error")


def test_a_refusal_is_for_its_fault() -> None:
    one = relay()
    one.attempt(CLAUDE)
    one.receive_refusal(BUSY, 529, {"request-id": "req_up", "retry-after": "300"}, BODY)
    refusal = one.refusal(BUSY)
    assert refusal is not None
    assert (refusal.status, refusal.body) == (529, BODY)
    assert refusal.headers == {"content-type": "application/json", "request-id": "req_up", "retry-after": "60"}
    assert one.refusal(replace(BUSY)) is None
    one.attempt(OPEN)
    one.receive_refusal(GONE, 500, {}, BODY)
    assert one.refusal(GONE) is None


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        (Fault("permission", "key"), messagesapi.error_body("authentication_error")),
        (BUSY, b"<html>busy</html>"),
        (BUSY, b'{"error":{"message":"busy"}}'),
        (BUSY, BODY[:-1]),
        (BUSY, messagesapi.error_body("overloaded_error", "s3cret")),
    ],
)
def test_what_is_not_passed_on(fault: Fault, body: bytes) -> None:
    assert passed_refusal(fault, 529, {}, body, CLAUDE) is None


def test_hopeless_refusals_say_so() -> None:
    fault = Fault("invalid_request", "no", "never", upstream_status=400)

    def headers(more: Mapping[str, str]) -> Mapping[str, str]:
        refusal = passed_refusal(fault, 400, more, BODY, CLAUDE)
        assert refusal is not None
        return refusal.headers

    assert headers({})["x-should-retry"] == "false"
    assert headers({"x-should-retry": "true"})["x-should-retry"] == "true"


def test_a_question_about_tokens() -> None:
    question = read_question(b'{ "model":"m" }', {"model": "m"}).with_head([], b"")
    request = count_request(question, CLAUDE)
    assert (request.path, request.body) == ("/messages/count_tokens", b'{ "model":"real" }')
    assert request.headers["x-api-key"] == "s3cret"
