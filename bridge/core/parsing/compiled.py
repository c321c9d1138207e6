"""Parser files made ready to run: markers compiled, once per set of files."""

from __future__ import annotations

from dataclasses import replace

from bridge.core.parsing.literals import Literals
from bridge.core.parsing.markers import CompiledMarker, compile_marker
from bridge.core.parsing.spec import CallPattern, Marker, ParserSpec


class CompiledCall:
    """One shape of a call.

    ``after`` is what may follow a finished call inside its container; ``value_after``
    is what confirms the closer of a tag value; ``nesting`` are the pairs that a value may
    quote, ``inside`` is what makes such an opener a quotation.
    """

    __slots__ = (
        "_named",
        "_spec",
        "after",
        "close",
        "inside",
        "nesting",
        "open",
        "pattern",
        "tag_close",
        "tag_open",
        "value_after",
        "value_literals",
    )

    def __init__(self, pattern: CallPattern, spec: CompiledSpec) -> None:
        self._spec = spec
        self._named: dict[str, CompiledCall] = {}
        self.pattern = pattern
        self.open = CompiledMarker(pattern.open)
        self.close = compile_marker(pattern.close)
        self.tag_open = compile_marker(pattern.tags.open)
        self.tag_close = compile_marker(pattern.tags.close)
        framing = (spec.section_close, self.open, spec.section_open)
        self.after = tuple(marker for marker in framing if marker is not None and marker.literals)
        inner = self.tag_close if pattern.tags.nest else None
        structure = (self.tag_open, inner, self.close, *self.after)
        self.value_after = tuple(marker for marker in structure if marker is not None)
        pairs = ((self.open, self.close), (spec.section_open, spec.section_close))
        self.nesting = tuple((o, c) for o, c in pairs if o is not None and c is not None and not o.peek)
        inside = (self.tag_open, self.open, self.close)
        self.inside = tuple(marker for marker in inside if marker is not None)
        closers = (self.tag_open, self.tag_close, self.close, self.open, spec.section_open, spec.section_close)
        self.value_literals = Literals(lit for marker in closers if marker for lit in marker.literals)

    def named(self, name: str) -> CompiledCall:
        """The shape of a call to ``name``: where the closer holds a name, only that one closes it."""
        if self.pattern.close is None or not any("{name}" in text for text in self.pattern.close.lit):
            return self
        call = self._named.get(name)
        if call is None:
            if len(self._named) >= _NAMES_LIMIT:
                self._named.clear()
            call = self._named[name] = CompiledCall(_with_name(self.pattern, name), self._spec)
            call.after = self.after
        return call


_NAMES_LIMIT = 256


def _with_name(pattern: CallPattern, name: str) -> CallPattern:
    def filled(marker: Marker) -> Marker:
        return replace(marker, lit=tuple(text.replace("{name}", name) for text in marker.lit))

    assert pattern.close is not None
    return replace(pattern, open=filled(pattern.open), close=filled(pattern.close))


class CompiledSpec:
    """One parser file."""

    __slots__ = ("calls", "channels", "reasoning_close", "reasoning_open", "section_close", "section_open", "spec")

    def __init__(self, spec: ParserSpec) -> None:
        self.spec = spec
        self.section_open = compile_marker(spec.section.open if spec.section else None)
        self.section_close = compile_marker(spec.section.close if spec.section else None)
        self.reasoning_open = compile_marker(spec.reasoning.open)
        self.reasoning_close = compile_marker(spec.reasoning.close)
        self.channels = tuple(
            (channel, CompiledMarker(channel.open), compile_marker(channel.close)) for channel in spec.channels
        )
        self.calls = tuple(CompiledCall(pattern, self) for pattern in spec.calls)
