"""``python -m bench.engine``: what reading text for tool calls costs, per chunk of four characters.

The same plain text goes through the engine alone and through a whole exchange, with no parser file
armed, one, and all distinctive ones. Times are the best of several runs, taken in turn.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from bench import payloads
from bridge.config.document import Problems
from bridge.config.inputs import Inputs
from bridge.config.parsers import ParserCache, load_parsers
from bridge.core.anthropic.voice import MESSAGES
from bridge.core.conversation import Conversation, Text, Tool, Turn
from bridge.core.exchange import Exchange
from bridge.core.parsing.engine import ParserEngine
from bridge.core.parsing.spec import ParserSpec
from bridge.core.route import Route, UpstreamRef

RUNS = 15
CHUNK = 4
MOST_OF_NONE = 3.0
"""An exchange with all files armed may cost so many times one with none."""
MOST_OF_ONE = 1.5
"""The engine with all files armed may cost so many times the engine with one."""

_TOOL = Tool("get_weather", schema={"type": "object", "properties": {"city": {"type": "string"}}})
_TEXT = "The quick brown fox jumps over the lazy dog, and `code` too.\nNew line here: x < 3 and y > 4. " * 80
_CHUNKS = [_TEXT[start : start + CHUNK] for start in range(0, len(_TEXT), CHUNK)]
_FRAMES = [payloads.text_frame(chunk) for chunk in _CHUNKS]
_CONVERSATION = Conversation("m", 100, (Turn("user", (Text("hi"),)),), tools=(_TOOL,), stream=True)


def main() -> int:
    found = load_parsers((), Inputs(), Problems(), ParserCache(check=lambda _: ()))
    specs = {name: parser.spec for name, parser in found.items()}
    distinctive = tuple(spec for spec in specs.values() if spec.distinctive)
    armed = {"none": (), "hermes": (specs["hermes"],), f"all {len(distinctive)}": distinctive}
    print(f"{len(_CHUNKS)} chunks of {CHUNK} characters, best of {RUNS}; microseconds per chunk\n")
    print("| armed | engine | exchange | exchange / none |")
    print("|---|---|---|---|")
    engine = _best({name: lambda specs=specs: _engine(specs) for name, specs in armed.items()})
    exchange = _best({name: lambda specs=specs: _exchange(specs) for name, specs in armed.items()})
    for name in armed:
        print(f"| {name} | {engine[name]:.2f} | {exchange[name]:.2f} | {exchange[name] / exchange['none']:.2f} |")
    *_, one, every = armed
    of_one, of_none = engine[every] / engine[one], exchange[every] / exchange["none"]
    print(f"\nengine, all / one: {of_one:.2f} (at most {MOST_OF_ONE:g})")
    print(f"exchange, all / none: {of_none:.2f} (at most {MOST_OF_NONE:g})")
    return 0 if of_one <= MOST_OF_ONE and of_none <= MOST_OF_NONE else 1


def _best(runs: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Microseconds per chunk of the best run of each; they take turns."""
    found = dict.fromkeys(runs, float("inf"))
    for _ in range(RUNS):
        for name, run in runs.items():
            found[name] = min(found[name], run() / len(_CHUNKS) * 1e6)
    return found


def _engine(specs: tuple[ParserSpec, ...]) -> float:
    feed = ParserEngine(specs, (_TOOL,), lambda: "toolu_1").feed
    began = time.perf_counter()
    for chunk in _CHUNKS:
        feed(chunk)
    return time.perf_counter() - began


def _exchange(specs: tuple[ParserSpec, ...]) -> float:
    exchange = Exchange(_CONVERSATION, lambda prefix: f"{prefix}_1", "req_1", MESSAGES)
    exchange.attempt(Route("m", UpstreamRef("u", ("http://u",)), "m", parsers=specs))
    began = time.perf_counter()
    for frame in _FRAMES:
        exchange.receive(frame)
        exchange.client_bytes()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
