from __future__ import annotations

import pytest
from bundledparsers import SPECS

from bridge.cli.rating import Rating, enough, rated
from bridge.core.conversation import Tool
from bridge.upstream.asking import Said

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [Tool("get_weather", schema=SCHEMA)]
HERMES = '<tool_call>{"name": "get_weather", "arguments": {"city": "Rome"}}</tool_call>'
QWEN = "<tool_call>\n<function=get_weather>\n<parameter=city>\nRome\n</parameter>\n</function>\n</tool_call>"
GLM = "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Rome</arg_value>\n</tool_call>"


def best(*answers: Said, model: str = "") -> list[str]:
    return enough(rated(SPECS.values(), answers, TOOLS, model, None))


@pytest.mark.parametrize(("text", "name"), [(HERMES, "hermes"), (QWEN, "qwen3_coder"), (GLM, "glm")])
def test_the_file_that_reads_an_answer(text: str, name: str) -> None:
    assert best(Said(text)) == [name]
    assert best(Said(f"Let me see.\n{text}"), Said(text + text)) == [name]


def test_the_model_decides_between_equals() -> None:
    assert best(Said(HERMES), model="baidu/ernie-4.5-21b") == ["ernie45"]


def test_nothing_reads_prose() -> None:
    assert best(Said("The weather is fine in Rome.")) == []


def test_calls_in_the_reasoning_field_count() -> None:
    assert best(Said("", reasoning=HERMES)) == ["hermes"]


def test_arguments_must_fit() -> None:
    assert best(Said(HERMES.replace('"Rome"', "[1]"))) == []
    assert best(Said(HERMES.replace('"city"', '"town"'))) == []


def test_half_a_call_is_none() -> None:
    assert best(Said(HERMES[:-30], cut=True)) == []


def test_two_formats_need_two_files() -> None:
    assert sorted(best(Said(HERMES), Said(QWEN))) == ["hermes", "qwen3_coder"]


def test_what_is_enough() -> None:
    def rating(name: str, *calls: int) -> Rating:
        return Rating(name, calls, 0, False, True, 0)

    assert enough([]) == []
    assert enough([rating("a", 1, 0), rating("b", 1, 0), rating("c", 0, 2)]) == ["a", "c"]
