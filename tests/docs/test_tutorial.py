"""Every command of the tutorial, run; the page shows what they print."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tutorial() -> ModuleType:
    found = importlib.util.spec_from_file_location("tutorial", ROOT / "scripts" / "tutorial.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_commands_print_what_the_page_shows(tutorial: ModuleType, tmp_path: Path) -> None:
    page = tutorial.PAGE.read_text()
    assert page.count("\n$ toolbridge ") >= 7
    assert tutorial.refreshed(page, tmp_path) == page


def test_it_ends_with_a_file_that_passes(tutorial: ModuleType) -> None:
    page = tutorial.PAGE.read_text()
    (shown,) = [line for line in page.splitlines() if line.endswith(" passed in 0.02s")]
    assert shown == "4 passed in 0.02s"


def test_other_output_is_noticed(tutorial: ModuleType, tmp_path: Path) -> None:
    page = "```text a.txt\nx\n```\n```console\n$ toolbridge parse -p hermes a.txt\nsomething else\n```\n"
    assert 'text      "x\\n"' in tutorial.refreshed(page, tmp_path)
    shutil.rmtree(tmp_path)
