"""Single values: what is accepted and what it becomes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from bridge.config.fields import (
    BaseUrl,
    BodyPath,
    ErrorType,
    Headers,
    JsonTable,
    Size,
    Timeout,
    check_error_message,
    check_error_text,
    check_some,
    check_storage,
)


@pytest.mark.parametrize(
    ("kind", "value", "result"),
    [
        (BaseUrl, "http://h/v1/", "http://h/v1"),
        (BaseUrl, "https://h:8443", "https://h:8443"),
        (BaseUrl, "http://[::1]:80/v1", "http://[::1]:80/v1"),
        (Headers, {"X-A_b": "tab\there"}, {"X-A_b": "tab\there"}),
        (JsonTable, {"a": [1, {"b": "x"}]}, {"a": [1, {"b": "x"}]}),
        (BodyPath, "", ""),
        (BodyPath, "reasoning_effort", "reasoning_effort"),
        (BodyPath, "chat_template_kwargs.enable-thinking", "chat_template_kwargs.enable-thinking"),
        (Timeout, "5s", 5.0),
        (Size, "1KiB", 1024),
        (ErrorType, "rate_limit_error", "rate_limit_error"),
        (ErrorType, "", ""),
    ],
)
def test_accepted(kind: Any, value: object, result: object) -> None:
    assert TypeAdapter(kind).validate_python(value) == result


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (BaseUrl, "http://[::1/v1"),
        (BaseUrl, "http://h:x/v1"),
        (BaseUrl, "http://h/v1#x"),
        (Headers, {"": "x"}),
        (Headers, {"é": "x"}),
        (Headers, {"a:b": "x"}),
        (Headers, {"a": "\r"}),
        (JsonTable, {"a": [float("inf")]}),
        (BodyPath, "messages"),
        (BodyPath, "max_tokens.x"),
        (BodyPath, "a..b"),
        (BodyPath, ".a"),
        (BodyPath, "a b"),
        (BodyPath, "a[0]"),
        (Timeout, "0s"),
        (Timeout, 5),
        (Size, 5),
        (ErrorType, "authentication_error"),
    ],
)
def test_refused(kind: Any, value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize("url", ["memory", "redis://h", "rediss://h", "valkey://u:p@h:1/0"])
def test_storage(url: str) -> None:
    assert check_storage(url) == url


def test_the_texts_of_error_rules() -> None:
    assert check_error_text("") == ""
    assert check_error_text("got {n}") == "got {n}"
    assert check_error_message("{n}!", "got {n}") == "{n}!"
    assert check_error_message("{n}!", None) == "{n}!"
    with pytest.raises(ValueError, match=r"`\{m\}` is not in `text`"):
        check_error_message("{m}", "got {n}")


def test_at_least_one() -> None:
    assert check_some(("a",)) == ("a",)
    with pytest.raises(ValueError, match="must name at least one"):
        check_some(())
