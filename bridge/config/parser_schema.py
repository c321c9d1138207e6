"""The keys of a parser file: one frozen pydantic model per table, each able to give its core value."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict, model_validator

from bridge.config.diagnose import suggest
from bridge.config.fields import JsonTable, Strings
from bridge.config.schema import Table
from bridge.core.parsing import spec

_HOLE = re.compile(r"\{([a-z_]*)\}")


def _literal(text: str) -> str:
    """A marker's text: begins with something to look for, and every hole has a known name."""
    for hole in _HOLE.finditer(text):
        if hole[1] not in spec.HOLES:
            hint = suggest(hole[1], spec.HOLES)
            raise ValueError(f"unknown hole `{hole[0]}`" + (f"; {hint}" if hint else ""))
        if hole.start() == 0:
            raise ValueError(f"must not begin with the hole `{hole[0]}`: nothing could be searched for")
    if not text.strip():
        raise ValueError("a marker must hold more than white space")
    return text


class MarkerTable(Table):
    lit: Annotated[tuple[Annotated[str, AfterValidator(_literal)], ...], Strict(False)]
    at: Literal["any", "line", "start"] = "any"
    then: Strings = ()
    peek: bool = False

    def value(self) -> spec.Marker:
        return spec.Marker(self.lit, self.at, self.then, self.peek)


def _marker(value: Any) -> Any:
    """Text and lists of texts are short for a table."""
    table = value if isinstance(value, dict) else {"lit": value}
    texts = table.get("lit")
    if not isinstance(texts, str | list) or not texts:
        raise ValueError("a marker is a text, a list of texts, or a table with `lit`")
    return table | {"lit": [texts]} if isinstance(texts, str) else table


Marker = Annotated[MarkerTable, BeforeValidator(_marker)]
Trim = Literal["both", "newlines", "none"]


def _marker_value(marker: MarkerTable | None) -> spec.Marker | None:
    return marker.value() if marker else None


class Text(Table):
    trim: Trim = "both"
    fences: Literal["protect", "ignore"] = "protect"
    prefill: str = ""
    after_calls: Literal["keep", "drop"] = "keep"

    def value(self) -> spec.TextRules:
        return spec.TextRules(self.trim, self.fences, self.prefill, self.after_calls)


class Noise(Table):
    anywhere: Strings = ()
    tail: Strings = ()

    def value(self) -> spec.Noise:
        return spec.Noise(self.anywhere, self.tail)


class Reasoning(Table):
    open: Marker | None = None
    close: Marker | None = None
    start: Literal["closed", "open"] = "closed"
    calls: Literal["final", "never", "any"] = "final"
    trim: Trim = "both"

    def value(self) -> spec.ReasoningRules:
        ends = _marker_value(self.open), _marker_value(self.close)
        return spec.ReasoningRules(*ends, self.start, self.calls, self.trim)


class Channel(Table):
    open: Marker
    close: Marker | None = None
    to: Literal["text", "reasoning", "drop"] = "text"

    def value(self) -> spec.Channel:
        return spec.Channel(self.open.value(), _marker_value(self.close), self.to)


class Section(Table):
    open: Marker
    close: Marker | None = None
    optional: bool = False
    junk: Literal["text", "drop"] = "text"

    def value(self) -> spec.Section:
        return spec.Section(self.open.value(), _marker_value(self.close), self.optional, self.junk)


class Json(Table):
    name_keys: Strings = ("name",)
    args_keys: Strings = ("arguments", "parameters")
    descend: Strings = ("function",)
    keyed: bool = False
    quotes: Strings = ()
    bare_keys: bool = False
    bare_values: bool = False
    slop: str = "}]"

    def value(self) -> spec.JsonRules:
        return spec.JsonRules(
            self.name_keys, self.args_keys, self.descend, self.keyed,
            self.quotes, self.bare_keys, self.bare_values, self.slop,
        )  # fmt: skip


class TagAttrs(Table):
    key: str = ""
    type: str = ""


class Tags(Table):
    open: Marker | None = None
    close: Marker | None = None
    attrs: TagAttrs = TagAttrs()
    types: dict[str, Literal["string", "json"]] = Field(default={})
    trim: Literal["none", "newline", "both"] = "none"
    untyped: Literal["json", "string"] = "json"
    cdata: bool = False
    entities: bool = False
    nest: bool = False
    item: str = ""

    def value(self) -> spec.TagRules:
        return spec.TagRules(
            _marker_value(self.open), _marker_value(self.close),
            spec.TagAttrs(self.attrs.key, self.attrs.type), self.types,
            self.trim, self.untyped, self.cdata, self.entities, self.nest, self.item,
        )  # fmt: skip


class Python(Table):
    list: Literal["optional", "required"] = "optional"


class CallAttrs(Table):
    name: str = "name"


class Call(Table):
    open: Marker
    codec: spec.Codec
    close: Marker | None = None
    alone: bool = False
    separators: str = ""
    unknown: Literal["text", "emit", "drop"] = "text"
    attrs: CallAttrs = CallAttrs()
    json_: Json = Field(default=Json(), alias="json")
    tags: Tags = Tags()
    python: Python = Python()

    @model_validator(mode="after")
    def _agree(self) -> Call:
        named = all("{name}" in text or "{attrs}" in text for text in self.open.lit)
        if self.codec in ("json", "tags", "text") and not named:
            raise ValueError(f'codec "{self.codec}" takes the name from `open`, which needs {{name}} or {{attrs}}')
        if self.codec == "tags":
            if self.tags.open is None:
                raise ValueError('codec "tags" needs [call.tags] with `open`')
            keyed = all("{key}" in text for text in self.tags.open.lit) or self.tags.attrs.key
            if not keyed:
                raise ValueError("`open` of [call.tags] needs {key}, or {attrs} with attrs = { key = ... }")
        return self

    def value(self) -> spec.CallPattern:
        return spec.CallPattern(
            self.open.value(), self.codec, _marker_value(self.close), self.alone, self.separators,
            self.unknown, self.attrs.name, self.json_.value(), self.tags.value(), spec.PythonRules(self.python.list),
        )  # fmt: skip


class Prompt(Table):
    system: str
    call: str
    result: str


def _tool(tool: Any) -> Any:
    """A declared tool in the Messages API's shape, out of that, OpenAI's, or ``{ name, properties }``."""
    if not isinstance(tool, dict):
        raise ValueError("a tool must be a table")
    inner = tool.get("function", tool)
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        raise ValueError("a tool needs a `name`")
    schema = inner.get("input_schema", inner.get("parameters"))
    if schema is None:
        kinds = inner.get("properties", {})
        if not isinstance(kinds, dict):
            raise ValueError("`properties` of a tool must be a table")
        properties = {key: {"type": kind} if isinstance(kind, str) else kind for key, kind in kinds.items()}
        schema = {"type": "object", "properties": properties}
        schema |= {"required": inner["required"]} if "required" in inner else {}
    return {"name": inner["name"], "description": inner.get("description", ""), "input_schema": schema}


def _block(block: dict[str, Any]) -> dict[str, Any]:
    """One expected block of an answer."""
    match block:
        case {"text": str()} | {"thinking": str()} if len(block) == 1:
            return block
        case {"name": str(), "input": dict()} if len(block) == 2:
            return block
    raise ValueError("a block is { text = ... }, { thinking = ... } or { name = ..., input = { ... } }")


Tool = Annotated[JsonTable, BeforeValidator(_tool)]
Block = Annotated[JsonTable, AfterValidator(_block)]


class Example(Table):
    raw: str
    expect: Annotated[tuple[Block, ...], Strict(False)]
    tools: Annotated[tuple[Tool, ...], Strict(False)] = ()
    title: str = ""
    finish: Literal["stop", "length", "cut"] = "stop"
    starts_open: bool | None = None

    def value(self) -> spec.Example:
        return spec.Example(self.raw, self.tools, self.expect, self.title, self.finish, self.starts_open)


class ParserFile(Table):
    """``parsers/NAME.toml``."""

    schema_: Literal[1] = Field(default=1, alias="schema", description="The version of this grammar.")
    name: str = Field(default="", pattern=r"^[A-Za-z0-9_.-]*$")
    summary: str = ""
    extends: str = Field(default="", description="The file under this one: tables merge, arrays replace.")
    models: Strings = ()
    distinctive: bool = True
    text: Text = Text()
    noise: Noise = Noise()
    reasoning: Reasoning = Reasoning()
    channel: Annotated[tuple[Channel, ...], Strict(False)] = ()
    section: Section | None = None
    call: Annotated[tuple[Call, ...], Strict(False)] = ()
    examples: Annotated[tuple[Example, ...], Strict(False)] = ()
    prompt: Prompt | None = None

    def value(self, name: str, source: str, prompt: spec.Prompt | None) -> spec.ParserSpec:
        return spec.ParserSpec(
            name=name,
            summary=self.summary,
            models=self.models,
            distinctive=self.distinctive,
            text=self.text.value(),
            noise=self.noise.value(),
            reasoning=self.reasoning.value(),
            channels=tuple(channel.value() for channel in self.channel),
            section=self.section.value() if self.section else None,
            calls=tuple(call.value() for call in self.call),
            examples=tuple(example.value() for example in self.examples),
            prompt=prompt,
            source=source,
        )
