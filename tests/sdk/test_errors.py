"""What an upstream's failure is for the SDK: the class of the exception, and whether it tries again."""

from __future__ import annotations

import json
import threading
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, APIStatusError
from inprocess import Running
from official import ask, blocks, routes
from scripted import DONE, END, FIN, KEEP, RST, Play, Upstream, answer, chunk, completion, frame, head, part, reply, sse

ONCE = "retry = { attempts = 1 }"
SOON = 'retry = { attempts = 3, backoff = "1ms" }'
AMPLE = "retry_budget = { min_per_second = 10.0 }"
STREAM = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


def failure(status: int, message: str = "the reason", *headers: str) -> Play:
    body = json.dumps({"error": {"message": message, "type": "some_error", "code": None}})
    return reply(status, body, "application/json", *headers)


def error_of(raised: APIStatusError) -> dict[str, Any]:
    body: Any = raised.body
    assert body["type"] == "error"
    return dict(body["error"])


# upstream's status, the exception, status and type for the client, may the client try again
STATUSES: list[tuple[int, type[APIStatusError], int, str, bool]] = [
    (400, anthropic.BadRequestError, 400, "invalid_request_error", False),
    (401, anthropic.PermissionDeniedError, 403, "permission_error", False),
    (403, anthropic.PermissionDeniedError, 403, "permission_error", False),
    (404, anthropic.NotFoundError, 404, "not_found_error", False),
    (413, anthropic.APIStatusError, 413, "request_too_large", False),
    (422, anthropic.UnprocessableEntityError, 422, "invalid_request_error", False),
    (429, anthropic.RateLimitError, 429, "rate_limit_error", True),
    (500, anthropic.InternalServerError, 500, "api_error", True),
    (502, anthropic.InternalServerError, 500, "api_error", True),
    (503, anthropic.InternalServerError, 529, "overloaded_error", True),
    (504, anthropic.InternalServerError, 504, "timeout_error", True),
    (529, anthropic.InternalServerError, 529, "overloaded_error", True),
]


@STREAM
@pytest.mark.parametrize(("status", "kind", "seen", "name", "again"), STATUSES, ids=[str(row[0]) for row in STATUSES])
def test_statuses(
    proxy: Running,
    sdk: Anthropic,
    status: int,
    kind: type[APIStatusError],
    seen: int,
    name: str,
    again: bool,
    stream: bool,
) -> None:
    with Upstream(failure(status)) as upstream, proxy.using(routes(upstream.url, "org/real", extra=ONCE)):
        with pytest.raises(kind) as raised:
            ask(sdk, stream=stream)
        problem = raised.value
        assert (problem.status_code, error_of(problem)["type"]) == (seen, name)
        assert problem.request_id
        headers = problem.response.headers
        assert problem.request_id == headers["request-id"]
        assert (headers.get("x-should-retry") == "false") is (not again)
        assert ("retry-after" in headers) is (seen in (429, 529))
        message = error_of(problem)["message"]
        if status in (401, 403):
            assert "upstreams.up.api_key" in message
            assert "the reason" not in message
        else:
            assert "the reason" in message
        if status == 404:
            assert "org/real" in message
        assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("wait", "told"), [("7", "7"), ("3600", "60"), ("0", "1"), ("soon", "3"), ("-1", "1"), (None, "3")]
)
def test_retry_after(proxy: Running, sdk: Anthropic, wait: str | None, told: str) -> None:
    play = failure(429, "slow down", *([f"retry-after: {wait}"] if wait else []))
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, extra=ONCE)):
        with pytest.raises(anthropic.RateLimitError) as raised:
            ask(sdk)
        assert raised.value.response.headers["retry-after"] == told


def test_what_is_hopeless_the_sdk_does_not_repeat(proxy: Running) -> None:
    with (
        Anthropic(base_url=proxy.url, api_key="x", max_retries=5) as client,
        Upstream(failure(401), failure(422)) as upstream,
        proxy.using(routes(upstream.url)),
    ):
        for _ in range(2):
            with pytest.raises(APIStatusError):
                ask(client)
        assert len(upstream.requests) == 2


def test_the_sdks_own_retry_finds_an_upstream_that_is_well_again(proxy: Running) -> None:
    with (
        Anthropic(base_url=proxy.url, api_key="x", max_retries=1) as client,
        Upstream(failure(502), answer("well")) as upstream,
        proxy.using(routes(upstream.url, extra=ONCE)),
    ):
        assert blocks(ask(client)) == [("text", "well")]


@STREAM
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_502_and_504_are_retried_streamed_and_not(proxy: Running, sdk: Anthropic, status: int, stream: bool) -> None:
    """And their like. The client notices nothing. (A 500 is repeated once: it is more often the request's doing.)"""
    good = answer("well again") if stream else reply(200, completion("well again"))
    failures = [failure(status)] * (1 if status == 500 else 2)
    with Upstream(*failures, good) as upstream, proxy.using(routes(upstream.url, extra=SOON)):
        got = ask(sdk, stream=stream)
        assert blocks(got) == [("text", "well again")]
        assert len(upstream.requests) == len(failures) + 1
        assert len({request.body for request in upstream.requests}) == 1


@pytest.mark.parametrize(
    "play",
    [
        [RST],
        [FIN],
        [head(), RST],
        [head(), END, KEEP],
        [head(), part(chunk(role="assistant")), FIN],
        [head(), part(chunk(role="assistant")), part(b": still here\n\n"), END, KEEP],
        sse(DONE),
        sse(frame({"error": {"message": "out of memory", "code": 500}})),
        reply(200, "<html>a page</html>", "text/html"),
        reply(200, "{}"),
        reply(502, "<html>Bad Gateway</html>", "text/html"),
    ],
    ids=["reset", "closed", "reset-after-head", "empty", "closed-after-role", "only-comments", "only-done",
         "error-inside-200", "page", "empty-object", "page-502"],
)  # fmt: skip
def test_failures_before_content_are_retried(proxy: Running, sdk: Anthropic, play: Play) -> None:
    with Upstream(play, answer("second")) as upstream, proxy.using(routes(upstream.url, extra=SOON, upstream=AMPLE)):
        assert blocks(ask(sdk)) == [("text", "second")]
        assert len(upstream.requests) == 2
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, extra=SOON, upstream=AMPLE)):
        with pytest.raises(anthropic.InternalServerError) as raised:
            ask(sdk)
        assert error_of(raised.value)["type"] == "api_error"
        assert "<" not in error_of(raised.value)["message"]


@pytest.mark.parametrize(
    ("steps", "name"),
    [
        ([RST], "api_error"),
        ([FIN], "api_error"),
        ([END, KEEP], "api_error"),
        ([part(DONE), END, KEEP], None),
        ([part(frame({"error": {"message": "overloaded", "code": 529}})), END, KEEP], "overloaded_error"),
        ([part(frame({"error": {"message": "no", "type": "rate_limit_exceeded"}})), END, KEEP], "rate_limit_error"),
        ([part(b"data: {broken\n\n"), END, KEEP], "api_error"),
        ([b"zz\r\nnot a chunk", FIN], "api_error"),
    ],
    ids=[
        "reset",
        "closed",
        "no-finish",
        "done-without-finish",
        "overloaded",
        "rate-limit",
        "broken-json",
        "broken-chunk",
    ],
)
def test_failures_after_content_are_an_error_event(
    proxy: Running, sdk: Anthropic, steps: list[Any], name: str | None
) -> None:
    """What was said stays said; then one error, never a fake end, never a second attempt."""
    # The gate keeps the failure from overtaking what it is to come after.
    gate = threading.Event()
    play = [head(), part(chunk("so far")), gate, *steps]
    prompt: Any = [{"role": "user", "content": "x"}]
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, extra=SOON)):
        seen: list[Any] = []

        def read() -> None:
            with sdk.messages.stream(model="m", max_tokens=9, messages=prompt) as events:
                for event in events:
                    seen.append(event)
                    if event.type == "text":
                        gate.set()

        if name is None:
            read()
            assert seen[-1].message.stop_reason == "end_turn"
        else:
            with pytest.raises(APIStatusError) as raised:
                read()
            error = error_of(raised.value)
            assert error["type"] == name
            assert all(event.type not in ("message_delta", "message_stop") for event in seen)
        assert "".join(event.text for event in seen if event.type == "text") == "so far"
        assert len(upstream.requests) == 1


def test_exception_after_first_block_is_an_error_event(
    proxy: Running, sdk: Anthropic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of our own, too: the SDK raises what it can handle, instead of waiting or losing the connection."""
    from bridge.core.exchange import Exchange

    receive = Exchange.receive

    def broken(self: Exchange, data: bytes) -> None:
        if b"second" in data:
            raise RuntimeError("a bug of ours")
        receive(self, data)

    monkeypatch.setattr(Exchange, "receive", broken)
    gate = threading.Event()
    prompt: Any = [{"role": "user", "content": "x"}]
    play = [head(), part(chunk("first")), gate, part(chunk("second")), part(chunk(finish="stop")), END, KEEP]
    with (
        Upstream(play) as upstream,
        proxy.using(routes(upstream.url)),
        sdk.messages.stream(model="m", max_tokens=9, messages=prompt) as events,
    ):
        texts = events.text_stream
        assert next(texts) == "first"
        gate.set()
        with pytest.raises(APIStatusError) as raised:
            list(texts)
        assert error_of(raised.value)["type"] == "api_error"
        assert "a bug of ours" not in raised.value.message
    assert not proxy.problems


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 8192 tokens. However, you requested 9001 tokens (9000 in the messages, 1 in the completion).",
        "the request exceeds the available context size. try increasing the context size or enable context shift",
        "Input length (9001 tokens) exceeds the maximum allowed length (8192 tokens)",
    ],
    ids=["vllm", "llama.cpp", "sglang"],
)
def test_an_overflow_is_said_in_the_words_that_clients_compact_on(proxy: Running, sdk: Anthropic, message: str) -> None:
    with Upstream(failure(400, message)) as upstream, proxy.using(routes(upstream.url)):
        with pytest.raises(anthropic.BadRequestError) as raised:
            ask(sdk)
        assert error_of(raised.value)["message"].startswith("prompt is too long")


def test_an_upstream_that_is_not_there(proxy: Running, sdk: Anthropic) -> None:
    with proxy.using(routes("http://127.0.0.1:1/v1", extra=SOON)):
        with pytest.raises(anthropic.InternalServerError) as raised:
            ask(sdk)
        assert raised.value.status_code == 500
        assert "up" in error_of(raised.value)["message"]
    with Upstream(answer("from another")) as upstream:
        text = routes("http://127.0.0.1:1/v1", extra='fallbacks = ["other"]', rest=(
            f'[upstreams.second]\nbase_url = "{upstream.url}"\n[models.other]\nupstream = "second"\nmodel = "b"\n'
        ))  # fmt: skip
        with proxy.using(text):
            assert blocks(ask(sdk)) == [("text", "from another")]


def test_no_secret_in_an_error(proxy: Running, sdk: Anthropic) -> None:
    secret = "sk-very-secret-value"
    play = failure(400, f"key {secret} may not do this")
    with Upstream(play) as upstream, proxy.using(routes(upstream.url, upstream=f'api_key = "{secret}"')):
        with pytest.raises(anthropic.BadRequestError) as raised:
            ask(sdk)
        assert secret not in str(raised.value) + str(raised.value.response.headers)
        assert upstream.requests[0].headers["authorization"] == f"Bearer {secret}"
