"""The protocols that clients may speak, each with its path: what differs between them, and nothing else does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bridge.core.anthropic import errors as messages_errors
from bridge.core.anthropic.request import parse_request
from bridge.core.anthropic.voice import MESSAGES as MESSAGES_VOICE
from bridge.core.conversation import Conversation
from bridge.core.events import Fault
from bridge.core.openai import failures as chat_errors
from bridge.core.openai.inbound import read_request
from bridge.core.route import Protocol, Route
from bridge.core.voice import Voice
from bridge.errors import RequestError
from bridge.server.respond import ErrorWriter, Header


@dataclass(frozen=True, slots=True)
class Door:
    """``read`` takes the decoded body of a request; it raises RequestError. ``error`` writes a whole error answer.

    ``id_headers`` tell the client the id of its request; ``protocols`` are those of the upstreams
    that can be reached from here.
    """

    path: str
    read: Callable[[object], tuple[Conversation, Voice]]
    error: ErrorWriter
    id_headers: tuple[bytes, ...]
    protocols: frozenset[Protocol]

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


def _read_messages(body: object) -> tuple[Conversation, Voice]:
    return parse_request(body), MESSAGES_VOICE


def _read_chat(body: object) -> tuple[Conversation, Voice]:
    return read_request(body, int(time.time()))


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
