"""``toolbridge probe``: asks an upstream for tool calls and names the parser file that reads its answers."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bridge.cli import configfile, render
from bridge.errors import ConfigError, UnreachableError

if TYPE_CHECKING:
    from bridge.cli.rating import Rating
    from bridge.config.snapshot import Snapshot
    from bridge.core.conversation import Conversation
    from bridge.core.route import Route
    from bridge.upstream.asking import Said

_QUOTED = 60
_SHOWN = 3
_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
_ONE = "What will the weather be in Rome over the next 3 days? Find out with the tool get_weather."
_TWO = "Compare the weather in Oslo with that in Lima today. Call the tool get_weather once for each of them."
_TOLD = (
    "You can call a tool. This is its definition:\n{tools}\n"
    "To call it, write the call in the format that you were trained to write tool calls in, and nothing else."
)


def add(subparsers: Any) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "probe",
        help="ask an upstream for tool calls, and name the parser that reads them",
        description="Ask the upstream of MODEL for tool calls, with native tools and without, run every parser file "
        "over what it writes, and print the line for routes.toml. The evidence goes to stderr.",
    )
    parser.add_argument("model", metavar="MODEL", help="the id that a client asks for")
    configfile.add_config(parser)
    parser.add_argument("--timeout", type=_seconds, default=120.0, metavar="SECONDS", help="for each question (120)")
    parser.add_argument("--json", action="store_true", help="everything as JSON, the raw answers too")
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    if not 0 < (seconds := float(text)) < math.inf:
        raise argparse.ArgumentTypeError("must be more than zero seconds")
    return seconds


def run(args: argparse.Namespace) -> int:
    """The line; 1 when no file reads the answers."""
    import asyncio

    from bridge.cli.rating import enough, rated

    snapshot = configfile.snapshot(args)
    route = _route(snapshot, args.model)
    questions = _questions(route)
    answers = asyncio.run(_ask(route, questions, snapshot, args.timeout))
    heard = [answer for answer in answers if not isinstance(answer, str)]
    if not heard:
        raise UnreachableError(f"{answers[0]}; see `toolbridge check --online`")
    specs = [parser.spec for parser in snapshot.parsers.values()]
    tools = questions[0].tools
    ratings = rated(specs, heard, tools, route.model, route.reasoning.starts_open)
    asked = [answer for question, answer in zip(questions, answers, strict=True) if question.tools]
    native = all(not isinstance(answer, str) and bool(answer.structured) for answer in asked)
    line = "parsers = []" if native else _setting(enough(ratings))
    if args.json:
        render.print_json(_facts(route, questions, answers, ratings, line))
    else:
        for question, answer in zip(questions, answers, strict=True):
            render.note(_evidence(question, answer))
        render.note(_verdict(ratings, native))
        if line:
            print(line)
    return 0 if line else 1


def _route(snapshot: Snapshot, model: str) -> Route:
    from dataclasses import replace

    decision = snapshot.router.decide(model)
    if decision.route is None:
        raise ConfigError(f"{decision.reason}; `toolbridge models` lists what is served")
    upstream = decision.route.upstream
    if upstream.off:
        raise UnreachableError(f"upstream `{upstream.name}` is off: {upstream.off}")
    if upstream.protocol == "anthropic":
        message = f"upstream `{upstream.name}` speaks the Messages API; its answers are passed through unparsed"
        raise ConfigError(f"there is nothing to probe: {message}")
    return decision.route if decision.route.model else replace(decision.route, model=model)


def _questions(route: Route) -> list[Conversation]:
    """With native tools one call and two, then one call with the tools described in the prompt."""
    from bridge.core.conversation import Conversation, Text, Tool, Turn

    tool = Tool("get_weather", "The weather forecast for a city.", _SCHEMA)
    one, two = ("/tool", "/tool") if route.upstream.protocol == "demo" else (_ONE, _TWO)
    shown = json.dumps({"name": tool.name, "description": tool.description, "parameters": tool.schema})

    def question(said: str, **more: Any) -> Conversation:
        return Conversation(route.key, 4096, (Turn("user", (Text(said),)),), temperature=0.0, **more)

    return [
        question(one, tools=(tool,)),
        question(two, tools=(tool,)),
        question(one, system=(Text(_TOLD.format(tools=shown)),)),
    ]


async def _ask(route: Route, questions: Sequence[Conversation], snapshot: Snapshot, timeout: float) -> list[Said | str]:
    """The answers, or what went wrong with each; an upstream that cannot be reached is asked once."""
    from bridge.errors import UpstreamError
    from bridge.upstream.asking import ask

    parsers = {name: parser.spec for name, parser in snapshot.parsers.items()}
    answers: list[Said | str] = []
    for question in questions:
        try:
            answers.append(await ask(route, question, parsers, timeout))
        except UpstreamError as problem:
            answers.append(str(problem))
            if problem.fault.upstream_status is None:
                return answers + [str(problem)] * (len(questions) - len(answers))
    return answers


def _setting(names: Sequence[str]) -> str:
    return f"parsers = {json.dumps(names)}" if names else ""


def _evidence(question: Conversation, answer: Said | str) -> str:
    kind = "native tools" if question.tools else "tools in the prompt"
    if isinstance(answer, str):
        return f"{kind}: {answer}"
    parts = [f"structured calls to {', '.join(answer.structured)}"] if answer.structured else []
    parts += [f"text {_short(answer.text)}"] if answer.text.strip() else []
    parts += [f"reasoning {_short(answer.reasoning)}"] if answer.reasoning.strip() else []
    return f"{kind}: {'; '.join(parts) or 'nothing'}{' (cut by max_tokens)' if answer.cut else ''}"


def _short(text: str) -> str:
    quoted = json.dumps(text if len(text) <= _QUOTED else text[: _QUOTED // 2] + " ... " + text[-_QUOTED // 2 :])
    return quoted


def _verdict(ratings: Sequence[Rating], native: bool) -> str:
    from bridge.cli.rating import enough

    if native:
        told = "the upstream structures the calls by itself: no parser is needed"
        return told + (f'. With `tools = "prompt"`: {_setting(enough(ratings))}' if ratings else "")
    if not ratings:
        return (
            "no parser file reads this. Where the text shows no markers at all, the server may strip them: try "
            "`request.set = { skip_special_tokens = false }`. Else write one: docs/tutorial/write-a-parser.md"
        )
    lines = [
        f"{one.parser} reads {sum(map(bool, one.calls))} of {len(one.calls)} answers, {sum(one.calls)} calls; "
        f"{one.left} characters stay text{', made for this model' if one.made_for else ''}"
        for one in ratings[:_SHOWN]
    ]
    if len(ratings) > _SHOWN:
        lines.append(f"so do {', '.join(one.parser for one in ratings[_SHOWN:])}")
    return "\n".join(lines)


def _facts(
    route: Route,
    questions: Sequence[Conversation],
    answers: Sequence[Said | str],
    ratings: Sequence[Rating],
    line: str,
) -> dict[str, object]:
    return {
        "route": route.key,
        "upstream": route.upstream.name,
        "model": route.model,
        "line": line,
        "parsers": [dataclasses.asdict(rating) for rating in ratings],
        "answers": [
            {"native_tools": bool(question.tools)}
            | ({"error": answer} if isinstance(answer, str) else dataclasses.asdict(answer))
            for question, answer in zip(questions, answers, strict=True)
        ],
    }
