"""Durations, sizes, rates and addresses: written with their unit, read into plain numbers."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_DURATIONS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZES = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
}  # fmt: skip
_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}

DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$"
SIZE_PATTERN = r"^[0-9]+(\.[0-9]+)?(B|KB|MB|GB|KiB|MiB|GiB)$"
RATE_PATTERN = r"^[0-9]+/(second|minute|hour|day)$"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so many seconds."""

    count: int
    seconds: int


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def duration(value: object) -> float:
    """Seconds of ``"250ms"``, ``"5s"``, ``"30m"`` or ``"1h"``."""
    if isinstance(value, str) and re.fullmatch(DURATION_PATTERN, value):
        number = value.rstrip("hms")
        return float(number) * _DURATIONS[value[len(number) :]]
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f'write the unit: "{value}s" (ms, s, m or h), not {value}')
    raise ValueError(f'must be a duration such as "250ms", "5s", "30m" or "1h", not {_shown(value)}')


def size(value: object) -> int:
    """Bytes of ``"32MB"`` (millions) or ``"4MiB"`` (powers of two)."""
    if isinstance(value, str) and (match := re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]+)", value)):
        if re.fullmatch(SIZE_PATTERN, value):
            return int(float(match[1]) * _SIZES[match[2]])
        near = next((unit for unit in _SIZES if unit.lower() == match[2].lower()), None)
        if near:
            raise ValueError(f'unknown unit `{match[2]}`; write "{match[1]}{near}"')
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f'write the unit: "{value}B" (B, KB, MB, GB, KiB, MiB or GiB), not {value}')
    raise ValueError(f'must be a size such as "32MB" or "4MiB", not {_shown(value)}')


def rate(value: object) -> Rate:
    """``"60/minute"``: a count per second, minute, hour or day."""
    if isinstance(value, str) and re.fullmatch(RATE_PATTERN, value):
        count, period = value.split("/")
        if int(count) > 0:
            return Rate(int(count), _PERIODS[period])
    raise ValueError(f'must be a rate such as "60/minute" (second, minute, hour or day), not {_shown(value)}')


def duration_text(seconds: float) -> str:
    """The shortest exact spelling."""
    for unit in ("h", "m", "s"):
        if seconds and seconds % _DURATIONS[unit] == 0:
            return f"{int(seconds / _DURATIONS[unit])}{unit}"
    return f"{seconds * 1000:.6f}".rstrip("0").rstrip(".") + "ms" if seconds else "0s"


def size_text(count: int) -> str:
    """The largest unit that divides it."""
    for unit, factor in sorted(_SIZES.items(), key=lambda item: -item[1]):
        if count and count % factor == 0:
            return f"{count // factor}{unit}"
    return "0B"


def rate_text(value: Rate) -> str:
    return f"{value.count}/{next(name for name, seconds in _PERIODS.items() if seconds == value.seconds)}"


def listen_address(value: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT`` or ``[IPV6]:PORT``."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%]+)\]|([A-Za-z0-9_.-]+)):([0-9]{1,5})", value)
    if match is None or int(match[3]) > 65535:
        raise ValueError(f'must be HOST:PORT such as "127.0.0.1:4100", not "{value}"')
    return match[1] or match[2], int(match[3])


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
