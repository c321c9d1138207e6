from textwrap import dedent

import pytest
from chunking import chunkings

from bridge.core.anthropic.encoder import StreamEncoder
from bridge.core.events import (
    Fault,
    Finish,
    TextDelta,
    ThinkingDelta,
    ToolCallAbort,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from bridge.core.signature import Signer

SIGNER = Signer(b"key", "up-model")
SHOWN = SIGNER.sign("I think")
PING = b'event: ping\ndata: {"type":"ping"}\n\n'


def encoder(**options) -> StreamEncoder:
    made = StreamEncoder("msg_1", "claude-x", input_tokens=12, **options)
    made.sign_as(SIGNER)
    return made


def short(data: bytes) -> list[str]:
    """Frames as one line each: event name and the data behind it, without what every frame repeats."""
    frames = []
    for frame in data.decode().removesuffix("\n\n").split("\n\n"):
        head, body = frame.split("\n")
        name = head.removeprefix("event: ")
        repeated = f'data: {{"type":"{name}"'
        assert body.startswith(repeated)
        frames.append(name + " " + body.removeprefix(repeated).removeprefix(","))
    return frames


def run(*events, **options) -> str:
    stream = encoder(**options)
    return "\n".join(short(b"".join(stream.encode(event) for event in events)))


def golden(text: str) -> str:
    return dedent(text).strip().replace("SHOWN", SHOWN)


def test_text():
    assert run(TextDelta("Hi"), TextDelta(' "you"\n'), Usage(20, 2), Finish("end_turn")) == golden(
        r"""
        message_start "message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}
        content_block_start "index":0,"content_block":{"type":"text","text":""}}
        content_block_delta "index":0,"delta":{"type":"text_delta","text":"Hi"}}
        content_block_delta "index":0,"delta":{"type":"text_delta","text":" \"you\"\n"}}
        content_block_stop "index":0}
        message_delta "delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":20,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2}}
        message_stop }
        """
    )


def test_thinking_text_and_two_calls():
    events = (
        ThinkingDelta("I "),
        ThinkingDelta("think"),
        TextDelta("so"),
        ToolCallStart(0, "toolu_1", "read"),
        ToolCallDelta(0, '{"path":'),
        ToolCallDelta(0, '"é"}'),
        ToolCallEnd(0),
        ToolCallStart(1, "toolu_2", "list"),
        ToolCallEnd(1),
        Finish("tool_use"),
    )
    assert run(*events).split("\n", 1)[1].rsplit("\n", 2)[0] == golden(
        r"""
        content_block_start "index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}
        content_block_delta "index":0,"delta":{"type":"thinking_delta","thinking":"I "}}
        content_block_delta "index":0,"delta":{"type":"thinking_delta","thinking":"think"}}
        content_block_delta "index":0,"delta":{"type":"signature_delta","signature":"SHOWN"}}
        content_block_stop "index":0}
        content_block_start "index":1,"content_block":{"type":"text","text":""}}
        content_block_delta "index":1,"delta":{"type":"text_delta","text":"so"}}
        content_block_stop "index":1}
        content_block_start "index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"read","input":{}}}
        content_block_delta "index":2,"delta":{"type":"input_json_delta","partial_json":"{\"path\":"}}
        content_block_delta "index":2,"delta":{"type":"input_json_delta","partial_json":"\"é\"}"}}
        content_block_stop "index":2}
        content_block_start "index":3,"content_block":{"type":"tool_use","id":"toolu_2","name":"list","input":{}}}
        content_block_stop "index":3}
        """
    )


def test_text_after_a_call_is_a_new_block():
    lines = run(TextDelta("a"), ToolCallStart(0, "t", "f"), ToolCallEnd(0), TextDelta("b"), Finish("tool_use"))
    assert 'content_block_delta "index":2,"delta":{"type":"text_delta","text":"b"}}' in lines.split("\n")


def test_an_answer_without_blocks_gets_an_empty_text_block():
    assert [line.split(" ", 1)[0] for line in run(Finish("end_turn")).split("\n")] == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_open_is_sent_once_and_content_does_not_repeat_it():
    stream = encoder()
    assert not stream.started
    assert stream.open().startswith(b"event: message_start\n")
    assert stream.started
    assert not stream.content_started
    assert stream.open() == b""
    assert stream.encode(TextDelta("x")).startswith(b"event: content_block_start\n")
    assert stream.content_started


def test_usage_before_the_start_replaces_the_estimate():
    stream = encoder()
    assert stream.encode(Usage(7, 0, cache_read_tokens=3)) == b""
    assert b'"input_tokens":7,"cache_creation_input_tokens":0,"cache_read_input_tokens":3' in stream.open()


@pytest.mark.parametrize(
    ("finish", "expected"),
    [
        (Finish("max_tokens"), '{"stop_reason":"max_tokens","stop_sequence":null}'),
        (Finish("stop_sequence", "END"), '{"stop_reason":"stop_sequence","stop_sequence":"END"}'),
        (Finish("context_window"), '{"stop_reason":"model_context_window_exceeded","stop_sequence":null}'),
        (
            Finish("refusal", explanation="no"),
            '{"stop_reason":"refusal","stop_sequence":null,'
            '"stop_details":{"type":"refusal","category":null,"explanation":"no"}}',
        ),
    ],
)
def test_stop_reasons(finish, expected):
    assert f'message_delta "delta":{expected},"usage"' in run(TextDelta("x"), finish)


def test_keep_alive_is_an_empty_delta_of_the_open_block_or_a_ping():
    stream = encoder()
    assert stream.keep_alive() == stream.ping() == PING
    stream.encode(ThinkingDelta("x"))
    assert short(stream.keep_alive()) == [
        'content_block_delta "index":0,"delta":{"type":"thinking_delta","thinking":""}}'
    ]
    stream.encode(TextDelta("x"))
    assert short(stream.keep_alive()) == ['content_block_delta "index":1,"delta":{"type":"text_delta","text":""}}']
    stream.encode(ToolCallStart(0, "t", "f"))
    assert short(stream.keep_alive()) == [
        'content_block_delta "index":2,"delta":{"type":"input_json_delta","partial_json":""}}'
    ]
    stream.encode(ToolCallEnd(0))
    assert stream.keep_alive() == PING


def test_while_the_model_speaks_unseen_a_block_is_opened_to_keep_the_stream_alive():
    stream = encoder()
    stream.open()
    opened = short(stream.keep_alive(speaking=True))
    assert [line.partition(" ")[0] for line in opened] == ["content_block_start", "content_block_delta"]
    assert stream.content_started
    assert short(stream.keep_alive(speaking=True)) == opened[1:]
    names = [line.partition(" ")[0] for line in short(stream.encode(ToolCallStart(0, "t", "f")))]
    assert names == ["content_block_stop", "content_block_start"]
    stream.encode(ToolCallEnd(0))
    stream.encode(Finish("tool_use"))
    assert stream.keep_alive(speaking=True) == b""


def test_an_error_leaves_the_block_open_and_ends_the_stream():
    stream = encoder(request_id="req_1")
    stream.encode(TextDelta("x"))
    assert short(stream.encode(Fault("overloaded", "busy"))) == [
        'error "error":{"type":"overloaded_error","message":"busy"},"request_id":"req_1"}'
    ]
    assert stream.finished


def test_an_error_may_come_first_and_names_the_request_it_is_told():
    stream = encoder()
    assert b'"request_id":"req_2"' in stream.error(Fault("api", "broken"), "req_2")
    assert not stream.started


@pytest.mark.parametrize("last", [Finish("end_turn"), Fault("api", "x")])
def test_nothing_comes_after_the_end(last):
    stream = encoder()
    stream.encode(TextDelta("x"))
    assert stream.encode(last)
    assert stream.finished
    after = [TextDelta("y"), Usage(1, 1), Finish("end_turn"), Fault("api", "z"), ToolCallEnd(0)]
    assert b"".join(stream.encode(event) for event in after) == b""
    assert stream.open() + stream.ping() + stream.keep_alive() + stream.error(Fault("api", "z")) == b""


CUT = (ToolCallStart(0, "t", "f"), ToolCallDelta(0, '{"a":'), ToolCallAbort(0))


def test_a_cut_call_stays_open():
    stream = encoder()
    for event in CUT[:2]:
        stream.encode(event)
    assert stream.encode(CUT[2]) == b""
    assert b"input_json_delta" in stream.keep_alive()
    assert [line.split(" ")[0] for line in short(stream.encode(Fault("api", "gone")))] == ["error"]


@pytest.mark.parametrize("reason", ["max_tokens", "context_window"])
def test_a_call_cut_by_a_length_limit_ends_as_the_api_ends_it(reason):
    stream = encoder()
    for event in CUT:
        stream.encode(event)
    frames = [line.split(" ")[0] for line in short(stream.encode(Finish(reason)))]
    assert frames == ["content_block_stop", "message_delta", "message_stop"]


@pytest.mark.parametrize("reason", ["end_turn", "tool_use", "stop_sequence"])
def test_a_cut_call_never_ends_as_if_it_were_whole(reason):
    lines = run(*CUT, Finish(reason)).split("\n")
    assert lines[-1].startswith('error "error":{"type":"api_error"')
    assert "content_block_stop" not in lines[-2]


@pytest.mark.parametrize(
    ("before", "event"),
    [
        ([], ToolCallDelta(0, "{}")),
        ([], ToolCallEnd(0)),
        ([TextDelta("x")], ToolCallAbort(0)),
        ([ToolCallStart(0, "t", "f")], TextDelta("x")),
        ([ToolCallStart(0, "t", "f")], ToolCallStart(1, "u", "g")),
        ([ToolCallStart(0, "t", "f")], ToolCallDelta(1, "{}")),
        ([ToolCallStart(0, "t", "f")], Finish("tool_use")),
        (list(CUT), TextDelta("x")),
        (list(CUT), ToolCallStart(1, "u", "g")),
    ],
)
def test_an_event_out_of_order_raises_and_changes_nothing(before, event):
    stream, twin = encoder(), encoder()
    for earlier in before:
        stream.encode(earlier)
        twin.encode(earlier)
    with pytest.raises(ValueError, match="cannot follow"):
        stream.encode(event)
    assert (stream.started, stream.content_started) == (twin.started, twin.content_started)
    fault = Fault("api", "x")
    assert stream.keep_alive() + stream.encode(fault) == twin.keep_alive() + twin.encode(fault)


def test_the_signature_of_hidden_thinking_carries_it():
    carried = SIGNER.sign("ab", carried=True)
    lines = run(ThinkingDelta("a"), ThinkingDelta("b"), TextDelta("x"), Finish("end_turn"), show_thinking=False)
    assert lines.split("\n")[1:4] == [
        'content_block_start "index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}',
        f'content_block_delta "index":0,"delta":{{"type":"signature_delta","signature":"{carried}"}}}}',
        'content_block_stop "index":0}',
    ]


def test_text_that_is_awkward_in_a_line_or_in_utf8():
    data = encoder().encode(TextDelta("\u2028\x85\r\n\ud800é🙂"))
    assert data.count(b"\n") == 9
    assert b"\r" not in data
    assert b"\\ud800" in data


@pytest.mark.parametrize("shown", [True, False])
def test_however_thinking_is_cut_its_signature_is_the_same(shown):
    thought = "Größe 🙂 1, then 2"
    for pieces in chunkings(thought):
        lines = run(*map(ThinkingDelta, pieces), Finish("end_turn"), show_thinking=shown)
        assert f'"signature_delta","signature":"{SIGNER.sign(thought, carried=not shown)}"' in lines


def test_each_block_has_its_own_signature_by_the_signer_of_the_attempt():
    stream = encoder()
    stream.open()
    signer = Signer(b"other", "fallback")
    stream.sign_as(signer)
    events = (ThinkingDelta("a"), TextDelta("x"), ThinkingDelta("b"), Finish("end_turn"))
    data = b"".join(stream.encode(event) for event in events).decode()
    first, second = (f'"signature":"{signer.sign(text)}"' for text in "ab")
    assert 0 < data.index(first) < data.index(second)
