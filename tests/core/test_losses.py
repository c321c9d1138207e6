from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from playbook import ROUTE

from bridge.core.losses import Loss, check
from bridge.errors import RequestError

FIELD = Loss("speed")
TOOL = Loss("tools.web_search_1", kind="server_tool")
LOWERED = Loss("max_tokens", "9 is lowered to 8", "adjusted")
ALL = (FIELD, TOOL, LOWERED, FIELD)


def test_a_line() -> None:
    assert str(FIELD) == "speed: not supported, dropped"
    assert str(LOWERED) == "max_tokens: 9 is lowered to 8"


@pytest.mark.parametrize(
    ("unsupported", "server_tools", "refused"),
    [
        ("warn", "drop", []),
        ("reject", "drop", ["speed", "tools.web_search_1"]),
        ("warn", "reject", ["tools.web_search_1"]),
        ("reject", "reject", ["speed", "tools.web_search_1"]),
    ],
)
def test_what_a_route_refuses(
    unsupported: Literal["warn", "reject"], server_tools: Literal["drop", "reject"], refused: list[str]
) -> None:
    route = replace(ROUTE, unsupported=unsupported, server_tools=server_tools)
    if not refused:
        check(ALL, route)
        return
    with pytest.raises(RequestError) as raised:
        check(ALL, route)
    fault = raised.value.fault
    assert fault.kind == "invalid_request"
    assert fault.message.startswith(f"{', '.join(refused)}: not supported by model `k`")
    assert ("unsupported = " in fault.message) == (unsupported == "reject")
    assert ("server_tools = " in fault.message) == (server_tools == "reject")
    assert fault.details == {"unsupported": refused}
    check((LOWERED,), route)


def test_a_flood_is_named_in_part() -> None:
    with pytest.raises(RequestError) as raised:
        check([Loss(f"x{number}") for number in range(10_000)], replace(ROUTE, unsupported="reject"))
    assert len(raised.value.fault.message) < 500
