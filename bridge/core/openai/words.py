"""What the parts of a message are called, for those who read other descriptions of the same message."""

from __future__ import annotations

CONTENT = "content"
CALLS = "tool_calls"
REASONING = ("thinking", "reasoning", "reasoning_content")
CALL_ID = "tool_call_id"
