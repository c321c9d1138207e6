"""Tool names that chat completions upstreams refuse, spelled in a way that they take.

Their names are letters, digits, ``_`` and ``-``, at most 64 of them. Anthropic clients
send longer ones (tools of MCP servers do), and frameworks send dots and colons.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import blake2s

from bridge.core.conversation import Conversation, Tool, ToolUse, Turn
from bridge.core.toolset import once

_LONGEST = 64
_FITS = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REFUSED = re.compile(r"[^A-Za-z0-9_-]")


def with_fitting_names(conversation: Conversation) -> tuple[Conversation, Mapping[str, str]]:
    """The conversation in names that every upstream takes, and what each changed one was before.

    Names that fit stay as they are. The others get the same spelling in tools, tool choice and
    history, the same one in every request that declares the same tools, and no two names share one.
    """
    used = _used(conversation)
    declared_fit = once(conversation.tools, _all_fit) and (not conversation.hidden or _all_fit(conversation.hidden))
    if declared_fit and (not used or all(map(_FITS.fullmatch, set(used)))):
        return conversation, {}
    # Declared ones come first, so that history changes no spelling.
    names = dict.fromkeys([*(tool.name for tool in (*conversation.tools, *conversation.hidden)), *used])
    odd = [name for name in names if not _FITS.fullmatch(name)]
    taken = names.keys() - odd
    spelled: dict[str, str] = {}
    for name in odd:
        spelled[name] = _spelling(name, taken)
        taken.add(spelled[name])
    return _renamed(conversation, spelled), {new: old for old, new in spelled.items()}


def _all_fit(tools: Iterable[Tool]) -> bool:
    return all([_FITS.fullmatch(tool.name) for tool in tools])


def _used(conversation: Conversation) -> list[str]:
    """The tools that were called so far, in order."""
    answers = [turn.parts for turn in conversation.turns if turn.role == "assistant"]
    return [part.name for parts in answers for part in parts if isinstance(part, ToolUse)]


def _spelling(name: str, taken: set[str]) -> str:
    plain = _REFUSED.sub("_", name)
    if len(plain) <= _LONGEST and plain not in taken:
        return plain
    # Of what is cut or not the only one, a digest of the whole name tells it apart.
    salt = 0
    while True:
        digest = blake2s(name.encode("utf-8", "surrogatepass"), digest_size=4, salt=b"%d" % salt).hexdigest()
        spelling = f"{plain[: _LONGEST - 1 - len(digest)]}_{digest}"
        if spelling not in taken:
            return spelling
        salt += 1


def _renamed(conversation: Conversation, spelled: Mapping[str, str]) -> Conversation:
    choice = conversation.tool_choice
    return replace(
        conversation,
        tools=tuple(replace(tool, name=spelled.get(tool.name, tool.name)) for tool in conversation.tools),
        tool_choice=replace(choice, name=spelled.get(choice.name, choice.name)),
        turns=tuple(_renamed_turn(turn, spelled) for turn in conversation.turns),
    )


def _renamed_turn(turn: Turn, spelled: Mapping[str, str]) -> Turn:
    if not any(isinstance(part, ToolUse) and part.name in spelled for part in turn.parts):
        return turn
    parts = (
        ToolUse(part.id, spelled.get(part.name, part.name), part.input) if isinstance(part, ToolUse) else part
        for part in turn.parts
    )
    return Turn(turn.role, tuple(parts))
