"""Raw text made into the JSON value that a tool's schema asks for (toolcall_formats rule 7)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.core.jsontext import dumps_text, loads
from bridge.core.parsing.jsonreader import WORD_LIMIT, quote, read_json

_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)\Z", re.ASCII)
_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))\.0+\Z", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?\Z", re.ASCII)
_NULLS = ("null", "None")
_LOOKS = 256
_STRING = frozenset({"string"})


@dataclass(frozen=True, slots=True)
class ValueType:
    """What a value may be. ``kinds`` None: nothing is declared. ``enum`` holds the members, if any.

    ``schema`` is the resolved schema, for the values inside.
    """

    kinds: frozenset[str] | None = None
    enum: tuple[object, ...] = ()
    schema: Mapping[str, object] | None = None

    @property
    def verbatim(self) -> bool:
        """Whether every text is the value as it stands, so that it may be passed on as it comes."""
        return self.kinds == _STRING and not self.enum


class ArgumentTypes:
    """The declared arguments of one tool."""

    def __init__(self, schema: Mapping[str, object] | None) -> None:
        self._root: Mapping[str, object] = schema or {}
        resolved = _Schemas(self._root).resolve(self._root)
        properties = resolved.get("properties")
        self._properties = properties if isinstance(properties, Mapping) else {}
        self._known: dict[str, ValueType] = {}
        required = resolved.get("required")
        self._required = [r for r in required if r in self._properties] if isinstance(required, list) else []

    @property
    def order(self) -> tuple[str, ...]:
        """The declared argument names, in the order of the schema."""
        return tuple(self._properties)

    @property
    def only(self) -> str | None:
        """The only argument, or the only required one."""
        if len(self._properties) == 1:
            return str(next(iter(self._properties)))
        return str(self._required[0]) if len(self._required) == 1 else None

    def declares(self, key: str) -> bool:
        """Whether the schema names ``key``."""
        return key in self._properties

    def of(self, key: str) -> ValueType:
        """What the schema says of ``key``."""
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self.type_of(self._properties.get(key))
        return found

    def type_of(self, schema: object) -> ValueType:
        """What a schema inside this tool's schema says."""
        if not isinstance(schema, Mapping):
            return ValueType()
        schemas = _Schemas(self._root)
        kinds, enum = schemas.kinds(schema)
        return ValueType(kinds, tuple(enum), schemas.resolve(schema))


class _Schemas:
    """Reads the schemas of one document. Every look at one counts, so that one that refers to itself ends."""

    __slots__ = ("_left", "_root")

    def __init__(self, root: Mapping[str, object]) -> None:
        self._root = root
        self._left = _LOOKS

    def resolve(self, schema: Mapping[str, object]) -> Mapping[str, object]:
        """Follows ``$ref`` within the document; merges ``allOf``."""
        while isinstance(ref := schema.get("$ref"), str) and ref.startswith("#"):
            target: object = self._root if self._look() else None
            for step in ref[1:].split("/")[1:]:
                step = step.replace("~1", "/").replace("~0", "~")
                target = target.get(step) if isinstance(target, Mapping) else None
            if not isinstance(target, Mapping):
                return {}
            schema = target
        parts = schema.get("allOf")
        if not isinstance(parts, list):
            return schema
        own = {key: value for key, value in schema.items() if key != "allOf"}
        merged: dict[str, object] = {}
        for part in (*parts, own):
            if isinstance(part, Mapping) and self._look():
                for key, value in self.resolve(part).items():
                    before = merged.get(key)
                    both = key == "properties" and isinstance(before, Mapping) and isinstance(value, Mapping)
                    merged[key] = {**before, **value} if both else value  # type: ignore[dict-item]
        return merged

    def kinds(self, schema: Mapping[str, object]) -> tuple[frozenset[str] | None, list[object]]:
        """The types that a schema allows (None: any) and the members that it lists."""
        schema = self.resolve(schema)
        declared = schema.get("type")
        kinds: set[str] = set()
        if isinstance(declared, str):
            kinds.add(declared)
        elif isinstance(declared, list):
            kinds.update(kind for kind in declared if isinstance(kind, str))
        members = [schema["const"]] if "const" in schema else schema.get("enum")
        enum = list(members) if isinstance(members, list) else []
        if enum and not kinds:
            kinds.update(_kind_of(member) for member in enum)
        for word in ("anyOf", "oneOf"):
            options = schema.get(word)
            for option in options if isinstance(options, list) else ():
                if isinstance(option, Mapping) and self._look():
                    more, members = self.kinds(option)
                    kinds.update(more or ())
                    enum.extend(members)
        if not kinds:
            kinds.update(kind for word, kind in (("properties", "object"), ("items", "array")) if word in schema)
        if schema.get("nullable") is True and kinds:
            kinds.add("null")
        return (frozenset(kinds) or None), enum

    def _look(self) -> bool:
        self._left -= 1
        return self._left > 0


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def typed(text: str, wanted: ValueType, untyped: str = "json") -> str:
    """``text`` as JSON of the wanted type; the string itself where nothing fits."""
    bare = text.strip()
    if wanted.enum:
        member = _member(text, bare, wanted.enum)
        if member is not None:
            return member
    if wanted.kinds is None:
        return quote(text) if untyped == "string" else _any_value(text, bare)
    if wanted.kinds <= {"string", "null"} and "string" in wanted.kinds:
        return "null" if "null" in wanted.kinds and text in _NULLS else quote(text)
    for kind in ("null", "integer", "number", "boolean", "object", "array"):
        if kind in wanted.kinds:
            value = _as(kind, bare, strict="string" in wanted.kinds)
            if value is not None:
                return value
    return quote(text)


def _member(text: str, bare: str, members: Iterable[object]) -> str | None:
    for member in members:
        if isinstance(member, str):
            if member in (text, bare):
                return quote(member)
        elif bare == dumps_text(member) or bare == str(member):
            return dumps_text(member)
    return None


def _as(kind: str, bare: str, strict: bool) -> str | None:
    match kind:
        case "null":
            return "null" if bare == "null" or (bare == "None" and not strict) else None
        case "integer" | "number" if len(bare) > WORD_LIMIT:
            return None
        case "integer":
            if _INTEGER.match(bare):
                return bare
            whole = _WHOLE.match(bare)
            return whole.group(1) if whole and not strict else None
        case "number":
            return bare if _NUMBER.match(bare) else None
        case "boolean":
            word = bare if strict else bare.lower()
            return word if word in ("true", "false") else None
        case _:
            opener = "{" if kind == "object" else "["
            value = read_json(bare) if bare.startswith(opener) else None
            return None if value is None or (strict and not _is_json(bare)) else value


def _is_json(text: str) -> bool:
    try:
        loads(text)
    except ValueError:
        return False
    return True


def _any_value(text: str, bare: str) -> str:
    value = None if bare[:1] in ("", '"', "'") else read_json(bare)
    return quote(text) if value is None else value
