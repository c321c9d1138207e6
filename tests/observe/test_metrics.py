from __future__ import annotations

from bridge.observe import metrics
from bridge.observe.record import Records, RequestRecord


def test_every_outcome_is_there_from_the_start() -> None:
    records = Records()
    records.add(RequestRecord("req_1", started=0.0, attempts=3))
    lines = metrics.render(records, in_flight=2, generations=1, reload_ok=False).splitlines()
    assert 'bridge_requests_total{outcome="ok"} 1' in lines
    assert 'bridge_requests_total{outcome="client_gone"} 0' in lines
    assert "bridge_upstream_attempts_total 3" in lines
    assert "bridge_requests_in_flight 2" in lines
    assert "bridge_config_last_reload_successful 0" in lines
    assert all(line.startswith(("#", "bridge_")) for line in lines)
