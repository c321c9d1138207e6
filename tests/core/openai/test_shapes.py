from __future__ import annotations

import pytest

from bridge.core.events import (
    Event,
    Fault,
    Finish,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolCallAbort,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)
from bridge.core.openai.shapes import COMPLETION, Head, Said, envelope, finish_word, step, usage_body

HEAD = Head("chatcmpl-1", "m", 7)
START, DELTA, END, ABORT = ToolCallStart(0, "c", "f"), ToolCallDelta(0, "{}"), ToolCallEnd(0), ToolCallAbort(0)
EVENTS: list[Event] = [
    TextDelta("a"), ThinkingDelta("a"), START, DELTA, END, ABORT, Usage(), Finish("end_turn"), Fault("api", "x"),
]  # fmt: skip
NEXT: dict[Said, list[Said | None]] = {
    # text, thinking, start, delta, end, abort, usage, finish, fault; None: it cannot come
    Said.NOTHING: [Said.WORDS, Said.WORDS, Said.CALL, None, None, None, Said.NOTHING, Said.END, Said.END],
    Said.WORDS: [Said.WORDS, Said.WORDS, Said.CALL, None, None, None, Said.WORDS, Said.END, Said.END],
    Said.CALL: [None, None, None, Said.CALL, Said.WORDS, Said.CUT, Said.CALL, None, Said.END],
    Said.CUT: [None, None, None, None, None, None, Said.CUT, Said.END, Said.END],
    Said.END: [None] * 9,
}


@pytest.mark.parametrize("said", Said)
def test_which_event_may_follow(said: Said) -> None:
    for event, then in zip(EVENTS, NEXT[said], strict=True):
        if then is None:
            with pytest.raises(ValueError, match=f"{type(event).__name__} cannot follow {said.value}"):
                step(said, event)
        else:
            assert step(said, event) is then


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("context_window", "length"),
    ],
)
def test_finish_reasons(reason: StopReason, word: str) -> None:
    assert finish_word(HEAD, Finish(reason)) == word
    legacy = finish_word(Head("c", "m", 7, legacy=True), Finish(reason))
    assert legacy == ("function_call" if reason == "tool_use" else word)


def test_the_envelope() -> None:
    assert envelope(HEAD, COMPLETION, [1]) == {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "m", "choices": [1],
    }  # fmt: skip


def test_what_came_from_a_cache_is_part_of_the_prompt() -> None:
    assert usage_body(Usage(100, 20, cache_read_tokens=30, cache_write_tokens=4, reasoning_tokens=5)) == {
        "prompt_tokens": 134,
        "completion_tokens": 20,
        "total_tokens": 154,
        "prompt_tokens_details": {"cached_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
