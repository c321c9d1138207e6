"""A Messages request, and the head of its answer, on the way to and from an upstream of the same API.

Of a body that is passed on only the model is replaced, in place; what the route asks for beside
that changes it only where it makes a difference. See docs/adr/0008-pass-through.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bridge.core import jsontext
from bridge.core.checks import check_depth, name, wrong
from bridge.core.conversation import Json
from bridge.core.jsonedit import replace_members
from bridge.core.jsontext import Record
from bridge.core.route import BodyPatch, Route

PATH = "/messages"
COUNT_PATH = "/messages/count_tokens"

_VERSION = "2023-06-01"
# Whatever else a client sends is about its connection to this proxy, or its own key.
_FROM_CLIENT = {"content-type": "application/json", "accept": "application/json", "anthropic-version": _VERSION}
_BETA = "anthropic-beta"
_TO_CLIENT = frozenset({"content-type", "request-id", "x-should-retry"})
_LIMITS = ("anthropic-ratelimit-", "anthropic-fast-")


class Question(Record, frozen=True):
    """A request as it arrived: ``raw`` is its body, ``body`` what that says; of its head what may go on.

    ``tools`` is the text of the member of that name if a memo has told it apart: ``body`` may have None for it then.
    """

    raw: bytes
    body: Json
    headers: Mapping[str, str] = {}
    query: str = ""
    tools: bytes = b""

    @property
    def whole(self) -> Json:
        """What ``raw`` says, nothing left out."""
        return jsontext.loads(self.raw) if self.tools and self.body["tools"] is None else self.body

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def stream(self) -> bool:
        return self.body.get("stream") is True

    @property
    def user_id(self) -> str:
        """Who the client says is asking; empty if it does not."""
        metadata = self.body.get("metadata")
        user_id = metadata.get("user_id") if isinstance(metadata, dict) else None
        return user_id if isinstance(user_id, str) else ""

    def with_head(self, headers: Iterable[tuple[bytes, bytes]], query: bytes) -> Question:
        """The same, ready to be passed on. Raises RequestError for a header or query that cannot be."""
        passed = dict(_FROM_CLIENT)
        betas = []
        for key, value in headers:
            header = key.decode("latin-1").lower()
            if header == _BETA:
                betas.append(_line(header, value))
            elif header in _FROM_CLIENT:
                passed[header] = _line(header, value)
        if betas:
            passed[_BETA] = ",".join(betas)
        return Question(self.raw, self.body, passed, _line("query", query), self.tools)


def read_question(raw: bytes, value: object, tools: bytes = b"") -> Question:
    """The question; ``value`` is the decoded ``raw``, but for ``tools``. Only what decides its route is looked at.

    Raises RequestError for what is no object or names no model.
    """
    if not isinstance(value, dict):
        raise wrong("body", "Input should be a JSON object")
    name(value, "model")
    return Question(raw, value, tools=tools)


def passed_headers(question: Question, route: Route) -> dict[str, str]:
    """The headers that go upstream: the client's key is not among them."""
    headers = dict(question.headers)
    if route.upstream.api_key:
        headers["x-api-key"] = route.upstream.api_key
    for more in (route.upstream.headers, route.request.headers):
        headers |= {header.lower(): value for header, value in more.items()}
    return headers


def passed_body(question: Question, route: Route) -> tuple[bytes, tuple[str, ...]]:
    """The body that goes upstream, and what was changed that the client may want to know.

    The bytes of the request, but for the values of ``model`` and of a ``max_tokens`` over the route's limit.
    Only a patch of the route that changes something writes the body anew.
    """
    body = question.body
    changes: dict[str, object] = {"model": route.model}
    warnings: tuple[str, ...] = ()
    asked, cap = body.get("max_tokens"), route.max_output_tokens
    if type(asked) is int and cap is not None and asked > cap:
        changes["max_tokens"] = cap
        warnings = (f"max_tokens: {asked} is lowered to {cap}",)
    patch = route.request
    if patch.default or patch.set or patch.drop:
        patched = _patched({**question.whole, **changes}, patch)
        if patched is not None:
            check_depth(patched)
            return jsontext.dumps(patched), warnings
    return replace_members(question.raw, changes), warnings


def count_body(question: Question, route: Route) -> bytes:
    """The body of a question about tokens: with the model replaced, and no patch, which is for answers."""
    return replace_members(question.raw, {"model": route.model})


def answer_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Of an answer's headers (lower-case names), those that are the client's."""
    return {header: value for header, value in headers.items() if header in _TO_CLIENT or header.startswith(_LIMITS)}


def _patched(body: dict[str, object], patch: BodyPatch) -> dict[str, object] | None:
    """The body as the route's patch leaves it; None if that changes nothing."""
    added = {key: value for key, value in patch.default.items() if key not in body}
    patched = {**body, **added, **patch.set}
    for key in patch.drop:
        patched.pop(key, None)
    return None if patched == body else patched


def _line(what: str, value: bytes) -> str:
    """A value that cannot break out of its line."""
    text = value.decode("latin-1")
    if text and not (text.isascii() and text.isprintable()):
        raise wrong(what, "Only printable ASCII can be passed on")
    return text
