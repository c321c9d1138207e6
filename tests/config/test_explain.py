"""pydantic's findings in TOML's words; the values of secrets are never among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.config.explain import shown

if TYPE_CHECKING:
    from conftest import Project


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (1.5, "1.5"),
        ("a", '"a"'),
        ("a" * 100, '"' + "a" * 57 + '…"'),
        ({}, "a table"),
        ([], "an array"),
        ((), "an array"),
    ],
)
def test_values_in_messages(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("servr", "server"),
        ("[server]\ndrian", "drain"),
        ("[upstreams.x.breaker]\nfailure", "failures"),
        ("[upstreams.breaker]\nbase_ulr", "base_url"),
        ("[upstreams.x.defaults.timeouts]\nconect", "connect"),
        ("[models.retry]\ndisplayname", "display_name"),
        ("[models.x.reasoning]\nstart_open", "starts_open"),
        ("[clients.x.limits]\nrequest", "requests"),
        ("[clients.x.key]\nsha265", "sha256"),
    ],
)
def test_the_right_tables_keys_are_suggested(project: Project, key: str, near: str) -> None:
    assert f"did you mean `{near}`?" in "\n".join(project.problems(f"{key} = 1\n"))


def test_no_message_repeats_a_secret(project: Project) -> None:
    text = """\
[upstreams.u]
base_url = "http://u:hunter2@h/v1"
api_key = ["hunter2"]
headers = { x-token = "hunter2\\u0000", Authorization = ["hunter2"] }
[models.m]
upstream = "u"
[clients.c]
key = { sha256 = "hunter2" }
[clients.d]
key = 777777777
[limits]
storage = "ftp://u:hunter2@h"
[dashboard]
key = { fil = "hunter2" }
"""
    found = "\n".join(project.problems(text))
    assert len(project.headlines(text)) == 8
    assert "hunter2" not in found
    assert "777777777" not in found
