from __future__ import annotations

from bridge.server.ids import new_id


def test_ids_are_never_the_same() -> None:
    ids = {new_id("msg") for _ in range(10_000)}
    assert len(ids) == 10_000
    assert all(each.startswith("msg_") and len(each) == 28 for each in ids)
