"""Tools that clients run and whose schema Anthropic's models know by heart; other models are told."""

from __future__ import annotations

from bridge.core.conversation import Json

_Property = dict[str, object]


def _string(description: str) -> _Property:
    return {"type": "string", "description": description}


def _schema(required: list[str], **properties: _Property) -> Json:
    return {"type": "object", "properties": properties, "required": required}


def _commands(*names: str) -> _Property:
    return {"type": "string", "enum": list(names), "description": "What to do."}


_PATH = _string("Absolute path of the file or directory.")
_FILE_TEXT = _string("For `create`: the whole content of the new file.")
_OLD_STR = _string("For `str_replace`: the text to replace; it must occur exactly once in the file.")
_NEW_STR = _string("For `str_replace`: the text to put in its place.")
_INSERT_TEXT = _string("For `insert`: the text to insert.")
_INSERT_LINE: _Property = {
    "type": "integer",
    "description": "For `insert`: the number of the line after which to insert; 0 is the start of the file.",
}
_VIEW_RANGE: _Property = {
    "type": "array",
    "items": {"type": "integer"},
    "minItems": 2,
    "maxItems": 2,
    "description": "For `view` of a file: first and last line, counted from 1; -1 as last is the end of the file.",
}

_BASH = (
    "Runs a command in a bash session that keeps its state between calls.",
    _schema(
        [],
        command=_string("The command to run. Required unless the session is restarted."),
        restart={"type": "boolean", "description": "True to start the session anew."},
    ),
)
_EDITOR_TEXT = "Shows, creates and changes text files; shows what is in a directory."
_OLD_EDITOR_PROPERTIES = {
    "path": _PATH,
    "file_text": _FILE_TEXT,
    "old_str": _OLD_STR,
    "new_str": _string("For `str_replace`: the text to put in its place. For `insert`: the text to insert."),
    "insert_line": _INSERT_LINE,
    "view_range": _VIEW_RANGE,
}
_OLDEST_EDITOR = (
    _EDITOR_TEXT,
    _schema(
        ["command", "path"],
        command=_commands("view", "create", "str_replace", "insert", "undo_edit"),
        **_OLD_EDITOR_PROPERTIES,
    ),
)
_OLD_EDITOR = (
    _EDITOR_TEXT,
    _schema(
        ["command", "path"],
        command=_commands("view", "create", "str_replace", "insert"),
        **_OLD_EDITOR_PROPERTIES,
    ),
)
_EDITOR = (
    _EDITOR_TEXT,
    _schema(
        ["command", "path"],
        command=_commands("view", "create", "str_replace", "insert"),
        path=_PATH,
        file_text=_FILE_TEXT,
        old_str=_OLD_STR,
        new_str=_NEW_STR,
        insert_line=_INSERT_LINE,
        insert_text=_INSERT_TEXT,
        view_range=_VIEW_RANGE,
    ),
)
_MEMORY = (
    "Files under /memories that outlive the conversation: look there first for earlier progress, "
    "and write down what should not be lost.",
    _schema(
        ["command"],
        command=_commands("view", "create", "str_replace", "insert", "delete", "rename"),
        path=_string("Path of the file or directory, under /memories. Required except for `rename`."),
        file_text=_FILE_TEXT,
        old_str=_OLD_STR,
        new_str=_NEW_STR,
        insert_line=_INSERT_LINE,
        insert_text=_INSERT_TEXT,
        view_range=_VIEW_RANGE,
        old_path=_string("For `rename`: the present path."),
        new_path=_string("For `rename`: the new path."),
    ),
)

_KNOWN: dict[str, tuple[str, Json]] = {
    "bash_20241022": _BASH,
    "bash_20250124": _BASH,
    "text_editor_20241022": _OLDEST_EDITOR,
    "text_editor_20250124": _OLDEST_EDITOR,
    "text_editor_20250429": _OLD_EDITOR,
    "text_editor_20250728": _EDITOR,
    "memory_20250818": _MEMORY,
}


def known_tool(kind: str) -> tuple[str, Json]:
    """Description and schema of the function that a type of tool stands for, which the policy calls a function."""
    return _KNOWN[kind]
