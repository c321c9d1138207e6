from __future__ import annotations

from pathlib import Path

import pytest

from bridge import bundled as module
from bridge.bundled import bundled


@pytest.mark.parametrize("name", ["parsers", "routes.toml", "routes.schema.json"])
def test_a_checkout_has_it_at_the_top(name: str) -> None:
    found = bundled(name)
    assert found.exists()
    assert found == Path(module.__file__).parent.parent / name


def test_a_wheel_has_it_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bridge" / "_bundled").mkdir(parents=True)
    (tmp_path / "bridge" / "_bundled" / "routes.toml").touch()
    monkeypatch.setattr(module, "_PACKAGE", tmp_path / "bridge")
    assert bundled("routes.toml") == tmp_path / "bridge" / "_bundled" / "routes.toml"
    assert bundled("parsers") == tmp_path / "parsers"
