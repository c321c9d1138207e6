"""How an exchange speaks to clients of chat completions."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.conversation import Conversation
from bridge.core.events import Usage
from bridge.core.openai.completion import CompletionFold
from bridge.core.openai.encoder import ChunkEncoder
from bridge.core.openai.shapes import Head
from bridge.core.signature import Signer


@dataclass(frozen=True, slots=True)
class ChatVoice:
    """See ``bridge.core.voice.Voice``. ``created`` is in seconds since the epoch.

    ``include_usage``: a stream ends with the token counts. ``legacy``: see ``Head``.
    """

    created: int
    include_usage: bool = False
    legacy: bool = False
    answer_prefix: str = "chatcmpl"
    call_prefix: str = "call"

    def stream(self, conversation: Conversation, answer_id: str, request_id: str, input_tokens: int) -> ChunkEncoder:
        return ChunkEncoder(
            self._head(conversation, answer_id),
            Usage(input_tokens=input_tokens),
            include_usage=self.include_usage,
            request_id=request_id,
        )

    def fold(self, conversation: Conversation, answer_id: str, input_tokens: int, signer: Signer) -> CompletionFold:
        return CompletionFold(self._head(conversation, answer_id), Usage(input_tokens=input_tokens))

    def _head(self, conversation: Conversation, answer_id: str) -> Head:
        return Head(answer_id.replace("_", "-", 1), conversation.model, self.created, self.legacy)
