"""``toolbridge route``: where a model id leads, and why."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from bridge.cli import configfile, render

if TYPE_CHECKING:
    from bridge.config.snapshot import Snapshot
    from bridge.core.route import Route
    from bridge.core.routing import Decision


def add(subparsers: Any) -> None:
    """Register the verb."""
    parser = subparsers.add_parser("route", help="explain which route a model id takes")
    parser.add_argument("model", metavar="MODEL", help="the id that a client asks for")
    configfile.add_config(parser)
    parser.add_argument("--json", action="store_true", help="JSON instead of text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The decision; 1 when no route answers."""
    snapshot = configfile.snapshot(args)
    decision = snapshot.router.decide(args.model)
    facts = _facts(snapshot, decision)
    if args.json:
        render.print_json(facts)
    elif decision.route is None:
        render.error(decision.reason)
    else:
        width = max(map(len, facts))
        for name, value in facts.items():
            text = ", ".join(value) if isinstance(value, list) else value
            print(f"{render.paint(name.ljust(width), 'bold')}  {text or '-'}")
    return 0 if decision.route else 1


def _facts(snapshot: Snapshot, decision: Decision) -> dict[str, str | list[str]]:
    route = decision.route
    if route is None:
        return {"route": "", "reason": decision.reason}
    upstream = route.upstream
    state = f"off: {upstream.off}" if upstream.off else "on"
    return {
        "route": route.key,
        "reason": decision.reason,
        "upstream": upstream.name,
        "state": state,
        "address": list(upstream.base_urls) or [f"built-in {upstream.protocol}"],
        "model": route.model,
        "parsers": [parser.name for parser in route.parsers if upstream.protocol != "anthropic"],
        "parsers because": _parsers_because(snapshot, route),
        "fallbacks": list(route.fallbacks),
        "also matching": [f"{other.pattern} ({other.key})" for other in decision.candidates[1:]],
        "revision": snapshot.revision,
    }


def _parsers_because(snapshot: Snapshot, route: Route) -> str:
    from bridge.config.parsers import matching_glob

    if route.upstream.protocol == "anthropic":
        return "none: requests and answers are passed through as they are"
    if route.key not in snapshot.auto_parsers:
        return "the configuration names them" if route.parsers else "the configuration wants none: native calls only"
    globs = {parser.name: matching_glob(parser, route.model) for parser in route.parsers}
    matching = [f"`{glob}` of {name}" for name, glob in globs.items() if glob]
    if matching:
        return f"auto: the upstream model `{route.model}` matches {', '.join(matching)}"
    return f"auto: no parser file is made for `{route.model}`, so every distinctive one is armed"
