from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from bridge import cli
from bridge.cli.parse import blocks
from bridge.core.events import TextDelta, ThinkingDelta, ToolCallAbort, ToolCallDelta, ToolCallStart

RAW = '<think>hm</think>I look.\n<tool_call>\n{"name": "f", "arguments": {"n": "1", "s": "ü"}}\n</tool_call>'
EXPECTED = [{"thinking": "hm"}, {"text": "I look."}, {"name": "f", "input": {"n": "1", "s": "ü"}}]
TOOLS = {
    "anthropic": [{"name": "f", "input_schema": {"type": "object"}}],
    "openai": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "example": {"name": "f", "properties": {"n": "string"}},
    "request": {"model": "m", "tools": [{"name": "f", "input_schema": {"type": "object"}}]},
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw.txt").write_text(RAW)
    (tmp_path / "tools.json").write_text(json.dumps(TOOLS["anthropic"]))
    return tmp_path


def parsed(capsys: pytest.CaptureFixture[str], *args: str) -> list[object]:
    assert cli.main(["parse", "--json", *args]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("split", range(5))
@pytest.mark.parametrize("eager", [[], ["--eager"]])
def test_the_blocks(split: int, eager: list[str], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["-p", "hermes", "--tools", "tools.json", "--split", str(split), *eager, "raw.txt"]
    assert parsed(capsys, *args) == EXPECTED


@pytest.mark.parametrize("shape", TOOLS)
def test_tools_in_any_shape(shape: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "tools.json").write_text(json.dumps(TOOLS[shape]))
    assert parsed(capsys, "--parser", "hermes", "--tools", "tools.json", "raw.txt") == EXPECTED


def test_without_tools_any_name_counts(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert parsed(capsys, "--parser", "hermes", "raw.txt") == EXPECTED


def test_an_undeclared_name_is_text(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "tools.json").write_text('{"name": "another", "input_schema": {}}')
    thinking, text = parsed(capsys, "--parser", "hermes", "--tools", "tools.json", "raw.txt")
    assert thinking == EXPECTED[0]
    assert "<tool_call>" in text["text"]  # type: ignore[index]


def test_auto_and_stdin(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for model in ([], ["--model", "Qwen/Qwen3-8B"], ["--model", "never-heard-of"]):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(RAW.encode())))
        assert parsed(capsys, "--tools", "tools.json", *model) == EXPECTED


def test_lines_for_people(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["parse", "-p", "hermes", "--tools", "tools.json", "raw.txt"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == ['thinking  "hm"', 'text      "I look."', 'tool_use  f {"n": "1", "s": "ü"}']
    assert err.startswith("parsers: hermes (")


def test_reasoning_that_the_prompt_opened(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "raw.txt").write_text("hm</think>yes")
    found = parsed(capsys, "-p", "hermes", "--reasoning-open", "raw.txt")
    assert found == [{"thinking": "hm"}, {"text": "yes"}]


def test_a_cut_call_is_dropped(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "raw.txt").write_text(RAW[:-30])
    args = ["-p", "hermes", "--tools", "tools.json", "raw.txt"]
    assert parsed(capsys, *args, "--finish", "length") == EXPECTED[:2]
    assert parsed(capsys, *args, "--finish", "length", "--eager")[:2] == EXPECTED[:2]


def test_the_trace(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "raw.txt").write_text('A <tool_call> is a tag. <tool_call>{"name": "f", "arguments": {}}</tool_call>')
    assert cli.main(["parse", "-p", "hermes", "--tools", "tools.json", "--trace", "raw.txt"]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["text", "tool_use"]
    assert err.splitlines()[:4] == [
        '     2  tried     hermes: a call may begin, codec json-call: "<tool_call>"',
        "     2  rejected  hermes: neither an object nor an array begins here; at 14, "
        'found "is a tag. <tool_call>{\\"n"',
        '    24  tried     hermes: a call may begin, codec json-call: "<tool_call>"',
        '    24  call      hermes: f: "<tool_call>{\\"name\\": \\"f\\"," ... "uments\\": {}}</tool_call>"',
    ]


def test_the_trace_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = parsed(capsys, "-p", "hermes", "--tools", "tools.json", "--trace", "raw.txt")
    decisions = [line["trace"] for line in found if "trace" in line]  # type: ignore[operator, index]
    start = RAW.index("<tool_call>")
    assert decisions[-1] == {"what": "call", "start": start, "end": len(RAW), "why": "f", "parser": "hermes"}
    assert [line for line in found if "trace" not in line] == EXPECTED  # type: ignore[operator]


def test_a_file_that_is_being_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "mine.toml").write_text(
        'schema = 1\n[[call]]\nopen = "<c>"\ncodec = "json-call"\n'
        '[[examples]]\nraw = "not yet right"\nexpect = [{ text = "something else" }]\n'
    )
    (here / "raw.txt").write_text('<c>{"name": "f", "arguments": {}}')
    assert parsed(capsys, "-p", "mine.toml", "raw.txt") == [{"name": "f", "input": {}}]


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["--split", "-1"], "--split"),
        (["-p", "hermse"], "did you mean `hermes`?"),
        (["none.txt"], "none.txt"),
        (["--tools", "raw.txt"], "not JSON"),
        (["--tools", "bad.json"], "a tool needs a `name`"),
    ],
)
def test_wrong_usage(args: list[str], hint: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "bad.json").write_text('[{"input_schema": {}}]')
    assert cli.main(["parse", *args, *(["raw.txt"] if "none.txt" not in args else [])]) == 2
    assert hint in capsys.readouterr().err


def test_an_abandoned_call_keeps_what_was_shown() -> None:
    events = [
        ThinkingDelta("a"),
        ThinkingDelta("b"),
        ToolCallStart(0, "i", "f"),
        ToolCallDelta(0, '{"a'),
        ToolCallAbort(0),
    ]
    assert blocks([*events, TextDelta("t")]) == [{"thinking": "ab"}, {"name": "f", "cut": '{"a'}, {"text": "t"}]
