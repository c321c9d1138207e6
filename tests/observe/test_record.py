from __future__ import annotations

from bridge.core.events import Usage
from bridge.observe.record import Records, RequestRecord


def test_totals_and_the_last_ones() -> None:
    records = Records(keep=2)
    for number in range(3):
        record = RequestRecord(f"req_{number}", started=0.0, attempts=2, usage=Usage(1, 2))
        record.outcome = "error" if number else "ok"
        records.add(record)
    assert records.requests == 3
    assert records.outcomes == {"ok": 1, "error": 2}
    assert (records.attempts, records.input_tokens, records.output_tokens) == (6, 3, 6)
    assert [record.request_id for record in records.recent] == ["req_1", "req_2"]
