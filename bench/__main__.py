"""``python -m bench``: measure, report, and fail when a bar is not met."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import peers, report
from bench.load import LoadError
from bench.peers import BenchError, Peer
from bench.scenarios import SCENARIOS, Figures, Scenario, measure


def main() -> int:
    args = _arguments()
    scenarios = [scenario for scenario in SCENARIOS if args.only in scenario.name]
    if not scenarios:
        print(f"no scenario has {args.only!r} in its name: {', '.join(s.name for s in SCENARIOS)}", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            return _run(args, scenarios, Path(folder))
    except (BenchError, LoadError) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often everything is measured (default: 7)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only scenarios with this in their name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the report there as well")
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="this proxy alone, with cProfile's figures in FILE"
    )
    parser.add_argument("--against", type=Path, metavar="DIR", help="another checkout, measured as well")
    return parser.parse_args()


def _run(args: argparse.Namespace, scenarios: Sequence[Scenario], folder: Path) -> int:
    cores = os.sched_getaffinity(0)
    if not {peers.HARNESS_CORE, peers.PEER_CORE} <= cores:
        raise BenchError("cores 0 and 1 are needed: one for the proxy, one for its clients and its upstream")
    os.sched_setaffinity(0, {peers.HARNESS_CORE})
    upstream = peers.free_port()
    mock = peers.pinned([sys.executable, "-m", "bench.mock", str(upstream)], peers.HARNESS_CORE)
    own = peers.toolbridge(folder, upstream)
    compared = [own] if args.profile else [own, peers.nginx(folder, upstream)]
    if args.against:
        compared.append(peers.toolbridge(folder, upstream, args.against.resolve(), "other checkout"))
    try:
        while not peers.listens(upstream):
            time.sleep(0.01)
        idle = {peer.name: _start(peer, args.profile) for peer in compared}
        everyone = compared if args.profile else [*compared, peers.direct(folder, upstream)]
        gc.freeze()
        results = measure(scenarios, everyone, args.rounds, lambda line: print(line, file=sys.stderr))
    finally:
        for peer in compared:
            peer.stop()
        peers.stop(mock)
    if args.profile:
        return 0
    text = report.markdown(results, idle, args.rounds)
    print(text)
    if args.markdown:
        args.markdown.write_text(text)
    if args.json:
        figures = {"results": results, "idle": idle, "ratios": report.ratios(results), "versions": report.versions()}
        args.json.write_text(json.dumps(figures, indent=2) + "\n")
    problems = report.failures(results)
    for problem in problems:
        print(f"bench: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _start(peer: Peer, profile: Path | None) -> Figures:
    """Start it, three times: how long the quickest took, what it holds before there is any load."""
    times = []
    for _ in range(1 if profile else 3):
        peer.stop()
        times.append(peer.start(profile))
    time.sleep(0.5)
    return {"start_s": min(times), "start_cpu_s": peer.cpu(), "rss_mb": peer.memory()}


if __name__ == "__main__":
    sys.exit(main())
