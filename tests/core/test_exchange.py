"""The centre: attempts, commit points, failures, and what the client sees of them."""

from __future__ import annotations

import gc
import json
import weakref
from dataclasses import replace
from typing import Any

import pytest
from playbook import (
    CONVERSATION,
    DONE,
    ROUTE,
    Playbook,
    call,
    chunk,
    counting,
    delta,
    finish,
    give_up,
    play,
    read_stream,
    reasoning,
    stop,
    text,
    thinking,
    tool,
    usage,
)

from bridge.core.anthropic.voice import MESSAGES
from bridge.core.conversation import Text, Tool, ToolUse, Turn
from bridge.core.events import Fault, Usage
from bridge.core.exchange import Exchange
from bridge.core.losses import Loss
from bridge.core.parsing.spec import ParserSpec, Prompt
from bridge.core.route import BodyPatch
from bridge.errors import ConfigError, RequestError

GONE = Fault("api", "connection lost", retry="ambiguous")


def begun(stream: bool = True) -> Exchange:
    exchange = Exchange(replace(CONVERSATION, stream=stream), counting(), "req_1", MESSAGES)
    exchange.attempt(ROUTE)
    exchange.receive_head("text/event-stream")
    return exchange


def test_a_request_that_cannot_be_written_leaves_the_exchange_as_it_was() -> None:
    def broken(**variables: object) -> str:
        raise ConfigError("no")

    prompt = Prompt(broken, broken, broken)
    route = replace(ROUTE, tools="prompt", parsers=(ParserSpec("own", prompt=prompt),))
    exchange = Exchange(replace(CONVERSATION, tools=(Tool("f"),)), counting(), "req_1", MESSAGES)
    with pytest.raises(RequestError):
        exchange.attempt(route)
    assert exchange.attempts == 0
    exchange.attempt(ROUTE)
    exchange.receive(chunk("hi") + finish("stop") + DONE)
    assert exchange.finished


def test_an_answer_with_everything() -> None:
    assert (
        Playbook()
        >> delta(role="assistant", content="")
        >> reasoning("Let me ")
        >> reasoning("see.")
        >> chunk("I will ")
        >> chunk("look.")
        >> call(0, "call_a", "read", '{"path":')
        >> call(0, None, None, ' "x"}')
        >> call(1, "call_b", "list", "{}")
        >> finish("tool_calls")
        >> usage(10, 5)
        >> DONE
        << thinking("Let me see.")
        << text("I will look.")
        << tool("read", {"path": "x"})
        << tool("list", {})
        << stop("tool_use")
    )


def test_a_request_is_built_once_per_route() -> None:
    exchange = begun()
    first = exchange.attempt(ROUTE)
    assert exchange.attempt(ROUTE) is first
    other = exchange.attempt(replace(ROUTE, model="other"))
    assert json.loads(other.body)["model"] == "other"
    assert exchange.attempts == 4


def test_warnings_of_request_and_route() -> None:
    exchange = Exchange(replace(CONVERSATION, warnings=(Loss("speed"),), max_tokens=50_000), counting(), "r", MESSAGES)
    assert exchange.warnings == ("speed: not supported, dropped",)
    exchange.attempt(ROUTE)
    assert exchange.warnings == ("speed: not supported, dropped", "max_tokens: 50000 is lowered to 32000")


def test_a_route_may_refuse_what_would_be_lost() -> None:
    exchange = Exchange(replace(CONVERSATION, warnings=(Loss("speed"),), effort="low"), counting(), "r", MESSAGES)
    strict = replace(ROUTE, unsupported="reject")
    with pytest.raises(RequestError) as raised:
        exchange.attempt(strict)
    assert raised.value.fault.kind == "invalid_request"
    assert raised.value.fault.message.startswith("speed, output_config.effort: not supported by model `k`")
    declared = replace(strict, request=BodyPatch(default={"reasoning_effort": "low"}))
    Exchange(replace(CONVERSATION, effort="low", max_tokens=50_000), counting(), "r", MESSAGES).attempt(declared)


def test_nothing_is_ready_before_the_model_says_something() -> None:
    exchange = begun()
    for silent in (b": hello\n\n", delta(role="assistant"), chunk(""), usage(1, 0)):
        exchange.receive(silent)
        assert not exchange.ready
    exchange.receive(chunk("a"))
    assert exchange.ready
    assert exchange.content_started
    assert exchange.client_bytes().startswith(b"event: message_start\n")
    assert exchange.client_bytes() == b""


def test_progress_is_what_the_model_says_and_nothing_else() -> None:
    exchange = Exchange(CONVERSATION, counting(), "r", MESSAGES)
    assert (exchange.progress, exchange.counters) == (0, {})
    exchange = begun()
    seen = [exchange.progress]
    for sent in (b": still here\n\n", delta(role="assistant"), chunk("a"), reasoning("b"), call(0, "i", "f", "{")):
        exchange.receive(sent)
        seen.append(exchange.progress)
    assert seen[0] == seen[1] == seen[2] < seen[3] < seen[4] < seen[5]


def test_an_answer_that_does_not_stream_has_nothing_to_open() -> None:
    exchange = begun(stream=False)
    exchange.open()
    exchange.ping()
    exchange.fail(GONE)
    assert exchange.client_bytes() == b""


def test_an_attempt_after_another_leaves_nothing_of_it() -> None:
    exchange = begun()
    exchange.open()
    exchange.receive(call(0, "a", "f", '{"x": 1}'))
    exchange.receive_fault(GONE)
    assert exchange.fault is GONE
    assert not exchange.content_started
    exchange.receive(chunk("late bytes of the dead attempt"))
    exchange.attempt(ROUTE)
    assert exchange.fault is None
    exchange.receive(chunk("again") + finish("stop") + DONE)
    assert exchange.finished
    sent = exchange.client_bytes()
    assert read_stream(sent) == [text("again"), stop("end_turn")]
    assert sent.count(b"event: message_start") == 1


def test_no_attempt_after_content() -> None:
    exchange = begun()
    exchange.receive(chunk("a"))
    with pytest.raises(RuntimeError, match="cannot begin again"):
        exchange.attempt(ROUTE)


def test_without_streaming_an_attempt_may_fail_until_the_end() -> None:
    exchange = begun(stream=False)
    exchange.receive(chunk("half an ans"))
    exchange.receive_eof()
    assert exchange.fault is not None
    assert not exchange.ready
    exchange.attempt(ROUTE)
    exchange.receive(chunk("whole") + finish("stop"))
    exchange.receive_eof()
    assert exchange.ready
    message = json.loads(exchange.message())
    assert message["content"] == [{"type": "text", "text": "whole"}]
    assert message["id"] == "msg_1"
    assert message["model"] == "asked-model"
    assert exchange.client_bytes() == b""


def test_there_is_no_message_before_the_end() -> None:
    exchange = begun(stream=False)
    exchange.receive(chunk("a"))
    with pytest.raises(RuntimeError, match="no message"):
        exchange.message()


def test_failure_after_content_is_one_error_event() -> None:
    exchange = begun()
    exchange.receive(chunk("so far"))
    exchange.receive_fault(GONE)
    exchange.fail(GONE)
    exchange.fail(GONE)
    exchange.ping()
    exchange.keep_alive()
    exchange.receive(chunk("more") + finish("stop"))
    sent = exchange.client_bytes()
    assert read_stream(sent) == [("open", "text", "so far"), ("error", "api_error")]
    assert sent.count(b"event: error") == 1
    assert b'"request_id":"req_1"' in sent
    assert not exchange.finished


def test_failure_before_the_stream_is_left_to_the_shell() -> None:
    exchange = begun()
    exchange.fail(GONE)
    assert exchange.client_bytes() == b""
    assert exchange.fault is GONE


def test_failure_after_a_held_stream_is_an_error_event() -> None:
    exchange = begun()
    exchange.open()
    exchange.ping()
    exchange.fail(Fault("timeout", "slow"))
    assert read_stream(exchange.client_bytes()) == [("error", "timeout_error")]


def test_failure_after_the_end_changes_nothing() -> None:
    exchange = begun()
    exchange.receive(chunk("a") + finish("stop") + DONE)
    before = exchange.client_bytes()
    exchange.fail(GONE)
    exchange.receive_fault(GONE)
    assert exchange.fault is None
    assert exchange.client_bytes() == b""
    assert read_stream(before)[-1] == stop("end_turn")


def test_a_connection_lost_after_the_finish_is_no_failure() -> None:
    exchange = begun()
    exchange.receive(chunk("a") + finish("stop"))
    assert exchange.ended
    assert not exchange.finished
    exchange.receive_fault(GONE)
    assert exchange.finished
    assert exchange.fault is None


def test_a_call_that_takes_long_keeps_the_stream_alive() -> None:
    """Clients give up after minutes without an event, and pings are none; what fails then ends in an open block."""
    exchange = begun()
    exchange.receive(call(0, "c", "f", '{"a":'))
    exchange.open()
    exchange.keep_alive()
    exchange.keep_alive()
    sent = exchange.client_bytes()
    assert sent.count(b'"text_delta","text":""') == 2
    assert exchange.content_started
    exchange.receive_fault(GONE)
    exchange.fail(GONE)
    assert b"content_block_stop" not in exchange.client_bytes()


def test_signs_of_life() -> None:
    exchange = begun()
    exchange.ping()
    exchange.keep_alive()
    assert exchange.client_bytes() == b""
    exchange.open()
    exchange.keep_alive()
    assert exchange.client_bytes().endswith(b'event: ping\ndata: {"type":"ping"}\n\n')
    exchange.receive(chunk("a"))
    exchange.client_bytes()
    exchange.keep_alive()
    assert b'"text_delta","text":""' in exchange.client_bytes()


def test_a_page_of_markup_is_a_failure_by_its_type_alone() -> None:
    exchange = begun()
    exchange.attempt(ROUTE)
    exchange.receive_head("text/html; charset=utf-8")
    assert exchange.fault is not None
    assert exchange.fault.retry == "transient"


def test_usage_and_reason_are_known_at_the_end() -> None:
    played = play([chunk("a"), finish("length"), usage(100, 7, prompt_tokens_details={"cached_tokens": 80})])
    assert played.exchange.usage == Usage(input_tokens=20, output_tokens=7, cache_read_tokens=80)
    assert played.exchange.stop_reason == "max_tokens"
    assert b'"input_tokens":20,' in played.client


def test_an_estimate_stands_until_the_upstream_counts() -> None:
    exchange = Exchange(CONVERSATION, counting(), "r", MESSAGES, input_tokens=42)
    exchange.attempt(ROUTE)
    exchange.receive(chunk("a") + finish("stop") + DONE)
    assert exchange.client_bytes().count(b'"input_tokens":42') == 2


def test_ids_of_the_conversation_are_not_given_again() -> None:
    history = (*CONVERSATION.turns, Turn("assistant", (ToolUse("call_0", "f", {}),)), Turn("user", (Text("x"),)))
    conversation = replace(CONVERSATION, turns=history)
    played = play([call(0, "call_0", "f", "{}"), call(1, "call_1", "f", "{}"), finish("stop")], ROUTE, conversation)
    assert b'"id":"call_0"' not in played.client
    assert b'"id":"call_1"' in played.client


@pytest.mark.parametrize("cut_at", ["text", "arguments", "between calls"])
def test_a_stream_that_dies_never_shows_a_finished_call(cut_at: str) -> None:
    sent = chunk("I will look.")
    if cut_at != "text":
        sent += call(0, "a", "f", '{"x": 1')
    if cut_at == "between calls":
        sent += call(0, None, None, "}")
    played = play([sent])
    assert played.exchange.fault is not None
    assert give_up(played) == [("open", "text", "I will look."), ("error", "api_error")]


def test_eager_calls_stream_and_stay_open_when_the_upstream_dies() -> None:
    route = replace(ROUTE, tool_streaming="eager")
    played = play([call(0, "a", "f", '{"x":'), call(0, None, None, ' "lo')], route)
    assert give_up(played) == [("open", "tool_use", '{"x": "lo'), ("error", "api_error")]


def test_eager_call_cut_by_length_ends_as_the_api_ends_it() -> None:
    route = replace(ROUTE, tool_streaming="eager")
    played = play([call(0, "a", "f", '{"x":'), finish("length"), DONE], route)
    assert played.blocks == [("cut", "f", '{"x":'), stop("max_tokens")]
    assert b"event: message_stop" in played.client
    whole = play([call(0, "a", "f", '{"x":'), finish("length")], route, replace(CONVERSATION, stream=False))
    assert whole.blocks == [text(""), stop("max_tokens")]


def test_complete_call_cut_by_length_is_dropped() -> None:
    assert (
        Playbook()
        >> chunk("Writing.")
        >> call(0, "a", "f", '{"x": "lo')
        >> finish("length")
        << text("Writing.")
        << stop("max_tokens")
    )
    played = play([call(0, "a", "f", "{"), finish("length")])
    assert played.exchange.counters == {"dropped": 1}


def test_headers_of_the_request() -> None:
    upstream = replace(ROUTE.upstream, api_key="k1", headers={"X-Team": "a"})
    route = replace(ROUTE, upstream=upstream, request=BodyPatch(headers={"Authorization": "Basic x"}))
    request = Exchange(CONVERSATION, counting(), "r", MESSAGES).attempt(route)
    assert request.headers["authorization"] == "Basic x"
    assert request.headers["x-team"] == "a"
    assert "k1" not in repr(request)


@pytest.mark.parametrize("stream", [True, False])
def test_nothing_of_an_exchange_waits_for_the_garbage_collector(stream: bool) -> None:
    gc.collect()
    gc.disable()
    try:
        exchange = begun(stream)
        exchange.receive(delta(content="Hello"))
        exchange.receive(finish("stop") + DONE)
        assert exchange.finished
        attempt = weakref.ref(exchange._attempt)
        del exchange
        assert attempt() is None
    finally:
        gc.enable()


SCHEMA = {"type": "integer"}


def waiting(stream: bool = True, text_: str = "4x", **fields: Any) -> Exchange:
    """An exchange whose answer is complete, and a schema has to hold for it."""
    asked = replace(CONVERSATION, stream=stream, output_schema=SCHEMA, **fields)
    exchange = Exchange(asked, counting(), "req_1", MESSAGES)
    exchange.attempt(ROUTE)
    exchange.receive(chunk(text_[:1]) + chunk(text_[1:]) + finish("stop") + usage(3, 2) + DONE)
    return exchange


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_waits_for_the_verdict_on_its_schema(stream: bool) -> None:
    exchange = waiting(stream)
    assert (exchange.unchecked, exchange.output_schema, exchange.finished) == ("4x", SCHEMA, False)
    before = exchange.client_bytes()
    assert (b"message_delta" in before) is False
    exchange.receive(chunk("more"))
    exchange.receive_eof()
    assert exchange.unchecked == "4x"
    exchange.checked("")
    assert exchange.finished
    assert exchange.stop_reason == "end_turn"
    assert exchange.usage == Usage(3, 2)
    if stream:
        assert read_stream(before + exchange.client_bytes()) == [text("4x"), stop("end_turn")]


def test_what_does_not_fit_is_tried_again() -> None:
    exchange = waiting(stream=False)
    exchange.checked("$: not an integer")
    assert exchange.fault is not None
    assert (exchange.fault.kind, exchange.fault.retry) == ("api", "transient")
    assert exchange.fault.message.endswith("does not fit output_config.format: $: not an integer")
    exchange.attempt(ROUTE)
    exchange.receive(chunk("4") + finish("stop") + DONE)
    assert exchange.unchecked == "4"
    exchange.checked("")
    assert json.loads(exchange.message())["content"] == [{"type": "text", "text": "4"}]


def test_what_was_shown_and_does_not_fit_ends_in_an_error() -> None:
    exchange = waiting()
    exchange.checked("no")
    assert exchange.content_started
    assert exchange.fault is not None
    exchange.fail(exchange.fault)
    assert read_stream(exchange.client_bytes()) == [("open", "text", "4x"), ("error", "api_error")]


def test_a_fault_while_the_verdict_is_awaited() -> None:
    exchange = waiting(stream=False)
    exchange.receive_fault(GONE)
    assert exchange.fault is GONE
    assert exchange.unchecked is None
    with pytest.raises(RuntimeError):
        exchange.checked("")


@pytest.mark.parametrize(
    "sent",
    [
        chunk("4") + finish("length"),
        chunk("4") + finish("content_filter"),
        chunk("4 END") + finish("stop"),
        chunk("4") + call(0, "c", "f", "{}") + finish("tool_calls"),
    ],
)
def test_only_an_answer_that_ended_by_itself_has_to_fit(sent: bytes) -> None:
    asked = replace(CONVERSATION, output_schema=SCHEMA, tools=(Tool("f"),), stop_sequences=("END",))
    exchange = Exchange(asked, counting(), "r", MESSAGES)
    exchange.attempt(ROUTE)
    exchange.receive(sent + DONE)
    assert exchange.finished


def test_a_schema_that_the_model_was_not_told_does_not_count() -> None:
    exchange = Exchange(replace(CONVERSATION, output_schema=SCHEMA), counting(), "r", MESSAGES)
    exchange.attempt(replace(ROUTE, structured_output="none"))
    exchange.receive(chunk("four") + finish("stop") + DONE)
    assert exchange.finished


def test_the_reasoning_is_no_part_of_what_has_to_fit() -> None:
    exchange = Exchange(replace(CONVERSATION, output_schema=SCHEMA), counting(), "r", MESSAGES)
    exchange.attempt(ROUTE)
    exchange.receive(reasoning("hm") + chunk("4") + finish("stop") + DONE)
    assert exchange.unchecked == "4"


def test_the_answer_is_kept_within_the_window() -> None:
    asked = replace(CONVERSATION, max_tokens=9_000, turns=(Turn("user", (Text("word " * 2_000),)),))
    exchange = Exchange(asked, counting(), "r", MESSAGES)
    sent = json.loads(exchange.attempt(replace(ROUTE, context_window=10_000)).body)
    assert 6_000 < sent["max_tokens"] < 8_500
    assert any(warning.startswith("max_tokens: 9000 is lowered") for warning in exchange.warnings)


def test_an_upstream_that_needs_no_translation_is_not_for_an_exchange() -> None:
    exchange = begun()
    with pytest.raises(RequestError, match="speaks only the Messages API"):
        exchange.attempt(replace(ROUTE, upstream=replace(ROUTE.upstream, protocol="anthropic")))
    exchange.receive_refusal(GONE, 500, {}, b"{}")
    assert exchange.refusal(GONE) is None
    assert exchange.headers == {}
