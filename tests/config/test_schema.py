"""The tables: every key of the contract is known, defaults are those of the core, wrong types are refused."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from pydantic import ValidationError

from bridge.config import schema
from bridge.core import route as core


def test_defaults_are_those_of_the_core() -> None:
    model = schema.Model()
    assert asdict(core.Timeouts()) == dict(model.timeouts)
    assert asdict(core.RetryPolicy()) == dict(model.retry) | {"on": frozenset(model.retry.on)}
    upstream = schema.Upstream()
    assert asdict(core.RetryBudget()) == dict(upstream.retry_budget)
    assert asdict(core.Breaker()) == dict(upstream.breaker)
    plain = core.Route("k", core.UpstreamRef("u"), "")
    for name in ("tools", "tool_streaming", "unsupported", "max_output_tokens", "context_window", "count_tokens"):
        assert getattr(plain, name) == getattr(model, name)


def test_every_key_of_a_model_may_be_a_default() -> None:
    assert set(schema.Model.model_fields) - set(schema.Defaults.model_fields) == {"enabled", "match"}


def test_the_keys_of_the_file() -> None:
    assert set(schema.Config.model_fields) == {
        "extends", "parser_dirs", "server", "defaults", "upstreams", "models", "clients", "limits", "log", "dashboard",
    }  # fmt: skip


def test_nothing_changes_after_reading() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        schema.Server().workers = 2


def test_the_address_of_the_server() -> None:
    assert schema.Server(listen="[::1]:80").address == ("::1", 80)


@pytest.mark.parametrize("value", [1, "1", 1.0, None, [True]])
def test_types_are_those_of_toml(value: object) -> None:
    with pytest.raises(ValidationError):
        schema.Dashboard.model_validate({"enabled": value})
