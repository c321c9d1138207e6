"""One request and its answer: a conversation in, client bytes out, upstream attempts in between.

The centre of the bridge, and free of IO. The shell around it sends what
``attempt`` gives, hands over what arrives, and passes on ``client_bytes``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from bridge.core import jsontext
from bridge.core.anthropic.tokens import estimate_tokens
from bridge.core.attempt import Attempt
from bridge.core.carrier import Refusal
from bridge.core.conversation import Conversation
from bridge.core.events import NOT_COUNTED, Event, Fault, Finish, StopReason, Usage
from bridge.core.losses import Loss, check
from bridge.core.openai.request import UpstreamRequest, build_request
from bridge.core.openai.structured import asked_in
from bridge.core.route import Route
from bridge.core.signature import Signer
from bridge.core.voice import Fold, Stream, Voice
from bridge.errors import RequestError

__all__ = ["Exchange", "UpstreamRequest"]


class Exchange:
    """One request. ``new_id(prefix)`` gives unique ids such as ``msg_...`` and ``toolu_...``.

    ``voice`` is the protocol that the client speaks.

    Attempts may follow each other until ``content_started``; nothing of an
    earlier one is left. ``receive*`` never raises, whatever arrives: a failure is
    the value ``fault``, and the shell either calls ``attempt`` again or ``fail``.
    ``progress`` grows with everything that the model says in an attempt, shown or not; comments do not count.
    ``ended``: the model said why it stopped. Only token counts can still come: not worth a long wait.
    ``unchecked`` is the text of an answer that is complete and has to fit
    ``output_schema``: the shell says with ``checked`` whether it does.
    """

    def __init__(
        self,
        conversation: Conversation,
        new_id: Callable[[str], str],
        request_id: str,
        voice: Voice,
        *,
        input_tokens: int = 0,
    ) -> None:
        self.fault: Fault | None = None
        self.finished = False
        self.usage = NOT_COUNTED
        self.stop_reason: StopReason | None = None
        self.unchecked: str | None = None
        self.warnings = _words(conversation.warnings)
        self.attempts = 0
        self.progress = 0
        self.ended = False
        self.headers: Mapping[str, str] = {}
        self._conversation = conversation
        self._new_id = new_id
        self._request_id = request_id
        self._voice = voice
        self._input_tokens = input_tokens
        self._answer_id = new_id(voice.answer_prefix)
        self._request: UpstreamRequest | None = None
        self._attempt: Attempt | None = None
        self._live: Attempt | None = None
        self._failed = False
        self._last: Finish | None = None
        self._out: list[bytes] = []
        self._encoder: Stream | None = None
        self._fold: Fold | None = None
        self._show: Callable[[Event], None]
        if conversation.stream:
            self._encoder = voice.stream(conversation, self._answer_id, request_id, input_tokens)

    def attempt(self, route: Route) -> UpstreamRequest:
        """Begin an attempt; gives what to send.

        Raises RuntimeError once content was shown, and RequestError if the request cannot be written for the
        route or if the route refuses what would be lost of it.
        """
        if self.content_started or self._failed or self.finished:
            raise RuntimeError("an exchange that has shown content, failed or finished cannot begin again")
        if route.upstream.protocol == "anthropic":
            message = f"upstream `{route.upstream.name}` speaks only the Messages API"
            raise RequestError(Fault("invalid_request", message))
        if self._request is None or self._attempt is None or self._attempt.route is not route:
            self._request = build_request(self._conversation, route, self._estimate)
        self.fault = None
        self.unchecked = None
        self.usage = NOT_COUNTED
        losses = self._conversation.warnings + self._request.warnings
        if losses:
            check(losses, route)
        self.warnings = _words(losses)
        self.attempts += 1
        self.progress = 0
        self.ended = False
        self._show = self._shown_by(Signer(route.upstream.signing_key, route.model))
        names = self._request.tool_names
        new_call_id = partial(self._new_id, self._voice.call_prefix)
        self._attempt = self._live = Attempt(self._conversation, route, new_call_id, self._show, names)
        return self._request

    def receive_head(self, content_type: str, headers: Mapping[str, str] | None = None) -> None:
        """A 2xx answer began."""
        if self._live is not None and content_type.startswith("text/html"):
            self.fault = self._live.broken("a page of markup instead of an answer")
            self._live = None

    def receive_refusal(self, fault: Fault, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """An answer that is not 2xx: the fault that was made of it says all that a client understands."""

    def receive(self, data: bytes) -> None:
        """More of the answer's body."""
        attempt = self._live
        if attempt is not None:
            self._conclude(attempt, attempt.receive(data))

    def receive_eof(self) -> None:
        """The answer's body ended cleanly."""
        attempt = self._live
        if attempt is not None:
            self._conclude(attempt, attempt.receive_eof())

    def receive_fault(self, fault: Fault) -> None:
        """The answer broke off. That does not matter if the model had said why it stopped."""
        attempt = self._live
        if attempt is None:
            if self.unchecked is not None:
                self.unchecked, self.fault = None, fault
        elif self.ended:
            self.receive_eof()
        else:
            self.fault = fault
            self._live = None

    @property
    def output_schema(self) -> Mapping[str, object] | None:
        """What the client wants the answer to fit."""
        return self._conversation.output_schema

    def checked(self, violation: str) -> None:
        """The verdict on ``unchecked``: "" lets the answer end; anything else is a fault that another attempt may mend.

        Nothing is repaired: what a stream has shown stays, and an error follows it.
        """
        attempt, last = self._attempt, self._last
        if self.unchecked is None or attempt is None or last is None:
            raise RuntimeError("no answer waits for a verdict")
        self.unchecked = self._last = None
        if violation:
            who = f"the answer of upstream `{attempt.route.upstream.name}`"
            message = f"{who} does not fit {asked_in(self._conversation)}: {violation}"
            self.fault = Fault("api", message, retry="transient", upstream_status=200)
        else:
            self._complete(attempt, last)

    @property
    def cut_short(self) -> bool:
        """It has finished while the upstream is still speaking: nobody needs the rest."""
        return self._attempt is not None and self._attempt.cut_short

    @property
    def content_started(self) -> bool:
        """A content block went out to the client: no attempt may follow."""
        return self._encoder is not None and self._encoder.content_started

    @property
    def ready(self) -> bool:
        """The client's answer can begin: its first event is there."""
        return self.finished or (self._encoder is not None and self._encoder.started)

    @property
    def counted(self) -> UpstreamRequest | None:
        """The request for which the upstream itself gave ``usage``."""
        return self._request if self.finished and self._attempt is not None and self._attempt.usage else None

    @property
    def counters(self) -> dict[str, int]:
        """What the parsers and the decoder noticed in the last attempt, by name."""
        return self._attempt.counters() if self._attempt is not None else {}

    def open(self) -> None:
        """The client has waited long enough: begin a streamed answer, whatever comes."""
        if self._encoder is not None:
            self._out.append(self._encoder.open())

    def ping(self) -> None:
        """A sign of life between events."""
        if self._encoder is not None and self._encoder.started:
            self._out.append(self._encoder.ping())

    def keep_alive(self) -> None:
        """A sign of life that clients take for progress.

        If the model is speaking and nothing of it can be shown yet, a block begins for it: no attempt may follow.
        """
        if self._encoder is not None and self._encoder.started:
            self._out.append(self._encoder.keep_alive(speaking=self.progress > 0))

    def fail(self, fault: Fault) -> None:
        """Give up. A streamed answer that began ends with one error event; nothing comes after it."""
        if self.finished or self._failed:
            return
        self._failed = True
        self.fault = fault
        self._live = None
        if self.content_started and self._attempt is not None:
            self._attempt.flush()
        if self._encoder is not None and self._encoder.started:
            self._out.append(self._encoder.error(fault, self._request_id))

    def refusal(self, fault: Fault) -> Refusal | None:
        """An upstream's own words for ``fault``: never what a client of the Messages API understands."""
        return None

    def client_bytes(self) -> bytes:
        """What a streamed answer has to send since the last call."""
        waiting = self._out
        out = waiting[0] if len(waiting) == 1 else b"".join(waiting)
        waiting.clear()
        return out

    def message(self) -> bytes:
        """The whole answer of a request that does not stream, once it is finished."""
        if self._fold is None or not self.finished:
            raise RuntimeError("there is no message before an exchange without streaming has finished")
        return jsontext.dumps(self._fold.message())

    def _shown_by(self, signer: Signer) -> Callable[[Event], None]:
        """What takes the events of an attempt whose reasoning is signed by ``signer``."""
        if self._encoder is not None:
            self._encoder.sign_as(signer)
            return _shower(self._encoder, self._out)
        self._fold = self._voice.fold(self._conversation, self._answer_id, self._input_tokens, signer)
        return self._fold.add

    def _conclude(self, attempt: Attempt, last: Finish | Fault | None) -> None:
        self.progress, self.ended = attempt.decoder.progress, attempt.decoder.ended
        if last is None:
            return
        self._live = None
        self.usage = attempt.usage or NOT_COUNTED
        if isinstance(last, Fault):
            self.fault = last
            return
        self.unchecked = attempt.unchecked(last)
        if self.unchecked is None:
            self._complete(attempt, last)
        else:
            self._last = last

    def _complete(self, attempt: Attempt, last: Finish) -> None:
        if attempt.usage is None:
            # Clients compact by these counts: an estimate serves them better than zeros.
            self.usage = Usage(input_tokens=self._estimate(), output_tokens=self.progress)
        self._show(self.usage)
        self._show(last)
        self.stop_reason = last.reason
        self.finished = self.ended = True

    def _estimate(self) -> int:
        """The tokens of the input; worked out at most once."""
        self._input_tokens = self._input_tokens or estimate_tokens(self._conversation)
        return self._input_tokens


def _shower(encoder: Stream, out: list[bytes]) -> Callable[[Event], None]:
    """Puts events into ``out``. No method of the exchange: it and its attempt would hold each other for good."""
    append, encode = out.append, encoder.encode
    return lambda event: append(encode(event))


def _words(losses: Sequence[Loss]) -> tuple[str, ...]:
    return tuple(map(str, losses)) if losses else ()
