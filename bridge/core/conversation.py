"""What a client asks, in no protocol's words. All values are immutable.

JSON values (tool schemas, tool arguments) are plain Python objects that nobody
changes after they were read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from bridge.core.jsontext import Record
from bridge.core.losses import Loss

Json = Mapping[str, object]
"""A decoded JSON object."""


class Text(Record, frozen=True, gc=False):
    text: str


class Image(Record, frozen=True, gc=False):
    """A picture: either ``data`` (base64) of ``media_type``, or ``url``; ``detail`` is how closely to look, if said."""

    media_type: str = ""
    data: str = ""
    url: str = ""
    detail: str = ""


class Document(Record, frozen=True, gc=False):
    """A document: ``text``, or base64 ``data`` of ``media_type``, or ``url``."""

    title: str = ""
    context: str = ""
    text: str = ""
    media_type: str = ""
    data: str = ""
    url: str = ""


class Thinking(Record, frozen=True, gc=False):
    """Reasoning that an earlier answer showed. ``redacted`` holds opaque data instead of ``text``.

    ``signature`` is None where the client's protocol has none, "" where it was left out.
    """

    text: str
    signature: str | None = None
    redacted: str = ""


class ToolUse(Record, frozen=True):
    """A call that the model made in an earlier answer."""

    id: str
    name: str
    input: Json


class ToolResult(Record, frozen=True):
    """What a tool gave back; ``parts`` are texts, images and documents, in order."""

    tool_use_id: str
    parts: tuple[Text | Image | Document, ...] = ()
    is_error: bool = False


Part = Text | Image | Document | Thinking | ToolUse | ToolResult
Role = Literal["system", "user", "assistant"]


class Turn(Record, frozen=True):
    """One message. A ``system`` turn may stand anywhere in the conversation."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call. ``schema`` is the JSON Schema of its arguments."""

    name: str
    description: str = ""
    schema: Json | None = None
    strict: bool | None = None
    eager: bool = False


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """``any``: at least one call; ``tool``: this one by ``name``; ``parallel`` False: at most one call."""

    mode: Literal["auto", "any", "tool", "none"] = "auto"
    name: str = ""
    parallel: bool = True


@dataclass(frozen=True, slots=True)
class ThinkingConfig:
    """Whether the model is asked to reason; ``budget_tokens`` 0 means that the client named none."""

    mode: Literal["unset", "disabled", "enabled", "adaptive"] = "unset"
    budget_tokens: int = 0
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Conversation:
    """One request. ``model`` is the id that the client asked for, to be echoed.

    ``warnings`` names every field that was read and will not be honoured. ``hidden`` tools are
    declared, but the model is not told of them yet. With ``strict_output``, an answer that does not fit
    ``output_schema`` is none. ``extra`` holds fields that are in the upstream's
    own words already and go there as they are.
    """

    model: str
    max_tokens: int
    turns: tuple[Turn, ...]
    system: tuple[Text, ...] = ()
    tools: tuple[Tool, ...] = ()
    hidden: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    thinking: ThinkingConfig = ThinkingConfig()
    effort: str = ""
    output_schema: Json | None = None
    strict_output: bool = True
    stop_sequences: tuple[str, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    user_id: str = ""
    stream: bool = False
    warnings: tuple[Loss, ...] = ()
    extra: Json = field(default_factory=dict)


def call_ids(conversation: Conversation) -> Iterator[str]:
    """The ids of all calls that were made so far."""
    return (part.id for turn in conversation.turns for part in turn.parts if isinstance(part, ToolUse))
