"""From an upstream's bytes to what is shown: parsers, reasoning, stop reasons, and streams cut anywhere."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Literal

import pytest
from chunking import bytewise, every_split
from hypothesis import given
from hypothesis import strategies as st
from playbook import (
    CONVERSATION,
    DONE,
    ROUTE,
    Playbook,
    call,
    chunk,
    delta,
    fault,
    finish,
    give_up,
    play,
    reasoning,
    stop,
    text,
    thinking,
    tool,
    usage,
)

from bridge.core.conversation import ThinkingConfig, Tool, ToolChoice
from bridge.core.openai.request import build_request
from bridge.core.parsing.spec import CallPattern, Marker, ParserSpec, ReasoningRules
from bridge.core.route import Reasoning, Route

HERMES = ParserSpec(
    "hermes",
    reasoning=ReasoningRules(open=Marker(("<think>",)), close=Marker(("</think>",))),
    calls=(CallPattern(open=Marker(("<tool_call>",)), close=Marker(("</tool_call>",)), codec="json-call"),),
)
TEXTUAL = replace(ROUTE, parsers=(HERMES,))
MARKUP = '<tool_call>\n{"name": "get", "arguments": {"a": 1}}\n</tool_call>'
GET = tool("get", {"a": 1})


def asking(route: Route = TEXTUAL, **fields: Any) -> Playbook:
    return Playbook.asking(route, ("get", "put"), **fields)


def route_with(**reasoning_: Any) -> Route:
    return replace(TEXTUAL, reasoning=Reasoning(**reasoning_))


def test_a_call_in_the_text() -> None:
    said = asking() >> chunk("Look: ") >> chunk(MARKUP) >> finish("stop") >> usage(3, 2) >> DONE
    assert said << text("Look:") << GET << stop("tool_use")


def test_a_call_in_pieces_of_text() -> None:
    playbook = asking() >> chunk("Look: ")
    for character in MARKUP:
        playbook = playbook >> chunk(character)
    assert playbook >> finish("stop") << text("Look:") << GET << stop("tool_use")


def test_no_name_of_a_model_decides() -> None:
    for model in ("qwen", "deepseek-chat", "MiniMax-M2", "gpt-5", "claude-sonnet-4-5", "x"):
        route = replace(TEXTUAL, model=model, key=model)
        assert asking(route) >> chunk(MARKUP) >> finish("stop") << GET << stop("tool_use")


@pytest.mark.parametrize("fields", [{"tools": ()}, {"tool_choice": ToolChoice("none")}, {"tools": (Tool("other"),)}])
def test_what_is_not_declared_is_text(fields: dict[str, Any]) -> None:
    playbook = Playbook(TEXTUAL, replace(CONVERSATION, tools=(Tool("get"),), **fields) if "tools" not in fields else
                        replace(CONVERSATION, **fields))  # fmt: skip
    assert playbook >> chunk(MARKUP) >> finish("stop") << text(MARKUP) << stop("end_turn")


def test_structured_calls_leave_the_text_alone() -> None:
    said = asking() >> chunk("As in <tool_ca") >> call(0, "i", "put", "{}") >> finish("tool_calls")
    assert said << text("As in <tool_ca") << tool("put", {}) << stop("tool_use")


def test_structured_calls_after_a_call_in_the_text() -> None:
    said = asking() >> chunk(MARKUP) >> call(0, "i", "put", '{"b": 1}') >> call(1, "j", "put", "{}")
    assert said >> finish("stop") << GET << tool("put", {"b": 1}) << tool("put", {}) << stop("tool_use")


def test_a_call_that_is_structured_and_left_in_the_text_is_one_call() -> None:
    structured = call(0, "i", "get", '{"a":1}') + call(1, "j", "get", '{"a": 1}') + call(2, "k", "put", "{}")
    for streaming in ("complete", "eager"):
        said = asking(replace(TEXTUAL, tool_streaming=streaming)) >> chunk(MARKUP) >> structured >> finish("tool_calls")
        assert said << GET << GET << tool("put", {}) << stop("tool_use")
        played = play([said.sent], said.route, said.conversation)
        assert played.exchange.counters["repeated_call"] == 1
    thought = asking() >> reasoning("So I call " + MARKUP) >> call(0, "i", "get", '{"a": 1}') >> finish("tool_calls")
    assert thought << thinking("So I call " + MARKUP) << GET << stop("tool_use")


def test_one_call_where_one_was_asked_for() -> None:
    once = asking(tool_choice=ToolChoice(parallel=False))
    assert once >> chunk(MARKUP + MARKUP) >> finish("stop") << GET << stop("tool_use")
    native = once >> call(0, "i", "get", '{"a": 1}') >> call(1, "j", "put", "{}") >> finish("tool_calls")
    assert native << GET << stop("tool_use")
    played = play([chunk(MARKUP + MARKUP), finish("stop")], once.route, once.conversation)
    assert played.exchange.counters["not_parallel"] == 1


CALL_GET, CALL_PUT = call(0, "i", "get", '{"a": 1}'), call(1, "j", "put", "{}")


def counters(book: Playbook) -> dict[str, int]:
    return play([book.sent], book.route, book.conversation).exchange.counters


@pytest.mark.parametrize("streaming", ["complete", "eager"])
def test_only_the_tool_that_was_chosen_is_called(streaming: Literal["complete", "eager"]) -> None:
    chosen = asking(replace(TEXTUAL, tool_streaming=streaming), tool_choice=ToolChoice("tool", "put"))
    native = chosen >> CALL_GET >> CALL_PUT >> finish("tool_calls")
    assert native << tool("put", {}) << stop("tool_use")
    assert counters(native)["excluded_call"] == 1
    written = chosen >> chunk(MARKUP + MARKUP.replace("get", "put")) >> finish("stop")
    assert written << tool("put", {"a": 1}) << stop("tool_use")
    assert counters(written)["excluded_call"] == 1


@pytest.mark.parametrize("reason", ["tool_calls", "stop"])
def test_another_tool_than_the_chosen_one_is_no_call(reason: str) -> None:
    chosen = asking(tool_choice=ToolChoice("tool", "put"))
    for said in (CALL_GET, chunk(MARKUP)):
        nothing = chosen >> said >> finish(reason)
        assert nothing << text("") << stop("end_turn")
        assert counters(nothing).items() >= {"excluded_call": 1, "no_call": 1}.items()
    beside = chosen >> chunk("I look.") >> CALL_GET >> finish(reason)
    assert beside << text("I look.") << stop("end_turn")


def test_where_no_call_is_allowed_there_is_none() -> None:
    none = asking(tool_choice=ToolChoice("none"))
    said = none >> chunk("So. ") >> chunk(MARKUP) >> CALL_GET >> finish("tool_calls")
    assert said << text("So. " + MARKUP) << stop("end_turn")
    assert counters(said) == {"excluded_call": 1}


def test_a_call_that_was_wanted_and_not_made() -> None:
    wanted = asking(tool_choice=ToolChoice("any"))
    assert wanted >> chunk("No.") >> finish("stop") << text("No.") << stop("end_turn")
    assert counters(wanted >> chunk("No.") >> finish("stop")) == {"no_call": 1}
    assert counters(wanted >> chunk("No") >> finish("length")) == {}
    assert counters(asking() >> chunk("No.") >> finish("stop")) == {}


def test_structured_names_are_repaired() -> None:
    said = asking() >> call(0, "i", "functions.get", '{"a": 1}') >> call(1, "j", "PUT", "{}") >> finish("tool_calls")
    assert said << GET << tool("put", {}) << stop("tool_use")
    assert counters(said) == {"repair:name_prefix": 1, "repair:name_case": 1}
    unknown = asking() >> call(0, "i", "shout", "{}") >> finish("tool_calls")
    assert unknown << tool("shout", {}) << stop("tool_use")
    twice = asking() >> chunk(MARKUP) >> call(0, "i", "Get", '{"a": 1}') >> finish("tool_calls")
    assert twice << GET << stop("tool_use")


def test_names_are_given_back_as_the_client_knows_them() -> None:
    asked = replace(CONVERSATION, tools=(Tool("fs.get"), Tool("fs.put:" + "x" * 100)))
    (_, cut) = json.loads(build_request(asked, TEXTUAL).body)["tools"]
    book = Playbook(TEXTUAL, asked)
    for name in ("fs_get", "fs.get"):
        said = book >> chunk(MARKUP.replace("get", name)) >> finish("stop")
        assert said << tool("fs.get", {"a": 1}) << stop("tool_use")
        native = book >> call(0, "i", name, "{}") >> call(1, "j", cut["function"]["name"], "{}") >> finish("stop")
        assert native << tool("fs.get", {}) << tool("fs.put:" + "x" * 100, {}) << stop("tool_use")


@pytest.mark.parametrize("arguments", ["{'a': 1}", '{"a": 1,}', "\"{'a': 1}\"", "{'a': 1, 'a': None}"])
def test_arguments_that_are_almost_json(arguments: str) -> None:
    said = asking() >> call(0, "i", "get", arguments) >> finish("tool_calls")
    assert said << GET << stop("tool_use")
    assert counters(said) == {"repair:arguments": 1}


def test_arguments_with_python_words_and_raw_control_characters() -> None:
    said = asking() >> call(0, "i", "get", '{"a": True, "b": None, "c": "x\ty"}') >> finish("tool_calls")
    assert said << tool("get", {"a": True, "b": None, "c": "x\ty"}) << stop("tool_use")


@pytest.mark.parametrize("arguments", ["{'a': int_}", '{"a": 1} and', "['a']", "{'a': NaN}", "{'a'"])
def test_arguments_that_are_nothing_like_json(arguments: str) -> None:
    said = asking() >> call(0, "i", "get", arguments) >> finish("tool_calls")
    assert said << fault("api", "ambiguous")


def test_almost_json_cut_by_the_limit_is_dropped() -> None:
    cut = asking() >> call(0, "i", "get", "{'a': 1") >> finish("length")
    assert cut << text("") << stop("max_tokens")


ONE_EAGER = replace(CONVERSATION, tools=(Tool("get", eager=True), Tool("put")))


def pieces(book: Playbook) -> list[str]:
    """The arguments as they came: the fragments that the client got, call by call."""
    sent = play(bytewise(book.sent), book.route, book.conversation).client.decode()
    events = [json.loads(line.removeprefix("data: ")) for line in sent.splitlines() if line.startswith("data: ")]
    said = [event.get("delta", {}).get("partial_json") for event in events]
    return [piece for piece in said if piece]


def test_a_tool_may_ask_for_its_arguments_as_they_come() -> None:
    book = Playbook(TEXTUAL, ONE_EAGER)
    for name, count in (("get", 3), ("put", 1), ("GET", 3)):
        native = book >> call(0, "i", name, '{"a"') >> call(0, None, None, ": ") >> call(0, None, None, "1}")
        assert len(pieces(native >> finish("tool_calls"))) == count
        assert native >> finish("tool_calls") << tool(name.lower(), {"a": 1}) << stop("tool_use")
    for name in ("get", "put"):
        written = book
        for character in MARKUP.replace("get", name):
            written = written >> chunk(character)
        assert (len(pieces(written >> finish("stop"))) > 1) is (name == "get")
        assert written >> finish("stop") << tool(name, {"a": 1}) << stop("tool_use")
    both = (
        book
        >> call(0, "i", "put", '{"a"')
        >> call(0, None, None, ": 1}")
        >> call(1, "j", "get", "{")
        >> call(1, None, None, "}")
    )
    assert pieces(both >> finish("stop")) == ['{"a": 1}', "{", "}"]


def test_a_call_cut_by_the_limit() -> None:
    cut = asking() >> chunk("Look:") >> chunk(MARKUP[:30]) >> finish("length")
    assert cut << text("Look:") << stop("max_tokens")
    played = play([cut.sent], cut.route, cut.conversation)
    assert played.exchange.counters["dropped"] == 1


def test_a_whole_call_before_the_limit() -> None:
    assert asking() >> chunk(MARKUP) >> finish("length") << GET << stop("tool_use")
    assert asking() >> chunk(MARKUP + MARKUP[:30]) >> finish("length") << GET << stop("max_tokens")


def test_a_call_cut_by_a_dying_upstream() -> None:
    cut = asking() >> chunk("Look:") >> chunk(MARKUP[:30])
    assert cut << fault("api", "ambiguous")
    played = play([cut.sent], cut.route, cut.conversation)
    assert give_up(played) == [("open", "text", "Look:"), ("error", "api_error")]


def test_held_text_comes_out_before_the_error() -> None:
    cut = asking() >> chunk("2 <to")
    played = play([cut.sent], cut.route, cut.conversation)
    assert give_up(played) == [("open", "text", "2 <to"), ("error", "api_error")]


EAGER = replace(TEXTUAL, tool_streaming="eager")
HALF = '<tool_call>{"name": "get", "arguments": {"a": 1, '


def test_an_eager_call_that_goes_wrong_is_known_at_once() -> None:
    eager = asking(EAGER)
    played = play([chunk(HALF), chunk("oops}}")], eager.route, eager.conversation)
    assert played.exchange.fault is not None
    assert played.exchange.fault.message == "upstream `up` sent a tool call that cannot be completed"
    assert [block[0] for block in give_up(played)] == ["open", "error"]


def test_an_eager_call_that_the_model_left_unfinished_is_a_failure() -> None:
    eager = asking(EAGER)
    played = play([chunk(HALF) + finish("stop")], eager.route, eager.conversation)
    assert [block[0] for block in give_up(played)] == ["open", "error"]
    again = play([chunk(MARKUP) + call(0, "i", "put", '{"b"') + finish("length")], eager.route, eager.conversation)
    assert again.blocks == [GET, ("cut", "put", '{"b"'), stop("max_tokens")]


def test_an_eager_call_in_text_cut_by_a_dying_upstream_stays_open() -> None:
    eager = asking(EAGER)
    shown = give_up(play([chunk(HALF)], eager.route, eager.conversation))
    assert [block[:2] for block in shown] == [("open", "tool_use"), ("error", "api_error")]


def test_an_eager_call_in_text_cut_by_the_limit_ends_as_the_api_ends_it() -> None:
    eager = asking(EAGER)
    played = play([chunk(HALF) + finish("length")], eager.route, eager.conversation)
    assert [block[:2] for block in played.blocks] == [("cut", "get"), ("stop", "max_tokens")]


def test_a_call_that_only_the_end_could_make_certain_is_not_shown_when_the_upstream_died() -> None:
    cut = asking() >> reasoning("So I call ") >> reasoning(MARKUP)
    shown = give_up(play([cut.sent], cut.route, cut.conversation))
    assert [block[0] for block in shown] == ["open", "error"]
    assert cut >> finish("stop") << thinking("So I call") << GET << stop("tool_use")


@pytest.mark.parametrize("sent", [reasoning("Hm") + chunk("So"), chunk("<think>Hm</think>So")], ids=["field", "tags"])
@pytest.mark.parametrize(
    ("emit", "blocks"),
    [
        ("auto", [thinking("Hm"), text("So")]),
        ("thinking", [thinking("Hm"), text("So")]),
        ("text", [text("Hm\n\nSo")]),
        ("drop", [text("So")]),
    ],
)
def test_where_reasoning_goes(sent: bytes, emit: str, blocks: list[Any]) -> None:
    assert Playbook(route_with(emit=emit), sent=sent + finish("stop"), expected=(*blocks, stop("end_turn")))


@pytest.mark.parametrize(
    ("source", "blocks"),
    [
        ("auto", [thinking("a"), thinking("b"), text("c")]),
        ("field", [thinking("a"), text("<think>b</think>c")]),
        ("tags", [thinking("b"), text("c")]),
        ("none", [text("<think>b</think>c")]),
    ],
)
def test_where_reasoning_comes_from(source: Literal["auto", "field", "tags", "none"], blocks: list[Any]) -> None:
    sent = reasoning("a") + chunk("<think>b</think>c") + finish("stop")
    played = play([sent], route_with(source=source))
    merged = [thinking("".join(b[1] for b in played.blocks if b[0] == "thinking"))] if source == "auto" else []
    assert played.blocks == [*blocks, stop("end_turn")] or played.blocks[:1] == merged


def test_reasoning_that_the_prompt_opened() -> None:
    sent = chunk("Hm</think>So") + finish("stop")
    opened = Playbook(route_with(starts_open=True), sent=sent)
    assert opened << thinking("Hm") << text("So") << stop("end_turn")


def test_hidden_reasoning_is_an_empty_block() -> None:
    hidden = replace(CONVERSATION, thinking=ThinkingConfig("adaptive", shown=False))
    assert (
        Playbook(conversation=hidden)
        >> reasoning("Hm")
        >> chunk("So")
        >> finish("stop")
        << thinking("")
        << text("So")
        << stop("end_turn")
    )


def test_a_full_window_is_named() -> None:
    small = replace(ROUTE, context_window=100)
    assert (
        Playbook(small)
        >> chunk("a")
        >> finish("length")
        >> usage(90, 10)
        << text("a")
        << stop("model_context_window_exceeded")
    )
    assert Playbook(small) >> chunk("a") >> finish("length") >> usage(80, 10) << text("a") << stop("max_tokens")
    assert Playbook(small) >> chunk("a") >> finish("length") << text("a") << stop("max_tokens")
    # Not one token fitted in, whether or not the route knows how many would.
    nothing = Playbook() >> delta(role="assistant", content="") >> finish("length")
    assert nothing >> DONE << text("") << stop("model_context_window_exceeded")
    assert nothing >> usage(80, 0) << text("") << stop("model_context_window_exceeded")
    assert nothing >> usage(80, 10) << text("") << stop("max_tokens")


def test_a_refusal_stays_one() -> None:
    assert asking() >> call(0, "i", "get", '{"a": 1}') >> finish("content_filter") << GET << stop("refusal")


EVERYTHING = (
    b": hi\r\n\r\n"
    + reasoning("Hm é")
    + chunk("Look 😀: ")
    + chunk(MARKUP)
    + call(0, "i", "put", '{"b": "x\\u00e9"')
    + b"event: chunk\r\n"
    + call(0, None, None, "}").replace(b"\n", b"\r\n")
    + finish("tool_calls")
    + usage(30, 20)
    + DONE
)
WANTED = [thinking("Hm é"), text("Look 😀:"), GET, tool("put", {"b": "xé"}), stop("tool_use")]


@pytest.mark.parametrize("streaming", ["complete", "eager"])
def test_every_split_of_a_recorded_stream(streaming: Literal["complete", "eager"]) -> None:
    book = asking(replace(TEXTUAL, tool_streaming=streaming))
    for chunks in (bytewise(EVERYTHING), *every_split(EVERYTHING)):
        assert play(chunks, book.route, book.conversation).blocks == WANTED


@pytest.mark.parametrize("streaming", ["complete", "eager"])
def test_a_stream_cut_at_any_byte_ends_in_an_error_or_is_whole(streaming: Literal["complete", "eager"]) -> None:
    book = asking(replace(TEXTUAL, tool_streaming=streaming))
    ends = EVERYTHING.index(b'"tool_calls"}]}') + len(b'"tool_calls"}]}')
    for cut in range(len(EVERYTHING)):
        played = play([EVERYTHING[:cut]], book.route, book.conversation)
        if cut >= ends:
            assert played.blocks == WANTED
            continue
        shown = give_up(played)
        assert shown[-1][0] == "error"
        assert not any(block[0] == "stop" for block in shown)
        for block in shown:
            if block[0] == "tool":
                assert block in WANTED


@given(st.binary(max_size=60), st.integers(0, len(EVERYTHING)), st.integers(0, len(EVERYTHING)), st.booleans())
def test_whatever_arrives_the_end_is_an_answer_or_a_fault(junk: bytes, start: int, end: int, stream: bool) -> None:
    sent = EVERYTHING[:start] + junk + EVERYTHING[end:]
    conversation = replace(asking().conversation, stream=stream)
    exchange = play([sent], TEXTUAL, conversation).exchange
    assert exchange.finished != (exchange.fault is not None)


fields = st.sampled_from(["content", "reasoning_content", "tool_calls", "function_call", "role", "refusal"])
values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from([MARKUP, "{", "}", "<think>"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["index", "id", "function", "name", "arguments", "text"]), inner, max_size=4)
    ),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(fields, values, max_size=3), max_size=6), st.sampled_from(["stop", "length", None]))
def test_whatever_deltas_hold_the_stream_is_legal(deltas: list[dict[str, Any]], reason: str | None) -> None:
    sent = b"".join(
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": said_}]}).encode() + b"\n\n" for said_ in deltas
    )
    sent += finish(reason) if reason else b""
    for streaming in ("complete", "eager"):
        book = asking(replace(TEXTUAL, tool_streaming=streaming))
        streamed = play([sent], book.route, book.conversation)
        assert streamed.exchange.finished != (streamed.exchange.fault is not None)
        if streamed.exchange.finished and streaming == "complete":
            whole = play([sent], book.route, replace(book.conversation, stream=False))
            assert whole.blocks == streamed.blocks


fragments = st.fixed_dictionaries(
    {"index": st.integers(0, 2)},
    optional={
        "id": st.sampled_from(["i", "j", ""]),
        "function": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["get", "put", ""]),
                "arguments": st.sampled_from(["", "{", "{}", '{"a"', ": 1}", '{"a": 1}', "}", None, {}]),
            },
        ),
    },
)
said = st.one_of(
    st.fixed_dictionaries({"content": st.sampled_from(["a", "<tool_call>", MARKUP, " "])}),
    st.fixed_dictionaries({"reasoning": st.sampled_from(["hm", "<think>"])}),
    st.fixed_dictionaries({"tool_calls": st.lists(fragments, min_size=1, max_size=2)}),
)


@given(st.lists(said, max_size=8), st.sampled_from(["stop", "length", "tool_calls"]))
def test_text_and_calls_in_any_order_give_a_legal_stream(deltas: list[dict[str, Any]], reason: str) -> None:
    sent = b"".join(delta(**fields) for fields in deltas) + finish(reason)
    for streaming in ("complete", "eager"):
        book = asking(replace(TEXTUAL, tool_streaming=streaming))
        played = play([sent], book.route, book.conversation)
        assert played.exchange.finished != (played.exchange.fault is not None)
        if played.exchange.fault is not None:
            give_up(played)


STOPS = ("END", "\n\nHuman:")


def test_a_stop_sequence_that_the_upstream_ignores() -> None:
    said = Playbook.asking(stop_sequences=STOPS) >> chunk("Well, E") >> chunk("ND of it.") >> finish("stop") >> DONE
    assert said << text("Well, ") << stop("stop_sequence", "END")


def test_what_is_only_the_beginning_of_a_stop_sequence() -> None:
    said = Playbook.asking(stop_sequences=STOPS) >> chunk("Well, EN") >> finish("length") >> DONE
    assert said << text("Well, EN") << stop("max_tokens")


def test_an_answer_that_begins_with_a_stop_sequence() -> None:
    said = Playbook.asking(stop_sequences=STOPS) >> chunk("END") >> chunk("x") >> finish("stop") >> usage(1, 2) >> DONE
    assert said << text("") << stop("stop_sequence", "END")


def test_no_stop_sequence_in_reasoning_and_arguments() -> None:
    said = Playbook.asking(TEXTUAL, ("get", "put"), stop_sequences=STOPS)
    said = said >> reasoning("the END") >> chunk("I EN") >> call(0, "c", "get", '{"a": "END"}') >> finish("tool_calls")
    assert said << thinking("the END") << text("I EN") << tool("get", {"a": "END"}) << stop("tool_use")
    marked = asking(stop_sequences=STOPS) >> chunk("I: " + MARKUP.replace("1", '"END"')) >> finish("stop")
    assert marked << text("I:") << tool("get", {"a": "END"}) << stop("tool_use")


def test_a_call_behind_a_stop_sequence_is_none() -> None:
    said = asking(stop_sequences=STOPS) >> chunk("I END") >> call(0, "c", "get", "{}") >> finish("tool_calls") >> DONE
    assert said << text("I ") << stop("stop_sequence", "END")
    marked = asking(stop_sequences=STOPS) >> chunk("I END " + MARKUP) >> finish("stop") >> DONE
    assert marked << text("I ") << stop("stop_sequence", "END")


def test_a_call_before_a_stop_sequence_is_one() -> None:
    said = asking(stop_sequences=STOPS) >> chunk(MARKUP + " so END") >> chunk(" x") >> finish("stop") >> DONE
    assert said << GET << text("so ") << stop("tool_use")


def test_usage_behind_a_stop_sequence_counts() -> None:
    sent = chunk("a END b") + finish("stop") + usage(7, 5) + DONE
    played = play([sent], conversation=replace(CONVERSATION, stop_sequences=STOPS))
    assert played.exchange.usage.output_tokens == 5
    assert not played.exchange.cut_short
    early = play([chunk("a END b"), sent], conversation=replace(CONVERSATION, stop_sequences=STOPS))
    assert early.exchange.cut_short
    assert early.exchange.counters["stopped_here"] == 1


def test_what_was_held_back_comes_out_before_an_error() -> None:
    played = play([chunk("a EN")], conversation=replace(CONVERSATION, stop_sequences=STOPS))
    assert give_up(played) == [("open", "text", "a EN"), ("error", "api_error")]
