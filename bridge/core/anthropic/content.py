"""Content blocks of a request -> parts of a conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from bridge.core.anthropic.checks import (
    Notes,
    as_list,
    as_object,
    as_string,
    name,
    optional_bool,
    optional_object,
    optional_string,
    required,
    shown,
    string,
    under,
    wrong,
)
from bridge.core.conversation import Document, Image, Json, Part, Role, Text, Thinking, ToolResult, ToolUse
from bridge.core.jsontext import dumps_text
from bridge.errors import RequestError

P = TypeVar("P", bound=Part)
_Readers = Mapping[str, Callable[[Json, Notes], tuple[P, ...]]]
_Media = Text | Image | Document


def read_content(content: object, role: Role, notes: Notes) -> tuple[Part, ...]:
    """The parts of a message's content: a string, or a list of blocks that ``role`` may use."""
    return _read(content, _ROLES[role], notes)


def block_kinds(role: Role) -> tuple[str, ...]:
    """The types of the blocks that messages of ``role`` may have."""
    return tuple(_ROLES[role])


def read_texts(path: str, content: object) -> tuple[Text, ...]:
    """Content that may be a string or text blocks, and nothing else."""
    if isinstance(content, str):
        return (Text(content),) if content else ()
    texts = []
    for index, block in enumerate(as_list(path, content)):
        block = as_object(f"{path}.{index}", block)
        if block.get("type") != "text":
            raise wrong(f"{path}.{index}.type", "Input should be 'text'")
        try:
            texts.append(Text(string(block, "text")))
        except RequestError as error:
            raise under(f"{path}.{index}", error) from None
    return tuple(texts)


def _read(content: object, readers: _Readers[P], notes: Notes) -> tuple[P | Text, ...]:
    if isinstance(content, str):
        return (Text(content),)
    parts: list[P | Text] = []
    for index, block in enumerate(as_list("content", content)):
        if not isinstance(block, dict):
            raise wrong(f"content.{index}", "Input should be an object")
        try:
            kind = block.get("type")
            reader = readers.get(kind) if isinstance(kind, str) else None
            if reader is None:
                raise _misplaced(block, readers)
            parts += reader(block, notes)
        except RequestError as error:
            raise under(f"content.{index}", error) from None
    return tuple(parts)


def _misplaced(block: Json, readers: _Readers[P]) -> RequestError:
    kind = string(block, "type")
    if kind in _REFUSED:
        return wrong("type", f"`{kind}` blocks {_REFUSED[kind]}")
    at_home = [role for role, known in _ROLES.items() if kind in known]
    if at_home:
        return wrong("type", f"`{kind}` blocks can only be in {' and '.join(at_home)} messages")
    return wrong("type", f"{shown(kind)} is none of the block types known here: {', '.join(sorted(readers))}")


def _text(block: Json, notes: Notes) -> tuple[Text]:
    return (Text(string(block, "text")),)


def _image(block: Json, notes: Notes) -> tuple[Image]:
    source = as_object("source", required(block, "source"))
    try:
        match string(source, "type"):
            case "base64":
                media_type = name(source, "media_type")
                if not media_type.startswith("image/"):
                    raise wrong("media_type", f"{shown(media_type)} is not an image type")
                return (Image(media_type=media_type, data=name(source, "data")),)
            case "url":
                return (Image(url=_web_url(source)),)
            case other:
                raise wrong("type", f"{shown(other)} is not supported; send the image as base64 or url")
    except RequestError as error:
        raise under("source", error) from None


def _web_url(source: Json) -> str:
    url = name(source, "url")
    # The upstream fetches it: file: and the like would read from there.
    if not url.startswith(("https://", "http://")):
        raise wrong("url", "URL scheme should be 'https' or 'http'")
    return url


def _document(block: Json, notes: Notes) -> tuple[Document | Image, ...]:
    title = optional_string(block, "title")
    context = optional_string(block, "context")
    source = as_object("source", required(block, "source"))
    citations = optional_object(block, "citations")
    if citations and citations.get("enabled"):
        notes.drop("messages.*.content.*.citations")
    try:
        match string(source, "type"):
            case "text":
                return (Document(title, context, text=string(source, "data")),)
            case "content":
                parts = _read(required(source, "content"), _IN_DOCUMENT, notes)
                text = "\n\n".join(part.text for part in parts if isinstance(part, Text))
                images = (part for part in parts if isinstance(part, Image))
                return (Document(title, context, text=text), *images)
            case "base64":
                media_type = name(source, "media_type")
                return (Document(title, context, media_type=media_type, data=name(source, "data")),)
            case "url":
                return (Document(title, context, url=_web_url(source)),)
            case other:
                raise wrong("type", f"{shown(other)} is not supported; send text, content, base64 or url")
    except RequestError as error:
        raise under("source", error) from None


def _search_result(block: Json, notes: Notes) -> tuple[Text]:
    texts = read_texts("content", required(block, "content"))
    head = f"{string(block, 'title')}\n{string(block, 'source')}"
    return (Text("\n\n".join([head, *(part.text for part in texts)])),)


def _thinking(block: Json, notes: Notes) -> tuple[Thinking]:
    return (Thinking(string(block, "thinking"), signature=optional_string(block, "signature")),)


def _redacted_thinking(block: Json, notes: Notes) -> tuple[Thinking]:
    return (Thinking("", redacted=string(block, "data")),)


def _tool_use(block: Json, notes: Notes) -> tuple[ToolUse]:
    arguments = as_object("input", required(block, "input"))
    return (ToolUse(name(block, "id"), name(block, "name"), arguments),)


def _tool_result(block: Json, notes: Notes) -> tuple[ToolResult]:
    content = block.get("content")
    parts = () if content is None else _read(content, _IN_TOOL_RESULT, notes)
    return (ToolResult(name(block, "tool_use_id"), parts, bool(optional_bool(block, "is_error"))),)


def _tool_reference(block: Json, notes: Notes) -> tuple[Text]:
    return (Text(f"The tool `{name(block, 'tool_name')}` is available."),)


def _server_call(block: Json, notes: Notes) -> tuple[Text]:
    arguments = as_object("input", required(block, "input"))
    return (Text(f"[{name(block, 'name')} was called with {dumps_text(arguments)}]"),)


def _server_result(block: Json, notes: Notes) -> tuple[Text]:
    kind = string(block, "type").removesuffix("_tool_result")
    return (Text(f"[{kind} gave: {dumps_text(_readable(required(block, 'content')))}]"),)


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


_REFUSED = {
    "container_upload": "need a code execution container, which is not supported",
    "browser_state": "are not supported",
}
_IN_DOCUMENT: _Readers[Text | Image] = {"text": _text, "image": _image}
_IN_TOOL_RESULT: _Readers[_Media] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_reference": _tool_reference,
}
SERVER_RESULTS = (
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "advisor_tool_result",
    "mcp_tool_result",
)
_HISTORY: _Readers[Part] = {
    "server_tool_use": _server_call,
    "mcp_tool_use": _server_call,
    **dict.fromkeys(SERVER_RESULTS, _server_result),
}
_ROLES: dict[Role, _Readers[Part]] = {
    "user": {
        "text": _text,
        "image": _image,
        "document": _document,
        "search_result": _search_result,
        "tool_result": _tool_result,
        **_HISTORY,
    },
    "assistant": {
        "text": _text,
        "thinking": _thinking,
        "redacted_thinking": _redacted_thinking,
        "tool_use": _tool_use,
        "compaction": _summary,
        **_HISTORY,
    },
    "system": {"text": _text},
}
