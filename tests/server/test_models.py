from __future__ import annotations

from inprocess import Running, ask, routes

REST = """
[models."org/with/slashes"]
upstream = "u0"
model = "x"
display_name = "Slashes"
context_window = 1000
parsers = []
[models."glob-*"]
upstream = "u0"
match = ["named"]
parsers = []
"""


def test_the_list(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1", rest=REST)) as server:
        got = server.get("/v1/models")
        assert [model["id"] for model in got.json["data"]] == ["m", "org/with/slashes", "named"]
        assert got.headers["request-id"]
        page = server.get("/v1/models?limit=1&after_id=m").json
        assert [model["id"] for model in page["data"]] == ["org/with/slashes"]
        assert page["has_more"] is True
        assert server.get("/v1/models?limit=none").status == 400


def test_models_of_an_upstream_that_is_off_are_not_listed(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1", upstream='api_key = "${NO_SUCH_VARIABLE}"\n')) as server:
        assert server.get("/v1/models").json["data"] == []


def test_the_list_for_openai_clients(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1")) as server:
        bearer = {"authorization": "Bearer x"}
        assert server.get("/v1/models", bearer).json["object"] == "list"
        assert "object" not in server.get("/v1/models", bearer | {"anthropic-version": "2023-06-01"}).json


def test_one_model_for_openai_clients(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1", rest=REST)) as server:
        bearer = {"authorization": "Bearer x"}
        for model_id in ("org/with/slashes", "named", "glob-7"):
            got = server.get(f"/v1/models/{model_id}", bearer)
            assert got.headers["x-request-id"] == got.headers["request-id"]
            created = int(server.store.current.loaded_at)
            assert got.json == {"id": model_id, "object": "model", "created": created, "owned_by": "toolbridge"}
        missing = server.get("/v1/models/nobody", bearer)
        assert (missing.status, missing.json["error"]["code"]) == (404, "model_not_found")


def test_one_model(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1", rest=REST)) as server:
        got = server.get("/v1/models/org/with/slashes").json
        assert (got["id"], got["display_name"], got["max_input_tokens"]) == ("org/with/slashes", "Slashes", 1000)
        assert server.get("/v1/models/glob-7").json["id"] == "glob-7"
        missing = server.get("/v1/models/nobody")
        assert (missing.status, missing.json["error"]["type"]) == (404, "not_found_error")


def test_tokens_are_estimated(shared: Running) -> None:
    with shared.using(routes("http://127.0.0.1:1")) as server:
        body = ask("hello there")
        del body["max_tokens"]
        few = server.post(body, "/v1/messages/count_tokens?beta=true").json["input_tokens"]
        many = server.post(ask("hello there " * 20_000), "/v1/messages/count_tokens").json["input_tokens"]
        assert 0 < few < 30 < 20_000 < many
