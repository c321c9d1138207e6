"""One text for a problem, wherever it is shown; no secret in any of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.diagnose import (
    Diagnostic,
    alternatives,
    key_path,
    masked,
    render_github,
    render_json,
    render_text,
    suggest,
    summary,
)

ERROR = Diagnostic(
    "unknown-key", "error", "a.toml", 3, 5, "server.lsten", "unknown key", "did you mean `listen`?", "    lsten = 1"
)
WARNING = Diagnostic("off", "warning", "a,b.toml", 4, 1, "", "odd: 100 %\nreally")
FLAG = Diagnostic("invalid-value", "error", "--listen", 0, 0, "server.listen", "wrong", "try another")


def test_text() -> None:
    assert render_text([ERROR, WARNING, FLAG]).splitlines() == [
        "a.toml:3:5: server.lsten: unknown key",
        "    3 |     lsten = 1",
        "      |     ^ did you mean `listen`?",
        "a,b.toml:4:1: warning: odd: 100 %",
        "really",
        "--listen: server.listen: wrong; try another",
    ]
    assert str(FLAG) == "--listen: server.listen: wrong; try another"
    assert render_text([]) == ""


def test_a_caret_below_tabs_and_in_long_lines() -> None:
    tabbed = Diagnostic("c", "error", "f", 1, 3, "", "m", "", "\t\tx")
    assert render_text([tabbed]).splitlines()[2] == "      | \t\t^"
    far = Diagnostic("c", "error", "f", 1, 1001, "", "m", "", "a" * 1000 + "X" + "b" * 1000)
    _, source, caret = render_text([far]).splitlines()
    assert source[caret.index("^")] == "X"
    assert len(source) < 140


def test_json() -> None:
    (item,) = json.loads(render_json([ERROR]))
    assert item == {
        "code": "unknown-key", "severity": "error", "file": "a.toml", "line": 3, "column": 5, "path": "server.lsten",
        "message": "unknown key", "hint": "did you mean `listen`?", "source_line": "    lsten = 1",
    }  # fmt: skip


def test_github() -> None:
    assert render_github([ERROR, WARNING, FLAG]).splitlines() == [
        "::error file=a.toml,line=3,col=5,title=unknown-key::server.lsten: unknown key; did you mean `listen`?",
        "::warning file=a%2Cb.toml,line=4,col=1,title=off::odd: 100 %25%0Areally",
        "::error file=--listen,title=invalid-value::server.listen: wrong; try another",
    ]


def test_summary() -> None:
    assert summary([]) == "no problems"
    assert summary([ERROR, FLAG, WARNING]) == "2 errors, 1 warning"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("models", "*", "fallbacks", 0), 'models."*".fallbacks[0]'),
        (("models", "qwen3-coder"), "models.qwen3-coder"),
        (("a b", 'c"d'), '"a b"."c\\"d"'),
        ((), ""),
    ],
)
def test_key_paths(path: tuple[str | int, ...], text: str) -> None:
    assert key_path(path) == text


def test_suggestions() -> None:
    assert suggest("base_ulr", ["api_key", "base_url"]) == "did you mean `base_url`?"
    assert suggest("qwen3-coder", ["qwen3_coder", "hermes"]) == "did you mean `qwen3_coder`?"
    assert suggest("zzz", ["base_url"]) == ""
    assert alternatives(["a", "b", "c"]) == "a, b or c"
    assert alternatives(["a"]) == "a"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('api_key = "hunter2"', "api_key = *********"),
        ("api_key = 'hunter2' # old", "api_key = ********* # old"),
        ('key = "hunter2', "key = ********"),
        ('key = ["hunter2"] # x', "key = *********** # x"),
        ('key = { fil = "hunter2" }', "key = *******************"),
        ('key = { sha256 = "hunter2", file = "x" }', "key = " + "*" * 34),
        ('key = { file = "x", sha256 = "hunter2" }', "key = " + "*" * 34),
        ('sha256 = "hunter2"', "sha256 = *********"),
        ("key = hunter2", "key = *******"),
        ('key = """hunter2', "key = **********"),
        ('headers = { x-api-key = "hunter2", a = "b" }', 'headers = { x-api-key = *********, a = "b" }'),
        ('"Authorization" = "Bearer hunter2"', '"Authorization" = ' + "*" * 16),
        ('storage = "redis://u:hunter2@h"', 'storage = "redis://*********@h"'),
        ('api_key = "${KEY}"', 'api_key = "${KEY}"'),
        ('api_key = "${KEY:-hunter2}"', "api_key = " + "*" * 17),
        ('api_key = { file = "/run/key" }', 'api_key = { file = "/run/key" }'),
        ('base_url = "http://h:1/v1"', 'base_url = "http://h:1/v1"'),
        ("keep = 200", "keep = 200"),
        ("[models.key]", "[models.key]"),
    ],
)
def test_secrets_are_starred_out_in_place(line: str, shown: str) -> None:
    assert masked(line) == shown
    assert len(shown) == len(line)


@given(st.text(max_size=60))
def test_masking_keeps_every_column(line: str) -> None:
    assert len(masked(line)) == len(line)
