"""One way of reading the span that begins at an opener, in step with others."""

from __future__ import annotations

from enum import Enum, auto

from bridge.core.parsing.compiled import CompiledCall, CompiledSpec
from bridge.core.parsing.cursor import Cursor, CutOff, Malformed, Reading
from bridge.core.parsing.jsoncalls import read_json_arguments, read_json_call
from bridge.core.parsing.markers import MORE, CompiledMarker, Match, begun, first_match, literal_at
from bridge.core.parsing.names import Toolbox
from bridge.core.parsing.pythoncalls import read_python_calls
from bridge.core.parsing.sink import CallSink
from bridge.core.parsing.tagcalls import read_tag_call
from bridge.core.parsing.textcalls import read_text_call

_CODECS = {
    "json-call": read_json_call,
    "json": read_json_arguments,
    "tags": read_tag_call,
    "python": read_python_calls,
    "text": read_text_call,
}
MAX_CALL = 8 << 20
"""Characters of the longest call; what goes on beyond that is none."""

_NAMED_BY_OPENER = frozenset({"json", "tags", "text"})


class State(Enum):
    """How far an attempt has come."""

    READING = auto()
    DONE = auto()
    MALFORMED = auto()
    CUT = auto()


class Attempt:
    """Reads one call pattern, behind its section's opener if ``in_section``, from ``start`` on.

    ``opener`` replaces the pattern's own one where the prompt already holds its beginning.
    ``entered`` is where the call begins inside the section, ``empty`` says that it held none.
    ``why`` is what was wrong, once it is MALFORMED or CUT.
    """

    def __init__(
        self,
        spec: CompiledSpec,
        call: CompiledCall,
        start: int,
        toolbox: Toolbox,
        *,
        eager: bool,
        in_section: bool = False,
        opener: CompiledMarker | None = None,
    ) -> None:
        self.spec = spec
        self.call = call
        self.in_section = in_section
        self.empty = False
        self.entered = 0
        self.state = State.READING
        self.why = ""
        self.cursor = Cursor(start)
        self.sink = CallSink(toolbox, start, unknown=call.pattern.unknown, eager=eager)
        self._opener = opener or call.open
        self._reading = self._read()

    def push(self, text: str, eof: bool, cut: bool) -> None:
        """Reads on."""
        if self.state is not State.READING:
            self.cursor.text += text
            return
        self.cursor.push(text, eof, cut)
        if self.cursor.pos - self.sink.element > MAX_CALL:
            self._reading.close()
            self.state, self.why = State.MALFORMED, "longer than a call may be"
            return
        try:
            next(self._reading)
        except StopIteration:
            self.state = State.DONE
        except Malformed as problem:
            self.state, self.why = State.MALFORMED, str(problem)
        except CutOff:
            self.state, self.why = State.CUT, "the message ends inside it"

    def _read(self) -> Reading[None]:
        if self.in_section:
            yield from self._enter_section()
            if self.empty:
                return
        header = yield from self._header()
        call, pattern = self.call, self.call.pattern
        if pattern.codec in _NAMED_BY_OPENER:
            name = header.holes.get("name") or header.attrs.get(pattern.name_attr, "")
            if not name:
                raise Malformed("there is no name in the opener")
            self.sink.name(name)
            if not self.sink.named and not self.spec.spec.distinctive:
                raise Malformed(f"no declared tool is called {name!r:.100}, and this format could open anywhere")
            call = call.named(name)
        if header.self_closing:
            self.sink.write("{}")
            self.sink.end(self.cursor.pos)
            return
        yield from _CODECS[pattern.codec](self.cursor, call, self.sink)

    def _header(self) -> Reading[Match]:
        cursor = self.cursor
        while True:
            header = self._opener.match(cursor.text, cursor.i, cursor.eof)
            if header is MORE:
                yield from cursor.wait()
                continue
            if not isinstance(header, Match):
                if not self._header_cut():
                    raise Malformed("`open` does not match")
                raise CutOff
            if self._header_cut():
                raise CutOff
            cursor.i = header.end
            return header

    def _header_cut(self) -> bool:
        """Whether the message was cut off inside the header, past its first literal."""
        cursor, opener = self.cursor, self._opener
        if not (cursor.cut and self.spec.spec.distinctive and begun((opener,), cursor.text, cursor.i)):
            return False
        return any(cursor.text.startswith(literal, cursor.i) for literal in opener.literals)

    def _enter_section(self) -> Reading[None]:
        """From the section's opener to the call's, over noise and, where the file says so, junk."""
        cursor, spec = self.cursor, self.spec
        section = spec.spec.section
        if section is None or spec.section_open is None:
            raise Malformed("the file has no section")
        while (opened := spec.section_open.match(cursor.text, 0, cursor.eof)) is MORE:
            yield from cursor.wait()
        if not isinstance(opened, Match):
            raise Malformed("the section does not open here")
        cursor.i = opened.end
        others = tuple(other.open for other in spec.calls if other is not self.call)
        closers = (spec.section_close,) if spec.section_close else ()
        junk = False
        while True:
            if not (yield from cursor.skip_space()):
                if junk and not cursor.cut:
                    raise Malformed("the section holds no call")
                raise CutOff
            mine = self.call.open.match(cursor.text, cursor.i, cursor.eof)
            if isinstance(mine, Match):
                self.entered = cursor.pos
                return
            other = first_match((*others, *closers), cursor.text, cursor.i, cursor.eof)
            noise = [literal_at(cursor.text, cursor.i, lit, cursor.eof) for lit in spec.spec.noise.anywhere]
            if MORE in (mine, other, *noise):
                yield from cursor.wait()
            elif isinstance(other, Match):
                if section.junk == "drop" and closers and self._closes(closers[0]):
                    self.empty = True
                    cursor.i = other.end
                    return
                raise Malformed("another call or the end of the section comes first")
            elif True in noise:
                cursor.i += len(spec.spec.noise.anywhere[noise.index(True)])
            elif cursor.eof and begun((self.call.open, *closers), cursor.text, cursor.i):
                raise CutOff
            elif section.junk == "drop":
                junk = True
                cursor.i += 1
            else:
                raise Malformed("something else stands in the section before the call")

    def _closes(self, closer: CompiledMarker) -> bool:
        cursor = self.cursor
        return isinstance(closer.match(cursor.text, cursor.i, cursor.eof), Match)
