"""What of a request goes on, and what of an answer's head comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.core import jsontext
from bridge.core.anthropic.passing import (
    Question,
    answer_headers,
    count_body,
    passed_body,
    passed_headers,
    read_question,
)
from bridge.core.route import BodyPatch, Route, UpstreamRef
from bridge.errors import RequestError

RAW = rb' { "max_tokens":9.0E1, "model" :"asked","thread":{"x":"\ud800"},"stream":true, "metadata":{"user_id":"u"} }'
UP = UpstreamRef("up", protocol="anthropic", api_key="key", headers={"X-Team": "t"})
ROUTE = Route("m", UP, "real", max_output_tokens=None)


def question(raw: bytes = RAW) -> Question:
    return read_question(raw, jsontext.loads(raw))


def test_what_decides_the_route() -> None:
    asked = question()
    assert (asked.model, asked.stream, asked.user_id) == ("asked", True, "u")
    odd = question(b'{"model":"m","stream":"yes","metadata":[]}')
    assert (odd.stream, odd.user_id) == (False, "")


@pytest.mark.parametrize("raw", [b"[]", b"7", b"null", b"{}", b'{"model":null}', b'{"model":7}', b'{"model":""}'])
def test_a_request_without_a_model(raw: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        question(raw)
    assert refused.value.fault.kind == "invalid_request"


def test_the_body_keeps_its_bytes() -> None:
    assert passed_body(question(), ROUTE) == (RAW.replace(b'"asked"', b'"real"'), ())
    assert passed_body(question(), replace(ROUTE, model="asked")) == (RAW, ())
    assert count_body(question(), replace(ROUTE, request=BodyPatch(set={"a": 1}))) == RAW.replace(b"asked", b"real")


def test_a_limit_of_the_route() -> None:
    raw = b'{"model":"real", "max_tokens" : 900,"x":1.0}'
    limited = replace(ROUTE, max_output_tokens=100)
    assert passed_body(question(raw), limited) == (
        b'{"model":"real", "max_tokens" : 100,"x":1.0}',
        ("max_tokens: 900 is lowered to 100",),
    )
    for same in (b'{"model":"real","max_tokens":7}', b'{"model":"real"}', b'{"model":"real","max_tokens":"lots"}'):
        assert passed_body(question(same), limited) == (same, ())


@pytest.mark.parametrize(
    ("patch", "body"),
    [
        (BodyPatch(default={"a": 1}), {"model": "real", "x": 1.5, "a": 1}),
        (BodyPatch(default={"x": 2}), None),
        (BodyPatch(set={"x": 2}), {"model": "real", "x": 2}),
        (BodyPatch(set={"x": 1.5}), None),
        (BodyPatch(drop=("x",)), {"model": "real"}),
        (BodyPatch(drop=("y",)), None),
        (BodyPatch(default={"a": 1}, set={"b": 2}, drop=("a", "x")), {"model": "real", "b": 2}),
    ],
)
def test_a_patch_writes_the_body_anew_only_where_it_changes_something(patch: BodyPatch, body: Any) -> None:
    raw = b'{ "model":"asked", "x":1.50 }'
    sent, warnings = passed_body(question(raw), replace(ROUTE, request=patch))
    assert warnings == ()
    if body is None:
        assert sent == raw.replace(b"asked", b"real")
    else:
        assert jsontext.loads(sent) == body
        assert list(jsontext.loads(sent)) == list(body)


def test_a_patch_and_a_limit_together() -> None:
    route = replace(ROUTE, max_output_tokens=5, request=BodyPatch(set={"a": 1}))
    sent, _ = passed_body(question(b'{"model":"m","max_tokens":6}'), route)
    assert jsontext.loads(sent) == {"model": "real", "max_tokens": 5, "a": 1}


def test_a_patch_of_what_cannot_be_written_anew() -> None:
    deep = question(b'{"model":"m","x":' + b"[" * 500 + b"]" * 500 + b"}")
    assert passed_body(deep, ROUTE)[0].startswith(b'{"model":"real"')
    with pytest.raises(RequestError, match="nested"):
        passed_body(deep, replace(ROUTE, request=BodyPatch(set={"a": 1})))


def test_headers_upstream() -> None:
    head = [
        (b"x-api-key", b"client"),
        (b"authorization", b"Bearer client"),
        (b"cookie", b"c"),
        (b"user-agent", b"ua"),
        (b"anthropic-version", b"2099-01-01"),
        (b"anthropic-beta", b"a,b"),
        (b"Anthropic-Beta", b"c"),
        (b"accept", b"text/event-stream"),
    ]
    asked = question().with_head(head, b"beta=true")
    assert asked.query == "beta=true"
    route = replace(ROUTE, request=BodyPatch(headers={"X-Route": "r"}))
    assert passed_headers(asked, route) == {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "anthropic-version": "2099-01-01",
        "anthropic-beta": "a,b,c",
        "x-api-key": "key",
        "x-team": "t",
        "x-route": "r",
    }


def test_headers_of_a_client_that_sends_none() -> None:
    keyless = replace(ROUTE, upstream=replace(UP, api_key=""))
    assert passed_headers(question().with_head([(b"x-api-key", b"client")], b""), keyless) == {
        "content-type": "application/json",
        "accept": "application/json",
        "anthropic-version": "2023-06-01",
        "x-team": "t",
    }


@pytest.mark.parametrize(
    ("headers", "query"),
    [([(b"anthropic-beta", b"a\r\nx: y")], b""), ([(b"accept", "é".encode())], b""), ([], b"a=\x00")],
)
def test_what_cannot_be_passed_on_is_refused(headers: list[tuple[bytes, bytes]], query: bytes) -> None:
    with pytest.raises(RequestError, match="Only printable ASCII"):
        question().with_head(headers, query)


def test_headers_of_the_answer() -> None:
    assert answer_headers(
        {
            "content-type": "application/json",
            "request-id": "req_1",
            "anthropic-ratelimit-tokens-limit": "5",
            "anthropic-organization-id": "secret",
            "set-cookie": "a=b",
            "content-length": "7",
            "content-encoding": "gzip",
            "transfer-encoding": "chunked",
            "x-should-retry": "false",
            "retry-after": "9999",
        }
    ) == {
        "content-type": "application/json",
        "request-id": "req_1",
        "anthropic-ratelimit-tokens-limit": "5",
        "x-should-retry": "false",
    }
