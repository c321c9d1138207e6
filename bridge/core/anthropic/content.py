"""Content blocks of a request -> parts of a conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from bridge.core.anthropic.policy import (
    BLOCKS,
    CITATIONS,
    DOCUMENT_SOURCES,
    IMAGE_SOURCES,
    PLACES,
    SOURCE,
    Place,
)
from bridge.core.checks import (
    Notes,
    as_list,
    as_string,
    name,
    object_at,
    optional_bool,
    optional_object,
    optional_string,
    required,
    shown,
    string,
    under,
    wrong,
)
from bridge.core.conversation import Document, Image, Json, Part, Text, Thinking, ToolResult, ToolUse
from bridge.core.fields import Row, Table
from bridge.core.jsontext import dumps_text
from bridge.errors import RequestError

_Reader = Callable[[Json, Notes], tuple[Part, ...]]
_Media = Text | Image | Document

_BLOCK = "messages.*.content.*."
_TEXT = BLOCKS["text"].fields


def read_texts(path: str, content: object, place: Place, notes: Notes) -> tuple[Text, ...]:
    """Content that may be a string or text blocks, and nothing else."""
    if isinstance(content, str):
        return (Text(content),) if content else ()
    texts: list[Text] = []
    for index, block in enumerate(as_list(path, content)):
        if not isinstance(block, dict):
            raise wrong(f"{path}.{index}", "Input should be an object")
        if block.get("type") != "text":
            raise wrong(f"{path}.{index}.type", "Input should be 'text'")
        try:
            if not _TEXT.quiet.issuperset(block):
                notes.look(block, _TEXT, "system.*." if place == "prompt" else _BLOCK)
            texts += _text(block, notes)
        except RequestError as error:
            raise under(f"{path}.{index}", error) from None
    return tuple(texts)


def read_content(content: object, place: Place, notes: Notes) -> tuple[Part, ...]:
    """The parts of a message's or block's content: a string, or a list of blocks that may stand there."""
    if isinstance(content, str):
        return (Text(content),)
    readers = _AT[place]
    parts: list[Part] = []
    for index, block in enumerate(as_list("content", content)):
        if not isinstance(block, dict):
            raise wrong(f"content.{index}", "Input should be an object")
        try:
            try:
                reader, fields, quiet = readers[block["type"]]
            except (KeyError, TypeError):
                raise _misplaced(block, readers) from None
            if not quiet.issuperset(block):
                notes.look(block, fields, _BLOCK)
            parts += reader(block, notes)
        except RequestError as error:
            raise under(f"content.{index}", error) from None
    return tuple(parts)


def _misplaced(block: Json, readers: Mapping[str, object]) -> RequestError:
    kind = string(block, "type")
    known = BLOCKS.get(kind)
    if known is None:
        return wrong("type", f"{shown(kind)} is none of the block types known here: {', '.join(sorted(readers))}")
    if known.row.action == "refused":
        return wrong("type", f"`{kind}` blocks {known.row.note}")
    return wrong("type", f"`{kind}` blocks can only be in {', '.join(PLACES[place] for place in known.places)}")


def _text(block: Json, notes: Notes) -> tuple[Text]:
    text = block.get("text")
    return (Text(text if isinstance(text, str) else string(block, "text")),)


def _image(block: Json, notes: Notes) -> tuple[Image]:
    source = object_at(block, "source")
    try:
        match _source_type(source, IMAGE_SOURCES, notes):
            case "base64":
                media_type = name(source, "media_type")
                if not media_type.startswith("image/"):
                    raise wrong("media_type", f"{shown(media_type)} is not an image type")
                return (Image(media_type=media_type, data=name(source, "data")),)
            case _:
                return (Image(url=_web_url(source)),)
    except RequestError as error:
        raise under("source", error) from None


def _source_type(source: Json, types: Mapping[str, Row], notes: Notes) -> str:
    kind = string(source, "type")
    row = types.get(kind) or types["file"]
    if row.action == "refused":
        raise wrong("type", f"{shown(kind)} {row.note}")
    notes.look(source, SOURCE, f"{_BLOCK}source.")
    return kind


def _web_url(source: Json) -> str:
    url = name(source, "url")
    # The upstream fetches it: file: and the like would read from there.
    if not url.startswith(("https://", "http://")):
        raise wrong("url", "URL scheme should be 'https' or 'http'")
    return url


def _document(block: Json, notes: Notes) -> tuple[Document | Image, ...]:
    title = optional_string(block, "title")
    context = optional_string(block, "context")
    source = object_at(block, "source")
    _citations(block, notes)
    try:
        match _source_type(source, DOCUMENT_SOURCES, notes):
            case "text":
                return (Document(title, context, text=string(source, "data")),)
            case "content":
                parts = read_content(required(source, "content"), "document", notes)
                text = "\n\n".join(part.text for part in parts if isinstance(part, Text))
                images = (part for part in parts if isinstance(part, Image))
                return (Document(title, context, text=text), *images)
            case "base64":
                media_type = name(source, "media_type")
                return (Document(title, context, media_type=media_type, data=name(source, "data")),)
            case _:
                notes.drop(f"{_BLOCK}source", f"of a document given by URL, {DOCUMENT_SOURCES['url'].note}")
                return (Document(title, context, url=_web_url(source)),)
    except RequestError as error:
        raise under("source", error) from None


def _citations(block: Json, notes: Notes) -> None:
    citations = optional_object(block, "citations")
    if citations:
        notes.look(citations, CITATIONS, f"{_BLOCK}citations.")


def _search_result(block: Json, notes: Notes) -> tuple[Text]:
    texts = read_texts("content", required(block, "content"), "search_result", notes)
    _citations(block, notes)
    head = f"{string(block, 'title')}\n{string(block, 'source')}"
    return (Text("\n\n".join([head, *(part.text for part in texts)])),)


def _thinking(block: Json, notes: Notes) -> tuple[Thinking]:
    return (Thinking(string(block, "thinking"), signature=optional_string(block, "signature")),)


def _redacted_thinking(block: Json, notes: Notes) -> tuple[Thinking]:
    return (Thinking("", redacted=string(block, "data")),)


def _tool_use(block: Json, notes: Notes) -> tuple[ToolUse]:
    arguments = object_at(block, "input")
    return (ToolUse(name(block, "id"), name(block, "name"), arguments),)


def _tool_result(block: Json, notes: Notes) -> tuple[ToolResult]:
    content = block.get("content")
    parts = () if content is None else cast(tuple[_Media, ...], read_content(content, "tool_result", notes))
    call_id = name(block, "tool_use_id")
    return (ToolResult(call_id, parts, "is_error" in block and bool(optional_bool(block, "is_error"))),)


def _tool_reference(block: Json, notes: Notes) -> tuple[Text]:
    tool = name(block, "tool_name")
    notes.references[tool] = None
    return (Text(f"The tool `{tool}` is available."),)


def _server_call(block: Json, notes: Notes) -> tuple[Text]:
    arguments = object_at(block, "input")
    return (Text(f"[{name(block, 'name')} was called with {dumps_text(arguments)}]"),)


def _server_result(block: Json, notes: Notes) -> tuple[Text]:
    kind = string(block, "type").removesuffix("_tool_result")
    return (Text(f"[{kind} gave: {dumps_text(_readable(required(block, 'content')))}]"),)


def _search(block: Json, notes: Notes) -> tuple[Text]:
    content = block.get("content")
    found = content.get("tool_references") if isinstance(content, dict) else None
    for reference in found if isinstance(found, list) else ():
        if isinstance(reference, dict) and isinstance(tool := reference.get("tool_name"), str):
            notes.references[tool] = None
    return _server_result(block, notes)


def _readable(content: object) -> object:
    """Content without what only the server that wrote it can read."""
    if isinstance(content, list):
        return [_readable_item(item) for item in content]
    return _readable_item(content)


def _readable_item(item: object) -> object:
    if not isinstance(item, dict):
        return item
    return {key: value for key, value in item.items() if not key.startswith("encrypted_")}


def _summary(block: Json, notes: Notes) -> tuple[Text, ...]:
    content = block.get("content")
    return () if content is None else (Text(as_string("content", content)),)


def _nothing(block: Json, notes: Notes) -> tuple[Part, ...]:
    return ()


_READERS: Mapping[str, _Reader] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "tool_reference": _tool_reference,
    "tool_search_tool_result": _search,
    "server_tool_use": _server_call,
    "mcp_tool_use": _server_call,
    "compaction": _summary,
}


def _reader(kind: str) -> _Reader:
    if kind in _READERS:
        return _READERS[kind]
    return _server_result if kind.endswith("_tool_result") else _nothing


_AT: Mapping[Place, Mapping[str, tuple[_Reader, Table, frozenset[str]]]] = {
    place: {
        kind: (_reader(kind), block.fields, block.fields.quiet)
        for kind, block in BLOCKS.items()
        if place in block.places
    }
    for place in PLACES
}
