"""What the distribution carries is found in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import bundled


def test_in_a_checkout() -> None:
    top = Path(bundled.__file__).resolve().parent.parent
    assert bundled.bundled("routes.toml") == top / "routes.toml"
    assert bundled.bundled("parsers").is_dir()


def test_in_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bridge/_bundled/parsers").mkdir(parents=True)
    monkeypatch.setattr(bundled, "_PACKAGE", tmp_path / "bridge")
    assert bundled.bundled("parsers") == tmp_path / "bridge/_bundled/parsers"
    assert bundled.packaged(tmp_path / "bridge/_bundled/parsers/hermes.toml")
    assert not bundled.packaged(tmp_path / "parsers/hermes.toml")
