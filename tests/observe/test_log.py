from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from bridge.core.events import Fault, Usage
from bridge.observe import log
from bridge.observe.record import RequestRecord

SECRET = "a-very-secret-key"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    names = (None, "uvicorn", "uvicorn.access", "watchfiles")
    loggers = [logging.getLogger(name) for name in names]
    before = [(each.level, each.disabled, list(each.handlers)) for each in loggers]
    yield
    for each, (level, disabled, handlers) in zip(loggers, before, strict=True):
        each.setLevel(level)
        each.disabled = disabled
        each.handlers = handlers


def record(**changes: object) -> RequestRecord:
    made = RequestRecord("req_1", started=10.0, model="m", status=200, attempts=1, stream=True)
    made.first_byte, made.ended, made.usage = 10.25, 11.0, Usage(input_tokens=5, cache_read_tokens=2, output_tokens=3)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_a_request_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info", "json")
    log.log_request(record())
    logging.getLogger("x").warning("flushes")
    line = json.loads(capsys.readouterr().err.splitlines()[0])
    assert line["event"] == "request"
    assert line["level"] == "info"
    assert line["request_id"] == "req_1"
    assert (line["input_tokens"], line["output_tokens"]) == (7, 3)
    assert (line["first_byte_ms"], line["total_ms"]) == (250.0, 1000.0)
    assert "fault" not in line
    assert line["time"].endswith("Z")


def test_failures_are_warnings_for_people_too(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("warning", "console")
    log.log_request(record())
    log.log_request(record(outcome="error", fault=Fault("api", "it\nfailed"), status=500))
    (line,) = capsys.readouterr().err.splitlines()
    assert "warning" in line
    assert "status=500" in line
    assert r"message='it\nfailed'" in line


@pytest.mark.parametrize("format_", ["json", "console"])
def test_secrets_are_masked_everywhere(capsys: pytest.CaptureFixture[str], format_: log.Format) -> None:
    log.setup("info", format_, [SECRET, "", "none"])
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("x").exception("failed with %s", SECRET)
    log.log_request(record(model=SECRET, outcome="error"))
    written = capsys.readouterr().err
    assert SECRET not in written
    assert written.count("[secret]") == 3
    assert "Traceback" in written


def test_lines_of_requests_are_written_together_soon() -> None:
    import asyncio

    stream = io.StringIO()

    async def run() -> tuple[str, str]:
        handler = log.BatchHandler(stream)
        logger = logging.getLogger("bridge.requests")
        before, level = logger.handlers[:], logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            log.log_request(record())
            log.log_request(record())
            at_once = stream.getvalue()
            while not stream.getvalue():
                await asyncio.sleep(0.005)
            return at_once, stream.getvalue()
        finally:
            logger.handlers, logger.level = before, level

    assert asyncio.run(run()) == ("", "request\nrequest\n")


def test_a_stream_that_is_gone_does_no_harm() -> None:
    stream = io.StringIO()
    handler = log.BatchHandler(stream)
    stream.close()
    handler.emit(logging.LogRecord("x", logging.ERROR, "", 0, "lost", (), None))
