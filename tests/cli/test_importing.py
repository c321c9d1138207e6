from __future__ import annotations

import tomllib

import pytest

from bridge.cli.importing import Draft, alternatives, known, marker, read_tags, texts, written
from bridge.errors import ConfigError


def test_a_file_that_could_not_be_used_is_not_written() -> None:
    with pytest.raises(ConfigError, match="the result"):
        written(Draft({"[[call]]": {"open": ["<a>"], "codec": "json"}}), "mine")


def test_what_is_written() -> None:
    draft = Draft({"[[call]]": {"open": ["<a>", '<"b\n>'], "close": ["</a>"], "codec": "json-call"}}, ["one thing"])
    draft.noise(["<x>", "", "<x>"])
    text = written(draft, "mine")
    assert text.startswith("# mine, imported.")
    assert "# - one thing\n" in text
    read = tomllib.loads(text)
    assert read["noise"] == {"anywhere": ["<x>"]}
    assert read["call"] == [{"open": ["<a>", '<"b\n>'], "close": "</a>", "codec": "json-call"}]
    assert (read["name"], read["models"]) == ("mine", [])


@pytest.mark.parametrize(
    ("pattern", "trim"),
    [
        (r"<p=(?P<key>\w+)>(?P<value>.*?)</p>", "none"),
        (r"<p=(?P<key>\w+)>\n(?P<value>.*?)\n</p>", "newline"),
        (r"<p=(?P<key>\w+)>\s*(?P<value>.*?)\s*</p>", "both"),
    ],
)
def test_tags(pattern: str, trim: str) -> None:
    draft = Draft()
    read_tags({"tag_pattern": pattern}, "here", draft)
    assert draft.tables["[call.tags]"] == {"open": ["<p={key}>"], "close": ["</p>"], "trim": trim, "untyped": "string"}


@pytest.mark.parametrize(
    "pattern", ["", r"<p>(?P<value>.*?)</p>", r"(?P<value>.*?)=(?P<key>\w+)", r"<(?P<key>\w+)>(?P<value>.*)"]
)
def test_tags_that_cannot_be_said(pattern: str) -> None:
    with pytest.raises(ConfigError, match="tag_pattern"):
        read_tags({"tag_pattern": pattern}, "here", Draft())


def test_refusals_name_the_key() -> None:
    with pytest.raises(ConfigError, match=r"a\.b: is no key"):
        known({"b": 1}, {"c"}, "a.")
    with pytest.raises(ConfigError, match="k: is neither"):
        texts([1], "k")
    with pytest.raises(ConfigError, match="k: is no text"):
        alternatives(1, "k")
    with pytest.raises(ConfigError, match="k: begins with"):
        marker([("hole", "_"), ("text", "<a>")], "k")
