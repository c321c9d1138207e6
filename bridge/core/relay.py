"""One request of which at least one route leads to an Anthropic upstream: what can be passed on, is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.core.anthropic.encoder import PING
from bridge.core.anthropic.errors import error_event, error_response, is_error
from bridge.core.anthropic.passing import (
    COUNT_PATH,
    PATH,
    Question,
    answer_headers,
    count_body,
    passed_body,
    passed_headers,
)
from bridge.core.anthropic.request import parse_request
from bridge.core.anthropic.voice import MESSAGES
from bridge.core.carrier import Refusal
from bridge.core.events import Fault, StopReason, Usage
from bridge.core.exchange import Exchange
from bridge.core.openai.request import UpstreamRequest
from bridge.core.passage import Passage
from bridge.core.route import Route


def count_request(question: Question, route: Route) -> UpstreamRequest:
    """What asks an Anthropic upstream how many tokens a request has."""
    return _request(question, route, COUNT_PATH, count_body(question, route))


def passed_refusal(fault: Fault, status: int, headers: Mapping[str, str], body: bytes, route: Route) -> Refusal | None:
    """An Anthropic upstream's error answer for the client, as it is but for a bounded ``retry-after``.

    None for one that is about the proxy's own key, that holds it, or that is no error of the Messages API.
    """
    key = route.upstream.api_key
    if fault.kind == "permission" or (key and key.encode() in body) or not is_error(body):
        return None
    _, own, _ = error_response(fault)
    return Refusal(status, own | answer_headers(headers), body)


class Relay:
    """The request. For routes to other upstreams it is an ``Exchange``, made when the first of them is tried.

    See ``Carrier`` and ``Exchange`` for what it can do. To the client all attempts are one answer: where an
    ``Exchange`` has begun a message for the sake of pings, a later ``Passage`` leaves out its own beginning.
    """

    def __init__(self, question: Question, new_id: Callable[[str], str], request_id: str) -> None:
        self._question = question
        self._new_id = new_id
        self._request_id = request_id
        self._out: list[bytes] = []
        self._exchange: Exchange | None = None
        self._passage: Passage | None = None
        self._route: Route | None = None
        self._warnings: tuple[str, ...] = ()
        self._refused: tuple[Fault, Refusal] | None = None
        self._failed: Fault | None = None

    @property
    def fault(self) -> Fault | None:
        """Why the attempt failed, or the whole request."""
        return self._failed or (self._active.fault if self._active else None)

    @property
    def finished(self) -> bool:
        return self._active is not None and self._active.finished

    @property
    def content_started(self) -> bool:
        """A content block went out to the client: no attempt may follow."""
        return self._active is not None and self._active.content_started

    @property
    def ready(self) -> bool:
        """The client's answer can begin."""
        return self.finished or self.content_started or (self._exchange is not None and self._exchange.ready)

    @property
    def ended(self) -> bool:
        return self.finished if self._passage else self._exchange is not None and self._exchange.ended

    @property
    def cut_short(self) -> bool:
        return self._translating is not None and self._translating.cut_short

    @property
    def unchecked(self) -> str | None:
        return self._translating.unchecked if self._translating else None

    @property
    def output_schema(self) -> Mapping[str, object] | None:
        return self._translating.output_schema if self._translating else None

    def checked(self, violation: str) -> None:
        """The verdict on ``unchecked``. What is passed on, its upstream has checked."""
        if self._translating:
            self._translating.checked(violation)

    @property
    def progress(self) -> int:
        return self._active.progress if self._active else 0

    @property
    def usage(self) -> Usage:
        return self._active.usage if self._active else Usage()

    @property
    def counted(self) -> UpstreamRequest | None:
        return self._translating.counted if self._translating else None

    @property
    def stop_reason(self) -> StopReason | None:
        return self._active.stop_reason if self._active else None

    @property
    def counters(self) -> Mapping[str, int]:
        return self._translating.counters if self._translating else {}

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._translating.warnings if self._translating else self._warnings

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the upstream's answer, once it is the one that the client gets."""
        return self._passage.headers if self._passage and self.ready else {}

    def attempt(self, route: Route) -> UpstreamRequest:
        """Begin an attempt; gives what to send. Raises as ``Exchange.attempt`` does."""
        if self.content_started or self._failed or self.finished:
            raise RuntimeError("a relay that has shown content, failed or finished cannot begin again")
        self._route = route
        if route.upstream.protocol == "anthropic":
            body, self._warnings = passed_body(self._question, route)
            begun = self._exchange is not None and self._exchange.ready
            self._gather()
            self._passage = Passage(route, self._out, stream=self._question.stream, begun=begun)
            return _request(self._question, route, PATH, body)
        if self._exchange is None:
            self._exchange = Exchange(
                parse_request(self._question.whole, self._question.raw), self._new_id, self._request_id, MESSAGES
            )
        self._passage = None
        return self._exchange.attempt(route)

    def receive_head(self, content_type: str, headers: Mapping[str, str]) -> None:
        """A 2xx answer began."""
        if self._active:
            self._active.receive_head(content_type, headers)

    def receive_refusal(self, fault: Fault, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """An answer that is not 2xx: it may be the last word."""
        if self._passage and self._route:
            refusal = passed_refusal(fault, status, headers, body, self._route)
            self._refused = (fault, refusal) if refusal else None

    def receive(self, data: bytes) -> None:
        """More of the answer's body."""
        if self._active and not self._failed:
            self._active.receive(data)

    def receive_eof(self) -> None:
        """The answer's body ended cleanly."""
        if self._active and not self._failed:
            self._active.receive_eof()

    def receive_fault(self, fault: Fault) -> None:
        """The answer broke off."""
        if self._active:
            self._active.receive_fault(fault)

    def open(self) -> None:
        """The client has waited long enough. Of a message that is to be passed on, nothing can be made up."""
        if self._translating:
            self._translating.open()

    def ping(self) -> None:
        """A sign of life; it may come before anything else."""
        if not (self._failed or self.finished):
            self._gather()
            self._out.append(PING)

    def keep_alive(self) -> None:
        """A sign of life that clients take for progress, where one can be made."""
        if self._translating:
            self._translating.keep_alive()

    def fail(self, fault: Fault) -> None:
        """Give up. A streamed answer that began ends with one error event, the upstream's own if it sent one."""
        if self.finished or self._failed:
            return
        self._failed = fault
        if self._translating and self._translating.ready:
            self._translating.fail(fault)
        elif not (self._passage and self._passage.told):
            self._gather()
            self._out.append(error_event(fault, self.headers.get("request-id", self._request_id)))

    def refusal(self, fault: Fault) -> Refusal | None:
        """The upstream's own words for ``fault``, if the client may have them."""
        if self._refused and self._refused[0] is fault:
            return self._refused[1]
        return None

    def client_bytes(self) -> bytes:
        """What a streamed answer has to send since the last call."""
        self._gather()
        out = b"".join(self._out)
        self._out.clear()
        return out

    def message(self) -> bytes:
        """The whole answer of a request that does not stream, once it is finished."""
        if self._passage and self.finished:
            return self._passage.body
        if self._exchange:
            return self._exchange.message()
        raise RuntimeError("there is no message before an attempt has finished")

    @property
    def _translating(self) -> Exchange | None:
        """The exchange, if it has the attempt that goes on now."""
        return None if self._passage else self._exchange

    @property
    def _active(self) -> Exchange | Passage | None:
        return self._passage or self._exchange

    def _gather(self) -> None:
        """Put what the exchange has to say in its place before what follows."""
        if self._exchange and (data := self._exchange.client_bytes()):
            self._out.append(data)


def _request(question: Question, route: Route, path: str, body: bytes) -> UpstreamRequest:
    query = f"?{question.query}" if question.query else ""
    return UpstreamRequest(path + query, passed_headers(question, route), body)
