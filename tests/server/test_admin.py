from __future__ import annotations

from inprocess import Running, routes
from scripted import Upstream, answer

SECRET = "a-very-secret-key"


def test_health_and_readiness(shared: Running) -> None:
    assert shared.get("/healthz").json == {"status": "ok"}
    assert [shared.get(path, method="HEAD").status for path in ("/healthz", "/readyz")] == [200, 200]
    with shared.using(routes("http://127.0.0.1:1")) as server:
        assert server.get("/readyz").json == {"ready": True, "draining": False, "degraded": False}


def test_status_and_metrics_hold_no_secret(shared: Running) -> None:
    rest = f'[dashboard]\nkey = "{SECRET}-admin"\n'
    with (
        Upstream(answer("hi")) as upstream,
        shared.using(routes(upstream.url, upstream=f'api_key = "{SECRET}"\n', rest=rest)) as server,
    ):
        server.post({"model": "m", "max_tokens": 1, "stream": True, "messages": [{"role": "user", "content": "x"}]})
        status, metrics = server.get("/-/status"), server.get("/metrics")
        assert status.json["config"]["revision"] == server.store.current.revision
        assert status.json["upstreams"]["u0"] == {"breaker": "closed", "in_flight": 0, "limit": 64}
        assert b'bridge_requests_total{outcome="ok"}' in metrics.body
        assert SECRET.encode() not in status.body + metrics.body


def test_reload(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1")) as server:
        assert server.post(b"", "/-/reload").json["changed"] is False
        server.path.write_text(routes("http://127.0.0.1:2"))
        got = server.post(b"", "/-/reload")
        assert (got.status, got.json["ok"], got.json["revision"]) == (200, True, server.store.current.revision)
        server.path.write_text('[models.x]\nupstream = "nowhere"\n')
        got = server.post(b"", "/-/reload")
        assert got.status == 422
        assert "routes.toml:2:12" in got.json["error"]


def test_only_from_this_machine_or_with_the_key(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1", rest=f'[dashboard]\nkey = "{SECRET}"\n')) as server:
        for headers in (
            {"x-forwarded-for": "1.2.3.4"},
            {"origin": "http://evil.example"},
            {"host": "evil.example", "origin": "http://evil.example"},
            {"host": "evil.example:1"},
            {"host": "[x"},
        ):
            assert server.get("/-/status", headers).status == 403
            assert server.post(b"", "/-/reload", headers).status == 403
            assert server.get("/-/status", headers | {"authorization": f"Bearer {SECRET}"}).status == 200
            assert server.get("/-/status", headers | {"x-api-key": "wrong"}).status == 403
