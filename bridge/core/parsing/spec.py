"""What a parser file may say, as frozen values: the grammar of text tool-call formats.

A parser file (``parsers/NAME.toml``) is data only. Everything in it is a marker
(where something starts or stops), a destination (text, reasoning, call, nothing)
or a codec (how the body of a call becomes JSON). ``bridge.config.parsers`` reads
files into these values; ``bridge.core.parsing.engine`` runs them.

Every attribute carries the name and the default of the key in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Codec = Literal["json-call", "json", "tags", "python", "text"]


@dataclass(frozen=True, slots=True)
class Marker:
    """Where something starts or stops.

    ``lit``: alternatives, the longest match wins; each may hold the holes ``{name}``,
    ``{key}``, ``{id}``, ``{type}``, ``{attrs}``, ``{ws}``, ``{_}``.
    ``at``: anywhere, first non-blank thing on a line, or of the answer.
    ``then``: counts only if, after optional white space, one of these follows ("$": the end).
    ``peek``: recognised but not consumed.
    """

    lit: tuple[str, ...]
    at: Literal["any", "line", "start"] = "any"
    then: tuple[str, ...] = ()
    peek: bool = False


@dataclass(frozen=True, slots=True)
class TextRules:
    trim: Literal["both", "newlines", "none"] = "both"
    fences: Literal["protect", "ignore"] = "protect"
    prefill: str = ""
    after_calls: Literal["keep", "drop"] = "keep"


@dataclass(frozen=True, slots=True)
class Noise:
    anywhere: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReasoningRules:
    open: Marker | None = None
    close: Marker | None = None
    start: Literal["closed", "open"] = "closed"
    calls: Literal["final", "never", "any"] = "final"
    trim: Literal["both", "newlines", "none"] = "both"


@dataclass(frozen=True, slots=True)
class Channel:
    """Framing that is stripped; what is inside goes ``to`` its destination."""

    open: Marker
    close: Marker | None = None
    to: Literal["text", "reasoning", "drop"] = "text"


@dataclass(frozen=True, slots=True)
class Section:
    """A container of calls. ``optional``: calls also count outside of it."""

    open: Marker
    close: Marker | None = None
    optional: bool = False
    junk: Literal["text", "drop"] = "text"


@dataclass(frozen=True, slots=True)
class JsonRules:
    name_keys: tuple[str, ...] = ("name",)
    args_keys: tuple[str, ...] = ("arguments", "parameters")
    descend: tuple[str, ...] = ("function",)
    keyed: bool = False
    quotes: tuple[str, ...] = ()
    bare_keys: bool = False
    bare_values: bool = False
    slop: str = "}]"


@dataclass(frozen=True, slots=True)
class TagAttrs:
    """Names of the attributes in ``{attrs}`` that hold the key and the type word."""

    key: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class TagRules:
    open: Marker | None = None
    close: Marker | None = None
    attrs: TagAttrs = TagAttrs()
    types: Mapping[str, Literal["string", "json"]] = field(default_factory=dict)
    trim: Literal["none", "newline", "both"] = "none"
    untyped: Literal["json", "string"] = "json"
    cdata: bool = False
    entities: bool = False
    nest: bool = False
    item: str = ""


@dataclass(frozen=True, slots=True)
class PythonRules:
    list: Literal["optional", "required"] = "optional"


@dataclass(frozen=True, slots=True)
class CallPattern:
    """One shape of a call. ``name_attr`` is the key ``attrs = { name = ... }`` of the file."""

    open: Marker
    codec: Codec
    close: Marker | None = None
    alone: bool = False
    separators: str = ""
    unknown: Literal["text", "emit", "drop"] = "text"
    name_attr: str = "name"
    json: JsonRules = JsonRules()
    tags: TagRules = TagRules()
    python: PythonRules = PythonRules()


@dataclass(frozen=True, slots=True)
class Example:
    """``raw`` model output under ``tools`` and what must come out of it.

    ``expect`` is a list of blocks in order: {"text": ...}, {"thinking": ...} or
    {"name": ..., "input": {...}}. ``finish`` is the reason that the upstream gave,
    ``starts_open`` as in a route.
    """

    raw: str
    tools: tuple[Mapping[str, object], ...]
    expect: tuple[Mapping[str, object], ...]
    title: str = ""
    finish: Literal["stop", "length", "cut"] = "stop"
    starts_open: bool | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """Compiled templates that show tools, calls and results to a model without native tools.

    Each takes the variables that docs/reference/parsers.md names and gives text.
    """

    system: Callable[..., str]
    call: Callable[..., str]
    result: Callable[..., str]


@dataclass(frozen=True, slots=True)
class ParserSpec:
    """One parser file. ``models`` are globs over the upstream's model id, for ``parsers = "auto"``."""

    name: str
    summary: str = ""
    models: tuple[str, ...] = ()
    distinctive: bool = True
    text: TextRules = TextRules()
    noise: Noise = Noise()
    reasoning: ReasoningRules = ReasoningRules()
    channels: tuple[Channel, ...] = ()
    section: Section | None = None
    calls: tuple[CallPattern, ...] = ()
    examples: tuple[Example, ...] = field(default=(), repr=False)
    prompt: Prompt | None = field(default=None, repr=False)
    source: str = ""
