"""What a client asked for and does not get, and when that is reason to refuse the request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bridge.core.events import Fault
from bridge.errors import RequestError

if TYPE_CHECKING:
    from bridge.core.route import Route

LossKind = Literal["unsupported", "server_tool", "adjusted"]
_MAX_NAMED = 32


@dataclass(frozen=True, slots=True)
class Loss:
    """One line of a request's warnings. ``str()`` of it is what clients and logs see.

    ``unsupported``: the upstream cannot honour ``field``; a route may refuse such requests.
    ``server_tool``: a tool that only Anthropic's servers run; refused by its own key as well.
    ``adjusted``: honoured in another form, or repaired; never a reason to refuse.
    """

    field: str
    what: str = "not supported, dropped"
    kind: LossKind = "unsupported"

    def __str__(self) -> str:
        return f"{self.field}: {self.what}"


def check(losses: Sequence[Loss], route: Route) -> None:
    """Raises RequestError (400) naming every field and the route, if the route wants no request with such losses."""
    if not losses:
        return
    refused: set[LossKind] = set()
    settings = []
    if route.unsupported == "reject":
        refused |= {"unsupported", "server_tool"}
        settings.append('unsupported = "reject"')
    if route.server_tools == "reject":
        refused.add("server_tool")
        settings.append('server_tools = "reject"')
    fields = list(dict.fromkeys(loss.field for loss in losses if loss.kind in refused)) if refused else []
    if not fields:
        return
    named = ", ".join(fields[:_MAX_NAMED]) + (", ..." if len(fields) > _MAX_NAMED else "")
    message = f"{named}: not supported by model `{route.key}`, which refuses what it cannot honour"
    raise RequestError(
        Fault("invalid_request", f"{message} ({', '.join(settings)})", details={"unsupported": fields[:_MAX_NAMED]})
    )
