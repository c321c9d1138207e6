"""How an exchange speaks to clients of the Messages API."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.anthropic.encoder import StreamEncoder
from bridge.core.anthropic.message import MessageFold
from bridge.core.conversation import Conversation

SIGNATURE = "dG9vbGJyaWRnZQ=="
"""Marks reasoning blocks: clients want a signature, and send it back unread."""


@dataclass(frozen=True, slots=True)
class MessagesVoice:
    """See ``bridge.core.voice.Voice``."""

    signature: str = SIGNATURE
    answer_prefix: str = "msg"
    call_prefix: str = "toolu"

    def stream(self, conversation: Conversation, answer_id: str, request_id: str, input_tokens: int) -> StreamEncoder:
        return StreamEncoder(
            answer_id,
            conversation.model,
            self.signature,
            input_tokens,
            request_id=request_id,
            show_thinking=conversation.thinking.shown,
        )

    def fold(self, conversation: Conversation, answer_id: str, input_tokens: int) -> MessageFold:
        return MessageFold(
            answer_id,
            conversation.model,
            self.signature,
            input_tokens,
            show_thinking=conversation.thinking.shown,
        )


MESSAGES = MessagesVoice()
