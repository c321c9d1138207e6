"""Every parser file shows what it reads; the examples hold alone and with every other file armed beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest
from bundledparsers import FOLDER, NAMES, PROBLEMS, SPECS

from bridge.config.diagnose import render_text
from bridge.core.parsing.selftest import check_examples
from bridge.core.parsing.spec import Example, ParserSpec

DISTINCTIVE = [name for name in NAMES if SPECS[name].distinctive]
Block = Mapping[str, object]


def test_every_file_loads() -> None:
    assert render_text(PROBLEMS.ordered()) == ""
    assert sorted(path.stem for path in FOLDER.glob("*.toml")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_examples_hold_at_every_split(name: str) -> None:
    assert check_examples(SPECS[name]) == []


def neighbours(spec: ParserSpec) -> list[ParserSpec]:
    return [SPECS[name] for name in DISTINCTIVE if name != spec.name]


@pytest.mark.parametrize("name", NAMES)
def test_examples_hold_with_every_file_armed(name: str) -> None:
    spec = SPECS[name]
    assert check_examples(spec, [spec, *neighbours(spec)], splits="characters") == []


def opened_by_prompt(spec: ParserSpec, armed: Sequence[ParserSpec]) -> set[int]:
    """The examples that begin inside reasoning, if the first file with reasoning has another closer for it."""
    first = next((one.reasoning.close for one in armed if one.reasoning.close), None)
    if first is None or spec.reasoning.close is None or set(first.lit) & set(spec.reasoning.close.lit):
        return set()
    return {index for index, example in enumerate(spec.examples) if example.starts_open}


@pytest.mark.parametrize("where", ["middle", "last"])
@pytest.mark.parametrize("name", DISTINCTIVE)
def test_examples_hold_wherever_the_file_stands(name: str, where: str) -> None:
    """Text and reasoning are treated as the first file says, so examples that need their own file's way are left out."""
    spec = SPECS[name]
    others = neighbours(spec)
    at = len(others) if where == "last" else len(others) // 2
    armed = [*others[:at], spec, *others[at:]]
    text = replace(armed[0].text, prefill=spec.text.prefill)
    led = replace(spec, text=text, reasoning=replace(spec.reasoning, trim=armed[0].reasoning.trim))
    own_way = {failure.index for failure in check_examples(led, splits="characters")} | opened_by_prompt(spec, armed)
    kept = tuple(example for index, example in enumerate(spec.examples) if index not in own_way)
    assert len(kept) >= len(spec.examples) / 2
    assert check_examples(replace(spec, examples=kept), armed, splits="characters") == []


def calls(example: Example) -> list[Block]:
    return [block for block in example.expect if "name" in block]


def kinds(example: Example) -> str:
    """The blocks as letters: t(ext), r(easoning), c(all)."""
    return "".join("c" if "name" in block else "t" if "text" in block else "r" for block in example.expect)


def inputs(example: Example) -> list[Mapping[str, object]]:
    return [found for block in calls(example) if isinstance(found := block["input"], dict)]


def holds_markup(example: Example, literals: Sequence[str]) -> bool:
    """Whether the value of an argument holds a piece of the format."""
    values = [str(value) for found in inputs(example) for value in found.values()]
    return any(literal in value for value in values for literal in literals)


KINDS: dict[str, Callable[[Example], bool]] = {
    "ordinary": lambda e: kinds(e) == "c" and e.finish == "stop",
    "parallel": lambda e: "cc" in kinds(e),
    "nested": lambda e: any(isinstance(v, dict) and any(isinstance(x, list) for x in v.values()) for i in inputs(e) for v in i.values()),
    "no argument": lambda e: {} in inputs(e),
    "text around": lambda e: kinds(e).startswith("tc") and kinds(e).endswith("ct"),
    "cut off": lambda e: e.finish == "length" and kinds(e).endswith("c"),
    "look-alike": lambda e: bool(e.tools) and [dict(block) for block in e.expect] == [{"text": e.raw}],
    "undeclared tool": lambda e: "launch" in e.raw and "launch" in "".join(str(b.get("text", "")) for b in e.expect),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_examples_of_every_kind(name: str) -> None:
    spec = SPECS[name]
    assert 8 <= len(spec.examples) <= 14
    nothing_behind = all(call.alone for call in spec.calls) or spec.text.after_calls == "drop"
    impossible = {"text around"} if nothing_behind else set()
    assert {kind for kind, shows in KINDS.items() if not any(map(shows, spec.examples))} <= impossible
    if spec.reasoning.open:
        assert any("rc" in kinds(example) for example in spec.examples)
    if spec.text.fences == "protect":
        fenced = [example for example in spec.examples if "```" in example.raw or "~~~" in example.raw]
        assert any(KINDS["look-alike"](example) for example in fenced)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_holds_markup_inside_a_value(name: str) -> None:
    spec = SPECS[name]
    markers = [marker for call in spec.calls for marker in (call.open, call.close, call.tags.close) if marker]
    literals = [literal.partition("{")[0] for marker in markers if not marker.peek for literal in marker.lit]
    assert not literals or any(holds_markup(example, literals) for example in spec.examples)


@pytest.mark.parametrize("name", NAMES)
def test_titles_say_what_each_shows(name: str) -> None:
    titles = [example.title for example in SPECS[name].examples]
    assert all(titles)
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_names_its_models_and_its_source_and_has_a_prompt(name: str) -> None:
    comment = (FOLDER / f"{name}.toml").read_text(encoding="utf-8").partition("schema = 1")[0].splitlines()
    assert [line for line in comment if line and not line.startswith("# ")] == []
    assert [
        start for start in ("# Models: ", "# Source: ") if not any(line.startswith(start) for line in comment)
    ] == []
    assert SPECS[name].summary
    assert SPECS[name].models or any(line.startswith("# Models: any") for line in comment)
    assert SPECS[name].prompt is not None
