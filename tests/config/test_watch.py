"""Edits of real files, seen by a real watcher: what is right goes live, what is wrong changes nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge.config import watch
from bridge.config.inputs import digest
from bridge.config.snapshot import Snapshot
from bridge.config.watch import ConfigStore
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from conftest import Project

DEADLINE = 10.0


def config(model: str, more: str = "") -> str:
    return f'[upstreams.d]\nprotocol = "demo"\n[models.m]\nupstream = "d"\nmodel = "{model}"\n{more}'


class Seen(logging.Handler):
    """Everything that the store did, in order: snapshots that it swapped in and lines that it logged."""

    def __init__(self, store: ConfigStore) -> None:
        super().__init__()
        self.happened: asyncio.Queue[Snapshot | str] = asyncio.Queue()
        self.loop = asyncio.get_running_loop()
        store.on_swap(self.happened.put_nowait)

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            self.loop.call_soon_threadsafe(self.happened.put_nowait, record.getMessage())

    async def next(self) -> Snapshot | str:
        async with asyncio.timeout(DEADLINE):
            return await self.happened.get()

    async def next_model(self) -> str:
        """The upstream model of the next snapshot."""
        snapshot = await self.next()
        assert isinstance(snapshot, Snapshot), snapshot
        return snapshot.routes["m"].model

    async def next_line(self) -> str:
        line = await self.next()
        assert isinstance(line, str), line
        return line


@contextmanager
def listening(seen: Seen) -> Iterator[None]:
    logger = logging.getLogger("bridge.config")
    logger.addHandler(seen)
    try:
        yield
    finally:
        logger.removeHandler(seen)


@asynccontextmanager
async def watched(store: ConfigStore) -> AsyncIterator[Seen]:
    """The store with its watcher running, until the block ends."""
    seen, stop = Seen(store), asyncio.Event()
    task = asyncio.create_task(store.watch(stop))
    with listening(seen):
        try:
            yield seen
        finally:
            stop.set()
            async with asyncio.timeout(DEADLINE):
                await task


def store_of(project: Project, text: str) -> ConfigStore:
    project.path.write_text(text)
    return ConfigStore(project.path, cache=project.cache)


def in_place(path: Path, text: str) -> None:
    path.write_text(text)


def by_rename(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text)
    temporary.replace(path)


def like_an_editor(path: Path, text: str) -> None:
    path.rename(path.with_name(path.name + "~"))
    path.write_text(text)


def anew(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


@pytest.mark.parametrize("save", [in_place, by_rename, like_an_editor, anew])
def test_every_way_of_saving_is_seen_every_time(project: Project, save: Callable[[Path, str], None]) -> None:
    async def scenario() -> None:
        store = store_of(project, config("one"))
        async with watched(store) as seen:
            for model in ("two", "three", "four"):
                save(project.path, config(model))
                assert await seen.next_model() == model
        assert store.generation == 4

    asyncio.run(scenario())


def test_a_link_that_is_swapped_is_seen(project: Project) -> None:
    """The way Kubernetes updates a mounted ConfigMap."""

    def version(name: str, model: str) -> None:
        project.write(config(model), f"{name}/routes.toml")
        os.symlink(name, project.folder / "..data_tmp")
        os.replace(project.folder / "..data_tmp", project.folder / "..data")

    async def scenario() -> None:
        version("..2026_1", "one")
        os.symlink("..data/routes.toml", project.path)
        store = ConfigStore(project.path, cache=project.cache)
        async with watched(store) as seen:
            for count, model in enumerate(("two", "three"), 2):
                version(f"..2026_{count}", model)
                assert await seen.next_model() == model
                shutil.rmtree(project.folder / f"..2026_{count - 1}")

    asyncio.run(scenario())


def test_an_edit_is_live_within_half_a_second(project: Project) -> None:
    async def scenario() -> float:
        store = store_of(project, config("0"))
        async with watched(store) as seen:
            in_place(project.path, config("1"))
            await seen.next_model()
            times = []
            for count in range(2, 7):
                start = time.perf_counter()
                by_rename(project.path, config(str(count)))
                assert await seen.next_model() == str(count)
                times.append(time.perf_counter() - start)
        return sorted(times)[2]

    assert asyncio.run(scenario()) < 0.5


def test_a_broken_edit_is_refused_with_its_place_and_the_repair_taken(project: Project) -> None:
    async def scenario() -> None:
        store = store_of(project, config("one"))
        before = store.current
        async with watched(store) as seen:
            by_rename(project.path, config("two", "tols = 'x'\n[upstreams.off]\napi_key = '${NO_KEY}'\n"))
            line = await seen.next_line()
            assert line == (
                f"configuration refused, revision {before.revision} stays:\n"
                "routes.toml:6:1: models.m.tols: unknown key\n"
                "    6 | tols = 'x'\n"
                "      | ^ did you mean `tools`?"
            )
            assert store.current is before
            attempt = store.status()["last_attempt"]
            assert isinstance(attempt, dict)
            assert attempt["ok"] is False
            assert attempt["error"] in line
            assert [(item["line"], item["code"]) for item in attempt["diagnostics"]] == [(6, "unknown-key"), (8, "off")]
            by_rename(project.path, config("three"))
            assert await seen.next_model() == "three"
        assert store.status()["last_attempt"] == {
            "ok": True,
            "at": store.current.loaded_at,
            "error": "",
            "diagnostics": [],
        }

    asyncio.run(scenario())


def test_a_refusal_is_logged_once(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    store = store_of(project, config("one"))
    project.path.write_text("[")
    assert [store.reload().ok for _ in range(3)] == [False] * 3
    assert [record.levelname for record in caplog.records] == ["ERROR"]


WHOLE = """\
[upstreams.d]
protocol = "demo"
[models.m]
upstream = "d"
model = "one"
[[models.m.errors]]
status = [418]
retry = true
[[models.m.errors]]
status = [419]
retry = true
[models.other]
upstream = "d"
[clients.c]
key = "x"
models = ["m"]
[clients.c.limits]
concurrent = 4
"""
PARSER = """\
[reasoning]
open = "<think>"
close = "</think>"
[[call]]
open = "<call>"
close = "</call>"
codec = "json-call"
[[call]]
open = "<other>"
close = "</other>"
codec = "json-call"
"""


@pytest.mark.parametrize(("name", "whole"), [("routes.toml", WHOLE), ("parsers/mine.toml", PARSER)])
def test_half_of_a_file_never_goes_live(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str, whole: str
) -> None:
    monkeypatch.setattr(watch, "REMOVAL_PATIENCE", DEADLINE)
    (project.path.parent / "parsers").mkdir()
    (project.path.parent / "parsers" / "mine.toml").write_text(PARSER)
    file, lines = project.path.parent / name, whole.splitlines(keepends=True)

    async def scenario() -> None:
        store = store_of(project, f'parser_dirs = ["parsers"]\n{WHOLE}')
        first = store.current
        lead = 'parser_dirs = ["parsers"]\n' if file == project.path else ""
        taken: asyncio.Queue[str | None] = asyncio.Queue()
        candidate = store._candidate

        def noticed() -> object:
            found = candidate()
            loop.call_soon_threadsafe(taken.put_nowait, found.inputs.files[file])
            return found

        loop = asyncio.get_running_loop()
        monkeypatch.setattr(store, "_candidate", noticed)
        async with watched(store) as seen:
            for end in range(1, len(lines)):
                in_place(file, lead + "".join(lines[:end]) + f"# {end}\n")
                async with asyncio.timeout(DEADLINE):
                    while await taken.get() != digest(file.read_bytes()):
                        pass
                assert store.current is first
            in_place(file, lead + "".join(lines) + "# whole\n")
            while isinstance(snapshot := await seen.next(), str):
                pass  # a cut that is wrong in itself may be reported
        assert (set(snapshot.routes), set(snapshot.clients)) == ({"m", "other"}, {"c"})
        assert len(snapshot.routes["m"].errors) == 2
        assert snapshot.clients["c"].concurrent == 4
        assert store.generation == 2

    asyncio.run(scenario())


def test_an_emptied_secret_file_is_not_believed_at_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "REMOVAL_PATIENCE", DEADLINE)
    secret = project.path.with_name("key")
    secret.write_text("one")

    async def scenario() -> None:
        store = store_of(project, config("m", '[clients.c]\nkey = { file = "key" }\n'))
        async with watched(store) as seen:
            in_place(secret, "")
            in_place(secret, "two")
            snapshot = await seen.next()
        assert isinstance(snapshot, Snapshot)
        assert snapshot.clients["c"].off == ""

    asyncio.run(scenario())


def test_what_stays_removed_is_removed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "REMOVAL_PATIENCE", 0.2)

    async def scenario() -> None:
        store = store_of(project, config("one", '[models.other]\nupstream = "d"\n'))
        async with watched(store) as seen:
            in_place(project.path, config("one"))
            snapshot = await seen.next()
        assert isinstance(snapshot, Snapshot)
        assert set(snapshot.routes) == {"m"}

    asyncio.run(scenario())


def test_a_file_that_is_gone_changes_nothing(project: Project) -> None:
    async def scenario() -> None:
        store = store_of(project, config("one"))
        async with watched(store) as seen:
            project.path.unlink()
            assert "cannot read the file: No such file or directory" in await seen.next_line()
            assert store.current.routes["m"].model == "one"
            project.path.write_text(config("two"))
            assert await seen.next_model() == "two"

    asyncio.run(scenario())


def test_other_files_that_matter_are_watched(project: Project) -> None:
    async def scenario() -> None:
        project.write(config("one", 'parsers = ["own"]\n'), "below/base.toml")
        project.write('name = "own"\nextends = "hermes"\n', "parsers/own.toml")
        project.write("first\n", "secrets/key")
        project.path.write_text(
            'extends = "below/base.toml"\nparser_dirs = ["parsers", "later"]\n[clients.c]\nkey.file = "secrets/key"\n'
        )
        store = ConfigStore(project.path, cache=project.cache)
        first = store.current
        async with watched(store) as seen:
            assert "no folder `later`" not in await asyncio.to_thread(project.path.read_text)
            by_rename(project.folder / "below/base.toml", config("two", 'parsers = ["own"]\n'))
            assert await seen.next_model() == "two"
            by_rename(project.folder / "parsers/own.toml", 'name = "own"\nextends = "hermes"\nsummary = "new"\n')
            await seen.next_model()
            assert store.current.parsers["own"].spec.summary == "new"
            by_rename(project.folder / "secrets/key", "second\n")
            await seen.next_model()
            assert store.current.clients["c"].key_sha256 != first.clients["c"].key_sha256
            project.write('name = "late"\nextends = "hermes"\n', "later/late.toml")
            while "late" not in store.current.parsers:
                await seen.next_model()
            by_rename(project.folder / "later/late.toml", 'name = "late"\nextends = "hermez"\n')
            assert "unknown parser `hermez`" in await seen.next_line()

    asyncio.run(scenario())


def test_a_folder_that_is_made_anew_is_watched_again(project: Project) -> None:
    async def scenario() -> None:
        text = config("one", 'parsers = ["own"]\n')
        project.write('name = "own"\nextends = "hermes"\n', "parsers/own.toml")
        project.path.write_text('parser_dirs = ["parsers"]\n' + text)
        store = ConfigStore(project.path, cache=project.cache)
        async with watched(store) as seen:
            shutil.rmtree(project.folder / "parsers")
            assert "unknown parser `own`" in await seen.next_line()
            for summary in ("new", "newer"):
                project.write(f'name = "own"\nextends = "hermes"\nsummary = "{summary}"\n', "parsers/own.toml")
                while store.current.parsers["own"].spec.summary != summary:
                    await seen.next()

    asyncio.run(scenario())


def test_edits_before_the_watcher_stands_are_seen(project: Project) -> None:
    async def scenario() -> None:
        store = store_of(project, config("one"))
        in_place(project.path, config("two"))
        async with watched(store) as seen:
            assert await seen.next_model() == "two"

    asyncio.run(scenario())


def test_without_notifications_contents_are_compared(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_INTERVAL", 0.1)

    def broken(*_: object, **__: object) -> None:
        raise OSError("no more watches")

    monkeypatch.setattr("watchfiles.awatch", broken)

    async def scenario() -> None:
        store = store_of(project, config("one"))
        async with watched(store) as seen:
            assert "no more watches" in await seen.next_line()
            in_place(project.path, config("two"))
            found = await seen.next()
            while isinstance(found, str):
                found = await seen.next()
            assert found.routes["m"].model == "two"

    asyncio.run(scenario())


def test_the_watcher_survives_what_a_new_snapshot_breaks(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_INTERVAL", 0.1)

    async def scenario() -> None:
        store = store_of(project, config("one"))

        def fail(snapshot: Snapshot) -> None:
            if snapshot.routes["m"].model == "two":
                raise RuntimeError("nobody expected this")

        async with watched(store) as seen:
            store.on_swap(fail)
            in_place(project.path, config("two"))
            assert await seen.next_model() == "two"
            assert "watching the configuration failed; it goes on" in await seen.next_line()
            in_place(project.path, config("three"))
            assert await seen.next_model() == "three"

    asyncio.run(scenario())


# ---- reloads that somebody asks for ----------------------------------------------------------------


def test_equal_contents_are_no_change(project: Project) -> None:
    store = store_of(project, config("one"))
    project.path.write_text(config("one"))
    before = store.current
    result = store.reload()
    assert (result.ok, result.changed, result.revision) == (True, False, before.revision)
    assert store.current is before
    assert store.generation == 1


def test_reload_on_a_loop(project: Project) -> None:
    async def scenario() -> None:
        store = store_of(project, config("one"))
        project.path.write_text(config("two"))
        result = await store.reload_async()
        assert (result.ok, result.changed) == (True, True)
        assert store.current.routes["m"].model == "two"
        assert result.revision == store.current.revision == store.status()["revision"]

    asyncio.run(scenario())


def test_the_server_table_needs_a_restart_and_the_rest_is_applied(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_of(project, config("one", '[server]\nlisten = "127.0.0.1:1"\n'))
    project.path.write_text(config("two", '[server]\nlisten = "127.0.0.1:2"\nworkers = 2\n'))
    assert store.reload().changed
    assert store.current.server.listen == "127.0.0.1:1"
    assert store.current.routes["m"].model == "two"
    assert store.status()["restart_required"] == ["server.listen", "server.workers"]
    assert "server.listen, server.workers changed: restart to apply" in caplog.text
    project.path.write_text(config("three", '[server]\nlisten = "127.0.0.1:1"\n'))
    store.reload()
    assert store.status()["restart_required"] == []


def test_an_open_listener_keeps_its_clients(project: Project) -> None:
    store = store_of(project, config("one", '[clients.c]\nkey = "x"\n[server]\nlisten = "0.0.0.0:1"\n'))
    project.path.write_text(config("two", '[server]\nlisten = "127.0.0.1:1"\n'))
    result = store.reload()
    assert not result.ok
    assert '"0.0.0.0:1", where this process listens until its restart' in result.error
    assert store.current.routes["m"].model == "one"


def test_a_wrong_file_at_the_start_is_an_error_with_all_diagnostics(project: Project) -> None:
    with pytest.raises(ConfigError) as caught:
        store_of(project, "[models.m]\nupstream = 'x'\nmodle = 'y'\n")
    assert [item.line for item in caught.value.diagnostics] == [2, 3]
    assert str(caught.value) == "routes.toml: 2 errors"


def test_what_is_off_is_noted_and_what_is_odd_warned_about(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bridge.config")
    upstreams = '[upstreams.a]\napi_key = "${NO_KEY}"\n[upstreams.b]\nbase_url = "http://h"\napi_key = "sk-1"\n'
    store_of(project, upstreams + config("one"))
    assert [(record.levelname, record.getMessage().split(":")[3].strip()) for record in caplog.records] == [
        ("INFO", "upstreams.a.api_key"),
        ("WARNING", "upstreams.b.api_key"),
    ]
    assert "sk-1" not in caplog.text


@pytest.mark.parametrize("way", ["reload", "watch"])
def test_what_was_read_earlier_never_replaces_what_was_read_later(tmp_path: Path, way: str) -> None:
    read, go_on = threading.Event(), threading.Event()
    file = tmp_path / "routes.toml"
    file.write_text(config("first"))

    class Slow(ConfigStore):
        """Whoever reads "second" pauses between reading and taking it."""

        def _candidate(self):  # type: ignore[no-untyped-def]
            candidate = super()._candidate()
            if candidate.snapshot and candidate.snapshot.routes["m"].model == "second":
                read.set()
                assert go_on.wait(DEADLINE)
            return candidate

    async def main() -> None:
        store = Slow(file)
        stop = asyncio.Event()
        watching = asyncio.create_task(store.watch(stop)) if way == "watch" else None
        file.write_text(config("second"))
        reloading = asyncio.create_task(store.reload_async()) if way == "reload" else None
        assert await asyncio.to_thread(read.wait, DEADLINE)
        file.write_text(config("third"))
        assert store.reload().changed
        taken: list[str] = []
        store.on_swap(lambda snapshot: taken.append(snapshot.routes["m"].model))
        go_on.set()
        if reloading:
            assert (await reloading).ok
        stop.set()
        if watching:
            await watching
        assert taken == []
        assert store.current.routes["m"].model == "third"

    asyncio.run(main())
