import pytest

from bridge.core.anthropic.known_tools import known_tool
from bridge.core.anthropic.policy import TOOL_TYPES
from bridge.core.anthropic.tools import read_tool_choice, read_tools
from bridge.core.checks import Notes
from bridge.core.conversation import ToolChoice
from bridge.errors import RequestError


def read(entry: dict):
    notes = Notes()
    return read_tools({"tools": [entry]}, notes).shown, tuple(map(str, notes.warnings()))


@pytest.mark.parametrize(
    ("kind", "name", "properties"),
    [
        ("bash_20250124", "bash", {"command", "restart"}),
        ("text_editor_20250124", "str_replace_editor", {"command", "path", "new_str", "insert_line"}),
        ("text_editor_20250728", "str_replace_based_edit_tool", {"command", "path", "insert_text", "view_range"}),
        ("memory_20250818", "memory", {"command", "path", "old_path", "new_path"}),
    ],
)
def test_tools_that_the_client_runs_become_functions(kind, name, properties):
    (tool,), warnings = read({"type": kind, "name": name, "cache_control": {"type": "ephemeral"}})
    assert tool.name == name
    assert tool.description
    assert properties <= set(tool.schema["properties"])
    assert set(tool.schema["required"]) <= set(tool.schema["properties"])
    assert warnings == ()


def test_they_take_the_extras_of_every_tool():
    (tool,), warnings = read(
        {
            "type": "text_editor_20250728",
            "name": "edit",
            "strict": True,
            "input_examples": [{"command": "view", "path": "/"}],
            "max_characters": 1000,
        }
    )
    assert tool.strict is True
    assert tool.description.endswith('Examples of its arguments:\n{"command":"view","path":"/"}')
    assert warnings == ("tools.*.max_characters: not supported, dropped",)
    with pytest.raises(RequestError, match=r"tools\.0\.allowed_callers: "):
        read({"type": "bash_20250124", "name": "bash", "allowed_callers": ["code_execution_20250825"]})


def test_each_of_them_has_its_schema():
    for kind, row in TOOL_TYPES.items():
        if row.action == "function":
            assert known_tool(kind)[1]


def test_undo_went_away_with_the_newer_editors():
    commands = {}
    for version in ("20250124", "20250429"):
        (tool,), _ = read({"type": f"text_editor_{version}", "name": "edit"})
        commands[version] = tool.schema["properties"]["command"]["enum"]
    assert "undo_edit" in commands["20250124"]
    assert "undo_edit" not in commands["20250429"]


def test_they_can_be_chosen_and_need_their_name():
    entry = {"type": "bash_20250124", "name": "bash"}
    body = {"tools": [entry], "tool_choice": {"type": "tool", "name": "bash"}}
    assert read_tool_choice(body, read_tools(body, Notes()), Notes()) == ToolChoice("tool", "bash")
    with pytest.raises(RequestError, match=r"tools\.0\.name: Field required"):
        read({"type": "bash_20250124"})


@pytest.mark.parametrize("kind", ["web_search_20250305", "computer_20250124", "mcp_toolset", "bash_20990101"])
def test_all_others_are_dropped(kind):
    assert read({"type": kind}) == ((), (f"tools.{kind}: not supported, dropped",))
