"""What one attempt at reading calls has found, and from when on it is certain."""

from __future__ import annotations

from bridge.core.conversation import Tool
from bridge.core.jsontext import Record
from bridge.core.parsing.names import Toolbox
from bridge.core.parsing.typed import ArgumentTypes

_ANYTHING = ArgumentTypes(None)


class Verbatim(Record, frozen=True, gc=False):
    """The characters from ``start`` to ``end`` of the message stay text."""

    start: int
    end: int


class Started(Record, frozen=True, gc=False):
    name: str


class Arguments(Record, frozen=True, gc=False):
    json: str


class Ended(Record, frozen=True, gc=False):
    pass


class Aborted(Record, frozen=True, gc=False):
    pass


Item = Verbatim | Started | Arguments | Ended | Aborted


class CallSink:
    """Collects the calls of one span. ``start`` is where the span's markup begins.

    ``won_at`` is the position at which the first call became certain: until then the
    span may still turn out to be text. ``items`` are what is certain, in order; the
    engine takes them away. In a span of several calls each stands alone: framing is
    text until the first accepted call and dropped from then on (rule 10).
    """

    def __init__(self, toolbox: Toolbox, start: int, *, unknown: str, eager: bool) -> None:
        self.items: list[Item] = []
        self.won_at: int | None = None
        self.rejected = False
        self.repairs: list[str] = []
        self._toolbox = toolbox
        self._unknown = unknown
        self._eager = eager
        self._span = start
        self._element = start
        self._name = ""
        self._tool: Tool | None = None
        self._body: list[str] = []
        self._committed = False

    @property
    def keep_from(self) -> int:
        """The first position whose characters may still be needed as text."""
        return self._span if self.won_at is None else self._element

    @property
    def element(self) -> int:
        """Where the call that is being read begins."""
        return self._element

    @property
    def committed(self) -> bool:
        """Whether the call that is being read was begun for the client (eager only)."""
        return self._committed

    @property
    def named(self) -> bool:
        """Whether the call has the name of a declared tool."""
        return self._tool is not None

    @property
    def named_unknown(self) -> bool:
        """Whether the call has a name that means no declared tool."""
        return bool(self._name) and self._tool is None and self._unknown == "text"

    @property
    def written(self) -> str:
        """The name of the call, as it was written."""
        return self._name

    @property
    def types(self) -> ArgumentTypes:
        """The argument types of the call's tool."""
        return self._toolbox.types(self._tool) if self._tool else _ANYTHING

    def begin(self, start: int) -> None:
        """A call's markup begins at ``start``."""
        self._element = start
        self._name = ""
        self._tool = None
        self._body = []
        self._committed = False

    def name(self, name: str) -> None:
        """The call's name, as it was written."""
        self._name = name
        self._tool, repair = self._toolbox.find(name)
        if repair:
            self.repairs.append(repair)

    def body(self, pos: int) -> None:
        """The arguments have begun: an eager call goes out now, if its name came before."""
        if self._eager and not self._committed and self._accepted and self._toolbox.streams(self._tool):
            self._commit(pos)

    def write(self, json: str) -> None:
        """More of the arguments, certain."""
        if self._committed:
            self.items.append(Arguments(json))
        else:
            self._body.append(json)

    def end(self, pos: int) -> None:
        """The call is whole at ``pos``."""
        if not self._accepted:
            self._refuse(pos)
            return
        if not self._committed:
            self._commit(pos)
        self.items.append(Ended())
        self._committed = False
        self._element = pos

    def fail(self) -> None:
        """The call that was being read is not one after all."""
        if self._committed:
            self.items.append(Aborted())
            self._committed = False

    @property
    def _accepted(self) -> bool:
        return self._tool is not None or (bool(self._name) and self._unknown == "emit")

    def _commit(self, pos: int) -> None:
        self._won(pos)
        self._committed = True
        self.items.append(Started(self._tool.name if self._tool else self._name))
        body = "".join(self._body)
        self._body = []
        if body:
            self.items.append(Arguments(body))

    def _won(self, pos: int) -> None:
        if self.won_at is None:
            self.won_at = pos
            if self.rejected:
                self.items.append(Verbatim(self._span, self._element))

    def _refuse(self, pos: int) -> None:
        if self._unknown == "drop" and self._name:
            self._won(pos)
        elif self.won_at is None:
            self.rejected = True
        else:
            self.items.append(Verbatim(self._element, pos))
        self._element = pos
