from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bridge.config.diagnose import render_text
from bridge.config.inputs import Inputs
from bridge.config.load import Loaded, Overrides, load
from bridge.config.parsers import ParserCache
from bridge.config.snapshot import Snapshot, build, check

HERMES = """\
name = "hermes"
summary = "JSON in tags"
models = ["*hermes*"]

[[call]]
open = "<tool_call>"
close = "</tool_call>"
codec = "json-call"
"""


@dataclass
class Project:
    """A folder with configuration files; the working directory, so that messages show short names."""

    folder: Path
    cache: ParserCache = field(default_factory=lambda: ParserCache(check=lambda _: ()))

    @property
    def path(self) -> Path:
        return self.folder / "routes.toml"

    def write(self, text: str, name: str = "routes.toml") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def load(
        self, environ: Mapping[str, str] | None = None, env: str = "", overrides: Overrides | None = None
    ) -> Loaded:
        loaded = load(self.path, env, environ or {}, Inputs(), overrides)
        check(loaded, self.cache)
        return loaded

    def problems(self, text: str = "", environ: Mapping[str, str] | None = None, env: str = "") -> list[str]:
        """Lines of what ``check`` prints for ``text``."""
        if text:
            self.write(text)
        return render_text(self.load(environ, env).problems.ordered()).splitlines()

    def headlines(self, text: str = "", environ: Mapping[str, str] | None = None, env: str = "") -> list[str]:
        """The same without source lines and carets."""
        return [line for line in self.problems(text, environ, env) if line[:7].strip(" 0123456789|")]

    def build(
        self,
        text: str = "",
        environ: Mapping[str, str] | None = None,
        env: str = "",
        overrides: Overrides | None = None,
    ) -> Snapshot:
        if text:
            self.write(text)
        return build(self.path, env, environ, self.cache, overrides=overrides)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project with one parser, ``hermes``, instead of the bundled ones."""
    bundled = tmp_path / "bundled"
    bundled.mkdir()
    (bundled / "hermes.toml").write_text(HERMES, encoding="utf-8")
    monkeypatch.setattr("bridge.config.parsers.bundled", lambda _: bundled)
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)
