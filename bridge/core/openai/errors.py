"""What an upstream says when it fails, as a fault that is fit for the client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

from bridge.core import jsontext
from bridge.core.errorrules import ErrorRule, Said, meaning_of
from bridge.core.events import Fault, FaultKind, RetryClass
from bridge.core.openai.overflow import OVERFLOW, counted

_LONGEST_MESSAGE = 600


@dataclass(frozen=True, slots=True)
class _Meaning:
    """``status`` is what the client gets where it is not the kind's own."""

    kind: FaultKind
    retry: RetryClass
    status: int | None = None


_MEANINGS: Mapping[int, _Meaning] = {
    400: _Meaning("invalid_request", "never"),
    401: _Meaning("permission", "never"),
    402: _Meaning("billing", "never"),
    403: _Meaning("permission", "never"),
    404: _Meaning("not_found", "never"),
    408: _Meaning("timeout", "transient"),
    409: _Meaning("conflict", "transient"),
    413: _Meaning("too_large", "never"),
    422: _Meaning("invalid_request", "never", status=422),
    425: _Meaning("api", "transient"),
    429: _Meaning("rate_limit", "transient"),
    501: _Meaning("api", "never"),
    503: _Meaning("overloaded", "transient"),
    504: _Meaning("timeout", "transient"),
    505: _Meaning("api", "never"),
    522: _Meaning("timeout", "transient"),
    524: _Meaning("timeout", "transient"),
    529: _Meaning("overloaded", "transient"),
}

# What a rule may make of a failure that no repetition cures.
_FINAL = frozenset({"invalid_request", "billing", "permission", "not_found", "too_large"})

# Words in the ``type`` or ``code`` of an error object that came with status 200.
_STATUS_OF_WORD = (
    ("insufficient_quota", 402),
    ("billing", 402),
    ("rate_limit", 429),
    ("ratelimit", 429),
    ("too_many_requests", 429),
    ("overloaded", 529),
    ("unavailable", 503),
    ("capacity", 503),
    ("insufficient_system_resource", 503),
    ("timeout", 504),
    ("context_length", 400),
    ("exceed_context_size", 400),
    ("invalid_request", 400),
    ("badrequest", 400),
    ("bad_request", 400),
    ("authentication", 401),
    ("invalid_api_key", 401),
    ("permission", 403),
    ("not_found", 404),
    ("notfound", 404),
)


def fault_from_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    upstream_name: str,
    model: str,
    *,
    now: float | None = None,
    secrets: Sequence[str] = (),
    rules: Sequence[ErrorRule] = (),
) -> Fault:
    """The fault of an answer that is not 2xx. ``rules`` come before the built-in ones.

    ``headers`` has lower-case names or ignores case. ``now`` (seconds since the
    epoch) is needed to understand a ``retry-after`` that is a date. The message
    never holds a page of markup, control characters or any of ``secrets``.
    """
    error, text = _read_body(body)
    fault = _fault(status, text, error, upstream_name, model, retry_after(headers, now), secrets)
    return _ruled(fault, status, text, error, rules, secrets)


def fault_from_error(
    error: object,
    upstream_name: str,
    model: str,
    *,
    secrets: Sequence[str] = (),
    rules: Sequence[ErrorRule] = (),
) -> Fault:
    """The fault of an error object (or text) that came where an answer should be, with status 200."""
    text, status = _text_of(error), _status_of(error)
    fault = _fault(status, text, error, upstream_name, model, None, secrets, said=200)
    return _ruled(fault, status, text, error, rules, secrets)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """How many seconds the upstream asks to wait; None if it does not, or not understandably."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None:
        return max(0.0, seconds)
    if value is None or now is None:
        return None
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def clean(text: str, secrets: Sequence[str] = ()) -> str:
    """``text`` on one line, without control characters and secrets, not longer than a client can use."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[secret]")
    words = "".join(c if c.isprintable() else " " for c in text[: 8 * _LONGEST_MESSAGE]).split()
    line = " ".join(words)
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"


def _fault(
    status: int,
    text: str,
    error: object,
    upstream: str,
    model: str,
    wait: float | None,
    secrets: Sequence[str],
    *,
    said: int | None = None,
) -> Fault:
    meaning = _meaning(status)
    retry = meaning.retry
    if status == 429 and "insufficient_quota" in _code_of(error):
        # Waiting does not fill an account.
        retry, wait = "never", None
    return Fault(
        meaning.kind,
        _message(status, clean(text, secrets), upstream, model, said),
        retry=retry,
        status=meaning.status,
        upstream_status=said or status,
        retry_after=wait,
    )


def _ruled(
    fault: Fault, status: int, text: str, error: object, rules: Sequence[ErrorRule], secrets: Sequence[str]
) -> Fault:
    """``fault`` as the first rule for it says."""
    said = Said(f"{text} {_code_of(error)}")
    meaning = meaning_of(status, said, counted(error), (*rules, *OVERFLOW))
    if meaning is None:
        return fault
    rule = meaning.rule
    if rule.kind is not None:
        # Its own status goes with it: 422 is none for a failure that means something else.
        fault = replace(fault, kind=rule.kind, status=None)
    if meaning.message:
        fault = replace(fault, message=clean(meaning.message, secrets))
    if rule.retry is None and rule.kind in _FINAL:
        fault = replace(fault, retry="never")
    if rule.retry is not None:
        fault = replace(fault, retry="transient" if rule.retry else "never", declared=rule.retry)
    return fault if rule.retry is not False else replace(fault, retry_after=None)


def _meaning(status: int) -> _Meaning:
    known = _MEANINGS.get(status)
    if known is not None:
        return known
    return _Meaning("api", "transient" if status >= 500 else "never")


def _message(status: int, text: str, upstream: str, model: str, said: int | None) -> str:
    if status in (401, 403):
        # The upstream's own words are about our key: not for the client's eyes.
        return (
            f"upstream `{upstream}` refused the bridge's credentials ({status}): check `upstreams.{upstream}.api_key`"
        )
    told = f": {text}" if text else ""
    if status == 404:
        return f"upstream `{upstream}` does not serve model `{model}` (404){told}"
    if 300 <= status < 400:
        return f"upstream `{upstream}` redirects ({status}): check `upstreams.{upstream}.base_url`"
    if said is not None:
        return f"upstream `{upstream}` failed{told}"
    return f"upstream `{upstream}` answered {status}{told}"


def _read_body(body: bytes) -> tuple[object, str]:
    """The error object (None if there is none) and what it says. Markup says nothing."""
    start = body[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start or start.startswith(b"<"):
        return None, ""
    try:
        value = jsontext.loads(body)
    except ValueError:
        return None, body[: 8 * _LONGEST_MESSAGE].decode("utf-8", "replace")
    if isinstance(value, list) and value:
        value = value[0]
    error = value.get("error") or value if isinstance(value, dict) else value
    return error, _text_of(error)


def _text_of(error: object, depth: int = 4) -> str:
    if depth == 0:
        return ""
    match error:
        case str():
            return "" if error.lstrip().startswith("<") else error
        case dict():
            for key in ("message", "detail", "msg", "error", "title"):
                text = _text_of(error.get(key), depth - 1)
                if text:
                    return text + _provider_text(error)
        case list():
            # The validation errors of FastAPI.
            return "; ".join(filter(None, (_located(item) for item in error[:5])))
    return ""


def _located(item: object) -> str:
    text = _text_of(item)
    place = item.get("loc") if isinstance(item, dict) else None
    return f"{'.'.join(map(str, place))}: {text}" if text and isinstance(place, list) else text


def _provider_text(error: Mapping[str, Any]) -> str:
    """What a router's upstream said, which is often the only useful part."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return f" ({raw})" if isinstance(raw, str) and raw and not raw.lstrip().startswith("<") else ""


def _code_of(error: object) -> str:
    if not isinstance(error, dict):
        return ""
    return f"{error.get('type') or ''} {error.get('code') or ''}".lower()


def _status_of(error: object) -> int:
    """The HTTP status that an error object inside a 200 stands for."""
    if isinstance(error, dict):
        for key in ("code", "status", "status_code", "http_code"):
            code = error.get(key)
            if isinstance(code, str) and code.isdecimal() and len(code) == 3:
                code = int(code)
            if isinstance(code, int) and 400 <= code < 600:
                return code
    words = _code_of(error)
    for word, status in _STATUS_OF_WORD:
        if word in words:
            return status
    return 500


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and number == number and abs(number) != float("inf") else None
