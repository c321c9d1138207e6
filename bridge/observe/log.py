"""Logging: one line per request, written from its record, for people or for machines.

Nothing of a request's or an answer's text is logged. Values that are known to be secret are
masked in every line, whoever wrote it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TextIO

from bridge.core.jsontext import dumps_text

if TYPE_CHECKING:
    from bridge.observe.record import RequestRecord

Format = Literal["auto", "console", "json"]

_requests = logging.getLogger("bridge.requests")
_MASK = "[secret]"
_SHORTEST_SECRET = 6
_BATCH = 0.05


def log_request(record: RequestRecord) -> None:
    """Write the line of a finished exchange: errors of ours and of upstreams as warnings."""
    level = logging.WARNING if record.outcome == "error" else logging.INFO
    if _requests.isEnabledFor(level):
        _requests.handle(_RequestLine(level, record))


class _RequestLine(logging.LogRecord):
    """The line of a request; what it says is put together when it is written."""

    def __init__(self, level: int, request: RequestRecord) -> None:
        super().__init__(_requests.name, level, "", 0, "request", (), None)
        self._request = request

    @property
    def facts(self) -> dict[str, object]:
        return _facts(self._request)


_NAMES = ("client", "model", "route", "upstream", "upstream_model", "upstream_request_id")


def _facts(record: RequestRecord) -> dict[str, object]:
    """What is worth a line, in a steady order; what is not known is left out."""
    usage = record.usage
    facts: dict[str, object] = {
        "request_id": record.request_id,
        "path": record.path,
        "status": record.status,
        "outcome": record.outcome,
    }
    for name in _NAMES:
        if value := getattr(record, name):
            facts[name] = value
    facts["attempts"] = record.attempts
    facts["stream"] = record.stream
    if record.stop_reason:
        facts["stop_reason"] = record.stop_reason
    facts["input_tokens"] = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    facts["output_tokens"] = usage.output_tokens
    if record.first_byte:
        facts["first_byte_ms"] = _ms(record.first_byte - record.started)
    facts["total_ms"] = _ms(record.ended - record.started)
    facts["revision"] = record.revision
    if record.counters:
        facts["counters"] = record.counters
    if record.warnings:
        facts["warnings"] = record.warnings
    if record.fault is not None:
        facts["fault"] = record.fault.kind
        facts["message"] = record.fault.message
    return facts


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


class _Formatter(logging.Formatter):
    """Masks secrets, whatever the shape of the line."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]

    def format(self, record: logging.LogRecord) -> str:
        line = self.line(record)
        for secret in self._secrets:
            if secret in line:
                line = line.replace(secret, _MASK)
        return line

    def line(self, record: logging.LogRecord) -> str:
        raise NotImplementedError

    def trace(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else ""


@lru_cache(maxsize=2)
def _utc(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


class JsonFormatter(_Formatter):
    """One JSON object per line."""

    def line(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": f"{_utc(int(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if trace := self.trace(record):
            entry["trace"] = trace
        return dumps_text(entry)


class ConsoleFormatter(_Formatter):
    """One line for people."""

    def line(self, record: logging.LogRecord) -> str:
        when = time.strftime("%H:%M:%S", time.localtime(record.created))
        facts = " ".join(f"{name}={_shown(value)}" for name, value in getattr(record, "facts", {}).items())
        parts = [when, f"{record.levelname.lower():7}", record.getMessage(), facts, self.trace(record)]
        return " ".join(part for part in parts if part)


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else dumps_text(value)
    return repr(text) if any(char.isspace() or not char.isprintable() for char in text) else text


class BatchHandler(logging.StreamHandler[TextIO]):
    """Formats and writes the lines of requests together, a moment later; everything else, and errors, at once.

    That is cheaper: between two requests a single line would find none of its code in the processor's caches.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._waiting: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._waiting.append(record)
        if record.name == _requests.name and record.levelno < logging.WARNING and (loop := _running_loop()):
            if len(self._waiting) == 1:
                loop.call_later(_BATCH, self.flush)
        else:
            self.flush()

    def flush(self) -> None:
        with self.lock or nullcontext():
            waiting, self._waiting = self._waiting, []
            lines = []
            for record in waiting:
                try:
                    lines.append(self.format(record) + self.terminator)
                except Exception:
                    self.handleError(record)
            if lines:
                with suppress(OSError, ValueError):
                    self.stream.write("".join(lines))
            with suppress(OSError, ValueError):
                self.stream.flush()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def setup(level: str = "info", format: Format = "auto", secrets: Iterable[str] = ()) -> None:
    """Log to stderr. Called again after a reload: it replaces what it set before."""
    console = format == "console" or (format == "auto" and sys.stderr.isatty())
    handler = BatchHandler(sys.stderr)
    handler.setFormatter((ConsoleFormatter if console else JsonFormatter)(secrets))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Its lines about requests say less than ours, and its start-up lines are for its own users.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").disabled = True
    # watchfiles reports every event of the directory.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    # No line names them, and finding them out takes longer than all else that is noted in a record.
    logging.logThreads = logging.logMultiprocessing = logging.logProcesses = False
