"""The messages of a client's chat completions request -> turns of a conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.core import jsontext
from bridge.core.checks import (
    Notes,
    as_list,
    as_object,
    check_depth,
    name,
    optional_list,
    optional_object,
    optional_string,
    required,
    shown,
    string,
    under,
    wrong,
)
from bridge.core.conversation import Document, Image, Json, Part, Text, Thinking, ToolResult, ToolUse, Turn
from bridge.core.openai.parts import REASONING, reasoning_text
from bridge.errors import RequestError

_Media = Text | Image | Document
_Reader = Callable[[Json], _Media]


def read_messages(body: Json, notes: Notes) -> tuple[Turn, ...]:
    """The turns. Results of tools that follow each other are one turn."""
    messages = as_list("messages", required(body, "messages"))
    if not messages:
        raise wrong("messages", "At least one message is required")
    history = _History(notes)
    for index, message in enumerate(messages):
        message = as_object(f"messages.{index}", message)
        try:
            history.add(index, message)
        except RequestError as error:
            raise under(f"messages.{index}", error) from None
    return tuple(history.turns)


class _History:
    """Collects turns; calls in the older spelling have no ids and get some."""

    def __init__(self, notes: Notes) -> None:
        self.turns: list[Turn] = []
        self._notes = notes
        self._functions: dict[str, str] = {}
        self._after_result = False

    def add(self, index: int, message: Json) -> None:
        role = string(message, "role")
        if role not in _KNOWN:
            raise wrong("role", f"Input should be one of {', '.join(_KNOWN)}, not {shown(role)}")
        for key, value in message.items():
            if value and key not in _KNOWN[role] and key not in _SILENT:
                self._notes.drop(f"messages.*.{key}")
        match role:
            case "system" | "developer":
                self._turn(Turn("system", _content(message, _TEXTS)))
            case "user":
                self._turn(Turn("user", _content(message, _MEDIA)))
            case "assistant":
                self._turn(Turn("assistant", self._answer(index, message)))
            case "tool":
                self._result(ToolResult(name(message, "tool_call_id"), _content(message, _MEDIA)))
            case "function":
                self._result(ToolResult(self._called(message), _content(message, _MEDIA)))

    def _turn(self, turn: Turn) -> None:
        self._after_result = False
        self.turns.append(turn)

    def _result(self, result: ToolResult) -> None:
        if self._after_result:
            before = self.turns.pop()
            self.turns.append(Turn("user", (*before.parts, result)))
        else:
            self.turns.append(Turn("user", (result,)))
        self._after_result = True

    def _answer(self, index: int, message: Json) -> tuple[Part, ...]:
        if message.get("audio"):
            raise wrong("audio", "Earlier audio answers are not known here; send their text")
        parts: list[Part] = []
        if thought := reasoning_text(dict(message)):
            parts.append(Thinking(thought))
        if message.get("content") is not None:
            parts += _content(message, _IN_ANSWER)
        if refusal := optional_string(message, "refusal"):
            parts.append(Text(refusal))
        for position, entry in enumerate(optional_list(message, "tool_calls")):
            path = f"tool_calls.{position}"
            entry = as_object(path, entry)
            try:
                parts.append(_tool_use(entry))
            except RequestError as error:
                raise under(path, error) from None
        call = optional_object(message, "function_call")
        if call is not None:
            parts.append(self._function_call(f"call_{index}", call))
        return tuple(parts)

    def _function_call(self, call_id: str, call: Json) -> ToolUse:
        try:
            use = ToolUse(call_id, name(call, "name"), _arguments(call))
        except RequestError as error:
            raise under("function_call", error) from None
        self._functions[use.name] = call_id
        return use

    def _called(self, message: Json) -> str:
        function = name(message, "name")
        if function not in self._functions:
            raise wrong("name", f"No message before calls the function {shown(function)}")
        return self._functions[function]


def _tool_use(entry: Json) -> ToolUse:
    kind = optional_string(entry, "type") or "function"
    if kind != "function":
        raise wrong("type", f"Input should be 'function', {shown(kind)} calls are not supported")
    call_id = name(entry, "id")
    function = as_object("function", required(entry, "function"))
    try:
        return ToolUse(call_id, name(function, "name"), _arguments(function))
    except RequestError as error:
        raise under("function", error) from None


def _arguments(function: Json) -> Json:
    value = required(function, "arguments")
    if isinstance(value, str):
        try:
            # Nothing at all is how some write that there are none.
            value = jsontext.loads(value) if value.strip() else {}
        except ValueError as problem:
            raise wrong("arguments", f"Input should be a JSON object as text: {str(problem)[:100]}") from None
        check_depth(value, "arguments")
    return as_object("arguments", value)


def _content(message: Json, readers: Mapping[str, _Reader]) -> tuple[_Media, ...]:
    content = required(message, "content")
    if isinstance(content, str):
        return (Text(content),)
    return tuple(_part(index, part, readers) for index, part in enumerate(as_list("content", content)))


def _part(index: int, part: object, readers: Mapping[str, _Reader]) -> _Media:
    path = f"content.{index}"
    part = as_object(path, part)
    try:
        kind = string(part, "type")
        if kind not in readers:
            why = _REFUSED.get(kind, f"is none of the types that can be here: {', '.join(readers)}")
            raise wrong("type", f"{shown(kind)} {why}")
        return readers[kind](part)
    except RequestError as error:
        raise under(path, error) from None


def _text(part: Json) -> Text:
    return Text(string(part, "text"))


def _refusal(part: Json) -> Text:
    return Text(string(part, "refusal"))


def _image(part: Json) -> Image:
    value = required(part, "image_url")
    # Some clients leave the inner object out.
    image = {"url": value} if isinstance(value, str) else as_object("image_url", value)
    try:
        url = name(image, "url")
        detail = optional_string(image, "detail")
        # The upstream fetches it: file: and the like would read from there.
        if url.startswith(("https://", "http://")):
            return Image(url=url, detail=detail)
        media_type, data = _data_url("url", url, "an https or http URL or ")
        if not media_type.startswith("image/"):
            raise wrong("url", f"{shown(media_type)} is not an image type")
        return Image(media_type, data, detail=detail)
    except RequestError as error:
        raise under("image_url", error) from None


def _file(part: Json) -> Document:
    file = as_object("file", required(part, "file"))
    try:
        if file.get("file_id"):
            raise wrong("file_id", "Uploaded files are not known here; send `file_data`")
        media_type, data = _data_url("file_data", name(file, "file_data"))
        return Document(title=optional_string(file, "filename"), media_type=media_type, data=data)
    except RequestError as error:
        raise under("file", error) from None


def _data_url(path: str, url: str, otherwise: str = "") -> tuple[str, str]:
    """Media type and base64 data of a data: URL. ``otherwise`` says what else could have been there."""
    head, _, data = url.partition(",")
    if not head.startswith("data:") or not head.endswith(";base64") or not data:
        raise wrong(path, f"Input should be {otherwise}a base64 data: URL")
    return head[len("data:") : -len(";base64")].partition(";")[0], data


_REFUSED = {
    "input_audio": "parts are not supported: no upstream is known to take audio",
    "video_url": "parts are not supported",
}
_TEXTS: Mapping[str, _Reader] = {"text": _text}
_MEDIA: Mapping[str, _Reader] = {"text": _text, "image_url": _image, "file": _file}
_IN_ANSWER: Mapping[str, _Reader] = {"text": _text, "refusal": _refusal}

_BOTH = frozenset({"role", "content"})
_KNOWN = {
    "system": _BOTH,
    "developer": _BOTH,
    "user": _BOTH,
    "assistant": _BOTH | {"tool_calls", "function_call", "refusal", "audio", *REASONING},
    "tool": _BOTH | {"tool_call_id", "name"},
    "function": _BOTH | {"name"},
}
# What answers carry beside their words, and clients send back with them.
_SILENT = frozenset({"annotations", "index", "parsed", "provider_specific_fields"})
