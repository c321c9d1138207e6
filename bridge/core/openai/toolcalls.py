"""Structured tool calls: fragments in every spelling that upstreams use in, whole calls in order out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from bridge.core import jsontext
from bridge.core.events import Event, ToolCallAbort, ToolCallDelta, ToolCallEnd, ToolCallStart

MAX_ARGUMENTS = 8 * 1024 * 1024
_MAX_LOOKED = 4 * MAX_ARGUMENTS

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(slots=True)
class _Call:
    """One call as far as it is known. ``parts`` are its arguments without repetitions, ``raw`` with them.

    ``streams``: its arguments may come out before they are whole, as far as its name has told.
    """

    upstream_id: str
    name: str = ""
    parts: list[str] = field(default_factory=list)
    size: int = 0
    raw: list[str] = field(default_factory=list)
    repeats: int = 0
    index: int = -1
    streams: bool = True
    after: list[Event] = field(default_factory=list)

    def text(self) -> str:
        return "".join(self.parts)

    def take(self, fragment: str) -> str:
        """Add a fragment; gives what is new in it, for it may repeat all that was said before."""
        repeated = (
            self.size > 0 and fragment[:1] == "{" and len(fragment) >= self.size and fragment.startswith(self.text())
        )
        if repeated:
            self.repeats += 1
            new = fragment[self.size :]
        else:
            new = fragment
        if self.repeats > 2:
            # No doubt any more: keeping every repetition would cost the square of the size.
            self.raw.clear()
        else:
            self.raw.append(fragment)
        if new:
            self.parts.append(new)
            self.size += len(new)
        return new

    def replace(self, arguments: str) -> None:
        """An object instead of text: it is the whole of the arguments."""
        self.parts, self.raw, self.size = [arguments], [arguments], len(arguments)

    def arguments(self) -> str | None:
        """The arguments as the text of one JSON object, or None as long as they are not."""
        text = self.text()
        found = json_object(text)
        if found is None and self.repeats and self.raw:
            # What looked like a repetition was an object inside an object.
            found = json_object("".join(self.raw))
        if found is None and len(self.raw) > 1 and json_object(self.raw[0]) is not None:
            # Every fragment is whole by itself: each one replaces the one before.
            found = json_object(self.raw[-1])
        return found

    @property
    def may_be_complete(self) -> bool:
        """Whether a look at all of the arguments is worth while."""
        return bool(self.parts) and self.parts[-1].rstrip()[-1:] in ("}", '"', "l")


def json_object(text: str) -> str | None:
    """``text`` if it is a JSON object, ``{}`` for nothing or null, what is inside a JSON string that holds one."""
    if not text.strip():
        return "{}"
    try:
        value = jsontext.loads(text)
        if isinstance(value, str):
            text, value = value, jsontext.loads(value) if value.strip() else None
    except ValueError:
        return None
    if isinstance(value, dict):
        return text
    return "{}" if value is None else None


def _inside(text: str) -> str:
    """``text``, or what is inside the JSON string that it is."""
    try:
        value = jsontext.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text


class ToolCalls:
    """The structured calls of one answer.

    Calls come out one after the other, in the order in which they began. Nothing of
    a call comes out before its arguments are whole and the next call began or the
    answer ended, except that ``eager`` may say of a tool's name that its calls stream:
    the first open call does, the others wait. ``repair`` makes JSON of arguments that
    are almost JSON, if it can. ``taken`` gives the ids that the conversation knows; it is asked when a call begins.

    ``open``: a call streams; whatever else the model says has to wait (``defer``).
    After ``finish``, ``broken`` names the call whose arguments are no JSON object
    ("" if all is well) and ``dropped`` counts calls cut by the length limit;
    ``repaired`` counts calls whose arguments ``repair`` made readable.
    """

    def __init__(
        self,
        new_id: Callable[[], str],
        *,
        eager: Callable[[str], bool] | None = None,
        repair: Callable[[str], str | None] | None = None,
        taken: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.broken = ""
        self.dropped = 0
        self.repaired = 0
        self.emitted = 0
        self.open = False
        self._new_id = new_id
        self._eager = eager
        self._repair = repair
        self._known = taken
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._listed: list[_Call] = []
        self._head = 0
        self._size = 0
        self._looked = 0

    @cached_property
    def _taken(self) -> set[str]:
        return set(self._known())

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, items: object) -> list[Event]:
        """The next fragments: a list of calls, or one without a list around it, as in the legacy spelling."""
        self._listed.clear()
        events: list[Event] = []
        for item in items if isinstance(items, list) else [items]:
            events += self._add(item)
        return events

    def _add(self, item: object) -> list[Event]:
        if not isinstance(item, dict) or self.broken:
            return []
        function = item.get("function")
        if not isinstance(function, dict):
            function = item
        name = function.get("name")
        arguments = function.get("arguments")
        if isinstance(arguments, str | None):
            whole, fragment = False, arguments or ""
        else:
            whole, fragment = True, jsontext.dumps_text(arguments)
        known = len(self._calls)
        call = self._find(item, name if isinstance(name, str) else "", fragment)
        events = self._close_complete() if len(self._calls) > known else []
        if whole:
            if call.index >= 0:
                # Fragments of it are out, and an object cannot go on where they stopped.
                self.broken = call.name
            call.replace(fragment)
            self._size += len(fragment)
            return events
        new = call.take(fragment) if fragment else ""
        self._size += len(new)
        if self._size > MAX_ARGUMENTS:
            self.broken = call.name or "?"
            return events
        if new and call.streams and call is self._calls[self._head]:
            events += self._stream(call, new)
        return events

    def defer(self, events: list[Event]) -> list[Event]:
        """What of ``events``, which are not of calls, may come now; while a call is open they come behind it."""
        if not self.open:
            return events
        self._calls[self._head].after += events
        return []

    def finish(self, *, cut: bool) -> list[Event]:
        """The answer ended; ``cut``: by a length limit, so that what is unfinished is dropped."""
        events: list[Event] = []
        while self._head < len(self._calls) and not self.broken:
            call = self._calls[self._head]
            blank = not call.text().strip()
            arguments = None if cut and blank else call.arguments() or self._repaired(call)
            if arguments is not None and call.name:
                events += self._close(call, arguments)
            elif cut:
                self.dropped += 1
                if call.index >= 0:
                    events.append(ToolCallAbort(call.index))
                    break
            elif call.name or not blank:
                self.broken = call.name or "?"
            self._head += 1
        return events

    def _repaired(self, call: _Call) -> str | None:
        """The arguments of a call that says them in something like JSON. What was streamed is past repair."""
        if self._repair is None or call.index >= 0:
            return None
        found = self._repair(_inside(call.text()))
        arguments = json_object(found) if found is not None else None
        self.repaired += arguments is not None
        return arguments

    def _find(self, item: dict[str, object], name: str, fragment: str) -> _Call:
        """The call that a fragment belongs to, begun if it is a new one. Adds to its name."""
        raw_id, raw_index = item.get("id"), item.get("index")
        upstream_id = raw_id if isinstance(raw_id, str) else ""
        if isinstance(raw_index, int):
            call = self._by_index.get(raw_index)
        else:
            call = self._by_id.get(upstream_id) if upstream_id else None
            if call is None and self._calls and not (upstream_id and name):
                call = self._calls[-1]
        if call is None or self._is_another(call, upstream_id, name, fragment):
            call = _Call(upstream_id, streams=self._eager is not None)
            self._calls.append(call)
        if isinstance(raw_index, int):
            self._by_index[raw_index] = call
        if upstream_id:
            call.upstream_id = call.upstream_id or upstream_id
            self._by_id.setdefault(upstream_id, call)
        if name and name != call.name and not (call.name and call.size):
            # Names come in pieces, or again and again, each time longer.
            call.name = name if name.startswith(call.name) else call.name + name
        if name:
            self._listed.append(call)
        return call

    def _is_another(self, call: _Call, upstream_id: str, name: str, fragment: str) -> bool:
        """Whether a fragment that is addressed like ``call`` begins a new one."""
        if not name:
            return False
        if upstream_id and call.upstream_id and upstream_id != call.upstream_id:
            # Some invent a new id for every fragment; then the arguments go on where they were.
            return name != call.name or not call.size or self._is_complete(call)
        if not call.size or not call.name:
            return False
        if name != call.name:
            return True
        if any(call is other for other in self._listed):
            # Nobody says the same call twice in one list.
            return self._is_complete(call)
        if upstream_id or fragment[:1] != "{":
            return False
        return not fragment.startswith(call.text()) and self._is_complete(call)

    def _is_complete(self, call: _Call) -> bool:
        """Whether the arguments are a JSON object by now. Says no rather than look for ever."""
        self._looked += call.size if call.may_be_complete else 0
        return call.may_be_complete and self._looked < _MAX_LOOKED and call.arguments() is not None

    def _close_complete(self) -> list[Event]:
        """A new call began: the ones before it that are whole are certain now."""
        events: list[Event] = []
        while self._head < len(self._calls) - 1:
            call = self._calls[self._head]
            arguments = call.arguments() if call.name and self._is_complete(call) else None
            if arguments is None:
                break
            events += self._close(call, arguments)
            self._head += 1
            head = self._calls[self._head]
            if head.size and head.streams:
                events += self._stream(head, head.text())
        return events

    def _stream(self, call: _Call, new: str) -> list[Event]:
        if call.index >= 0:
            return [ToolCallDelta(call.index, new)]
        if not call.name or not call.text().lstrip().startswith("{"):
            # Not an object, or not yet: what it stands for is known at its end.
            return []
        assert self._eager is not None
        call.streams = self._eager(call.name)
        if not call.streams:
            return []
        return [self._start(call), ToolCallDelta(call.index, call.text())]

    def _start(self, call: _Call) -> Event:
        self.open = True
        call.index = self.emitted
        self.emitted += 1
        id_ = call.upstream_id
        if id_ in self._taken or not _ID.fullmatch(id_):
            id_ = self._new_id()
        self._taken.add(id_)
        return ToolCallStart(call.index, id_, call.name)

    def _close(self, call: _Call, arguments: str) -> list[Event]:
        if call.index < 0:
            start = self._start(call)
            self.open = False
            return [start, ToolCallDelta(call.index, arguments), ToolCallEnd(call.index)]
        if arguments != call.text():
            # What was streamed is not what it should have been.
            self.broken = call.name
            return []
        self.open = False
        return [ToolCallEnd(call.index), *call.after]
