"""What calls upstreams for a request and what sends the answer, as both see the thing between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bridge.core.events import Fault, StopReason, Usage
from bridge.core.openai.request import UpstreamRequest
from bridge.core.route import Route


@dataclass(frozen=True, slots=True)
class Refusal:
    """An upstream's error answer that the client gets as it is."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Carrier(Protocol):
    """One request and its answer: an ``Exchange`` translates, a ``Relay`` passes on. Free of IO; see ``Exchange``."""

    @property
    def fault(self) -> Fault | None: ...

    @property
    def finished(self) -> bool: ...

    @property
    def usage(self) -> Usage: ...

    @property
    def stop_reason(self) -> StopReason | None: ...

    @property
    def counted(self) -> UpstreamRequest | None: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    @property
    def counters(self) -> Mapping[str, int]: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the upstream's answer that go to the client with it."""

    @property
    def ended(self) -> bool: ...

    @property
    def cut_short(self) -> bool: ...

    @property
    def unchecked(self) -> str | None: ...

    @property
    def output_schema(self) -> Mapping[str, object] | None: ...

    def checked(self, violation: str) -> None: ...

    @property
    def progress(self) -> int: ...

    @property
    def content_started(self) -> bool: ...

    @property
    def ready(self) -> bool: ...

    def attempt(self, route: Route) -> UpstreamRequest: ...

    def receive_head(self, content_type: str, headers: Mapping[str, str]) -> None: ...

    def receive_refusal(self, fault: Fault, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """An answer that is not 2xx, and the fault that was made of it."""

    def receive(self, data: bytes) -> None: ...

    def receive_eof(self) -> None: ...

    def receive_fault(self, fault: Fault) -> None: ...

    def open(self) -> None: ...

    def ping(self) -> None: ...

    def keep_alive(self) -> None: ...

    def fail(self, fault: Fault) -> None: ...

    def refusal(self, fault: Fault) -> Refusal | None:
        """The answer to give instead of an own one that says ``fault``, before anything else was sent."""

    def client_bytes(self) -> bytes: ...

    def message(self) -> bytes: ...
