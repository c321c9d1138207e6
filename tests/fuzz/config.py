"""Configuration files: whatever stands in them is a configuration or problems at places in them."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bundledparsers import FOLDER

from bridge.bundled import bundled
from bridge.config.diagnose import render_github, render_json, render_text
from bridge.config.effective import effective, toml_lines
from bridge.config.inputs import Inputs
from bridge.config.load import load
from bridge.config.parsers import ParserCache, load_parsers
from bridge.config.snapshot import build, check
from bridge.errors import ConfigError
from fuzz.choices import HEAD, Choices

ENVIRON = {"KEY": "secret", "EMPTY": "", "NUL": "a\0b"}
_FOLDER = Path(tempfile.mkdtemp(prefix="toolbridge-fuzz-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
_UNCHECKED = ParserCache(check=lambda _: ())
_CHECKED = ParserCache()


def run(data: bytes) -> None:
    """The payload as ``routes.toml`` and as a parser file."""
    choices = Choices(data)
    if choices.byte() % 2:
        _parser_file(choices.rest)
    else:
        _routes(choices.rest)


def _routes(data: bytes) -> None:
    path = _FOLDER / "routes.toml"
    path.write_bytes(data)
    loaded = load(path, "", ENVIRON, Inputs())
    check(loaded, _UNCHECKED)
    problems = loaded.problems.ordered()
    _say(problems)
    for item in problems:
        lines = Path(item.file).read_bytes().decode("utf-8", "replace").split("\n") if item.file else []
        assert not item.file or 1 <= item.line <= len(lines), item
        assert not item.file or 1 <= item.column <= len(lines[item.line - 1]) + 1, item
    assert _builds(path) == (not loaded.problems.failed)
    if not loaded.problems.failed:
        assert list(toml_lines(effective(loaded)))


def _builds(path: Path) -> bool:
    try:
        build(path, "", ENVIRON, _UNCHECKED)
    except ConfigError:
        return False
    return True


def _parser_file(data: bytes) -> None:
    folder = _FOLDER / "own"
    folder.mkdir(exist_ok=True)
    (folder / "x.toml").write_bytes(data)
    path = _FOLDER / "none.toml"
    path.write_bytes(b"")
    loaded = load(path, "", {}, Inputs())
    before = len(loaded.problems.found)
    found = load_parsers([folder], Inputs(), loaded.problems, _CHECKED)
    assert ("x" in found) == (len(loaded.problems.found) == before)
    _say(loaded.problems.ordered())


def _say(problems: object) -> None:
    """Every rendering works, and none shows what only we understand."""
    text = render_text(problems)
    assert not re.search(r"pydantic|Input should be|Traceback", text), text
    render_json(problems)
    render_github(problems)


def seeds() -> Iterator[bytes]:
    """The shipped configuration by its tables, and the parser files."""
    text = bundled("routes.toml").read_bytes()
    yield bytes(HEAD) + text
    for part in text.split(b"\n\n"):
        yield bytes(HEAD) + part
    for path in sorted(FOLDER.glob("*.toml")):
        yield b"\1".ljust(HEAD, b"\0") + path.read_bytes()


def words() -> Iterator[bytes]:
    """What the mutator may put in."""
    text = bundled("routes.toml").read_text() + "".join(path.read_text() for path in sorted(FOLDER.glob("*.toml"))[:8])
    yield from (word.encode() for word in sorted(set(re.findall(r"^\s*(\[+[\w.\"*]+\]+|\w+ = )", text, re.MULTILINE))))
    yield from (
        b'"${KEY}"',
        b"${X:-y}",
        b"${X:?z}",
        b"$$",
        b"'''",
        b'"""',
        b"[[",
        b"]]",
        b"1979-05-27",
        b"nan",
        b"0x",
        b'"30s"',
        b'"1MB"',
        b'"5/minute"',
    )
