"""Text and reasoning as blocks: trimmed at their edges, blank ones left out (rules 12 and 13)."""

from __future__ import annotations

import re

from bridge.core.events import ParserEvent, TextDelta, ThinkingDelta

_SPACE_LIMIT = 4096
_EDGES = {"both": None, "newlines": "\r\n", "none": ""}


class BlockWriter:
    """Writes deltas; a ``boundary`` (a call, a change between text and reasoning) ends a block.

    White space at an edge is held until what follows shows whether it is one. An answer
    that is nothing but text comes out as it is.
    """

    def __init__(self, trim_text: str, trim_reasoning: str) -> None:
        self.out: list[ParserEvent] = []
        self._edges = (_EDGES[trim_text], _EDGES[trim_reasoning])
        self._reasoning = False
        self._started = False
        self._space = ""
        self._spans = False

    def plain(self, text: str) -> list[ParserEvent] | None:
        """The events of more text in the middle of a text block, at once; None leaves it to ``write``."""
        if not self._started or self._reasoning or self.out:
            return None
        if self._space:
            text = self._space + text
            self._space = ""
        if text[-1].isspace():
            text = self._without_edge(text, self._edges[0])
        return [TextDelta(text)] if text else []

    def _without_edge(self, text: str, edges: str | None) -> str:
        """``text``, which ends in white space, without what of it is held: the block's edge may be here."""
        kept = len(text if edges == "" else text.rstrip(edges))
        if len(text) - kept > _SPACE_LIMIT:
            kept = len(text)
        self._space = text[kept:]
        return text[:kept]

    def write(self, text: str, reasoning: bool) -> None:
        """More text, or more reasoning."""
        if reasoning is not self._reasoning:
            if self._started:
                self.boundary()
            self._space = ""
            self._reasoning = reasoning
        if self._space:
            text = self._space + text
            self._space = ""
        edges = self._edges[reasoning]
        if not self._started:
            bare = text.lstrip()
            if not bare:
                if self._spans or reasoning or len(text) <= _SPACE_LIMIT:
                    self._space = text[-_SPACE_LIMIT:]
                    return
                bare = text
            if self._spans or reasoning:
                text = bare if edges is None else text.lstrip(edges) if edges else text
            self._started = True
        if text[-1:].isspace():
            text = self._without_edge(text, edges)
        if text:
            self.out.append(ThinkingDelta(text) if reasoning else TextDelta(text))

    def boundary(self) -> None:
        """Something else than text begins here."""
        self._spans = True
        self._started = False
        self._space = ""

    def finish(self) -> None:
        """The end of the message."""
        if self._space and self._started and not self._spans and not self._reasoning:
            self.out.append(TextDelta(self._space))
        self._space = ""


_RUN = re.compile("`+|~+")


def _run_at(text: str, start: int) -> str:
    run = _RUN.match(text, start)
    assert run is not None
    return run[0]


class FenceTracker:
    """Knows whether the text so far ends inside a fenced block or inline code."""

    __slots__ = ("_fence", "_indent_only", "_info", "_inline", "_run")

    def __init__(self) -> None:
        self._fence = ""
        self._inline = 0
        self._run = ""
        self._info = False
        self._indent_only = True

    @property
    def line_start(self) -> bool:
        """Whether only white space stands on the line so far."""
        return self._indent_only and not self._run

    def feed(self, text: str) -> None:
        """More text."""
        tick, tilde, at = text.find("`"), text.find("~"), 0
        while tick >= 0 or tilde >= 0:
            start = tick if tilde < 0 or 0 <= tick < tilde else tilde
            if start > at:
                self._lines(text[at:start])
            run = _run_at(text, start)
            if self._run and run[0] != self._run[0]:
                self._end_run()
            self._run += run
            at = start + len(run)
            if start == tick:
                tick = text.find("`", at)
            else:
                tilde = text.find("~", at)
        if at < len(text):
            self._lines(text[at:])

    def _lines(self, text: str) -> None:
        """More text, without a backtick or tilde in it."""
        if self._run:
            self._end_run()
        _, newline, line = text.rpartition("\n")
        if newline:
            self._inline = 0
            self._info = False
            self._indent_only = not line or line.isspace()
        elif self._indent_only and not line.isspace():
            self._indent_only = False

    def pass_words(self, text: str) -> None:
        """More text, without a backtick, tilde or line break in it."""
        if self._run:
            self._end_run()
        if self._indent_only and not text.isspace():
            self._indent_only = False

    def pass_reasoning(self, text: str) -> None:
        """Reasoning holds no fences, but has lines too."""
        if self._run:
            self._end_run()
        _, newline, line = text.rpartition("\n")
        self._indent_only = (self._indent_only or bool(newline)) and not line.strip()

    def begin_line(self) -> None:
        """What comes next stands at the start of a line."""
        if self._run:
            self._end_run()
        self._indent_only = True

    @property
    def inside(self) -> bool:
        """Whether what comes next is inside code."""
        if self._run:
            self._end_run()
        return bool(self._fence) or self._inline > 0

    def _end_run(self) -> None:
        run, self._run = self._run, ""
        at_start, self._indent_only = self._indent_only, False
        if self._fence and not self._info:
            if at_start and run[0] == self._fence[0] and len(run) >= len(self._fence):
                self._fence = ""
            return
        if self._fence and self._info and run[0] == "`" and self._fence[0] == "`":
            # a fence's first line holds no other backtick: it was inline code
            self._fence, self._info = "", False
            return
        if at_start and len(run) >= 3:
            self._fence, self._info = run, True
        elif run[0] == "`":
            self._inline = 0 if self._inline == len(run) else (self._inline or len(run))
