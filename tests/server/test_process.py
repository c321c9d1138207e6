"""The process as a whole: start, signals, the end of what is under way."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from inprocess import Reply, ask, routes
from scripted import DONE, END, HANG, KEEP, Upstream, answer, chunk, head, part

RUN = "import sys; from pathlib import Path; from bridge.server.process import run; sys.exit(run(Path(sys.argv[1])))"


@contextmanager
def process(tmp_path: Path, text: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A serving process and its port."""
    file = tmp_path / "routes.toml"
    file.write_text(text + '[server]\nlisten = "127.0.0.1:0"\ndrain = "600ms"\n[log]\nformat = "json"\n')
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", RUN, str(file)], stderr=subprocess.PIPE, text=True, env=os.environ | {}
    )
    assert child.stderr is not None
    try:
        for line in child.stderr:
            if found := re.search(r"serves on http://127\.0\.0\.1:(\d+)", line):
                yield child, int(found[1])
                return
        pytest.fail("it did not start")
    finally:
        child.kill()
        child.wait()
        child.stderr.close()


def send(port: int) -> socket.socket:

    data = json.dumps(ask()).encode()
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(data), data))
    return client


def get(port: int, path: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return Reply(connection.getresponse())
    finally:
        connection.close()


def wait_for(client: socket.socket, needle: bytes) -> None:
    while needle not in client.recv(1 << 20, socket.MSG_PEEK):
        time.sleep(0.001)


def imports_alone() -> float:
    """Seconds of processor time for an interpreter that imports the largest libraries, and ends."""
    child = subprocess.Popen([sys.executable, "-c", "import fastapi, httpx, pydantic_settings, uvicorn"])
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return used.ru_utime + used.ru_stime


def test_it_answers_soon_after_its_start(tmp_path: Path) -> None:
    with process(tmp_path, routes("http://127.0.0.1:1")) as (child, port):
        assert get(port, "/healthz").status == 200
        child.send_signal(signal.SIGINT)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0
        # Beside what its libraries alone take here and now: the machine's speed is not its fault.
        assert used.ru_utime + used.ru_stime < 5 * imports_alone()


def test_sigterm_drains(tmp_path: Path) -> None:
    """Not ready at once, still serving for a moment; what can finish finishes, the rest ends in an error event."""
    rest = '[models.endless]\nupstream = "u1"\nmodel = "x"\nparsers = []\n'
    with (
        Upstream([head(), part(chunk("a")), part(chunk(finish="stop")), part(DONE), END, KEEP]) as quick,
        Upstream([head(), part(chunk("so far")), HANG]) as endless,
        process(tmp_path, routes(quick.url, endless.url, rest=rest).replace('"m"', '"m"')) as (child, port),
    ):
        data = json.dumps(ask(model="endless")).encode()
        client = socket.create_connection(("127.0.0.1", port), timeout=10)
        client.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(data), data))
        wait_for(client, b"so far")
        child.send_signal(signal.SIGTERM)
        while get(port, "/readyz").status != 503:
            pass
        late = send(port)
        served = Reply(late)
        assert served.text == "a"
        got = Reply(client)
        assert got.names[-1] == "error"
        assert got.events[-1][1]["error"]["type"] == "overloaded_error"
        assert got.complete
        assert child.wait(5) == 0
        client.close()
        late.close()


def test_a_stream_that_finishes_in_time_is_not_cut(tmp_path: Path) -> None:
    import threading

    gate = threading.Event()
    play = [head(), part(chunk("a")), gate, part(chunk("b")), part(chunk(finish="stop")), part(DONE), END, KEEP]
    with Upstream(play) as upstream, process(tmp_path, routes(upstream.url)) as (child, port):
        client = send(port)
        wait_for(client, b'"a"')
        child.send_signal(signal.SIGINT)
        while get(port, "/readyz").status != 503:
            pass
        gate.set()
        got = Reply(client)
        assert got.text == "ab"
        assert got.names[-1] == "message_stop"
        assert child.wait(5) == 0
        client.close()


def test_a_second_signal_hurries(tmp_path: Path) -> None:
    with (
        Upstream([head(), part(chunk("so far")), HANG]) as upstream,
        process(tmp_path, routes(upstream.url).replace("600ms", "1h")) as (child, port),
    ):
        client = send(port)
        wait_for(client, b"so far")
        child.send_signal(signal.SIGTERM)
        while get(port, "/readyz").status != 503:
            pass
        before = time.monotonic()
        child.send_signal(signal.SIGTERM)
        assert Reply(client).names[-1] == "error"
        assert child.wait(5) == 0
        assert time.monotonic() - before < 2
        client.close()


def test_sighup_reloads(tmp_path: Path) -> None:
    with (
        Upstream(answer("new")) as upstream,
        process(tmp_path, routes("http://127.0.0.1:1")) as (child, port),
    ):
        file = tmp_path / "routes.toml"
        before = get(port, "/-/status").json["config"]["revision"]
        file.write_text(file.read_text().replace("http://127.0.0.1:1", upstream.url))
        child.send_signal(signal.SIGHUP)
        while get(port, "/-/status").json["config"]["revision"] == before:
            pass
        with send(port) as client:
            assert Reply(client).text == "new"


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    from bridge.errors import UnreachableError
    from bridge.server.process import listen

    with listen("127.0.0.1", 0) as sock, pytest.raises(UnreachableError, match="--listen"):
        listen("127.0.0.1", sock.getsockname()[1])


def test_secrets_of_the_configuration_are_not_logged(tmp_path: Path) -> None:
    upstream = 'api_key = "first-secret"\nheaders = { x-api-key = "second-secret", x-title = "not-secret" }\n'
    with process(tmp_path, routes("http://127.0.0.1:1", upstream=upstream)) as (child, port):
        for name in ("first-secret", "second-secret", "not-secret"):
            with socket.create_connection(("127.0.0.1", port)) as client:
                data = json.dumps(ask(model=name)).encode()
                client.sendall(b"POST /v1/messages HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(data), data))
                assert Reply(client).status == 404
        child.send_signal(signal.SIGINT)
        assert child.stderr is not None
        log = child.stderr.read()
        assert "not-secret" in log
        assert "first-secret" not in log
        assert "second-secret" not in log
