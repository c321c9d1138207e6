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

CODECS: Mapping[Codec, str] = {
    "json-call": "an object that holds name and arguments, several of them, or an array",
    "json": "the arguments as an object; the name stands in `open`",
    "tags": "an argument each in markup of its own; the name stands in `open`",
    "python": "a call expression, several of them, or a list",
    "text": "an object, or bare text for the tool's only parameter; the name stands in `open`",
}
"""What the body of a call is."""

HOLES: Mapping[str, str] = {
    "name": "the tool's name: letters, digits, `_`, `.`, `-`, `/`; quotes and blanks around it; 128 at most",
    "key": "an argument's name, up to the text behind the hole: no `<`, `>` or line break; 256 at most",
    "id": "a call id: the characters of a name and `:`; 128 at most; it is not passed on",
    "type": "a type word; 64 at most",
    "attrs": "`a=\"x\" b='y' c=z` in any order, decoded, and perhaps a `/` that closes at once",
    "ws": "optional white space; 256 at most",
    "_": "anything on the line but the marker's own first or last text; 256 at most",
}
"""What may stand in a marker's text in braces, and what it matches."""


@dataclass(frozen=True, slots=True)
class Marker:
    """Where something starts or stops."""

    lit: tuple[str, ...]
    """The text, or several: the longest that matches wins. Each begins with fixed text and may hold holes."""
    at: Literal["any", "line", "start"] = "any"
    """Where it counts: anywhere, as the first thing on a line, or as the first of the answer (blanks aside)."""
    then: tuple[str, ...] = ()
    """It counts only if one of these follows, after optional white space; "$" is the end of the message."""
    peek: bool = False
    """It is recognised but stays: what it opens begins with it."""


@dataclass(frozen=True, slots=True)
class TextRules:
    """How text is cut into blocks. Where several files are armed, the first one decides."""

    trim: Literal["both", "newlines", "none"] = "both"
    """White space that is removed at the edges of a block."""
    fences: Literal["protect", "ignore"] = "protect"
    """Whether openers inside code (fenced blocks, inline code) are text."""
    prefill: str = ""
    """What the prompt already holds of the answer, where a marker begins in the prompt."""
    after_calls: Literal["keep", "drop"] = "keep"
    """What happens to text behind the first call; models that invent a tool's result need `drop`."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Tokens that mean nothing."""

    anywhere: tuple[str, ...] = ()
    """Control tokens that are removed from text and reasoning."""
    tail: tuple[str, ...] = ()
    """Tokens that are removed only at the very end."""


@dataclass(frozen=True, slots=True)
class ReasoningRules:
    """Reasoning in the text."""

    open: Marker | None = None
    """What begins the reasoning."""
    close: Marker | None = None
    """What ends it; without it nothing is reasoning."""
    start: Literal["closed", "open"] = "closed"
    """Whether an answer begins inside the reasoning because the prompt opened it."""
    calls: Literal["final", "never", "any"] = "final"
    """Whether calls count inside the reasoning: only if nothing else follows them to the end, never, or always."""
    trim: Literal["both", "newlines", "none"] = "both"
    """White space that is removed at the edges of reasoning."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Framing that is stripped; what is inside goes ``to`` its destination."""

    open: Marker
    """What begins it."""
    close: Marker | None = None
    """What ends it; without it the next opener does."""
    to: Literal["text", "reasoning", "drop"] = "text"
    """Where its content goes."""


@dataclass(frozen=True, slots=True)
class Section:
    """A container of calls."""

    open: Marker
    """What begins it."""
    close: Marker | None = None
    """What ends it."""
    optional: bool = False
    """Calls count outside of it, too."""
    junk: Literal["text", "drop"] = "text"
    """What happens to text between its calls."""


@dataclass(frozen=True, slots=True)
class JsonRules:
    """For the codecs "json-call" and "json"."""

    name_keys: tuple[str, ...] = ("name",)
    """Keys that hold the tool's name."""
    args_keys: tuple[str, ...] = ("arguments", "parameters")
    """Keys that hold the arguments."""
    descend: tuple[str, ...] = ("function",)
    """Keys whose object holds name and arguments instead."""
    keyed: bool = False
    """The object has one key: the name; its value are the arguments."""
    quotes: tuple[str, ...] = ()
    """Further delimiters of strings; nothing is escaped between them."""
    bare_keys: bool = False
    """Keys may stand without quotes."""
    bare_values: bool = False
    """Words may stand without quotes."""
    slop: str = "}]"
    """Characters that may stand between the body and the closer, at most 16 of them."""


@dataclass(frozen=True, slots=True)
class TagAttrs:
    """Names of the attributes in ``{attrs}`` that hold the key and the type word."""

    key: str = ""
    """The attribute that holds the argument's name."""
    type: str = ""
    """The attribute that holds the type word."""


@dataclass(frozen=True, slots=True)
class TagRules:
    """For the codec "tags": an argument each in markup of its own, typed by the tool's schema."""

    open: Marker | None = None
    """What begins an argument; holds `{key}`, or `{attrs}` with `attrs.key`."""
    close: Marker | None = None
    """What ends it. It counts only where something follows that may follow, so values need no escaping."""
    attrs: TagAttrs = TagAttrs()
    """Which attributes of `{attrs}` mean what."""
    types: Mapping[str, Literal["string", "json"]] = field(default_factory=dict)
    """Type words, and whether the value is then a string or JSON; they win over the tool's schema."""
    trim: Literal["none", "newline", "both"] = "none"
    """White space of a value that is markup; `newline`: one line break at each end."""
    untyped: Literal["json", "string"] = "json"
    """How the value of an argument that the schema does not name is read."""
    cdata: bool = False
    """A value may stand in a CDATA section."""
    entities: bool = False
    """Entities (`&lt;`) in values are decoded."""
    nest: bool = False
    """Elements inside a value are objects and lists."""
    item: str = ""
    """With `nest`: the element that is an item of a list."""


@dataclass(frozen=True, slots=True)
class PythonRules:
    """For the codec "python"."""

    list: Literal["optional", "required"] = "optional"
    """Whether calls must stand in a list."""


@dataclass(frozen=True, slots=True)
class CallPattern:
    """One shape of a call; several of them are alternatives."""

    open: Marker
    """What begins a call. Codecs that do not find the name in the body need `{name}`, or `{attrs}`, here."""
    codec: Codec
    """How the body becomes JSON."""
    close: Marker | None = None
    """What ends it; it may be missing in the answer, and in the file where the body ends by itself."""
    alone: bool = False
    """For calls without a marker: they count only if the answer holds nothing but calls."""
    separators: str = ""
    """Characters that may stand between several calls, beside comma and semicolon."""
    unknown: Literal["text", "emit", "drop"] = "text"
    """What becomes of a call to a tool that was not declared: it stays text, is passed on, or removed."""
    name_attr: str = "name"
    """The attribute of `{attrs}` that holds the tool's name: the key `attrs = { name = ... }` of the file."""
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
    """What the model wrote."""
    tools: tuple[Mapping[str, object], ...]
    """The declared tools, as either API declares them, or `{ name = ..., properties = { city = "string" } }`."""
    expect: tuple[Mapping[str, object], ...]
    """The blocks that must come out, in order: `{ text = }`, `{ thinking = }` or `{ name = , input = { } }`."""
    title: str = ""
    """What the example shows."""
    finish: Literal["stop", "length", "cut"] = "stop"
    """How the answer ended: by itself, cut by max_tokens, or cut because the upstream died."""
    starts_open: bool | None = None
    """Whether the prompt opened the reasoning; without it the file's `start` decides."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Compiled templates that show tools, calls and results to a model without native tools.

    Each takes the variables that docs/reference/parsers.md names and gives text.
    """

    system: Callable[..., str]
    """How the declared tools are shown to the model: `tools`, each with `name`, `description`, `parameters`."""
    call: Callable[..., str]
    """How earlier calls are written back: `calls`, each with `id`, `name`, `arguments`, `index`."""
    result: Callable[..., str]
    """How results are written back: `results`, each with `id`, `name`, `content`, `is_error`, `index`."""


@dataclass(frozen=True, slots=True)
class ParserSpec:
    """One parser file: what says which models it is for."""

    name: str
    """The file's name without `.toml`; may be left out."""
    summary: str = ""
    """One line: models, then the layout."""
    models: tuple[str, ...] = ()
    """Globs over the upstream's model id, ignoring case, by which `parsers = "auto"` finds the file."""
    distinctive: bool = True
    """Its markers never occur in ordinary text, so that it may be armed whatever the model is called."""
    text: TextRules = TextRules()
    noise: Noise = Noise()
    reasoning: ReasoningRules = ReasoningRules()
    channels: tuple[Channel, ...] = ()
    section: Section | None = None
    calls: tuple[CallPattern, ...] = ()
    examples: tuple[Example, ...] = field(default=(), repr=False)
    prompt: Prompt | None = field(default=None, repr=False)
    source: str = ""
