"""The figures as a table and as JSON, and whether they are good enough."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import date
from importlib.metadata import version
from statistics import median

from bench.peers import nginx_binary
from bench.scenarios import Figures, Results, medians

BARS = {"whole, 32 connections": 25.0, "64 paced streams": 6.0}
"""At most so many times nginx's CPU time per request and per chunk."""

_PACKAGES = ("toolbridge", "fastapi", "uvicorn", "httptools", "httpx", "msgspec")


def ratios(results: Results) -> dict[str, float]:
    """Scenario -> this proxy's CPU time over nginx's, the median of what each round gave.

    Both figures of a round are measured right after each other: what else runs on the machine slows them alike.
    """
    return {
        name: median(
            own["cpu_us"] / other["cpu_us"] for own, other in zip(peers["toolbridge"], peers["nginx"], strict=True)
        )
        for name, peers in results.items()
    }


def failures(results: Results) -> list[str]:
    """The bars that are not met."""
    measured = ratios(results)
    return [
        f"{name}: {measured[name]:.1f} times nginx's CPU time; at most {bar:g} are allowed"
        for name, bar in BARS.items()
        if name in measured and measured[name] > bar
    ]


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}
    shown = subprocess.run([nginx_binary(), "-v"], capture_output=True, text=True, check=True)
    found["nginx"] = shown.stderr.rpartition("/")[2].strip()
    return found


def markdown(results: Results, idle: dict[str, Figures], rounds: int) -> str:
    """The whole report."""
    measured = ratios(results)
    lines = [
        "# Cost beside nginx",
        "",
        f"{date.today()}, `python -m bench --rounds {rounds}`, medians of {rounds} interleaved rounds. The proxy is",
        "alone on core 1, clients and upstream share core 0, so what comes per second is bounded by them too: CPU is",
        "the figure to compare. Ratios are this proxy's CPU time over nginx's in the same round.",
        "",
        "| scenario | peer | CPU us per unit | ratio | bar | units per s | p50 ms | late p50 / p99 ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, peers in results.items():
        unit = "chunk" if "stream" in name else "request"
        for peer, measured_rounds in peers.items():
            figures = medians(measured_rounds)
            own = peer == "toolbridge" and name in measured
            cells = [
                name,
                peer,
                f"{figures['cpu_us']:.1f} per {unit}" if peer != "direct" else "",
                f"**{measured[name]:.1f}**" if own else "",
                f"{BARS[name]:g}" if own and name in BARS else "",
                f"{figures['per_s']:,.0f}",
                f"{figures['wait_p50_ms']:.2f}" if "wait_p50_ms" in figures else "",
                f"{figures['late_p50_ms']:.2f} / {figures['late_p99_ms']:.2f}" if "late_p50_ms" in figures else "",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| peer | start to first 200, s | CPU of it, s | idle RSS, MB |", "|---|---|---|---|"]
    for peer, figures in idle.items():
        lines.append(f"| {peer} | {figures['start_s']:.2f} | {figures['start_cpu_s']:.2f} | {figures['rss_mb']:.0f} |")
    lines += ["", f"Load average of the machine at the end: {os.getloadavg()[1]:.1f} (two of it are this benchmark)."]
    lines += ["", f"Versions: {', '.join(f'{name} {number}' for name, number in versions().items())}.", ""]
    return "\n".join(lines)
