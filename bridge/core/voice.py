"""What an exchange needs of the protocol that its client speaks. Each protocol's package has a voice of its own."""

from __future__ import annotations

from typing import Protocol

from bridge.core.conversation import Conversation
from bridge.core.events import Event, Fault
from bridge.core.signature import Signer


class Stream(Protocol):
    """Events of one answer -> the bytes of a stream. Whatever it is given, what it gave so far begins a legal one."""

    @property
    def started(self) -> bool:
        """Something was sent."""

    @property
    def content_started(self) -> bool:
        """Something of the model was sent."""

    def sign_as(self, signer: Signer) -> None:
        """The model of the next attempt, which signs its reasoning where the protocol has signatures."""

    def encode(self, event: Event) -> bytes:
        """The bytes of ``event``. One that cannot come where it comes raises ValueError."""

    def open(self) -> bytes:
        """What can be sent before the model says anything, if it was not."""

    def ping(self) -> bytes:
        """Bytes without meaning."""

    def keep_alive(self, *, speaking: bool = False) -> bytes:
        """Bytes without content that clients take for progress; ``speaking``: the model says what is not shown yet."""

    def error(self, fault: Fault, request_id: str = "") -> bytes:
        """The failure that ends the stream."""


class Fold(Protocol):
    """Events of one answer -> the whole answer: the fold of what a stream would have said."""

    def add(self, event: Event) -> None:
        """Take the next event."""

    def message(self) -> dict[str, object]:
        """The answer."""


class Voice(Protocol):
    """Makes both for one request. The prefixes begin the ids of answers, and of calls that came without an id."""

    @property
    def answer_prefix(self) -> str: ...

    @property
    def call_prefix(self) -> str: ...

    def stream(self, conversation: Conversation, answer_id: str, request_id: str, input_tokens: int) -> Stream:
        """For the whole exchange. ``input_tokens`` is an estimate, 0 if there is none."""

    def fold(self, conversation: Conversation, answer_id: str, input_tokens: int, signer: Signer) -> Fold:
        """For one attempt."""
