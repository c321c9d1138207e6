"""The built-in demo upstream: chat completions without a key and without a network.

It answers by the last user message. ``/tool [FORMAT]`` calls the first declared
tool, written as text in that parser's format; ``/think`` reasons first; ``/slow``
takes its time; ``/status N`` fails; ``/cut`` dies in the middle. Everything else
is echoed, raw model output included, unless the answer has to fit a schema: then it is
an example for that. ``bridge.upstream.http`` puts it behind the client that talks to
every other upstream.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from bridge.core.conversation import Tool
from bridge.core.events import Event, Finish, TextDelta, ThinkingDelta, Usage
from bridge.core.jsontext import dumps, dumps_text
from bridge.core.openai import answer as wire
from bridge.core.openai.completion import CompletionFold
from bridge.core.openai.encoder import ChunkEncoder
from bridge.core.openai.shapes import Head
from bridge.core.parsing.spec import ParserSpec
from bridge.errors import BridgeError
from bridge.upstream.sample import sample_arguments, sample_value

MODELS = ("demo",)
DEFAULT_FORMAT = "hermes"

_PIECE = 4
_PACE = 0.1
_RETRY_AFTER = {429: "1", 503: "1", 529: "1"}
_HELP = "This is the demo model: say /tool [FORMAT], /think, /slow, /status 429 or /cut. Anything else comes back."

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class DemoAnswer:
    """An HTTP answer. Iterating ``chunks`` raises ConnectionResetError where the connection dies."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Script:
    """What the model will do: ``pace`` is the pause before every piece, in seconds."""

    text: str = ""
    reasoning: str = ""
    pace: float = 0.0
    status: int = 200
    cut: bool = False


def demo_answer(method: str, path: str, body: bytes, parsers: Mapping[str, ParserSpec]) -> DemoAnswer:
    """The answer to one HTTP request; ``parsers`` are the formats that it can write calls in, by name."""
    if method == "GET" and path.rstrip("/").endswith("/models"):
        return _whole(200, wire.model_list(MODELS, int(time.time()), "demo"))
    if method != "POST" or not path.rstrip("/").endswith("/chat/completions"):
        return _failure(404, f"the demo upstream has no {method} {path}")
    try:
        asked = wire.read_asked(body)
    except ValueError as error:
        return _failure(400, f"not a chat completions request: {error}")
    try:
        script = plan(asked, parsers)
    except BridgeError as error:
        return _failure(500, str(error))
    if script.status != 200:
        return _failure(script.status, f"the demo upstream was asked for status {script.status}")
    head = Head(f"chatcmpl-demo-{next(_numbers)}", asked.model, int(time.time()))
    chunks = _answer(head, asked, script, prompt=len(body) // _PIECE)
    kind = "text/event-stream" if asked.stream else "application/json"
    return DemoAnswer(200, {"content-type": kind}, chunks)


def plan(asked: wire.Asked, parsers: Mapping[str, ParserSpec]) -> Script:
    """What to answer; the words of the request decide, nothing else does."""
    said, is_result = _last_words(asked)
    if is_result and asked.schema is None:
        return Script(text=f"The tool answered: {said[:200]}\n\nThat is all that I wanted to know.")
    words = said.split()
    script = Script(text=said or _HELP if asked.schema is None else dumps_text(sample_value(asked.schema)))
    for position, word in enumerate(words):
        argument = words[position + 1] if position + 1 < len(words) else ""
        match word:
            case "/tool":
                script = replace(script, text=_tool_text(asked.tools, argument, parsers))
            case "/think":
                script = replace(script, reasoning=f"{len(words)} words from the user. I think, then I answer.")
            case "/slow":
                script = replace(script, pace=_PACE)
            case "/status" if argument.isascii() and argument.isdigit() and 400 <= int(argument) <= 599:
                script = replace(script, status=int(argument))
            case "/cut":
                script = replace(script, cut=True)
    return script


def _last_words(asked: wire.Asked) -> tuple[str, bool]:
    """The last text that a person wrote or a tool gave back (True).

    Agents put reminders of their own beside both; they are passed over.
    """
    for said in reversed(asked.said):
        own = [text.strip() for text in said.texts if not text.lstrip().startswith("<system-reminder>")]
        if own or said.role == "tool":
            return (own[-1] if own else ""), said.role == "tool"
    return "", False


def _tool_text(tools: tuple[Tool, ...], wanted: str, parsers: Mapping[str, ParserSpec]) -> str:
    name = DEFAULT_FORMAT if not wanted or wanted.startswith("/") else wanted
    spec = parsers.get(name)
    if spec is None or spec.prompt is None:
        known = ", ".join(sorted(name for name, spec in parsers.items() if spec.prompt)) or "none"
        return f"I cannot write tool calls as `{name}`. Formats that I know: {known}."
    if not tools:
        return "This request declares no tools, so there is nothing to call."
    call = write_call(spec.prompt.call, tools[0])
    # Some formats have no marker: there, a call is one only if nothing stands before it.
    bare = any(pattern.alone for pattern in spec.calls)
    return call if bare else f"I will call {tools[0].name}.\n\n{call}"


def write_call(writer: Callable[..., str], tool: Tool) -> str:
    """A call of ``tool`` as text, with arguments that fit its schema; ``writer`` is a ``Prompt.call``."""
    arguments = sample_arguments(tool.schema)
    return writer(calls=[{"id": "call_demo_0", "name": tool.name, "arguments": arguments, "index": 0}])


async def _answer(head: Head, asked: wire.Asked, script: Script, prompt: int) -> AsyncIterator[bytes]:
    reasoning, text, finish = _limited(script, asked.max_tokens)
    said = len(reasoning) + len(text)
    usage = Usage(prompt, said, reasoning_tokens=len(reasoning))
    if script.cut:
        text = text[: max(1, len(text) // 2)]
    encoder = ChunkEncoder(head, usage, include_usage=asked.include_usage)
    events: list[Event] = [*map(ThinkingDelta, reasoning), *map(TextDelta, text)]
    if not asked.stream:
        await asyncio.sleep(script.pace * said)
        fold = CompletionFold(head, usage)
        for event in (*events, finish):
            fold.add(event)
        whole = dumps(fold.message())
        yield whole[: len(whole) // 2] if script.cut else whole
    else:
        yield encoder.open()
        for event in events:
            await asyncio.sleep(script.pace)
            yield encoder.encode(event)
    if script.cut:
        raise ConnectionResetError("the demo upstream was asked to die here")
    if asked.stream:
        yield encoder.encode(finish)


def _limited(script: Script, limit: int) -> tuple[list[str], list[str], Finish]:
    """Reasoning and text in pieces, one per token, no more of them than ``limit`` (0: all)."""
    reasoning, text = list(_pieces(script.reasoning)), list(_pieces(script.text))
    if not limit or len(reasoning) + len(text) <= limit:
        return reasoning, text, Finish("end_turn")
    return reasoning[:limit], text[: max(0, limit - len(reasoning))], Finish("max_tokens")


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), _PIECE):
        yield text[start : start + _PIECE]


def _failure(status: int, message: str) -> DemoAnswer:
    answer = _whole(status, wire.error_body(status, message))
    if status in _RETRY_AFTER:
        return replace(answer, headers={**answer.headers, "retry-after": _RETRY_AFTER[status]})
    return answer


def _whole(status: int, body: bytes) -> DemoAnswer:
    async def once() -> AsyncIterator[bytes]:
        yield body

    return DemoAnswer(status, {"content-type": "application/json"}, once())
