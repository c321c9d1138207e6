from __future__ import annotations

from jsonschema import Draft202012Validator

from bridge.core.jsontext import loads
from bridge.core.openai.answer import model_list
from bridge.core.openai.openapi import SCHEMAS


def test_the_list_of_models_fits() -> None:
    schema = SCHEMAS["OpenAIModelList"]
    Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(schema).is_valid(loads(model_list(["m", "n"], 1)))
    assert not Draft202012Validator(schema).is_valid({"object": "list", "data": [{"id": "m"}]})
