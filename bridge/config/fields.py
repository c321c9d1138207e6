"""Types of single values in ``routes.toml``: what is accepted, what a wrong one is told, what editors are told."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    Strict,
    WithJsonSchema,
)

from bridge.config import units
from bridge.core.anthropic.errors import DECLARABLE
from bridge.core.errorrules import compile_wording, message_holes


def shape(default: str, **tags: type | tuple[type, ...]) -> Discriminator:
    """Tells the members of a union apart by TOML type; ``default`` takes what fits none."""

    def tag(value: object) -> str:
        return next((f"@{name}" for name, kind in tags.items() if isinstance(value, kind)), f"@{default}")

    return Discriminator(tag)


def _text(pattern: str, example: str, description: str) -> WithJsonSchema:
    """A string that ``pattern`` describes, unless it holds a ``${variable}``."""
    return WithJsonSchema(
        {"type": "string", "pattern": rf"{pattern}|\$\{{", "examples": [example], "description": description}
    )


def _json_value(value: Any) -> Any:
    """Refuses what TOML can say and JSON cannot."""
    if isinstance(value, dict):
        for key, item in value.items():
            try:
                _json_value(item)
            except ValueError as error:
                raise ValueError(f"`{key}`: {error}") from None
    elif isinstance(value, list):
        for item in value:
            _json_value(item)
    elif not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"JSON cannot hold {value}; write it as a string")
    return value


def _header_map(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if not name or not all(char.isalnum() or char in "!#$%&'*+-.^_`|~" for char in name) or not name.isascii():
            raise ValueError(f"`{name}` is not a header name")
        if name.lower() in _FRAMING:
            raise ValueError(f"`{name}` is written by the HTTP client")
        if not _fits_header(text):
            raise ValueError(f"the value of `{name}` holds a control character or one beyond ASCII")
    return value


def _fits_header(text: str) -> bool:
    return text.isascii() and text.replace("\t", " ").isprintable()


def _secret(value: str) -> str:
    """A key travels in a header; the message does not repeat it."""
    if not _fits_header(value):
        raise ValueError("holds a line break, another control character or one beyond ASCII, which no header carries")
    return value


def _base_url(value: str) -> str:
    url = urlsplit(value)  # its own ValueErrors name what is wrong and never quote credentials
    _ = url.port
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError('must be an http or https URL such as "http://localhost:11434/v1"')
    if url.username is not None or url.password is not None:
        raise ValueError("must hold no credentials; put them into `api_key` or `headers`")
    if url.query or url.fragment:
        raise ValueError("must end with the path, without `?` or `#`")
    path = url.path.rstrip("/")
    for tail in ("/chat/completions", "/messages"):
        if path.endswith(tail):
            raise ValueError(f"must be the address above `{tail}`; leave `{tail}` out")
    return value.rstrip("/")


def check_listen(value: str) -> str:
    units.listen_address(value)
    return value


def check_some(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise ValueError("must name at least one")
    return value


def check_storage(value: str) -> str:
    if value != "memory" and urlsplit(value).scheme not in ("redis", "rediss", "valkey", "valkeys"):
        raise ValueError('must be "memory" or a redis:// or valkey:// URL')
    return value


def _error_type(value: str) -> str:
    if value and value not in DECLARABLE:
        raise ValueError(f"must be one of {', '.join(DECLARABLE)}")
    return value


def check_error_text(text: str) -> str:
    """The words of an error rule, if they can be searched for."""
    if text:
        compile_wording(text)
    return text


def check_error_message(message: str, text: str | None) -> str:
    """The message of an error rule, if ``text`` fills its holes; that None is wrong has been said."""
    missing = message_holes(message) - (compile_wording(text).holes if text else frozenset())
    if missing and text is not None:
        raise ValueError(f"`{{{min(missing)}}}` is not in `text`")
    return message


def _positive(parse: Callable[[object], float]) -> Callable[[object], float]:
    def check(value: object) -> float:
        if (number := parse(value)) <= 0:
            raise ValueError("must be more than zero")
        return number

    return check


def _body_path(value: str) -> str:
    """A dotted path to a field of the upstream's body that the conversation itself does not fill."""
    if value:
        names = value.split(".")
        if not all(name and name.isascii() and name.replace("-", "_").isidentifier() for name in names):
            raise ValueError('must be keys with dots between them, such as "chat_template_kwargs.enable_thinking"')
        if names[0] in _OWN_KEYS:
            raise ValueError(f"`{names[0]}` is written from the conversation")
    return value


_FRAMING = frozenset({"connection", "content-length", "te", "trailer", "transfer-encoding", "upgrade"})
_OWN_KEYS = frozenset(
    {"model", "messages", "stream", "max_tokens", "max_completion_tokens", "tools", "tool_choice", "stop"}
)

Duration = Annotated[
    float,
    BeforeValidator(units.duration),
    PlainSerializer(units.duration_text),
    _text(units.DURATION_PATTERN, "5s", "A duration with its unit: ms, s, m or h."),
]
Timeout = Annotated[
    float,
    BeforeValidator(_positive(units.duration)),
    PlainSerializer(units.duration_text),
    _text(units.DURATION_PATTERN, "5s", "A duration with its unit: ms, s, m or h."),
]
Size = Annotated[
    int,
    BeforeValidator(units.size),
    PlainSerializer(units.size_text),
    _text(units.SIZE_PATTERN, "32MB", "A size with its unit: B, KB, MB, GB, KiB, MiB or GiB."),
]
Rate = Annotated[
    units.Rate,
    BeforeValidator(units.rate),
    PlainSerializer(units.rate_text),
    _text(units.RATE_PATTERN, "60/minute", "A count per second, minute, hour or day."),
]
ErrorType = Annotated[
    str,
    AfterValidator(_error_type),
    WithJsonSchema({"type": "string", "enum": [*DECLARABLE, ""]}),
]
Strings = Annotated[tuple[str, ...], Strict(False)]
SecretText = Annotated[str, AfterValidator(_secret)]
Headers = Annotated[dict[str, str], AfterValidator(_header_map)]
JsonTable = Annotated[dict[str, Any], AfterValidator(_json_value)]
BodyPath = Annotated[str, AfterValidator(_body_path)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Status = Annotated[int, Field(ge=400, le=599)]
