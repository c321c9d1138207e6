"""Prompt templates: sandboxed, bounded, and wrong ones named by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.config import templates
from bridge.config.templates import compile_prompt
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from conftest import Project

ROUTES = 'parser_dirs = ["own"]\n[upstreams.d]\nprotocol = "demo"\n[models.m]\nupstream = "d"\n'
TOOL = {"name": "f", "description": "Wetter für <Köln>", "parameters": {"type": "object"}}


def test_what_templates_write() -> None:
    prompt = compile_prompt(
        "x",
        "{% for tool in tools %}\n  {% if tool.description %}\n{{ tool | tojson }}\n{% endif %}\n{% endfor %}\nend",
        "{% for call in calls %}<call>{{ call.name }} {{ call.arguments | tojson }}</call>{% endfor %}",
        "{% for result in results %}[{{ result.id }}{{ '!' if result.is_error }}{{ result.index }}] {{ result.content }}{% endfor %}",
    )
    assert prompt.system(tools=[TOOL]) == (
        '{"name":"f","description":"Wetter für <Köln>","parameters":{"type":"object"}}\nend'
    )
    call = {"id": "c", "name": "f", "arguments": {"a": [1, None, True]}, "index": 0}
    assert prompt.call(calls=[call]) == '<call>f {"a":[1,null,true]}</call>'
    result = {"id": "c", "name": "f", "content": "<b>", "is_error": True, "index": 3}
    assert prompt.result(results=[result]) == "[c!3] <b>"


def test_values_nested_too_deeply_are_refused() -> None:
    prompt = compile_prompt("x", "", "{{ calls | tojson }}", "")
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ConfigError, match="template `call` of parser `x` failed"):
        prompt.call(calls=deep)


def test_indented_json() -> None:
    prompt = compile_prompt("x", "{{ tools | tojson(indent=1) }}", "", "")
    assert prompt.system(tools=[1]) == "[\n 1\n]"


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ tools.append(1) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ missing }}",
        "{{ 1 / 0 }}",
        "{{ tools | nofilter }}",
        "{% for i in range(999999) %}x{% endfor %}",
        "{% include 'x' %}",
    ],
)
def test_what_templates_may_not_do(project: Project, source: str) -> None:
    project.write(f'[prompt]\ncall = ""\nresult = ""\nsystem = "{source}"\n', "own/x.toml")
    (line,) = project.headlines(ROUTES)
    assert line.startswith("own/x.toml:4:10: prompt.system: ")


def test_output_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = compile_prompt("x", "{% for tool in tools %}{{ tool.name }}{% endfor %}", "", "")
    monkeypatch.setattr(templates, "MAX_OUTPUT", 10)
    assert prompt.system(tools=[TOOL] * 10) == "f" * 10
    with pytest.raises(ConfigError, match="template `system` of parser `x` failed: writes more than 10 characters"):
        prompt.system(tools=[TOOL] * 11)


def test_a_failing_template_is_a_named_error() -> None:
    prompt = compile_prompt("x", "{{ tools[0].parameters.type }}", "", "")
    with pytest.raises(ConfigError, match="template `system` of parser `x` failed"):
        prompt.system(tools=[])


@pytest.mark.parametrize("quote", ['"""', "'''"])
@pytest.mark.parametrize(("opening", "line"), [("\n", 5), ("", 4)])
def test_the_line_of_a_mistake_in_a_long_template(project: Project, quote: str, opening: str, line: int) -> None:
    project.write(
        f"[prompt]\ncall = ''\nsystem = {quote}{opening}one\n{{% fro %}}\nthree{quote}\nresult = ''\n", "own/x.toml"
    )
    assert project.headlines(ROUTES)[0].startswith(f"own/x.toml:{line}:1: prompt.system: Encountered unknown tag 'fro'")


def test_a_prompt_of_a_parser(project: Project) -> None:
    project.write('extends = "hermes"\n[prompt]\nsystem = "s"\ncall = "c"\nresult = "r"\n', "own/x.toml")
    prompt = project.build(ROUTES).parsers["x"].spec.prompt
    assert prompt
    assert [prompt.system(tools=[]), prompt.call(calls=[]), prompt.result(results=[])] == ["s", "c", "r"]
