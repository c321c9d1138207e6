"""Where an unescaped value ends (rule 5: closers are confirmed by what follows)."""

from __future__ import annotations

from collections.abc import Callable, Collection

from bridge.core.parsing.compiled import CompiledCall
from bridge.core.parsing.cursor import Cursor, Reading
from bridge.core.parsing.markers import MORE, CompiledMarker, Match, Undecided, followed_by
from bridge.core.parsing.typed import ArgumentTypes

_CDATA_OPEN, _CDATA_CLOSE = "<![CDATA[", "]]>"


def closes(closer: Match, key: str) -> bool:
    """Whether ``closer`` closes the value of ``key``: it holds that key, or none."""
    return not key or closer.holes.get("key", key) == key


class ValueReader:
    """Reads one value up to its confirmed closer; the closer is consumed, what confirms it is not.

    A value also ends, without its own closer, before the call's closer where the container
    goes on behind that, and before the next parameter where that begins a line and is
    declared and not yet ``given``. A quoted example of a call inside the value (an opener
    that is itself structurally followed) is value up to its own closer. Where the closer holds
    a key, it must be ``key``.
    """

    def __init__(
        self, cursor: Cursor, call: CompiledCall, types: ArgumentTypes, given: Collection[str], key: str = ""
    ) -> None:
        self._cursor = cursor
        self._call = call
        self._types = types
        self._given = given
        self._key = key
        self._nested: list[CompiledMarker] = []
        self._line_blank = False
        self._newline = call.pattern.tags.trim == "newline"
        self._at_start = self._newline
        self._held = ""
        self._literals = call.value_literals

    def read(self, out: Callable[[str], object]) -> Reading[None]:
        """Gives the value to ``out`` in pieces."""
        cursor = self._cursor
        yield from self._whole_cdata(out)
        while True:
            end = self._literals.first(cursor.text, cursor.i)
            self._take(cursor.text[cursor.i : end], out)
            cursor.i = end
            if end == len(cursor.text):
                yield from cursor.wait()
                continue
            quoted = self._quoted(cursor.text, cursor.i, cursor.eof)
            end_of_value = self._ends() if quoted is None else None
            if quoted is MORE or end_of_value is MORE:
                yield from cursor.wait()
            elif isinstance(end_of_value, int):
                cursor.i = end_of_value
                self._finish(out)
                return
            else:
                end = cursor.i + 1 if quoted is None else quoted
                self._take(cursor.text[cursor.i : end], out)
                cursor.i = end

    def _whole_cdata(self, out: Callable[[str], object]) -> Reading[None]:
        """Inside a leading CDATA section nothing is looked for."""
        cursor = self._cursor
        if not self._call.pattern.tags.cdata:
            return
        while cursor.text[cursor.i :].lstrip() == "" or _CDATA_OPEN.startswith(
            cursor.text[cursor.i :].lstrip()[: len(_CDATA_OPEN)]
        ):
            if cursor.text[cursor.i :].lstrip().startswith(_CDATA_OPEN):
                break
            yield from cursor.wait()
        if not cursor.text[cursor.i :].lstrip().startswith(_CDATA_OPEN):
            return
        while (end := cursor.text.find(_CDATA_CLOSE, cursor.i)) < 0:
            keep = max(cursor.i, len(cursor.text) - len(_CDATA_CLOSE) + 1)
            self._take(cursor.text[cursor.i : keep], out)
            cursor.i = keep
            yield from cursor.wait()
        self._take(cursor.text[cursor.i : end + len(_CDATA_CLOSE)], out)
        cursor.i = end + len(_CDATA_CLOSE)

    def _ends(self) -> int | Undecided | None:
        """Where the value's markup ends if it ends here; None if what stands here is value."""
        text, i, eof = self._cursor.text, self._cursor.i, self._cursor.eof
        call = self._call
        undecided = False
        if call.tag_close is not None:
            closer = call.tag_close.match(text, i, eof)
            if isinstance(closer, Match) and not closes(closer, self._key):
                closer = None
            confirmed = self._confirmed(closer, call.value_after)
            if confirmed is True and isinstance(closer, Match):
                return closer.end
            undecided = confirmed is MORE
        if call.close is not None and not undecided:
            closer = call.close.match(text, i, eof)
            confirmed = self._confirmed(closer, call.after)
            if confirmed is True:
                return i
            undecided = confirmed is MORE
        if call.tag_open is not None and not undecided and self._line_blank:
            header = call.tag_open.match(text, i, eof)
            if isinstance(header, Match):
                key = header.holes.get("key") or header.attrs.get(call.pattern.tags.attrs.key, "")
                if self._types.declares(key) and key not in self._given:
                    return i
            undecided = header is MORE
        return MORE if undecided else None

    def _confirmed(self, closer: Match | Undecided | None, follow: tuple[CompiledMarker, ...]) -> bool | Undecided:
        if not isinstance(closer, Match):
            return MORE if closer is MORE else False
        return followed_by(follow, self._cursor.text, closer.end, self._cursor.eof)

    def _quoted(self, text: str, i: int, eof: bool) -> int | Undecided | None:
        """To where the value goes on as (the edge of) a quoted example; None outside of one."""
        if self._nested:
            closer = self._nested[-1].match(text, i, eof)
            if closer is MORE:
                return MORE
            if isinstance(closer, Match):
                self._nested.pop()
                return max(closer.end, i + 1)
        for opener, closing in self._call.nesting:
            found = opener.match(text, i, eof)
            if found is MORE:
                return MORE
            if isinstance(found, Match):
                inner = followed_by(self._call.inside, text, found.end, eof)
                if inner is MORE:
                    return MORE
                if inner is True and found.end < len(text.rstrip()):
                    self._nested.append(closing)
                    return found.end
        return i + 1 if self._nested else None

    def _take(self, part: str, out: Callable[[str], object]) -> None:
        if not part:
            return
        line = part.rpartition("\n")
        blank = not line[2].strip()
        self._line_blank = blank if line[1] else (self._line_blank and blank)
        if not self._newline:
            out(part)
            return
        part = self._held + part
        if self._at_start:
            if part in ("\r", ""):
                self._held = part
                return
            self._at_start = False
            part = part[2:] if part.startswith("\r\n") else part.removeprefix("\n")
        end = len(part.removesuffix("\n").removesuffix("\r")) if part[-1:] in ("\n", "\r") else len(part)
        self._held = part[end:]
        if part[:end]:
            out(part[:end])

    def _finish(self, out: Callable[[str], object]) -> None:
        """The line break before the closer belongs to the markup."""
        if self._held and self._held not in ("\n", "\r\n"):
            out(self._held)
