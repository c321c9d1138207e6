"""Every exception that toolbridge raises on purpose.

    BridgeError
    ├── RequestError      the client's request is wrong; ``fault`` says how to answer
    ├── ConfigError       configuration cannot be used; ``diagnostics`` lists every problem
    ├── UpstreamError     an upstream call failed; ``fault`` says how
    ├── UnreachableError  a command found no running proxy, or could not start one
    └── UsageError        a command was used wrongly

Leaves carry facts, not wire words. Whatever happens after a stream began is a
value (``bridge.core.events.Fault``), never an exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.core.events import Fault


class BridgeError(Exception):
    """Base of all of them."""


class RequestError(BridgeError):
    """The client's request cannot be honoured. ``fault`` is a ``bridge.core.events.Fault``."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class ConfigError(BridgeError):
    """Configuration is wrong. ``diagnostics`` holds every problem, in file order."""

    def __init__(self, message: str, diagnostics: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class UpstreamError(BridgeError):
    """An upstream call failed before or while it answered. ``fault`` is a ``bridge.core.events.Fault``."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class UnreachableError(BridgeError):
    """The running proxy does not answer, or one cannot be started; the message ends with what to do."""


class UsageError(BridgeError):
    """A command was given what it cannot work with; the message ends with what to do."""
