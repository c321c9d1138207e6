"""The wheel and the sdist carry what the program needs, and a checkout finds it too."""

from __future__ import annotations

import compileall
import http.client
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import time
import venv
import zipfile
from pathlib import Path

import pytest

import bridge

ROOT = Path(bridge.__file__).parent.parent
PARSERS = sorted(path.name for path in (ROOT / "parsers").glob("*.toml"))


def build(kind: str, source: Path, target: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", target]
    subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds the wheel; our own dependencies are borrowed from the running one."""
    root = tmp_path_factory.mktemp("environment")
    venv.create(root, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(root)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    assert compileall.compile_dir(packages, quiet=2), "pip does the same"
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return root


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_carries_parsers_and_routes(wheel: Path) -> None:
    assert PARSERS
    wanted = {f"bridge/_bundled/parsers/{name}" for name in PARSERS}
    wanted |= {"bridge/_bundled/routes.toml", "bridge/_bundled/routes.schema.json", "bridge/py.typed"}
    assert wanted <= names(wheel)
    assert all(name.startswith(("bridge/", "toolbridge-")) for name in names(wheel))


def test_a_wheel_from_the_sdist_is_the_same(wheel: Path, tmp_path: Path) -> None:
    sdist = build("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert names(build("wheel", source, tmp_path / "wheel")) == names(wheel)


def test_the_wheel_serves(unpacked: Path, tmp_path: Path) -> None:
    serves(unpacked / "bin" / "python", tmp_path)


@pytest.mark.slow
def test_it_answers_within_two_seconds(unpacked: Path, tmp_path: Path) -> None:
    assert min(serves(unpacked / "bin" / "python", tmp_path) for _ in range(3)) < 2.0


def test_the_wheel_lists_its_parsers(unpacked: Path, tmp_path: Path) -> None:
    script = "import bridge, bridge.bundled as b; print(bridge.__file__, b.bundled('parsers'))"
    done = subprocess.run(
        [unpacked / "bin" / "python", "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert all(path.startswith(str(unpacked)) for path in done.stdout.split())


@pytest.mark.slow
def test_pip_installs_it_into_an_empty_environment(tmp_path: Path) -> None:
    venv.create(tmp_path / "environment", symlinks=True, with_pip=True)
    python = tmp_path / "environment" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", ROOT], check=True, cwd=tmp_path)
    command = tmp_path / "environment" / "bin" / "toolbridge"
    version = subprocess.run([command, "--version"], check=True, capture_output=True, text=True).stdout
    assert version == f"toolbridge {bridge.__version__}\n"
    serves(python, tmp_path)


def serves(python: Path, folder: Path) -> float:
    """The shipped routes.toml is served; how long it took until ``/healthz`` answered."""
    (folder / "routes.toml").write_bytes((ROOT / "routes.toml").read_bytes())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [python, "-m", "bridge", "serve", "-c", "routes.toml", "--listen", f"127.0.0.1:{port}"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert answers(port, process) == 200
        seconds = time.monotonic() - started
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 0
    return seconds


def answers(port: int, process: subprocess.Popen[str], patience: float = 20.0) -> int:
    """The status of ``/healthz`` as soon as somebody listens."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            return connection.getresponse().status
        except ConnectionRefusedError:
            time.sleep(0.01)
        finally:
            connection.close()
    raise AssertionError(f"nobody listens after {patience} s")
