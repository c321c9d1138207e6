"""The keys of ``routes.toml``: one frozen pydantic model per table.

The models are the source of ``routes.schema.json`` and of every message about a
wrong value. Durations arrive as seconds, sizes as bytes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bridge.config import units
from bridge.config.fields import (
    BaseUrl,
    BodyPath,
    Duration,
    ErrorType,
    Headers,
    JsonTable,
    Rate,
    SecretText,
    Size,
    Status,
    Strings,
    Timeout,
    check_error_message,
    check_error_text,
    check_listen,
    check_some,
    check_storage,
    shape,
)
from bridge.core.openai.replay import check_spelling


class Table(BaseModel):
    """What all tables share: no unknown key, no change after reading, TOML types as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, defer_build=True)


class SecretFile(Table):
    """A secret in a file; a trailing newline does not belong to it. Changes are picked up live."""

    file: str = Field(min_length=1, description="Path, relative to this file.")


class SecretHash(Table):
    """A client key of which only the digest is known here."""

    sha256: str = Field(pattern="^[0-9a-fA-F]{64}$", description="SHA-256 of the key, in hexadecimal.")


Secret = Annotated[
    Annotated[SecretText, Tag("@text")] | Annotated[SecretFile, Tag("@table")],
    shape("text", table=dict),
]


def _key_kind(value: object) -> str:
    match value:
        case {"sha256": _} | SecretHash():
            return "@hash"
        case dict() | SecretFile():
            return "@file"
    return "@text"


ClientKey = Annotated[
    Annotated[SecretText, Tag("@text")] | Annotated[SecretHash, Tag("@hash")] | Annotated[SecretFile, Tag("@file")],
    Discriminator(_key_kind),
]


class Server(Table):
    """The listening process. The only table whose changes need a restart."""

    listen: Annotated[str, AfterValidator(check_listen)] = Field(
        default="127.0.0.1:4100", description="HOST:PORT. Anything but loopback needs [clients]."
    )
    workers: int = Field(default=1, ge=1, le=256, description="Processes that serve.")
    drain: Duration = Field(default=30.0, description="How long open streams may go on after SIGTERM.")

    @property
    def address(self) -> tuple[str, int]:
        return units.listen_address(self.listen)


Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Efforts = Annotated[tuple[Effort, ...], Strict(False), AfterValidator(check_some)]
Switch = Annotated[Annotated[str, Tag("@text")] | Annotated[bool, Tag("@bool")], shape("text", bool=bool)]


class Reasoning(Table):
    """How reasoning is read from the upstream and shown to the client."""

    source: Literal["auto", "field", "tags", "none"] = Field(
        default="auto", description="Where it comes: a field of its own, tags in the text, both (auto), or nowhere."
    )
    emit: Literal["auto", "thinking", "text", "drop"] = Field(
        default="auto", description="What clients see; auto shows thinking blocks."
    )
    starts_open: Annotated[
        Annotated[Literal["auto"], Tag("@text")] | Annotated[bool, Tag("@bool")], shape("text", bool=bool)
    ] = Field(default="auto", description="Whether the output starts inside the reasoning; auto asks the parser file.")
    replay: Annotated[str, AfterValidator(check_spelling)] = Field(
        default="", description='How earlier reasoning goes back: this key of its message, or "tags"; empty: not.'
    )
    effort: BodyPath = Field(default="", description="Body field that takes an effort, with dots; empty for none.")
    efforts: Efforts = Field(
        default=("low", "medium", "high"), description="Efforts that it takes; the nearest is sent."
    )
    budget: BodyPath = Field(default="", description="Body field that takes the tokens to think with; empty for none.")
    switch: BodyPath = Field(default="", description="Body field that turns reasoning on and off; empty for none.")
    on: Switch = Field(default=True, description="What `switch` is set to where the client wants reasoning.")
    off: Switch = Field(default=False, description="What `switch` is set to where it wants none.")


class Timeouts(Table):
    """Each of them ends an attempt."""

    connect: Timeout = Field(default=5.0, description="Until the connection stands.")
    first_token: Timeout = Field(default=120.0, description="Until the model says something.")
    stall: Timeout = Field(default=120.0, description="Between two things that the model says.")
    total: Timeout = Field(default=1800.0, description="The whole request, retries included.")


class Retry(Table):
    """Attempts before the first content reaches the client; never after."""

    attempts: int = Field(default=3, ge=1, le=10, description="Upstream calls of a request, fallbacks included.")
    backoff: Duration = Field(default=0.25, description="Upper end of the first random wait; doubles each time.")
    max_backoff: Duration = Field(default=8.0, description="No wait is longer.")
    on: Annotated[tuple[Status, ...], Strict(False)] = Field(
        default=(408, 409, 425, 429, 500, 502, 503, 504, 529), description="Upstream status codes that are retried."
    )


class Request(Table):
    """Changes to the body and headers that go upstream."""

    default: JsonTable = Field(default={}, description="Set where the client said nothing.")
    set: JsonTable = Field(default={}, description="Set always.")
    drop: Strings = Field(default=(), description="Keys removed, last.")
    headers: Headers = Field(default={}, description="Headers added.")


class ErrorRule(Table):
    """What a failure of the upstream means, by its status, its words, or both."""

    status: Annotated[tuple[Status, ...], Strict(False)] = Field(default=(), description="Its status; empty: any.")
    text: Annotated[str, AfterValidator(check_error_text)] = Field(
        default="",
        description="Words in its message, type or code, ignoring case. {n} and {m} are numbers, {_} is anything.",
    )
    type: ErrorType = Field(default="", description="Error type for the client, with its status; empty: as it is.")
    message: str = Field(
        default="", description="What the client is told, {n} and {m} filled in; empty: what the upstream said."
    )
    retry: bool | None = Field(
        default=None, description="Whether it is retried; without it, as its type and its status are."
    )

    @field_validator("message")
    @classmethod
    def _check_message(cls, message: str, info: ValidationInfo) -> str:
        return check_error_message(message, info.data.get("text"))

    @model_validator(mode="after")
    def _check_says_something(self) -> ErrorRule:
        if not self.status and not self.text:
            raise ValueError("needs `status` or `text`, or it would mean every failure")
        if not self.type and not self.message and self.retry is None:
            raise ValueError("changes nothing; give `type`, `message` or `retry`")
        return self


class ToolSchema(Table):
    """What the upstream does not take in the JSON Schemas of tools."""

    drop: Strings = Field(default=(), description='Keywords taken out of them, wherever they stand, such as "format".')
    inline: bool = Field(default=False, description="true: `$ref` is replaced by what it refers to.")


class Defaults(Table):
    """Every key of a model but `match` and `enabled`. [defaults] < upstreams.X.defaults < the model."""

    upstream: str = Field(default="", description="Key of the upstream that serves it.")
    model: str = Field(
        default="", description="The model's name at the upstream; without it the id that the client asked for."
    )
    display_name: str = Field(default="", description="Shown in the list of models.")
    parsers: Annotated[
        Annotated[Literal["auto"], Tag("@text")] | Annotated[Strings, Tag("@list")], shape("text", list=(list, tuple))
    ] = Field(
        default="auto",
        description='Text tool-call parsers: "auto", names in the order tried, or [] for native calls only.',
    )
    tools: Literal["native", "prompt"] = Field(
        default="native", description="prompt: tools are rendered into the prompt by the parser file's template."
    )
    tool_streaming: Literal["complete", "eager"] = Field(
        default="complete", description="complete: a call is shown when its end is certain. eager: as it comes."
    )
    reasoning: Reasoning = Field(default=Reasoning(), description="How reasoning is read and shown.")
    unsupported: Literal["warn", "reject"] = Field(
        default="warn", description="What happens to a request field that the upstream cannot honour."
    )
    server_tools: Literal["drop", "reject"] = Field(
        default="drop", description="Tools that only Anthropic's servers run: left out with a warning, or refused."
    )
    max_output_tokens: int = Field(default=32_000, ge=0, description="Upper limit of the client's max_tokens; 0: none.")
    context_window: int | None = Field(default=None, ge=1, description="Tokens that the model can read.")
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        default="max_tokens", description="What the upstream calls the limit of its answer."
    )
    max_stop_sequences: int = Field(
        default=4, ge=0, description="Stop sequences that the upstream takes; all of them are enforced here as well."
    )
    tool_schema: ToolSchema = Field(default=ToolSchema(), description="What of tools' schemas the upstream refuses.")
    structured_output: Literal["response_format", "prompt", "none"] = Field(
        default="response_format",
        description="How a wanted output schema is told: a field, the system text, or not at all.",
    )
    user_field: BodyPath = Field(default="", description="Body field that takes the client's user id; empty for none.")
    count_tokens: Literal["auto", "estimate", "upstream"] = Field(
        default="auto",
        description="Who counts for `count_tokens`. upstream: its tokenizer (vLLM, llama.cpp); without one, an error. "
        "estimate: this proxy, corrected by the counts of earlier answers. auto: the upstream if it answers in 2 s, "
        "else the estimate.",
    )
    timeouts: Timeouts = Field(default=Timeouts(), description="Limits of time.")
    retry: Retry = Field(default=Retry(), description="Repeated attempts.")
    request: Request = Field(default=Request(), description="Changes to what goes upstream.")
    fallbacks: Strings = Field(default=(), description="Keys of other models, tried in order when this one fails.")
    errors: Annotated[tuple[ErrorRule, ...], Strict(False)] = Field(
        default=(), description="What failures of the upstream mean, before the built-in rules; the first one counts."
    )


class Model(Defaults):
    """A model that clients ask for; the table's key is its id, or a glob over ids."""

    enabled: bool = Field(default=True, description="false takes the entry away.")
    match: Strings = Field(default=(), description="Further ids and globs; exact beats glob, longer beats shorter.")


class RetryBudget(Table):
    """How much load retries may add to an upstream."""

    ratio: float = Field(default=0.2, ge=0, le=1, description="Share of the requests of the last `ttl`.")
    min_per_second: float = Field(default=0.1, ge=0, le=1000, description="Allowed beside that.")
    ttl: Timeout = Field(default=30.0, description="Length of the window.")


class Breaker(Table):
    """When an upstream is left alone."""

    failures: int = Field(default=5, ge=1, description="Failures in a row that open it.")
    open: Timeout = Field(default=5.0, description="How long it stays open, first.")


class Upstream(Table):
    """A server to call."""

    enabled: bool = Field(default=True, description="false takes the entry away.")
    base_url: Annotated[
        Annotated[BaseUrl, Tag("@text")] | Annotated[tuple[BaseUrl, ...], Strict(False), Tag("@list")],
        shape("text", list=(list, tuple)),
    ] = Field(default=(), description="Address up to and with /v1, or a list of replicas.")
    api_key: Secret = Field(default="", description="Sent to the upstream; refer to a variable or a file.")
    protocol: Literal["openai", "anthropic", "demo"] = Field(
        default="openai", description="openai: chat completions. anthropic: passed through. demo: built in."
    )
    headers: Headers = Field(default={}, description="Sent with every request.")
    max_connections: int = Field(
        default=200,
        ge=1,
        description="Connections in use at once, one a request; by default at least `max_in_flight`.",
    )
    max_in_flight: int = Field(default=64, ge=1, description="Requests at once; more wait shortly, then get 529.")
    retry_budget: RetryBudget = Field(default=RetryBudget(), description="How much load retries may add.")
    breaker: Breaker = Field(default=Breaker(), description="When the upstream is left alone.")
    balance: Literal["session", "least_busy", "round_robin"] = Field(
        default="session", description="How replicas share; session keeps a conversation on one of them."
    )
    defaults: Defaults = Field(default=Defaults(), description="Any key of a model, for the models of this upstream.")


class ClientLimits(Table):
    """What one client may do."""

    requests: Rate | None = Field(default=None, description="Requests per time.")
    tokens: Rate | None = Field(default=None, description="Tokens per time, in and out.")
    concurrent: int | None = Field(default=None, ge=1, description="Requests at once.")


class Client(Table):
    """Someone who may call. With no [clients] there is no authentication."""

    enabled: bool = Field(default=True, description="false takes the entry away.")
    key: ClientKey | None = Field(default=None, description="What the client sends as its key.")
    models: Strings = Field(default=("*",), description="Ids and globs that it may ask for.")
    limits: ClientLimits = Field(default=ClientLimits(), description="Its limits.")


class Limits(Table):
    """Limits of the whole process."""

    request_body: Size = Field(default=32_000_000, description="Larger requests get 413.")
    in_flight: int = Field(default=512, ge=1, description="Requests at once; more get 529.")
    storage: Annotated[str, AfterValidator(check_storage)] = Field(
        default="memory", description="Where client limits are counted: memory, or a redis:// or valkey:// URL."
    )


class Log(Table):
    """What is logged, on stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least that is logged.")
    format: Literal["auto", "console", "json"] = Field(default="auto", description="auto: console on a terminal.")
    bodies: Literal["off", "errors", "all"] = Field(
        default="off", description="Whose bodies; secrets are always masked."
    )


class Dashboard(Table):
    """The pages under /-/."""

    enabled: bool = Field(default=True, description="Whether they are served.")
    key: Secret = Field(default="", description="Needed for /-/ unless listening on loopback.")
    keep: int = Field(default=200, ge=0, le=100_000, description="Exchanges kept in memory.")


class Config(Table):
    """routes.toml: what clients may ask for, and where it goes."""

    extends: str = Field(
        default="", description="File under this one, relative to it. Tables merge, the rest replaces."
    )
    parser_dirs: Strings = Field(default=(), description="Searched for parser files before the bundled ones.")
    server: Server = Field(default=Server(), description="The listening process; changes need a restart.")
    defaults: Defaults = Field(default=Defaults(), description="Any key of a model, for all of them.")
    upstreams: dict[str, Upstream] = Field(default={}, description="Servers to call, by name.")
    models: dict[str, Model] = Field(default={}, description="Models that clients ask for, by id or glob.")
    clients: dict[str, Client] = Field(default={}, description="Who may call, by name.")
    limits: Limits = Field(default=Limits(), description="Limits of the whole process.")
    log: Log = Field(default=Log(), description="What is logged.")
    dashboard: Dashboard = Field(default=Dashboard(), description="The pages under /-/.")
