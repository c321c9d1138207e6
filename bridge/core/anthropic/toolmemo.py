"""What the tools of earlier requests were read to: agents send the same ones with every request."""

from __future__ import annotations

from collections import OrderedDict

from bridge.core import jsontext
from bridge.core.anthropic.tools import Declared, read_tools
from bridge.core.checks import Notes
from bridge.core.conversation import Json
from bridge.core.jsontext import Record
from bridge.core.losses import Loss
from bridge.core.toolset import Toolset

_FIELD = "tools"
_SHORT = 4_096
_SHARE = 4
"""To tell the tools apart costs a look at the whole body: it has to be long, and a good part of it tools."""
_ROOM = 8
"""What is worked out of tools may take so many times the place of their text."""


class _Known(Record, frozen=True):
    declared: Declared
    losses: tuple[Loss, ...]


class ToolMemo:
    """Reads tools, each text of them once; with and without a memo the result is equal, and so are warnings.

    One thing is not told apart: a number that JSON has no text for (1e999), and the null that upstreams get for it.

    It keeps at most ``most`` texts, of ``size`` bytes in all and none of more than a quarter of that; what was not
    asked for the longest goes first. What is refused is not kept.
    """

    def __init__(self, most: int = 64, size: int = 2**21) -> None:
        self._most = most
        self._size = size
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._held = 0
        self._longest = 0

    def __len__(self) -> int:
        return len(self._known)

    def decoded(self, raw: bytes) -> tuple[Json, bytes] | None:
        """What the object ``raw`` says, and the text of its tools, which are None there if that text is known.

        None where it is less work to decode all, where there are no tools, and for what is not plainly JSON.
        """
        if not _SHORT <= len(raw) <= _SHARE * self._longest:
            return None
        found = jsontext.taken_apart(raw, _FIELD)
        if found is None:
            return None
        body, text = found
        if text not in self._known:
            try:
                body[_FIELD] = jsontext.loads(text)
            except ValueError:
                return None
        return body, text

    def apart(self, body: Json) -> tuple[Json, bytes]:
        """The same for what was decoded already. The text is empty where there are no tools."""
        tools = body.get(_FIELD)
        if not tools or not isinstance(tools, list):
            return body, b""
        try:
            text = jsontext.dumps(tools)
        except RecursionError:
            return body, b""
        return ({**body, _FIELD: None} if text in self._known else body), text

    def read(self, body: Json, text: bytes, notes: Notes) -> Declared:
        """As ``read_tools``. ``text`` is what came with ``body`` from one of the above."""
        if not text:
            return read_tools(body, notes)
        known = self._known.get(text)
        if known is None:
            known = self._learn(text, body if body[_FIELD] is not None else {_FIELD: jsontext.loads(text)})
        else:
            self._known.move_to_end(text)
        if known.losses:
            notes.add(known.losses)
        return known.declared

    def _learn(self, text: bytes, body: Json) -> _Known:
        notes = Notes()
        declared = read_tools(body, notes)
        shown = Toolset(declared.shown, _ROOM * len(text))
        known = _Known(Declared(shown, declared.deferred, declared.elsewhere), notes.losses())
        if len(text) <= self._size // 4:
            self._known[text] = known
            self._held += len(text)
            while len(self._known) > self._most or self._held > self._size:
                gone, _ = self._known.popitem(last=False)
                self._held -= len(gone)
            self._longest = max(map(len, self._known))
        return known
