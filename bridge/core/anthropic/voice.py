"""How an exchange speaks to clients of the Messages API."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.anthropic.encoder import StreamEncoder
from bridge.core.anthropic.message import MessageFold
from bridge.core.conversation import Conversation
from bridge.core.signature import Signer


@dataclass(frozen=True, slots=True)
class MessagesVoice:
    """See ``bridge.core.voice.Voice``."""

    answer_prefix: str = "msg"
    call_prefix: str = "toolu"

    def stream(self, conversation: Conversation, answer_id: str, request_id: str, input_tokens: int) -> StreamEncoder:
        return StreamEncoder(
            answer_id,
            conversation.model,
            input_tokens,
            request_id=request_id,
            show_thinking=conversation.thinking.shown,
        )

    def fold(self, conversation: Conversation, answer_id: str, input_tokens: int, signer: Signer) -> MessageFold:
        return MessageFold(
            answer_id,
            conversation.model,
            signer,
            input_tokens,
            show_thinking=conversation.thinking.shown,
        )


MESSAGES = MessagesVoice()
