"""The JSON shapes that a stream and a whole message have in common."""

from __future__ import annotations

from bridge.core.events import NOT_COUNTED, Finish, StopReason, Usage

STOP_REASONS: dict[StopReason, str] = {
    "end_turn": "end_turn",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_use",
    "refusal": "refusal",
    "context_window": "model_context_window_exceeded",
}


def message_body(message_id: str, model: str, usage: dict[str, object]) -> dict[str, object]:
    """A message that has said nothing yet."""
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def stop_fields(finish: Finish) -> dict[str, object]:
    """What a message says about why it ended."""
    fields: dict[str, object] = {
        "stop_reason": STOP_REASONS[finish.reason],
        "stop_sequence": finish.stop_sequence,
    }
    if finish.reason == "refusal":
        fields["stop_details"] = {"type": "refusal", "category": None, "explanation": finish.explanation}
    return fields


class UsageTally:
    """The usage known so far: what was estimated, until the upstream says what it was."""

    def __init__(self, estimated_input_tokens: int) -> None:
        self._usage = Usage(input_tokens=estimated_input_tokens) if estimated_input_tokens else NOT_COUNTED

    def add(self, later: Usage) -> None:
        """Take over what ``later`` knows. The prompt's three counters are one statement: all or none."""
        known = self._usage
        if known is NOT_COUNTED:
            self._usage = later
            return
        prompt = later if later.input_tokens or later.cache_read_tokens or later.cache_write_tokens else known
        self._usage = Usage(
            input_tokens=prompt.input_tokens,
            output_tokens=later.output_tokens or known.output_tokens,
            cache_read_tokens=prompt.cache_read_tokens,
            cache_write_tokens=prompt.cache_write_tokens,
            reasoning_tokens=later.reasoning_tokens or known.reasoning_tokens,
        )

    def body(self) -> dict[str, object]:
        """The usage as messages and streams state it."""
        usage = self._usage
        body: dict[str, object] = {
            "input_tokens": usage.input_tokens,
            "cache_creation_input_tokens": usage.cache_write_tokens,
            "cache_read_input_tokens": usage.cache_read_tokens,
            "output_tokens": usage.output_tokens,
        }
        if usage.reasoning_tokens:
            body["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
        return body
