"""The protocols that clients may speak, each with its path: what differs between them, and nothing else does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.core.anthropic import errors as messages_errors
from bridge.core.anthropic.passing import Question, read_question
from bridge.core.anthropic.request import parse_request
from bridge.core.anthropic.toolmemo import ToolMemo
from bridge.core.anthropic.voice import MESSAGES as MESSAGES_VOICE
from bridge.core.carrier import Carrier
from bridge.core.conversation import Conversation
from bridge.core.events import Fault
from bridge.core.exchange import Exchange
from bridge.core.jsontext import Record
from bridge.core.openai import failures as chat_errors
from bridge.core.openai.inbound import read_request
from bridge.core.relay import Relay
from bridge.core.route import Protocol as UpstreamProtocol
from bridge.core.route import Route
from bridge.core.voice import Voice
from bridge.errors import RequestError
from bridge.server.body import parse_json
from bridge.server.ids import new_id
from bridge.server.respond import ErrorWriter, Header, Scope

Guess = Callable[[Conversation], int]
"""How many tokens a request may be, before anyone has counted them; 0 if that is not known."""


class Asked(Protocol):
    """A request, read as far as it takes to find its routes."""

    @property
    def model(self) -> str: ...

    @property
    def stream(self) -> bool: ...

    @property
    def user_id(self) -> str: ...

    def carrier(self, chain: Sequence[Route], scope: Scope, request_id: str, guess: Guess) -> Carrier:
        """What takes the request to these routes. Raises RequestError for one that cannot be taken there."""


@dataclass(frozen=True, slots=True)
class Door:
    """``read`` takes the body of a request; it raises RequestError. ``error`` writes a whole error answer.

    ``id_headers`` tell the client the id of its request; ``protocols`` are those of the upstreams
    that can be reached from here.
    """

    path: str
    read: Callable[[bytes, ToolMemo], Asked]
    error: ErrorWriter
    id_headers: tuple[bytes, ...]
    protocols: frozenset[UpstreamProtocol]

    def ids(self, request_id: str) -> list[Header]:
        """The headers with the id of a request."""
        return [(name, request_id.encode()) for name in self.id_headers]

    def passable(self, chain: Sequence[Route]) -> list[Route]:
        """The routes of ``chain`` that can be taken from here. Raises RequestError (400) if the first one cannot."""
        upstream = chain[0].upstream
        if upstream.protocol not in self.protocols:
            message = (
                f"model `{chain[0].key}` is at upstream `{upstream.name}`, which speaks the Messages API only: "
                f"ask for it at {MESSAGES.path}"
            )
            raise RequestError(Fault("invalid_request", message))
        return [route for route in chain if route.upstream.protocol in self.protocols]


class _AskedMessages(Record, frozen=True):
    question: Question
    memo: ToolMemo

    @property
    def model(self) -> str:
        return self.question.model

    @property
    def stream(self) -> bool:
        return self.question.stream

    @property
    def user_id(self) -> str:
        return self.question.user_id

    def carrier(self, chain: Sequence[Route], scope: Scope, request_id: str, guess: Guess) -> Carrier:
        for route in chain:
            if route.upstream.protocol == "anthropic":
                return Relay(self.question.with_head(scope["headers"], scope["query_string"]), new_id, request_id)
        question = self.question
        conversation = parse_request(question.body, question.raw, self.memo, question.tools)
        return Exchange(conversation, new_id, request_id, MESSAGES_VOICE, input_tokens=guess(conversation))


class _AskedChat(Record, frozen=True):
    conversation: Conversation
    voice: Voice

    @property
    def model(self) -> str:
        return self.conversation.model

    @property
    def stream(self) -> bool:
        return self.conversation.stream

    @property
    def user_id(self) -> str:
        return self.conversation.user_id

    def carrier(self, chain: Sequence[Route], scope: Scope, request_id: str, guess: Guess) -> Carrier:
        return Exchange(self.conversation, new_id, request_id, self.voice, input_tokens=guess(self.conversation))


def question_in(raw: bytes, memo: ToolMemo) -> Question:
    """A request of the Messages API, read as far as ``read_question`` does. Raises RequestError."""
    decoded = memo.decoded(raw)
    return read_question(raw, parse_json(raw)) if decoded is None else read_question(raw, *decoded)


def _read_messages(raw: bytes, memo: ToolMemo) -> Asked:
    return _AskedMessages(question_in(raw, memo), memo)


def _read_chat(raw: bytes, memo: ToolMemo) -> Asked:
    return _AskedChat(*read_request(parse_json(raw), int(time.time()), raw))


MESSAGES = Door(
    "/v1/messages",
    _read_messages,
    messages_errors.error_response,
    (b"request-id",),
    frozenset({"openai", "anthropic", "demo"}),
)
CHAT = Door(
    "/v1/chat/completions",
    _read_chat,
    chat_errors.error_response,
    (b"request-id", b"x-request-id"),
    frozenset({"openai", "demo"}),
)
DOORS = (MESSAGES, CHAT)


def door_of(headers: Mapping[str, str]) -> Door:
    """The door of a client that asks for something that both have.

    OpenAI's clients send a Bearer token and none of the headers that name Anthropic's API.
    """
    bearer = headers.get("authorization", "")[:7].lower() == "bearer "
    return CHAT if bearer and not any(name.startswith("anthropic-") for name in headers) else MESSAGES
