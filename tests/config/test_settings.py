"""A flag beats a variable beats the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge.bundled import bundled
from bridge.config.settings import environ, settings
from bridge.errors import UsageError

if TYPE_CHECKING:
    from conftest import Project

ROUTES = '[upstreams.d]\nprotocol = "demo"\n[models.m]\nupstream = "d"\n[server]\nlisten = "127.0.0.1:1"\n[log]\nlevel = "debug"\n'


def test_precedence(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write(ROUTES)
    assert project.build(overrides=settings().overrides()).server.listen == "127.0.0.1:1"
    monkeypatch.setenv("BRIDGE_LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("BRIDGE_LOG_LEVEL", "error")
    monkeypatch.setenv("BRIDGE_WORKERS", "3")
    snapshot = project.build(overrides=settings().overrides())
    assert (snapshot.server.listen, snapshot.server.workers, snapshot.log.level) == ("127.0.0.1:2", 3, "error")
    snapshot = project.build(overrides=settings(listen="127.0.0.1:3", log_level=None).overrides())
    assert (snapshot.server.listen, snapshot.log.level) == ("127.0.0.1:3", "error")


def test_empty_variables_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_LISTEN", "")
    assert settings().listen is None


def test_a_wrong_flag_is_told_as_a_flag(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write(ROUTES)
    loaded = project.load(overrides=settings(listen="x").overrides())
    assert str(loaded.problems.ordered()[0]).startswith("--listen or BRIDGE_LISTEN: server.listen: must be HOST:PORT")
    with pytest.raises(UsageError, match="--env: "):
        settings(env="../x")
    monkeypatch.setenv("BRIDGE_WORKERS", "many")
    with pytest.raises(UsageError, match="BRIDGE_WORKERS: "):
        settings()


def test_the_file(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="there is no routes"):
        settings().config_path()
    assert settings().config_path(demo=True) == bundled("routes.toml")
    project.write(ROUTES)
    assert settings().config_path(demo=True) == Path("routes.toml")
    monkeypatch.setenv("BRIDGE_CONFIG", "other.toml")
    assert settings().config_path() == Path("other.toml")
    assert settings(config="third.toml").config_path() == Path("third.toml")


def test_the_variables_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "x")
    assert environ()["SOME_KEY"] == "x"
