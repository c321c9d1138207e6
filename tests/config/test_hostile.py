"""Whatever stands in the files: problems at places in them, never an exception of another kind."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.bundled import bundled
from bridge.config.diagnose import render_github, render_json, render_text
from bridge.config.effective import effective, toml_lines
from bridge.config.inputs import Inputs
from bridge.config.load import load
from bridge.config.parsers import load_parsers
from bridge.config.snapshot import build, check
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from conftest import Project

ROUTES = bundled("routes.toml").read_text() + '\n[clients.c]\nkey = "x"\nlimits = { requests = "1/day" }\n'
PARSER = """\
schema = 1
models = ["*x*"]
[text]
trim = "none"
[reasoning]
open = ["<t>", "<u>"]
close = { lit = "</t>", then = ["$"] }
[[channel]]
open = "<f>"
to = "drop"
[section]
open = "<s>"
[[call]]
open = "<c{attrs}>"
codec = "tags"
[call.tags]
open = "<p{attrs}>"
attrs = { key = "k" }
[prompt]
system = "{{ tools }}"
call = "{{ calls }}"
result = "{{ results }}"
[[examples]]
raw = "x"
tools = [{ name = "f", properties = { a = "string" } }]
expect = [{ text = "x" }]
"""
VALUES = [
    "5", "-1", "1.5", "nan", "true", '""', '"x"', '"${X}"', '"${X:?}"', '"${"', '"*"', "[]", "[5]", '["x", 5]', "[[]]",
    "{}", "{ x = 5 }", '{ file = "x" }', "{ file = 5 }", '{ file = "." }', '{ sha256 = 5 }', "1979-05-27", "[{}]", "{ x = { y = [] } }",
    '"\\u0000"', '"{"', '["{x}"]', '"../x"', '"/"', '"http://[x"', '"x:y"', "99999999999999999999999", "false", '{ enabled = false }',
]  # fmt: skip
KEYS = [
    "x",
    '""',
    "extends",
    "enabled",
    "upstreams",
    "models",
    "server",
    "defaults",
    "key",
    "match",
    '"*"',
    "[x]",
    "[[models]]",
    "[[call]]",
    "[models.m]",
]


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """``text`` with a few values, keys, lines or characters changed."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        key, equals, value = lines[at].partition("=")
        match draw(st.integers(0, 5)):
            case 0 | 1 if equals:
                lines[at] = f"{key}= {draw(st.sampled_from(VALUES))}"
            case 2 if equals:
                lines[at] = f"{draw(st.sampled_from(KEYS))} ={value}"
            case 3:
                del lines[at]
            case 4:
                lines.insert(
                    at, draw(st.sampled_from(KEYS)) + draw(st.sampled_from(["", *(f" = {one}" for one in VALUES)]))
                )
            case _:
                cut = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:cut] + draw(st.text(max_size=2)) + lines[at][cut + 1 :]
        lines = lines or [""]
    return "\n".join(lines)


relaxed = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@relaxed
@given(text=damaged(ROUTES), overlay=st.one_of(st.just(""), damaged(ROUTES)))
def test_routes(project: Project, text: str, overlay: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    project.path.write_bytes(data)
    project.folder.joinpath("routes.e.toml").write_bytes(
        b'extends = "routes.toml"\n' + overlay.encode("utf-8", "surrogatepass")
    )
    environment = "e" if overlay else ""
    loaded = load(project.path, environment, {}, Inputs())
    check(loaded, project.cache)
    problems = loaded.problems.ordered()
    for item in problems:
        file = Path(item.file).read_bytes().decode("utf-8", "replace").split("\n") if item.file else []
        assert 1 <= item.line <= len(file), item
        assert 1 <= item.column <= len(file[item.line - 1]) + 1, item
        assert not re.search(r"pydantic|Input should|Traceback", item.message), item
    render_text(problems), render_json(problems), render_github(problems)
    if loaded.problems.failed:
        with pytest.raises(ConfigError) as caught:
            build(project.path, environment, {}, project.cache)
        assert caught.value.diagnostics == problems
    else:
        build(project.path, environment, {}, project.cache)
        assert list(toml_lines(effective(loaded)))


@relaxed
@given(text=damaged(PARSER))
def test_parser_files(project: Project, text: str) -> None:
    project.write("", "own/x.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    loaded = load(project.path, "", {}, Inputs())
    before = len(loaded.problems.found)
    found = load_parsers([project.folder / "own"], Inputs(), loaded.problems, project.cache)
    problems = loaded.problems.ordered()
    assert ("x" in found) == (len(loaded.problems.found) == before)
    for item in problems:
        assert not re.search(r"pydantic|Input should|Traceback", item.message), item
    render_text(problems)
