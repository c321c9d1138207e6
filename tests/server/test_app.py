from __future__ import annotations

import json

import pytest
from inprocess import Running, routes


@pytest.mark.parametrize(
    ("path", "method"), [("/", "HEAD"), ("/", "GET"), ("/api/hello", "HEAD"), ("/api/hello", "GET")]
)
def test_probes_of_clients(shared: Running, path: str, method: str) -> None:
    assert shared.get(path, method=method).status == 200


@pytest.mark.parametrize("path", ["/nope", "/v1", "/v1/messages/", "/v1/messages/batches", "/%00", "/v1/complete"])
def test_unknown_paths(shared: Running, path: str) -> None:
    got = shared.get(path)
    assert got.status == 404
    assert got.json["error"]["type"] == "not_found_error"
    assert got.json["request_id"] == got.headers["request-id"]


def test_wrong_methods(shared: Running) -> None:
    got = shared.get("/v1/models", method="DELETE")
    assert got.status == 405
    assert got.headers["allow"] == "GET"
    assert got.json["error"]["type"] == "invalid_request_error"


def test_an_exception_in_an_endpoint_is_an_error_answer(shared: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(shared.store, "status", broken)
    got = shared.get("/readyz")
    assert got.status == 500
    assert got.json["error"]["type"] == "api_error"
    assert b"a bug" not in got.body


def test_a_saved_file_is_live_without_any_request(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1")) as server:
        text = routes("http://127.0.0.1:2")
        assert server.edit(text)
        server.wait(lambda: [identity.port for identity in server.state.pools.clients] == [2])
        assert not server.edit("[models.x\n")
        assert server.get("/readyz").json == {"ready": True, "draining": False, "degraded": True}
        assert "routes.toml:1:" in json.dumps(server.get("/-/status").json)
        assert server.edit(text + "# mended\n")
