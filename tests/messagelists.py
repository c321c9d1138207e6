"""The messages of a chat completions request for a conversation."""

from __future__ import annotations

from bridge.core.conversation import Conversation
from bridge.core.losses import Loss
from bridge.core.openai.messages import JsonObject, MessageWriter
from bridge.core.openai.replay import Replay


def write_messages(conversation: Conversation, replay: Replay) -> tuple[list[JsonObject], list[Loss]]:
    """The messages, and what of the conversation could not be said in them."""
    writer = MessageWriter(replay)
    writer.write(conversation)
    return writer.messages, writer.warnings
