"""``toolbridge parse``: raw model text in, blocks out: the loop in which a parser file is written."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bridge.cli import files, parserfiles, render
from bridge.errors import UsageError

if TYPE_CHECKING:
    from bridge.core.conversation import Tool
    from bridge.core.events import ParserEvent
    from bridge.core.parsing.spec import ParserSpec

Block = dict[str, Any]

_NO_TOOL = "\x00none"

_STYLES: dict[str, tuple[render.Style, ...]] = {
    "call": ("cyan",),
    "stands": ("cyan",),
    "rejected": ("yellow",),
    "unknown": ("yellow",),
    "draft": ("yellow",),
    "dropped": ("red",),
    "repaired": ("magenta",),
}


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "parse",
        help="raw model text in, blocks out",
        description="Read raw model output and print the blocks that a client would get, one per line.",
    )
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="raw model output (default: stdin)")
    parser.add_argument(
        "-p", "--parser", default="auto", metavar="NAME|FILE|auto", help="parser by name or path (default: auto)"
    )
    parser.add_argument("--model", default="", metavar="ID", help="the upstream's model id, by which auto chooses")
    parser.add_argument(
        "--tools",
        metavar="FILE",
        help="JSON: the tools that the request declares; without it any name counts and values are typed by looks",
    )
    parser.add_argument("--split", type=int, default=0, metavar="N", help="feed N characters at a time")
    parser.add_argument("--eager", action="store_true", help="emit calls while they are written")
    parser.add_argument("--reasoning-open", action="store_true", help="the text begins inside the reasoning")
    parser.add_argument(
        "--finish", choices=["stop", "length", "cut"], default="stop", help="how the answer ended (default: stop)"
    )
    parser.add_argument(
        "--trace", action="store_true", help="say why each span was or was not a call (stderr; with --json: stdout)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per line, as `expect` of an example")
    parserfiles.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Print the blocks; which parsers read the text and what they counted goes to stderr."""
    from itertools import count

    from bridge.core.parsing.engine import ParserEngine
    from bridge.core.parsing.trace import Trace

    if args.split < 0:
        raise UsageError(f"--split {args.split}: must be a number of characters, 0 for all at once")
    text = files.read_text(args.file)
    specs = _specs(args)
    tools = _tools(args.tools) if args.tools else []
    if not args.tools:
        specs, tools = [_open_to_all(spec) for spec in specs], [_placeholder()]
    numbers, trace = count(), Trace() if args.trace else None
    engine = ParserEngine(
        specs,
        tools,
        lambda: f"toolu_{next(numbers)}",
        streaming="eager" if args.eager else "complete",
        starts_open=True if args.reasoning_open else None,
        trace=trace,
    )
    events = [event for piece in _pieces(text, args.split) for event in engine.feed(piece)]
    events += engine.finish(args.finish)
    for decision in trace.decisions if trace else ():
        if args.json:
            print(json.dumps({"trace": dataclasses.asdict(decision)}, ensure_ascii=False))
        else:
            render.note(render.paint(decision.line(text), *_STYLES.get(decision.what, ()), stream=sys.stderr))
    for block in blocks(events):
        print(json.dumps(block, ensure_ascii=False) if args.json else _line(block))
    counts = ", ".join(f"{name} {number}" for name, number in engine.counters.items() if number)
    render.note(f"parsers: {' '.join(spec.name for spec in specs)}" + (f" ({counts})" if counts else ""))
    return 0


def _specs(args: argparse.Namespace) -> Sequence[ParserSpec]:
    from bridge.config.parsers import resolve_parsers

    if args.parser != "auto":
        return [parserfiles.read_one(args.parser, args.config).spec]
    found = parserfiles.read(args.config).found
    return resolve_parsers("auto", args.model, {name: parser.spec for name, parser in found.items()})


def _tools(name: str) -> list[Tool]:
    """The file's tools, in the shape of either API or of an example of a parser file."""
    from pydantic import TypeAdapter, ValidationError

    from bridge.config import parser_schema
    from bridge.core.conversation import Tool

    try:
        read = TypeAdapter(list[parser_schema.Tool]).validate_python(files.read_tool_list(name))
    except ValidationError as problem:
        reason = problem.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"{name}: {reason}; write tools as a request to either API declares them") from None
    return [Tool(tool["name"], tool["description"], tool["input_schema"]) for tool in read]


def _placeholder() -> Tool:
    """A request without tools has no calls; this one declares a name that no text can hold."""
    from bridge.core.conversation import Tool

    return Tool(_NO_TOOL)


def _open_to_all(spec: ParserSpec) -> ParserSpec:
    return dataclasses.replace(
        spec, calls=tuple(dataclasses.replace(pattern, unknown="emit") for pattern in spec.calls)
    )


def _pieces(text: str, size: int) -> Iterator[str]:
    for start in range(0, len(text), size or max(1, len(text))):
        yield text[start : start + size] if size else text


def blocks(events: Iterable[ParserEvent]) -> list[Block]:
    """Events as blocks. A call that was begun and given up (eager only) holds its ``cut`` JSON."""
    from bridge.core.events import TextDelta, ThinkingDelta, ToolCallAbort, ToolCallDelta, ToolCallEnd, ToolCallStart

    found: list[Block] = []
    arguments: list[str] = []
    for event in events:
        match event:
            case TextDelta(text):
                _append(found, "text", text)
            case ThinkingDelta(text):
                _append(found, "thinking", text)
            case ToolCallStart(name=name):
                found.append({"name": name})
                arguments = []
            case ToolCallDelta(json=fragment):
                arguments.append(fragment)
            case ToolCallEnd():
                found[-1]["input"] = json.loads("".join(arguments))
            case ToolCallAbort():
                found[-1]["cut"] = "".join(arguments)
    return found


def _append(found: list[Block], kind: str, text: str) -> None:
    if found and kind in found[-1]:
        found[-1][kind] += text
    else:
        found.append({kind: text})


def _line(block: Block) -> str:
    match block:
        case {"text": text}:
            return f"{render.paint('text    ', 'green')}  {_quoted(text)}"
        case {"thinking": text}:
            return f"{render.paint('thinking', 'magenta')}  {_quoted(text)}"
        case {"name": name, "input": value}:
            return f"{render.paint('tool_use', 'cyan')}  {name} {_quoted(value)}"
        case _:
            return f"{render.paint('cut     ', 'red')}  {block['name']} {block['cut']}"


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
