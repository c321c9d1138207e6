"""The counters as Prometheus text."""

from __future__ import annotations

from bridge.observe.record import Records


def render(records: Records, in_flight: int, generations: int, reload_ok: bool) -> str:
    """The text of ``/metrics``. No label comes from a request."""
    outcomes = {"ok": 0, "error": 0, "client_gone": 0, "client_stalled": 0} | records.outcomes
    lines = ["# TYPE bridge_requests_total counter"]
    lines += [f'bridge_requests_total{{outcome="{name}"}} {count}' for name, count in outcomes.items()]
    for name, kind, value in (
        ("bridge_upstream_attempts_total", "counter", records.attempts),
        ("bridge_input_tokens_total", "counter", records.input_tokens),
        ("bridge_output_tokens_total", "counter", records.output_tokens),
        ("bridge_requests_in_flight", "gauge", in_flight),
        ("bridge_config_generations", "gauge", generations),
        ("bridge_config_last_reload_successful", "gauge", int(reload_ok)),
    ):
        lines += [f"# TYPE {name} {kind}", f"{name} {value}"]
    return "\n".join(lines) + "\n"
