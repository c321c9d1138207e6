"""What is wrong with a configuration, where, and what to do: one text for every place that shows it."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning"]
_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem. ``line`` is 0 when it lies in no file (a flag, an environment variable).

    ``code`` is stable; ``message`` and ``hint`` are for people. No field holds a secret.
    """

    code: str
    severity: Severity
    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""
    source_line: str = ""

    def __str__(self) -> str:
        return render_text([self])


def key_path(path: Sequence[str | int]) -> str:
    """A key path as TOML writes it: ``models."*".fallbacks[0]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else json.dumps(part, ensure_ascii=False)
            text += f".{name}" if text else name
    return text


def suggest(word: str, known: Iterable[str]) -> str:
    """``did you mean `x`?`` when one of ``known`` is near, else nothing."""
    names = {name.casefold().replace("-", "_"): name for name in known}
    near = difflib.get_close_matches(word.casefold().replace("-", "_"), names, n=1, cutoff=0.55)
    return f"did you mean `{names[near[0]]}`?" if near else ""


def alternatives(words: Sequence[str]) -> str:
    """``a, b or c``."""
    return ", ".join(words[:-1]) + " or " + words[-1] if len(words) > 1 else "".join(words)


def summary(items: Sequence[Diagnostic]) -> str:
    """``2 errors, 1 warning``, or ``no problems``."""
    counts = [(sum(item.severity == kind for item in items), kind) for kind in ("error", "warning")]
    parts = [f"{count} {kind}{'s' if count > 1 else ''}" for count, kind in counts if count]
    return ", ".join(parts) or "no problems"


def _place(item: Diagnostic) -> str:
    return f"{item.file}:{item.line}:{item.column}" if item.line else item.file


def _headline(item: Diagnostic) -> str:
    warning = "warning: " if item.severity == "warning" else ""
    return ": ".join(part for part in (_place(item), item.path, warning + item.message) if part)


def render_text(items: Iterable[Diagnostic]) -> str:
    """``file:line:column: path: message``, the source line with a caret, and the hint."""
    return "\n".join(line for item in items for line in _text_lines(item))


def _text_lines(item: Diagnostic) -> list[str]:
    if not item.source_line:
        return [_headline(item) + (f"; {item.hint}" if item.hint else "")]
    shift = max(0, item.column - _WIDTH + 20)
    source = item.source_line[shift : shift + _WIDTH]
    # tabs stay tabs under tabs, so that the caret stands where the eye expects it
    lead = "".join("\t" if char == "\t" else " " for char in source[: item.column - 1 - shift])
    caret = f"{lead}^" + (f" {item.hint}" if item.hint else "")
    return [_headline(item), f"{item.line:>5} | {source}", f"      | {caret}"]


def render_json(items: Iterable[Diagnostic]) -> str:
    """One JSON array of objects with the fields of ``Diagnostic``."""
    return json.dumps([asdict(item) for item in items], indent=2, ensure_ascii=False)


def render_github(items: Iterable[Diagnostic]) -> str:
    """One GitHub Actions workflow command a line."""
    lines = []
    for item in items:
        position = f",line={item.line},col={item.column}" if item.line else ""
        message = f"{item.path}: {item.message}" if item.path else item.message
        text = f"{message}; {item.hint}" if item.hint else message
        lines.append(f"::{item.severity} file={_escape(item.file, ',:')}{position},title={item.code}::{_escape(text)}")
    return "\n".join(lines)


def _escape(text: str, more: str = "") -> str:
    for char in "%\r\n" + more:
        text = text.replace(char, f"%{ord(char):02X}")
    return text


_SECRET_VALUE = re.compile(
    r"""(?P<key>(?<![\w-])(?:[\w-]*[-_])?(?:key|token|secret|password|authorization|cookie|sha256)["']?\s*=\s*)
        (?P<value>\"{3}.*|'{3}.*|"(?:[^"\\]|\\.)*"?|'[^']*'?|\[[^\]]*\]?|\{[^}]*\}?|[^\s,{}\[\]\#"']+)""",
    re.VERBOSE | re.IGNORECASE,
)
_USERINFO = re.compile(r"(?<=://)[^/@\s\"']+(?=@)")
_REFERENCE = re.compile(r"""["']?\$\{\w+\}["']?|\{\s*file\s*=[^=]*""")


def masked(line: str) -> str:
    """``line`` of a routes file with literal secrets starred out, every column unchanged."""

    def star(match: re.Match[str]) -> str:
        value = match["value"]
        return match["key"] + (value if _REFERENCE.fullmatch(value) else "*" * len(value))

    line = _SECRET_VALUE.sub(star, line)
    return _USERINFO.sub(lambda match: "*" * len(match[0]), line)
