"""How many tokens a conversation is, roughly, when no tokenizer is at hand.

Tokenizers cut at word starts, case changes, punctuation and line ends, and
take digits and CJK characters nearly one by one. Counting those events and
weighing them stays within about 15 % of current vocabularies for prose, code,
JSON, logs and CJK text, where characters divided by four is off by up to three
times. The weights are a least-squares fit against three open vocabularies.
"""

from __future__ import annotations

from collections.abc import Iterator

from bridge.core.conversation import (
    Conversation,
    Document,
    Image,
    Part,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
    Turn,
)
from bridge.core.jsontext import dumps_text

_PER_TURN = 4
_PER_TOOL = 8
_IMAGE = 1_500
_DOCUMENT = 3_000
# A page of a PDF is some 50 KB and 2,500 tokens.
_BASE64_CHARS_PER_TOKEN = 27

_WEIGHTS = (
    (b"a", 0.05),
    (b" a", 0.76),
    (b".a", 1.14),
    (b"A", 0.29),
    (b" A", 1.14),
    (b"aA", 1.92),
    (b"0", 1.10),
    (b"\n", 1.81),
    (b".", 0.19),
    (b". ", 0.75),
    (b"l", 1.6),
    (b"g", 0.38),
    (b"c", 0.70),
    (b"o", 1.0),
    (b"e", 2.5),
)


def _class_of(byte: int) -> str:
    """The letter that stands for all bytes of its kind; of other scripts only lead bytes are looked at."""
    char = chr(byte)
    if byte < 0x80:
        kinds = ((char.islower(), "a"), (char.isupper(), "A"), (char.isdigit(), "0"), (char in " \t", " "))
        return next((kind for holds, kind in kinds if holds), "\n" if char in "\r\n" else ".")
    if byte < 0xCD:
        return "l"  # Latin with marks
    if byte < 0xE0:
        return "g"  # Greek, Cyrillic, Hebrew, Arabic
    if 0xE3 <= byte <= 0xED:
        return "c"  # kana, Han, Hangul
    return "o" if byte < 0xF0 else "e"  # Indic, Thai, symbols; emoji


_CLASSES = "".join(map(_class_of, range(256))).encode()
_CONTINUATION = bytes(range(0x80, 0xC0))


def estimate_text(text: str) -> int:
    """The estimate for a text by itself."""
    classes = text.encode("utf-8", "surrogatepass").translate(_CLASSES, _CONTINUATION)
    return round(sum(classes.count(event) * weight for event, weight in _WEIGHTS))


def estimate_tokens(conversation: Conversation) -> int:
    """The estimated input of a request: system, messages, tools, calls and results, media. At least 1."""
    texts = [part.text for part in conversation.system]
    media = 0
    for turn, thinking_counts in _turns(conversation.turns):
        for part in turn.parts:
            if thinking_counts or not isinstance(part, Thinking):
                media += _add(part, texts)
    for tool in conversation.tools:
        _add_tool(tool, texts)
    if conversation.output_schema is not None:
        texts.append(dumps_text(conversation.output_schema))
    frame = _PER_TURN * (len(conversation.turns) + 1) + _PER_TOOL * len(conversation.tools)
    return max(1, frame + media + estimate_text(" ".join(texts)))


def _turns(turns: tuple[Turn, ...]) -> Iterator[tuple[Turn, bool]]:
    """Each turn, and whether its thinking goes upstream: that before the last question does not."""
    question = 0
    for index, turn in enumerate(turns):
        if turn.role == "user" and not any(isinstance(part, ToolResult) for part in turn.parts):
            question = index
    for index, turn in enumerate(turns):
        yield turn, index > question


def _add(part: Part, texts: list[str]) -> int:
    """Put the part's text to ``texts``; the tokens of what is not text."""
    match part:
        case Text(text) | Thinking(text):
            texts.append(text)
        case ToolUse():
            texts += (part.id, part.name, dumps_text(part.input))
        case ToolResult():
            texts.append(part.tool_use_id)
            return sum(_add(inner, texts) for inner in part.parts)
        case Document():
            texts += (part.title, part.context, part.text)
            if part.data or part.url:
                return max(_DOCUMENT, len(part.data) // _BASE64_CHARS_PER_TOKEN)
        case Image():
            return _IMAGE
    return 0


def _add_tool(tool: Tool, texts: list[str]) -> None:
    texts += (tool.name, tool.description, dumps_text(tool.schema or {}))
