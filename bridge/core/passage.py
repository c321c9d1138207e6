"""One answer of an Anthropic upstream on its way to the client, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.anthropic.observer import Observer
from bridge.core.anthropic.passing import answer_headers
from bridge.core.events import Fault, RetryClass, StopReason, Usage
from bridge.core.openai.errors import fault_from_error
from bridge.core.openai.reader import MAX_BODY
from bridge.core.rawframes import RawFrames
from bridge.core.route import Route
from bridge.core.sse import MAX_FRAME

_EVENT_STREAM = "text/event-stream"


class Passage:
    """Puts into ``out`` what the client is to get of a stream: whole frames, so that something of ours may
    always follow; nothing before the first content, so that another attempt may always follow; and nothing
    behind the end. An answer in one piece is ``body`` once it is ``finished``.

    ``begun``: the client has the beginning of a message already, and this one's is left out.
    ``told``: the answer ended in an error that the client has as the upstream put it.
    """

    def __init__(self, route: Route, out: list[bytes], *, stream: bool, begun: bool) -> None:
        self.fault: Fault | None = None
        self.finished = False
        self.content_started = False
        self.told = False
        self.progress = 0
        self.body = b""
        self.headers: Mapping[str, str] = {}
        self._name = route.upstream.name
        self._model = route.model
        self._secrets = (route.upstream.api_key,)
        self._stream = stream
        self._begun = begun
        self._out = out
        self._held: list[bytes] = []
        self._size = 0
        self._started = False
        self._frames = RawFrames()
        self._observer = Observer()

    @property
    def usage(self) -> Usage:
        """What the upstream counted, as far as it has said so."""
        return self._observer.usage

    @property
    def stop_reason(self) -> StopReason | None:
        return self._observer.stop_reason

    def receive_head(self, content_type: str, headers: Mapping[str, str]) -> None:
        """A 2xx answer began."""
        if content_type.startswith("text/html"):
            self._break("a page of markup instead of an answer")
        self.headers = answer_headers(headers)
        if self._stream and not content_type.startswith(_EVENT_STREAM):
            self.headers.pop("content-type", None)

    def receive(self, data: bytes) -> None:
        """More of the answer's body."""
        if self._over:
            return
        if not self._stream:
            self._collect(data)
            return
        for raw in self._frames.feed(data):
            self._pass(raw)
            if self._over:
                return
        if self._frames.overflow:
            self._break("a frame that is too large")

    def receive_eof(self) -> None:
        """The answer's body ended cleanly: in one piece that is its end, in a stream it must have come before."""
        if self._over:
            return
        if not self._stream:
            self._conclude(b"".join(self._held))
            return
        rest = self._frames.rest
        if rest.lstrip()[:1] in (b"{", b"["):
            self._unasked(rest)
        elif rest:
            self._last(rest)
        if not self._over:
            self.fault = self._unfinished()

    def receive_fault(self, fault: Fault) -> None:
        """The answer broke off."""
        if not self._over:
            self.fault = fault

    @property
    def _over(self) -> bool:
        return self.finished or self.fault is not None

    def _pass(self, raw: bytes) -> None:
        """Take a frame of the stream."""
        match self._observer.frame(raw):
            case "start":
                self._started = True
                if self._begun:
                    return
            case "content":
                self.progress += 1
                self._release()
            case "stop":
                if not (self._started or self.content_started):
                    self._break("an empty answer")
                    return
                self._release()
                self.finished = True
            case "error":
                self._fail()
                self.told = self.content_started
                if not self.told:
                    return
        if self.content_started:
            self._out.append(raw)
        else:
            self._hold(raw)

    def _release(self) -> None:
        """From here on the client sees what comes."""
        if not self.content_started:
            self.content_started = True
            self._out += self._held
            self._held.clear()

    def _hold(self, data: bytes, limit: int = MAX_FRAME) -> None:
        self._held.append(data)
        self._size += len(data)
        if self._size > limit:
            self._held.clear()
            self._break("an answer that is too large")

    def _last(self, rest: bytes) -> None:
        """A last frame without its blank line: its end is only trusted of one that ends the answer."""
        match self._observer.frame(rest):
            case "stop":
                self._pass(rest + b"\n\n")
            case "error":
                self._fail()

    def _unasked(self, body: bytes) -> None:
        if self._observer.message(body) == "error":
            self._fail()
        else:
            self._break("a whole answer where a stream was asked for")

    def _collect(self, data: bytes) -> None:
        self._hold(data, MAX_BODY)

    def _conclude(self, body: bytes) -> None:
        match self._observer.message(body):
            case "stop":
                self.body = body
                self.progress += 1
                self.finished = True
            case "error":
                self._fail()
            case _:
                self._break("an answer that is not a message" if body else "an empty answer")

    def _fail(self) -> None:
        self.fault = fault_from_error(self._observer.error, self._name, self._model, secrets=self._secrets)

    def _break(self, what: str) -> None:
        retry: RetryClass = "ambiguous" if self.content_started else "transient"
        self.fault = Fault("api", f"upstream `{self._name}` sent {what}", retry, upstream_status=200)

    def _unfinished(self) -> Fault:
        if not (self._started or self.content_started):
            return Fault("api", f"upstream `{self._name}` sent an empty answer", "transient", upstream_status=200)
        message = f"upstream `{self._name}` ended its answer before it was complete"
        return Fault("api", message, "ambiguous", upstream_status=200)
