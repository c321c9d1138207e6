"""``toolbridge send``: one request through the running proxy."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from bridge.cli import files, proxy, render
from bridge.errors import UnreachableError

if TYPE_CHECKING:
    from http.client import HTTPResponse


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "send",
        help="send one request through the running proxy",
        description="Send one request through the running proxy: text and tool calls on stdout, thinking on stderr.",
    )
    parser.add_argument("prompt", metavar="PROMPT", help="what to say; `-` reads it from stdin")
    parser.add_argument("-m", "--model", default="default", help="the model id to ask for (default: %(default)s)")
    parser.add_argument("--tool", metavar="FILE", help="JSON file with one tool definition, or a list of them")
    parser.add_argument("--max-tokens", type=int, default=4096, metavar="N", help="default: %(default)s")
    parser.add_argument("--key", help="client key (default: BRIDGE_KEY); only where the proxy has [clients]")
    parser.add_argument("--json", action="store_true", help="not streamed: the whole answer as JSON")
    proxy.add_target(parser)


def run(args: argparse.Namespace) -> int:
    """Print the answer; 1 if the proxy answers with an error, 3 if it does not answer."""
    from bridge.core import jsontext
    from bridge.core.anthropic import client

    prompt = files.read_text("-") if args.prompt == "-" else args.prompt
    tools = files.read_tool_list(args.tool) if args.tool else []
    body = client.request_body(args.model, prompt, tools, args.max_tokens, stream=not args.json)
    headers = client.request_headers(args.key or os.environ.get("BRIDGE_KEY") or "local")
    with proxy.calling(proxy.base_url(args), "POST", client.PATH, headers, body, timeout=600.0) as response:
        if response.status != 200:
            hint = "; `toolbridge models` lists what -m can name" if response.status == 404 else ""
            render.error(f"{response.status}: {client.error_message(response.read())}{hint}")
            return 1
        if not args.json:
            return _stream(response)
        render.print_json(jsontext.loads(response.read()))
        return 0


def _stream(response: HTTPResponse) -> int:
    from bridge.core.anthropic.client import StreamReader
    from bridge.core.events import Fault, TextDelta, ThinkingDelta, ToolCallDelta, ToolCallEnd, ToolCallStart

    reader = StreamReader()
    midline = False
    for line in response:
        for event in reader.read_line(line):
            match event:
                case TextDelta(text):
                    print(text, end="", flush=True)
                    midline = not text.endswith("\n")
                case ThinkingDelta(text):
                    print(render.paint(text, "dim", stream=sys.stderr), end="", file=sys.stderr, flush=True)
                case ToolCallStart(name=name):
                    print("\n" if midline else "", render.paint(name, "cyan"), " ", sep="", end="", flush=True)
                    midline = True
                case ToolCallDelta(json=fragment):
                    print(fragment, end="", flush=True)
                case ToolCallEnd():
                    print()
                    midline = False
                case Fault(message=message):
                    if midline:
                        print()
                    render.error(message)
                    return 1
    if midline:
        print()
    if not reader.ended:
        raise UnreachableError("the proxy closed the connection in the middle of its answer; see its log")
    return 0
