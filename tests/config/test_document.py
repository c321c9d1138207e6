"""Merging files: values, and the place of each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.document import Document, Problems, display, merge, read_document
from bridge.config.inputs import Inputs


def document(tmp_path: Path, name: str, text: str) -> Document:
    (tmp_path / name).write_text(text)
    found = read_document(tmp_path / name, Inputs(), Problems())
    assert found
    return found


def test_tables_merge_and_everything_else_replaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    base = document(tmp_path, "base", "[t]\na = 1\nb = { x = 1, y = 2 }\nc = [1, 2]\n[u]\nd = { z = 1 }\n")
    over = document(tmp_path, "over", "[t]\nb.x = 9\nc = [3]\n[u]\nd = 5\n")
    merged = over.under(base)
    assert merged.values == {"t": {"a": 1, "b": {"x": 9, "y": 2}, "c": [3]}, "u": {"d": 5}}
    assert {path: origin.file for path, origin in merged.origins.items()} == {
        (): "over",
        ("t",): "over",
        ("t", "a"): "base",
        ("t", "b"): "over",
        ("t", "b", "x"): "over",
        ("t", "b", "y"): "base",
        ("t", "c"): "over",
        ("t", "c", 0): "over",
        ("u",): "over",
        ("u", "d"): "over",
    }
    assert base.values["t"]["b"] == {"x": 1, "y": 2}


def test_the_origin_of_what_is_not_there_is_the_table_above(tmp_path: Path) -> None:
    found = document(tmp_path, "f", "[t.u]\na = 1\n")
    assert found.origin(("t", "u", "missing")) == found.origins["t", "u"]
    assert found.origin(("nowhere",)) == found.origins[()]


trees = st.recursive(st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3))
tables = st.dictionaries(st.sampled_from("abc"), trees, max_size=3)


@given(tables, tables, tables)
def test_merging_is_associative(one: dict[str, object], two: dict[str, object], three: dict[str, object]) -> None:
    assert merge(merge(one, two), three) == merge(one, merge(two, three)) or _replaced(one, two, three)


def _replaced(*trees: dict[str, object]) -> bool:
    """A scalar between two tables of the same key cuts the lower one off, or does not, by grouping."""
    kinds: dict[str, set[bool]] = {}

    def visit(tree: dict[str, object], at: str) -> None:
        for key, value in tree.items():
            kinds.setdefault(f"{at}.{key}", set()).add(isinstance(value, dict))
            if isinstance(value, dict):
                visit(value, f"{at}.{key}")

    for tree in trees:
        visit(tree, "")
    return any(len(kind) == 2 for kind in kinds.values())


@given(tables)
def test_merging_with_nothing_changes_nothing(tree: dict[str, object]) -> None:
    assert merge(tree, {}) == merge({}, tree) == merge(tree, tree) == tree


def test_short_names_below_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert display(tmp_path / "a/b.toml") == "a/b.toml"
    assert display(tmp_path.parent / "b.toml") == str(tmp_path.parent / "b.toml")
