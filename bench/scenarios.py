"""What is measured, one scenario after the other, on every peer in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from bench import load, payloads
from bench.peers import Peer

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Scenario:
    """``unit`` is what the CPU time is divided by; ``seconds`` or ``rounds`` end it."""

    name: str
    kind: payloads.Kind
    connections: int
    unit: str
    tools: int = 1
    turns: int = 0
    seconds: float = 1e9
    rounds: int = -1

    def measure(self, peer: Peer) -> Figures:
        request = peer.request(self.kind, self.tools, self.turns)
        before = peer.cpu()
        tally = load.run(self.kind, peer.port, request, self.connections, seconds=self.seconds, rounds=self.rounds)
        cpu = peer.cpu() - before
        units = tally.answers if self.unit == "request" else tally.chunks
        figures = {"cpu_us": cpu / units * 1e6, "per_s": units / tally.seconds}
        if self.unit == "request":
            figures["wait_p50_ms"] = median(tally.waits) * 1000
        if tally.late:
            cuts = quantiles(tally.late, n=100)
            figures["late_p50_ms"], figures["late_p99_ms"] = cuts[49] * 1000, cuts[98] * 1000
        return figures


SCENARIOS = (
    Scenario("whole, 1 connection", "whole", 1, "request", seconds=0.5),
    Scenario("whole, 32 connections", "whole", 32, "request", seconds=0.8),
    Scenario("whole, 32 connections, 20 tools", "whole", 32, "request", tools=20, seconds=0.8),
    Scenario("whole, 4 connections, 200 KB", "whole", 4, "request", tools=40, turns=30, seconds=0.8),
    Scenario("64 paced streams", "paced", 64, "chunk", rounds=1),
    Scenario("64 paced streams, 20 tools", "paced", 64, "chunk", tools=20, rounds=1),
    Scenario("32 streams back to back", "burst", 32, "chunk", seconds=0.8),
)

Results = dict[str, dict[str, list[Figures]]]
"""Scenario -> peer -> what each round gave."""


def measure(scenarios: Sequence[Scenario], peers: Sequence[Peer], rounds: int, say: Callable[[str], None]) -> Results:
    """Every scenario on every peer, round after round; the order of the peers turns with each."""
    found: Results = {scenario.name: {peer.name: [] for peer in peers} for scenario in scenarios}
    for peer in peers:
        # What is done once per process is not what is measured.
        for scenario in scenarios:
            request = peer.request(scenario.kind, scenario.tools, scenario.turns)
            load.run(scenario.kind, peer.port, request, 32, rounds=2)
    for number in range(rounds):
        for scenario in scenarios:
            for peer in peers if number % 2 == 0 else reversed(peers):
                figures = scenario.measure(peer)
                found[scenario.name][peer.name].append(figures)
                shown = "  ".join(f"{name} {value:.2f}" for name, value in figures.items())
                say(f"round {number + 1}  {scenario.name:34} {peer.name:14} {shown}")
    return found


def medians(measured: Sequence[Figures]) -> Figures:
    """Of each figure the median over the rounds."""
    return {name: median(figures[name] for figures in measured) for name in measured[0]}
