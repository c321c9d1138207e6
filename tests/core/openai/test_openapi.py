from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi import instances, problems, shape, spoilt

from bridge.core.jsontext import dumps, loads
from bridge.core.openai.answer import model_body, model_list
from bridge.core.openai.inbound import read_request
from bridge.core.openai.openapi import EXAMPLE, SCHEMAS
from bridge.errors import RequestError


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_models_fit() -> None:
    assert problems(shape("OpenAIModelList"), loads(model_list(["m", "n"], 1, "me"))) == []
    assert problems(shape("OpenAIModel"), loads(model_body("m", 1, "me"))) == []
    assert problems(shape("OpenAIModelList"), {"object": "list", "data": [{"id": "m"}]})


def test_the_example_fits() -> None:
    assert problems(shape("ChatRequest"), EXAMPLE) == []
    assert read_request(EXAMPLE, 0)[0].tools


@settings(max_examples=200)
@given(st.data(), st.integers(1, 2))
def test_what_the_schema_forbids_is_refused(data: st.DataObject, changes: int) -> None:
    body = data.draw(instances(shape("ChatRequest")))
    for _ in range(changes):
        body = data.draw(spoilt(body))
    body = loads(dumps(body))
    if problems(shape("ChatRequest"), body):
        with pytest.raises(RequestError):
            read_request(body, 0)
