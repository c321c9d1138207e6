"""Parser files: found by name, extended, checked at their places, taken from the cache when unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from bridge.config.parsers import ParserCache, matching_glob, resolve_parsers
from bridge.core.parsing.selftest import ExampleFailure
from bridge.core.parsing.spec import CallPattern, JsonRules, Marker, ParserSpec, TagAttrs, TextRules

if TYPE_CHECKING:
    from conftest import Project

ROUTES = 'parser_dirs = ["own"]\n[upstreams.d]\nprotocol = "demo"\n[models.m]\nupstream = "d"\n'
CALL = '\n[[call]]\nopen = "<c>"\ncodec = "json-call"\n'


def parser(project: Project, text: str, name: str = "x") -> ParserSpec:
    project.write(text, f"own/{name}.toml")
    return project.build(ROUTES).parsers[name].spec


def test_a_whole_file(project: Project) -> None:
    spec = parser(
        project,
        """
        schema = 1
        name = "x"
        summary = "All of it"
        models = ["*x*"]
        distinctive = false
        [text]
        trim = "none"
        fences = "ignore"
        prefill = "<s>"
        after_calls = "drop"
        [noise]
        anywhere = ["<|end|>"]
        tail = ["</s>"]
        [reasoning]
        open = "<think>"
        close = { lit = ["</think>"], then = ["<c", "$"] }
        start = "open"
        calls = "any"
        [[channel]]
        open = "<final>"
        to = "drop"
        [section]
        open = ["<calls>", "<call_s>"]
        close = "</calls>"
        optional = true
        junk = "drop"
        [[call]]
        open = "<c{attrs}>"
        close = "</c>"
        codec = "tags"
        attrs = { name = "tool" }
        unknown = "emit"
        [call.tags]
        open = "<p{attrs}>"
        close = "</p>"
        attrs = { key = "k", type = "t" }
        types = { true = "string" }
        trim = "newline"
        [[call]]
        open = { lit = "[", at = "start", peek = true }
        codec = "python"
        alone = true
        [call.python]
        list = "required"
        [[call]]
        open = "<j>"
        codec = "json-call"
        [call.json]
        name_keys = ["tool"]
        slop = ""
        [[examples]]
        raw = "hello"
        expect = [{ text = "hello" }]
        finish = "length"
        starts_open = true
        """,
    )
    assert spec.text == TextRules("none", "ignore", "<s>", "drop")
    assert spec.reasoning.close == Marker(("</think>",), then=("<c", "$"))
    assert spec.section
    assert spec.section.open == Marker(("<calls>", "<call_s>"))
    tags, python, json = spec.calls
    assert (tags.name_attr, tags.unknown, tags.tags.attrs) == ("tool", "emit", TagAttrs("k", "t"))
    assert (tags.tags.types, tags.tags.trim) == ({"true": "string"}, "newline")
    assert python.open == Marker(("[",), at="start", peek=True)
    assert (python.alone, python.python.list) == (True, "required")
    assert json == CallPattern(Marker(("<j>",)), "json-call", json=JsonRules(name_keys=("tool",), slop=""))
    assert spec.examples[0].finish == "length"
    assert spec.examples[0].starts_open is True
    assert spec.source == "own/x.toml"


@pytest.mark.parametrize(
    "tool",
    [
        '{ name = "f", description = "d", input_schema = { type = "object", properties = { a = { type = "string" } } } }',
        '{ type = "function", function = { name = "f", description = "d", '
        'parameters = { type = "object", properties = { a = { type = "string" } } } } }',
        '{ name = "f", description = "d", properties = { a = "string" } }',
    ],
)
def test_tools_of_an_example_in_every_spelling(project: Project, tool: str) -> None:
    spec = parser(project, f'{CALL}[[examples]]\nraw = ""\nexpect = []\ntools = [{tool}]\n')
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert spec.examples[0].tools == ({"name": "f", "description": "d", "input_schema": schema},)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('summry = "x"', "own/x.toml:1:1: summry: unknown key"),
        ("schema = 2", "own/x.toml:1:10: schema: must be 1, not 2"),
        ('name = "y"', 'own/x.toml:1:8: name: must be "x", like the file, not "y"'),
        ('extends = "hermez"', "own/x.toml:1:11: extends: unknown parser `hermez`"),
        ('extends = "x"', "own/x.toml:1:11: extends: unknown parser `x`"),
        ("[[call]]\nopen = '<c>'\ncodec = 'jsn'", 'own/x.toml:3:9: call[0].codec: must be "json-call", "json", "tags", "python" or "text", not "jsn"'),
        ("[[call]]\nopen = '<c>'", "own/x.toml:1:3: call[0]: `codec` is missing"),
        ("[[call]]\nopen = '<c>'\ncodec = 'json'", 'own/x.toml:1:3: call[0]: codec "json" takes the name from `open`, which needs {name} or {attrs}'),
        ("[[call]]\nopen = '<c={name}>'\ncodec = 'tags'", 'own/x.toml:1:3: call[0]: codec "tags" needs [call.tags] with `open`'),
        (
            "[[call]]\nopen = '<c={name}>'\ncodec = 'tags'\ntags.open = '<p>'",
            "own/x.toml:1:3: call[0]: `open` of [call.tags] needs {key}, or {attrs} with attrs = { key = ... }",
        ),
        ("[[call]]\nopen = ['<c>', '<{nme}>']\ncodec = 'json-call'", "own/x.toml:2:16: call[0].open[1]: unknown hole `{nme}`; did you mean `name`?"),
        ("[[call]]\nopen = '{ws}<c>'\ncodec = 'json-call'", "own/x.toml:2:8: call[0].open: must not begin with the hole `{ws}`: nothing could be searched for"),
        ("[reasoning]\nopen = ' '", "own/x.toml:2:8: reasoning.open: a marker must hold more than white space"),
        ("[reasoning]\nopen = 5", "own/x.toml:2:8: reasoning.open: a marker is a text, a list of texts, or a table with `lit`"),
        ("[reasoning]\nopen = []", "own/x.toml:2:8: reasoning.open: a marker is a text, a list of texts, or a table with `lit`"),
        ("[section]\nopen = { lit = '<s>', att = 'line' }", "own/x.toml:2:23: section.open.att: unknown key"),
        ("[[examples]]\nraw = ''\nexpect = [{ txt = '' }]", "own/x.toml:3:11: examples[0].expect[0]: a block is { text = ... }, { thinking = ... } or { name = ..., input = { ... } }"),
        ("[[examples]]\nraw = ''\nexpect = []\ntools = [{}]", "own/x.toml:4:10: examples[0].tools[0]: a tool needs a `name`"),
    ],
)  # fmt: skip
def test_wrong_files(project: Project, text: str, expected: str) -> None:
    project.write(text + "\n", "own/x.toml")
    assert project.headlines(ROUTES) == [expected]


def test_a_file_of_the_same_name_shadows_and_may_extend_the_one_below(project: Project) -> None:
    project.write('extends = "hermes"\nsummary = "mine"\nmodels = ["*mine*"]\n', "own/hermes.toml")
    project.write(
        'extends = "hermes"\nsummary = "grand"\n[[call]]\nopen = "<mine>"\ncodec = "json-call"\n', "own/child.toml"
    )
    parsers = project.build(ROUTES).parsers
    hermes = parsers["hermes"]
    assert (hermes.spec.summary, hermes.spec.models) == ("mine", ("*mine*",))
    assert hermes.spec.calls[0].open == Marker(("<tool_call>",))
    assert hermes.path == project.folder / "own/hermes.toml"
    assert hermes.shadows == (project.folder / "bundled/hermes.toml",)
    child = parsers["child"].spec
    assert (child.name, child.summary, child.models) == ("child", "grand", ("*mine*",))
    assert [call.open.lit for call in child.calls] == [("<mine>",)]


def test_files_that_extend_each_other(project: Project) -> None:
    project.write('extends = "b"\n', "own/a.toml")
    project.write('extends = "a"\n', "own/b.toml")
    assert "own/b.toml:1:11: extends: parser files extend each other through `a`" in project.headlines(ROUTES)


def test_unchanged_files_are_not_read_into_values_again(project: Project) -> None:
    checked: list[str] = []

    def check(spec: ParserSpec) -> Sequence[ExampleFailure]:
        checked.append(spec.name)
        return ()

    project.cache = ParserCache(check=check)
    project.write('extends = "hermes"\n', "own/a.toml")
    project.write(CALL, "own/b.toml")
    first = project.build(ROUTES)
    assert checked == ["a", "b", "hermes"]
    second = project.build(ROUTES + 'display_name = "x"\n')
    assert checked == ["a", "b", "hermes"]
    assert all(second.parsers[name].spec is first.parsers[name].spec for name in first.parsers)
    project.write(
        project.path.with_name("bundled").joinpath("hermes.toml").read_text() + "alone = true\n", "bundled/hermes.toml"
    )
    assert project.build().parsers["a"].spec.calls[0].alone
    assert checked == ["a", "b", "hermes", "a", "hermes"]
    project.write(CALL, "own/hermes.toml")
    assert project.build().parsers["a"].spec.calls[0].open.lit == ("<c>",)
    assert checked[5:] == ["a", "hermes"]


def test_a_file_whose_examples_fail_is_refused_at_the_example(project: Project) -> None:
    failure = ExampleFailure(1, "two", "one character at a time", "a call", "text")
    project.cache = ParserCache(check=lambda spec: [failure] if spec.name == "x" else [])
    example = '[[examples]]\nraw = "x"\nexpect = []\n'
    project.write(f"{CALL}{example}{example}", "own/x.toml")
    assert project.headlines(ROUTES) == [
        "own/x.toml:7:3: examples[1]: example `two` fails when fed one character at a time: expected a call, got text"
    ]


def spec(name: str, *models: str, distinctive: bool = True) -> ParserSpec:
    return ParserSpec(name, models=models, distinctive=distinctive)


AVAILABLE = {
    item.name: item
    for item in (
        spec("bare", distinctive=False),
        spec("coder", "*qwen3-coder*", "*[x]*"),
        spec("glm", "*glm*"),
        spec("hermes", "*qwen*", "*hermes*"),
        spec("other", "*QWEN*"),
    )
}


@pytest.mark.parametrize(
    ("setting", "model", "names"),
    [
        ("auto", "Qwen/Qwen3-Coder-30B", ["coder", "hermes", "other"]),
        ("auto", "hermes-4", ["hermes"]),
        ("auto", "brand-new", ["coder", "glm", "hermes", "other"]),
        ("auto", "", ["coder", "glm", "hermes", "other"]),
        (("glm", "bare"), "qwen", ["glm", "bare"]),
        ((), "qwen", []),
    ],
)
def test_which_parsers_a_route_gets(setting: str | tuple[str, ...], model: str, names: list[str]) -> None:
    assert [item.name for item in resolve_parsers(setting, model, AVAILABLE)] == names


def test_the_glob_that_counts() -> None:
    assert matching_glob(spec("x", "*a*", "*abc*", "*b*"), "xABCx") == "*abc*"
    assert matching_glob(spec("x", "*d*"), "abc") is None
