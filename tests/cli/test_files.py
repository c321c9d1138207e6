from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from bridge.cli import files
from bridge.errors import UsageError

TOOL = {"name": "f", "input_schema": {}}


def test_dash_is_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"h\xc3\xa9\xff")))
    assert files.read_text("-") == "hé\ufffd"


def test_a_missing_file_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory; name a file"):
        files.read_text(str(tmp_path / "none"))


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "f", "input_schema": {}}',
        '[{"name": "f", "input_schema": {}}]',
        '{"tools": [{"name": "f", "input_schema": {}}]}',
    ],
)
def test_tool_lists(text: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(text)
    assert files.read_tool_list(str(tmp_path / "t.json")) == [TOOL]


@pytest.mark.parametrize("text", ["", "{", "1", "[1]", '{"tools": 1}'])
def test_other_json_is_wrong_usage(text: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(UsageError, match=r"t\.json: "):
        files.read_tool_list(str(tmp_path / "t.json"))
