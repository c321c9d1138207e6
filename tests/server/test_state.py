from __future__ import annotations

from inprocess import Running, routes


def test_a_new_snapshot_takes_effect_once(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1")) as server:
        live = server.call(server.state.live)
        assert server.call(server.state.live) is live
        assert live.generation.snapshot is server.store.current
        server.save(routes("http://127.0.0.1:2"))
        assert server.call(server.state.live) is not live
