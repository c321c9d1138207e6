import pytest

from bridge.core.anthropic.tools import Declared, read_tool_choice, read_tools
from bridge.core.checks import Notes
from bridge.core.conversation import Tool, ToolChoice
from bridge.errors import RequestError

SCHEMA = {"type": "object", "properties": {}}
READ = {"name": "read", "input_schema": SCHEMA}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}


def read(*tools: object) -> tuple[tuple[Tool, ...], tuple[str, ...]]:
    notes = Notes()
    return read_tools({"tools": list(tools)}, notes).shown, tuple(map(str, notes.warnings()))


def choose(choice: object, *tools: object) -> ToolChoice:
    notes = Notes()
    return read_tool_choice({"tool_choice": choice}, read_tools({"tools": list(tools)}, notes), notes)


def test_a_tool_with_all_that_is_kept():
    tool = {**READ, "type": "custom", "description": "d", "strict": True, "eager_input_streaming": True}
    hints = {"cache_control": {"type": "ephemeral"}, "defer_loading": False, "allowed_callers": ["direct"]}
    assert read({**tool, **hints}) == ((Tool("read", "d", SCHEMA, strict=True, eager=True),), ())


def test_type_may_be_missing_or_null():
    assert read(READ)[0] == read({**READ, "type": None})[0] == (Tool("read", schema=SCHEMA),)


def test_no_tools():
    assert read() == ((), ())
    assert read_tools({}, Notes()) == Declared()


def test_server_tools_are_dropped_and_named():
    assert read(SEARCH, READ, SEARCH) == (
        (Tool("read", schema=SCHEMA),),
        ("tools.web_search_20250305: not supported, dropped",),
    )


def test_unknown_fields_are_named_once():
    _, warnings = read({**READ, "colour": [{}]}, {**READ, "name": "b", "colour": [{}]})
    assert warnings == ("tools.*.colour: not supported, dropped",)


def test_examples_become_text():
    examples = {"input_examples": [{"path": "/a"}, {"path": "é"}]}
    said = 'Examples of its arguments:\n{"path":"/a"}\n{"path":"é"}'
    assert read({**READ, **examples})[0] == (Tool("read", said, SCHEMA),)
    assert read({**READ, "description": "d", **examples})[0] == (Tool("read", f"d\n\n{said}", SCHEMA),)
    assert read({**READ, "description": "d", "input_examples": []})[0] == (Tool("read", "d", SCHEMA),)


def named(*names: str, **more: object) -> list[dict[str, object]]:
    return [{**READ, "name": name, **more} for name in names]


def test_deferred_tools_are_shown_behind_the_others_as_they_are_referred_to():
    notes = Notes()
    tools = named("x", defer_loading=True) + named("a") + named("y", "z", defer_loading=True) + named("b")
    declared = read_tools({"tools": tools}, notes)
    shown, hidden = declared.revealed(["z", "gone", "a", "x"])
    assert [tool.name for tool in shown] == ["a", "b", "z", "x"]
    assert [tool.name for tool in hidden] == ["y"]
    assert declared.revealed([]) == (declared.shown, declared.deferred)
    assert notes.warnings() == ()


@pytest.mark.parametrize(
    "kind", ["tool_search_tool_regex", "tool_search_tool_bm25_20251119", "tool_search_tool_regex_20990101"]
)
def test_where_a_server_would_search_all_are_shown(kind):
    notes = Notes()
    declared = read_tools({"tools": [{"type": kind, "name": "s"}, *named("a", "b", defer_loading=True)]}, notes)
    assert [tool.name for tool in declared.shown] == ["a", "b"]
    assert declared.deferred == ()
    (loss,) = notes.warnings()
    assert (loss.field, loss.kind) == (f"tools.{kind}", "adjusted")


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        (["x"], "tools.0: Input should be an object"),
        ([READ, {"input_schema": SCHEMA}], "tools.1.name: Field required"),
        ([{"name": "", "input_schema": SCHEMA}], "tools.0.name: String should have at least 1 character"),
        ([{"name": "f"}], "tools.0.input_schema: Field required"),
        ([{"name": "f", "input_schema": []}], "tools.0.input_schema: Input should be an object"),
        ([{**READ, "description": 1}], "tools.0.description: Input should be a string"),
        ([{**READ, "strict": "yes"}], "tools.0.strict: Input should be true or false"),
        ([{**READ, "input_examples": ["x"]}], "tools.0.input_examples.0: Input should be an object"),
        ([{**READ, "defer_loading": "yes"}], "tools.0.defer_loading: Input should be true or false"),
        ([{**READ, "type": 1}], "tools.0.type: Input should be a string"),
        ([READ, READ], 'tools.1.name: "read" is there twice; tool names must be unique'),
        (
            [{**READ, "allowed_callers": ["code_execution_20260120"]}],
            "tools.0.allowed_callers: Only the 'direct' caller is supported; add it, or leave this out",
        ),
    ],
)
def test_refused_tools(tools, message):
    with pytest.raises(RequestError) as caught:
        read(*tools)
    assert caught.value.fault.message == message


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, ToolChoice()),
        ({"type": "auto"}, ToolChoice()),
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice(parallel=False)),
        ({"type": "any", "disable_parallel_tool_use": False}, ToolChoice("any")),
        ({"type": "tool", "name": "read", "disable_parallel_tool_use": True}, ToolChoice("tool", "read", False)),
        ({"type": "none"}, ToolChoice("none")),
    ],
)
def test_choices(choice, expected):
    assert choose(choice, READ) == expected


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "web_search"}])
def test_what_was_dropped_cannot_be_forced(choice):
    with pytest.raises(RequestError, match=r"^tool_choice\.(type|name): .*only Anthropic's servers run"):
        choose(choice, SEARCH)
    assert choose({"type": "auto"}, SEARCH) == ToolChoice()


def test_a_hidden_tool_can_be_forced():
    assert choose({"type": "tool", "name": "read"}, {**READ, "defer_loading": True}) == ToolChoice("tool", "read")
    assert choose({"type": "any"}, {**READ, "defer_loading": True}) == ToolChoice("any")


def test_unknown_fields_of_the_choice_are_named():
    notes = Notes()
    read_tool_choice({"tool_choice": {"type": "auto", "colour": 1}}, Declared(), notes)
    assert [loss.field for loss in notes.warnings()] == ["tool_choice.colour"]


@pytest.mark.parametrize(
    ("choice", "tools", "message"),
    [
        ("auto", [READ], "tool_choice: Input should be an object"),
        ({}, [READ], "tool_choice.type: Field required"),
        ({"type": "some"}, [READ], "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none', not \"some\""),
        ({"type": "tool"}, [READ], "tool_choice.name: Field required"),
        (
            {"type": "tool", "name": "write"},
            [READ],
            'tool_choice.name: Tool "write" is not among the tools of this request',
        ),
        (
            {"type": "tool", "name": "read"},
            [],
            'tool_choice.name: Tool "read" is not among the tools of this request',
        ),
        ({"type": "any"}, [], "tool_choice.type: 'any' needs at least one tool in `tools`"),
        (
            {"type": "auto", "disable_parallel_tool_use": 1},
            [READ],
            "tool_choice.disable_parallel_tool_use: Input should be true or false",
        ),
    ],
)
def test_refused_choices(choice, tools, message):
    with pytest.raises(RequestError) as caught:
        choose(choice, *tools)
    assert caught.value.fault.message == message
