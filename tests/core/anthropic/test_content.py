import pytest

from bridge.core.anthropic.content import read_content, read_texts
from bridge.core.anthropic.policy import BLOCKS
from bridge.core.checks import Notes
from bridge.core.conversation import Document, Image, Text, Thinking, ToolResult, ToolUse
from bridge.errors import RequestError


def read(role: str, *blocks: object):
    return read_content(list(blocks), role, Notes())


def refusal(role: str, *blocks: object) -> str:
    with pytest.raises(RequestError) as caught:
        read(role, *blocks)
    return caught.value.fault.message


PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}


@pytest.mark.parametrize(
    ("role", "block", "part"),
    [
        ("user", {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, Text("a")),
        ("system", {"type": "text", "text": "a"}, Text("a")),
        ("user", PNG, Image(media_type="image/png", data="iVBO")),
        ("user", {"type": "image", "source": {"type": "url", "url": "https://x/y"}}, Image(url="https://x/y")),
        (
            "user",
            {
                "type": "document",
                "title": "T",
                "context": "C",
                "source": {"type": "text", "media_type": "text/plain", "data": "D"},
            },
            Document("T", "C", text="D"),
        ),
        (
            "user",
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}},
            Document(media_type="application/pdf", data="JVBE"),
        ),
        ("user", {"type": "document", "source": {"type": "url", "url": "http://x/y"}}, Document(url="http://x/y")),
        ("user", {"type": "document", "source": {"type": "content", "content": "D"}}, Document(text="D")),
        (
            "user",
            {
                "type": "search_result",
                "title": "T",
                "source": "https://s",
                "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            },
            Text("T\nhttps://s\n\na\n\nb"),
        ),
        ("assistant", {"type": "thinking", "thinking": "t", "signature": "s"}, Thinking("t", "s")),
        ("assistant", {"type": "thinking", "thinking": "t"}, Thinking("t", "")),
        ("assistant", {"type": "redacted_thinking", "data": "d"}, Thinking("", redacted="d")),
        ("assistant", {"type": "tool_use", "id": "i", "name": "n", "input": {"a": 1}}, ToolUse("i", "n", {"a": 1})),
        (
            "assistant",
            {"type": "server_tool_use", "id": "i", "name": "web_search", "input": {"query": "q"}},
            Text('[web_search was called with {"query":"q"}]'),
        ),
        (
            "assistant",
            {
                "type": "web_search_tool_result",
                "tool_use_id": "i",
                "content": [{"title": "T", "url": "u", "encrypted_content": "x" * 99}],
            },
            Text('[web_search gave: [{"title":"T","url":"u"}]]'),
        ),
        (
            "user",
            {"type": "mcp_tool_result", "tool_use_id": "i", "content": "plain"},
            Text('[mcp gave: "plain"]'),
        ),
        ("assistant", {"type": "compaction", "content": "summary"}, Text("summary")),
    ],
)
def test_a_block_and_its_part(role, block, part):
    assert read(role, block) == (part,)


def test_a_string_is_one_text():
    assert read_content("a", "user", Notes()) == (Text("a"),)


def test_a_document_made_of_blocks_keeps_its_images():
    source = {"type": "content", "content": [{"type": "text", "text": "a"}, PNG, {"type": "text", "text": "b"}]}
    assert read("user", {"type": "document", "title": "T", "source": source}) == (
        Document("T", text="a\n\nb"),
        Image(media_type="image/png", data="iVBO"),
    )


@pytest.mark.parametrize(
    ("fields", "parts", "is_error"),
    [
        ({}, (), False),
        ({"content": None}, (), False),
        ({"content": []}, (), False),
        ({"content": "out", "is_error": True}, (Text("out"),), True),
        (
            {"content": [{"type": "text", "text": "a"}, PNG, {"type": "tool_reference", "tool_name": "Grep"}]},
            (Text("a"), Image(media_type="image/png", data="iVBO"), Text("The tool `Grep` is available.")),
            False,
        ),
        (
            {"content": [{"type": "document", "source": {"type": "text", "data": "D"}}]},
            (Document(text="D"),),
            False,
        ),
    ],
)
def test_tool_results(fields, parts, is_error):
    block = {"type": "tool_result", "tool_use_id": "i", **fields}
    assert read("user", block) == (ToolResult("i", parts, is_error),)


def test_citations_are_noted_once_and_only_if_asked_for():
    notes = Notes()
    document = {"type": "document", "source": {"type": "text", "data": "D"}}
    read_content([{**document, "citations": {"enabled": False}}], "user", notes)
    assert notes.warnings() == ()
    read_content([{**document, "citations": {"enabled": True}}] * 3, "user", notes)
    search = {"type": "search_result", "title": "T", "source": "s", "content": [], "citations": {"enabled": True}}
    read_content([search], "user", notes)
    assert [*map(str, notes.warnings())] == ["messages.*.content.*.citations.enabled: not supported, dropped"]


@pytest.mark.parametrize(
    ("role", "block", "message"),
    [
        ("user", "x", "content.0: Input should be an object"),
        ("user", {}, "content.0.type: Field required"),
        ("user", {"type": 7}, "content.0.type: Input should be a string"),
        ("user", {"type": ["text"]}, "content.0.type: Input should be a string"),
        ("user", {"type": "text", "text": 1}, "content.0.text: Input should be a string"),
        ("user", {"type": "tool_use"}, "content.0.type: `tool_use` blocks can only be in assistant messages"),
        ("assistant", {"type": "tool_result"}, "content.0.type: `tool_result` blocks can only be in user messages"),
        ("system", PNG, "content.0.type: `image` blocks can only be in user messages"),
        (
            "user",
            {"type": "container_upload"},
            "content.0.type: `container_upload` blocks need a code execution container, which is not supported",
        ),
        ("system", {"type": "new"}, 'content.0.type: "new" is none of the block types known here: text'),
        ("user", {"type": "image"}, "content.0.source: Field required"),
        ("user", {"type": "image", "source": {"type": "base64"}}, "content.0.source.media_type: Field required"),
        (
            "user",
            {"type": "image", "source": {"type": "base64", "media_type": "text/html", "data": "x"}},
            'content.0.source.media_type: "text/html" is not an image type',
        ),
        (
            "user",
            {"type": "image", "source": {"type": "file", "file_id": "f"}},
            'content.0.source.type: "file" is not supported; send the image as base64 or url',
        ),
        (
            "user",
            {"type": "image", "source": {"type": "url", "url": "file:///etc/passwd"}},
            "content.0.source.url: URL scheme should be 'https' or 'http'",
        ),
        (
            "user",
            {"type": "document", "source": {"type": "file"}},
            'content.0.source.type: "file" is not supported; send text, content, base64 or url',
        ),
        (
            "assistant",
            {"type": "tool_use", "id": "i", "name": "n", "input": "{}"},
            "content.0.input: Input should be an object",
        ),
        ("assistant", {"type": "tool_use", "id": "i", "name": "n"}, "content.0.input: Field required"),
        ("assistant", {"type": "tool_use", "id": "", "name": "n", "input": {}}, "content.0.id: String should have"),
        ("user", {"type": "tool_result"}, "content.0.tool_use_id: Field required"),
        (
            "user",
            {"type": "tool_result", "tool_use_id": "i", "content": [{"type": "text"}]},
            "content.0.content.0.text: Field required",
        ),
        (
            "user",
            {"type": "tool_result", "tool_use_id": "i", "content": [{"type": "browser_state"}]},
            "content.0.content.0.type: `browser_state` blocks are not supported",
        ),
        (
            "user",
            {"type": "tool_result", "tool_use_id": "i", "is_error": "no"},
            "content.0.is_error: Input should be true or false",
        ),
        (
            "user",
            {"type": "search_result", "title": "T", "source": "s", "content": [{"type": "image"}]},
            "content.0.content.0.type: Input should be 'text'",
        ),
    ],
)
def test_refusals_name_the_path(role, block, message):
    assert refusal(role, block).startswith(message)


def test_an_empty_string_is_no_text():
    assert read_texts("system", "", "prompt", Notes()) == ()


@pytest.mark.parametrize(
    ("role", "block"),
    [
        ("assistant", {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}),
        ("assistant", {"type": "mcp_tool_listing", "mcp_server_name": "s", "tools": []}),
        ("assistant", {"type": "compaction", "content": None, "signature": "s"}),
    ],
)
def test_blocks_that_say_nothing(role, block):
    notes = Notes()
    assert read_content([block], role, notes) == ()
    assert notes.warnings() == ()


@pytest.mark.parametrize(
    ("role", "block", "warning"),
    [
        ("user", {"type": "text", "text": "a", "colour": "red"}, "messages.*.content.*.colour"),
        ("user", {**PNG, "transformations": {"oversized_image": "error"}}, "messages.*.content.*.transformations"),
        (
            "assistant",
            {"type": "compaction", "content": "s", "tool_changes": [{}]},
            "messages.*.content.*.tool_changes",
        ),
        (
            "user",
            {"type": "tool_result", "tool_use_id": "i", "content": [{"type": "text", "text": "a", "x": 1}]},
            "messages.*.content.*.x",
        ),
        (
            "user",
            {"type": "image", "source": {"type": "url", "url": "https://x", "headers": {}}},
            "messages.*.content.*.source.headers",
        ),
        (
            "user",
            {
                "type": "tool_result",
                "tool_use_id": "i",
                "content": [{"type": "document", "source": {"type": "url", "url": "https://x"}}],
            },
            "messages.*.content.*.source",
        ),
    ],
)
def test_what_a_block_loses_is_named(role, block, warning):
    notes = Notes()
    read_content([block], role, notes)
    assert [loss.field for loss in notes.warnings()] == [warning]


def test_hints_in_blocks_are_lost_in_silence():
    notes = Notes()
    hints = {"cache_control": {"type": "ephemeral"}, "citations": [{"type": "char_location"}]}
    read_content([{"type": "text", "text": "a", **hints}], "assistant", notes)
    read_content([{"type": "tool_use", "id": "i", "name": "n", "input": {}, "caller": {}}], "assistant", notes)
    assert notes.warnings() == ()


def test_references_are_collected_in_order():
    notes = Notes()
    found = {"type": "tool_search_tool_search_result", "tool_references": [{"tool_name": "c"}, {"tool_name": 1}, 2]}
    search = {"type": "tool_search_tool_result", "tool_use_id": "s", "content": found}
    failed = {**search, "content": {"type": "tool_search_tool_result_error", "error_code": "unavailable"}}
    names = [{"type": "tool_reference", "tool_name": name} for name in ("b", "a", "b")]
    read_content([{"type": "tool_result", "tool_use_id": "i", "content": names}], "user", notes)
    read_content([search, failed], "assistant", notes)
    assert list(notes.references) == ["b", "a", "c"]


def test_every_type_has_a_reader_where_it_may_stand():
    for kind, block in BLOCKS.items():
        assert bool(block.places) == (block.row.action != "refused"), kind
        for place in {"user", "assistant", "system"} - set(block.places):
            said = refusal(place, {"type": kind})
            assert ("can only be in" in said) == bool(block.places), said
