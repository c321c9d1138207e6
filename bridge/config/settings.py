"""Settings of the process: a flag beats a ``BRIDGE_*`` variable beats the file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bridge.bundled import bundled
from bridge.config.document import KeyPath
from bridge.errors import UsageError

_FILE_KEYS: dict[str, tuple[KeyPath, str]] = {
    "listen": (("server", "listen"), "--listen"),
    "workers": (("server", "workers"), "--workers"),
    "log_level": (("log", "level"), "--log-level"),
    "log_format": (("log", "format"), "--log-format"),
}


class Settings(BaseSettings):
    """What flags and ``BRIDGE_*`` variables say; None leaves it to the file."""

    model_config = SettingsConfigDict(env_prefix="BRIDGE_", env_ignore_empty=True, extra="ignore", frozen=True)

    config: Path | None = Field(default=None, description="The routes file.")
    env: str = Field(default="", pattern=r"^[A-Za-z0-9_-]*$", description="Picks routes.ENV.toml beside it.")
    listen: str | None = Field(default=None, description="Beats server.listen.")
    workers: int | None = Field(default=None, description="Beats server.workers.")
    log_level: str | None = Field(default=None, description="Beats log.level.")
    log_format: str | None = Field(default=None, description="Beats log.format.")

    def overrides(self) -> dict[KeyPath, tuple[object, str]]:
        """The values that beat the file, as ``bridge.config.load`` takes them."""
        found: dict[KeyPath, tuple[object, str]] = {}
        for name, (path, flag) in _FILE_KEYS.items():
            if (value := getattr(self, name)) is not None:
                found[path] = (value, f"{flag} or BRIDGE_{name.upper()}")
        return found

    def config_path(self, *, demo: bool = False) -> Path:
        """The file to read: the one given, else ``routes.toml`` here, else with ``demo`` the bundled one."""
        if self.config is not None:
            return self.config
        here = Path("routes.toml")
        if here.is_file():
            return here
        if demo:
            return bundled("routes.toml")
        raise UsageError(
            "there is no routes.toml here; name one with -c FILE or BRIDGE_CONFIG, or try `toolbridge dev`"
        )


def settings(**flags: Any) -> Settings:
    """Settings out of ``BRIDGE_*`` variables and those ``flags`` that are not None; UsageError when one is wrong."""
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        item = error.errors(include_url=False)[0]
        name = str(item["loc"][0])
        giver = f"--{name.replace('_', '-')}" if name in given else f"BRIDGE_{name.upper()}"
        why = "must hold only letters, digits, - and _" if name == "env" else item["msg"]
        raise UsageError(f"{giver}: {why}") from None


def environ() -> Mapping[str, str]:
    """The variables that a configuration may refer to."""
    return dict(os.environ)
