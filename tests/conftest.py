"""What every test may assume: a clean environment, UTC, no colour, the same random examples on every run."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import settings

_FOREIGN = ("BRIDGE_", "ANTHROPIC_", "OPENAI_", "CLAUDE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

for _name in list(os.environ):
    if _name.upper().startswith(_FOREIGN):
        del os.environ[_name]
os.environ.update(TZ="UTC", NO_COLOR="1")
os.environ.pop("FORCE_COLOR", None)
time.tzset()

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
