"""What a load read is remembered, so that changes are seen and equal contents are known to be equal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.config.inputs import MAX_FILE, Inputs


def test_the_revision_is_of_contents_not_of_places(tmp_path: Path) -> None:
    revisions = []
    for folder, text in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "f.toml").write_text(text)
        inputs = Inputs()
        inputs.read(tmp_path / folder / "f.toml")
        revisions.append(inputs.revision())
    assert revisions[0] == revisions[1] != revisions[2]
    assert len(revisions[0]) == 12


def test_variables_are_part_of_it() -> None:
    assert Inputs(variables={"A": "1"}).revision() != Inputs(variables={"A": "2"}).revision()


def test_changes(tmp_path: Path) -> None:
    file, missing, folder = tmp_path / "f.toml", tmp_path / "later", tmp_path / "folder"
    file.write_text("x")
    inputs = Inputs()
    inputs.read(file)
    with pytest.raises(OSError, match="No such file"):
        inputs.read(missing)
    assert inputs.list(folder) == ()
    assert not inputs.changed()
    file.write_text("x")
    assert not inputs.changed()
    file.write_text("y")
    assert inputs.changed()
    file.write_text("x")
    missing.write_text("")
    assert inputs.changed()
    missing.unlink()
    folder.mkdir()
    (folder / "notes.txt").touch()
    (folder / ".swap.toml").touch()
    assert not inputs.changed()
    (folder / "p.toml").touch()
    assert inputs.changed()
    assert inputs.list(folder) == (folder / "p.toml",)


def test_the_folders_to_watch(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "f.toml").write_text("")
    (tmp_path / "linked").mkdir()
    os.symlink(real / "f.toml", tmp_path / "linked/f.toml")
    inputs = Inputs()
    inputs.read(tmp_path / "linked/f.toml")
    inputs.list(tmp_path / "not/there/yet")
    places = inputs.places()
    assert set(places.folders) == {tmp_path / "linked", real.resolve(), tmp_path}
    assert places.files == {str(tmp_path / "linked/f.toml"), str(real.resolve() / "f.toml")}
    os.symlink(tmp_path / "linked", tmp_path / "folder")
    inputs = Inputs()
    inputs.read(tmp_path / "folder/f.toml")
    assert inputs.places().files == {str(tmp_path / name) for name in ("folder/f.toml", "linked/f.toml", "real/f.toml")}


def test_what_happens_beside_the_files_does_not_matter(tmp_path: Path) -> None:
    for name in ("key", "proxy.log", "routes.toml"):
        (tmp_path / name).write_text("")
    os.symlink("key", tmp_path / "..data")
    inputs = Inputs()
    inputs.read(tmp_path / "key")
    places = inputs.places()
    matters = {
        name for name in ("key", "proxy.log", "routes.toml", "..data", "gone") if places.concerns(f"{tmp_path}/{name}")
    }
    assert matters == {"key", "routes.toml", "..data", "gone"}


def test_what_is_no_reasonable_file(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (MAX_FILE + 1))
    os.mkfifo(tmp_path / "pipe")
    inputs = Inputs()
    for name, why in (("large", "larger than 1 MiB"), ("pipe", "not a regular file"), (".", "not a regular file")):
        with pytest.raises(OSError, match=why):
            inputs.read(tmp_path / name)
    assert not inputs.changed()
