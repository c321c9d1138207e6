import pytest
from anthropic.types import ModelInfo

from bridge.core.anthropic.models import ListedModel, find_model, model_body, model_page
from bridge.errors import RequestError

MODELS = [ListedModel(f"m{n}") for n in range(50)]


def ids(page) -> list[str]:
    return [model["id"] for model in page["data"]]


def test_a_model_is_what_the_sdk_reads():
    body = model_body(ListedModel("glm", "GLM", 131_072, 32_000))
    info = ModelInfo.model_validate(body)
    assert (info.id, info.display_name) == ("glm", "GLM")
    assert (info.max_input_tokens, info.max_tokens) == (131_072, 32_000)
    assert info.lifecycle == "active"


def test_an_unnamed_model_is_shown_by_its_id():
    assert find_model(MODELS, "m3")["display_name"] == "m3"
    assert find_model(MODELS, "m99") is None


def test_default_page():
    page = model_page(MODELS, {})
    assert ids(page) == [f"m{n}" for n in range(20)]
    assert (page["has_more"], page["first_id"], page["last_id"]) == (True, "m0", "m19")


def test_forward_paging_sees_every_model_once():
    seen, query = [], {"limit": "7"}
    while True:
        page = model_page(MODELS, query)
        seen += ids(page)
        if not page["has_more"]:
            break
        query = {"limit": "7", "after_id": page["last_id"]}
    assert seen == [model.id for model in MODELS]


def test_backward_paging_stops_at_the_start():
    page = model_page(MODELS, {"limit": "5", "before_id": "m8"})
    assert ids(page) == ["m3", "m4", "m5", "m6", "m7"]
    assert page["has_more"] is True
    page = model_page(MODELS, {"limit": "5", "before_id": "m3"})
    assert ids(page) == ["m0", "m1", "m2"]
    assert page["has_more"] is False


def test_an_empty_page_has_null_ids():
    assert model_page([], {"limit": "1000"}) == {"data": [], "has_more": False, "first_id": None, "last_id": None}
    assert ids(model_page(MODELS, {"after_id": "m49"})) == []


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"limit": ""}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"limit": "²"}, "limit"),
        ({"limit": "9" * 5000}, "limit"),
        ({"after_id": "nope"}, "after_id"),
        ({"before_id": "nope"}, "before_id"),
        ({"before_id": "m1", "after_id": "m1"}, "before_id"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(query, path):
    with pytest.raises(RequestError) as caught:
        model_page(MODELS, query)
    assert caught.value.fault.kind == "invalid_request"
    assert caught.value.fault.message.startswith(f"{path}: ")
