"""What becomes of every field of a Messages request on a chat completions upstream.

The readers of this package act on these tables, docs/reference/fields.md shows them, and a test
holds them against the request types of the official SDK. A field that no table knows is dropped
with a warning; a value that is null counts as absent. On an upstream of the same protocol
nothing of this applies: the body passes through as it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bridge.core.fields import Action, Row, Table

Place = Literal["prompt", "system", "user", "assistant", "tool_result", "document", "search_result"]

ACTIONS: Mapping[Action, str] = {
    "mapped": "said to the upstream, in its words",
    "declared": "said to the upstream where the route declares that it understands; else a warning",
    "silent": "left out without a word: its loss changes nothing in the answer",
    "dropped": 'left out with a warning; with `unsupported = "reject"` the request is refused',
    "refused": "the request is refused (400): without it, another question would be answered",
    "function": "a tool that the client runs: sent as a function with its known schema",
    "server": 'a tool that Anthropic\'s servers run: left out with a warning; `server_tools = "reject"` refuses it',
    "search": "left out with a warning; all tools with `defer_loading` are shown at once instead",
}
PLACES: Mapping[Place, str] = {
    "prompt": "`system`",
    "system": "system messages",
    "user": "user messages",
    "assistant": "assistant messages",
    "tool_result": "tool results",
    "document": "documents",
    "search_result": "search results",
}


@dataclass(frozen=True, slots=True)
class Block:
    """A type of content block: where it may stand, what becomes of it, and of its fields."""

    row: Row
    places: tuple[Place, ...]
    fields: Table


_CHANGES = "Not supported, and leaving it out would change the answer; remove it"
_THREAD: Mapping[str, object] = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}


def _mapped(note: str = "") -> Row:
    return Row("mapped", note)


def _silent(note: str = "") -> Row:
    return Row("silent", note)


def _dropped(note: str = "") -> Row:
    return Row("dropped", note)


def _refused(note: str = _CHANGES) -> Row:
    return Row("refused", note)


_CACHE = _silent("upstreams cache by themselves")

REQUEST = Table(
    model=_mapped("chooses the route; the answer echoes it"),
    messages=_mapped("`messages`"),
    max_tokens=_mapped("`max_tokens`, lowered to the route's `max_output_tokens` with a warning; 0 is refused"),
    system=_mapped("the first message; a block that begins with `x-anthropic-billing-header` is left out"),
    stream=_mapped("`stream`"),
    stop_sequences=_mapped("`stop`"),
    temperature=_mapped("`temperature`"),
    top_p=_mapped("`top_p`"),
    top_k=_mapped("`top_k`; `request.drop` takes it away for upstreams that refuse it"),
    tools=_mapped("`tools`; see below"),
    tool_choice=_mapped("`tool_choice`, and enforced on the answer"),
    thinking=Row("declared", "see below"),
    output_config=_mapped("see below"),
    output_format=_mapped("the older place of `output_config.format`"),
    metadata=_mapped("see below"),
    cache_control=_CACHE,
    context_management=_dropped("a hint: the conversation is sent whole"),
    service_tier=_dropped(),
    speed=_dropped(),
    inference_geo=_dropped(),
    diagnostics=_dropped(),
    billing_policy=_dropped(),
    user_profile_id=_dropped(),
    workspace_id=_dropped(),
    safeguards=_dropped(),
    betas=_dropped("a header (`anthropic-beta`), and as such accepted"),
    thread=Row("refused", "Threads are not supported; send the whole conversation instead", _THREAD),
    compaction=_refused(),
    container=_refused(),
    mcp_servers=_refused(),
    fallbacks=_refused(),
    fallback_credit_token=_refused(),
)
THINKING = Table(
    type=_mapped("see below"),
    budget_tokens=Row("declared"),
    display=_mapped("`omitted`: thinking blocks are empty"),
    block_binding=_dropped(),
)
THINKING_TYPES: Mapping[str, Row] = {
    "enabled": Row("declared"),
    "adaptive": Row("declared"),
    "disabled": Row("declared", "an answer is also not taken to begin inside the reasoning"),
    "between_tools": _dropped(),
}
OUTPUT_CONFIG = Table(
    effort=Row("declared", "`reasoning_effort`, where `request.default` names it"),
    format=_mapped("`response_format`, the schema unchanged"),
    task_budget=_dropped(),
)
FORMAT = Table(type=_mapped("only `json_schema`"), schema=_mapped())
METADATA = Table(user_id=Row("declared", "`user`, where `request.default` names it"))
TOOL_CHOICE = Table(
    type=_mapped("`auto`; `any`: `required`; `tool`: that function; `none`"),
    name=_mapped("a tool that is left out cannot be forced: 400"),
    disable_parallel_tool_use=_mapped("said to the upstream, and enforced: further calls are dropped"),
)
MESSAGE = Table(
    role=_mapped("a system message that is not the first one becomes a marked passage of a user message"),
    content=_mapped(),
    clear_at=_mapped("`next_user_message`: left out once a user message follows"),
    output_config=_dropped("of a system message"),
)

TOOL = Table(
    type=_mapped("see below"),
    name=_mapped("`name`, spelled otherwise where upstreams would refuse it; the client sees its own"),
    description=_mapped("`description`"),
    input_schema=_mapped("`parameters`, unchanged"),
    strict=_mapped("`strict`"),
    input_examples=_mapped("appended to the description as text"),
    eager_input_streaming=_mapped("its calls are shown as they come"),
    defer_loading=_mapped("hidden until a `tool_reference` names it, then behind the others"),
    allowed_callers=_mapped("without `direct`: 400"),
    cache_control=_CACHE,
    max_characters=_dropped("of text editors"),
    display_width_px=_dropped(),
    display_height_px=_dropped(),
    display_number=_dropped(),
    enable_zoom=_dropped(),
)
_FUNCTION = Row("function")
_SERVER = Row("server")
_SEARCH = Row("search", "so that none stays out of reach")
TOOL_TYPES: Mapping[str, Row] = {
    "custom": _mapped("the type of a tool without one"),
    "bash_20241022": _FUNCTION,
    "bash_20250124": _FUNCTION,
    "text_editor_20241022": _FUNCTION,
    "text_editor_20250124": _FUNCTION,
    "text_editor_20250429": _FUNCTION,
    "text_editor_20250728": _FUNCTION,
    "memory_20250818": _FUNCTION,
    "tool_search_tool_regex*": _SEARCH,
    "tool_search_tool_bm25*": _SEARCH,
    "web_search_*": _SERVER,
    "web_fetch_*": _SERVER,
    "code_execution_*": _SERVER,
    "advisor_*": _SERVER,
    "mcp_toolset": _SERVER,
    "computer_*": Row("server", "the client runs it, but only models trained for it can use it"),
    "browser_toolset_*": Row("server", "the client runs it, but only models trained for it can use it"),
}
"""By type; those that end in ``*`` stand for all versions. Any other type is taken for a server tool."""

_FAMILIES = tuple((kind[:-1], row) for kind, row in TOOL_TYPES.items() if kind.endswith("*"))


def tool_type(kind: str) -> Row:
    """What becomes of a tool of this type."""
    row = TOOL_TYPES.get(kind)
    if row is not None and not kind.endswith("*"):
        return row
    return next((row for family, row in _FAMILIES if kind.startswith(family)), _SERVER)


IMAGE_SOURCES: Mapping[str, Row] = {
    "base64": _mapped("a data URL"),
    "url": _mapped("only http and https"),
    "file": _refused("is not supported; send the image as base64 or url"),
}
DOCUMENT_SOURCES: Mapping[str, Row] = {
    "base64": _mapped("a file part"),
    "text": _mapped("text, with title and context"),
    "content": _mapped("text, with title and context; images follow it"),
    "url": _dropped("only its address is sent, as text"),
    "file": _refused("is not supported; send text, content, base64 or url"),
}
SOURCE = Table(
    type=_mapped("see below"),
    media_type=_mapped(),
    data=_mapped(),
    url=_mapped(),
    content=_mapped(),
    file_id=_silent("refused with its type"),
)
CITATIONS = Table(enabled=_dropped("true: answers hold no citations"))

_MESSAGES: tuple[Place, ...] = ("user", "assistant")
_TYPE = _mapped()
_CALLER = _silent("who called it is history")
_NO_CONTAINER = _refused("need a code execution container, which is not supported")
_NO_CHANGES = _refused("are not supported; send the tools that apply in `tools`")


def _block(row: Row, places: tuple[Place, ...], **rows: Row) -> Block:
    return Block(row, places, Table(type=_TYPE, cache_control=_CACHE, **rows))


def _result(note: str = "rendered as text, without what only Anthropic's servers can read") -> Block:
    rows = {"tool_use_id": _silent("the order says it"), "content": _mapped(), "is_error": _mapped(), "caller": _CALLER}
    return _block(_mapped(note), _MESSAGES, **rows)


BLOCKS: Mapping[str, Block] = {
    "text": _block(
        _mapped("text; empty ones are left out"),
        ("prompt", "system", "user", "assistant", "tool_result", "document", "search_result"),
        text=_mapped(),
        citations=_silent("of earlier answers; the text itself says it"),
    ),
    "image": _block(
        _mapped("an image part; one in a tool result follows in a user message"),
        ("user", "tool_result", "document"),
        source=_mapped(),
        transformations=_dropped(),
    ),
    "document": _block(
        _mapped("a file part, or text with its title and context"),
        ("user", "tool_result"),
        source=_mapped(),
        title=_mapped(),
        context=_mapped(),
        citations=_mapped("see below"),
    ),
    "search_result": _block(
        _mapped("text: title, source, content"),
        ("user", "tool_result"),
        content=_mapped(),
        source=_mapped(),
        title=_mapped(),
        citations=_mapped("see below"),
    ),
    "thinking": _block(
        Row(
            "declared", "goes back as `reasoning.replay` says, if the route's model wrote it; without `replay`, silent"
        ),
        ("assistant",),
        thinking=_mapped(),
        signature=_mapped(),
    ),
    "redacted_thinking": _block(Row("declared", "the same"), ("assistant",), data=_mapped()),
    "tool_use": _block(
        _mapped("a call; one that has no result is answered by one that says so, with a warning"),
        ("assistant",),
        id=_mapped(),
        name=_mapped(),
        input=_mapped(),
        caller=_CALLER,
        toolset_name=_silent(),
    ),
    "tool_result": _block(
        _mapped("a `tool` message; one without its call becomes text, with a warning"),
        ("user",),
        tool_use_id=_mapped(),
        content=_mapped(),
        is_error=_mapped("the text begins with `Error: `"),
        toolset_name=_silent(),
    ),
    "tool_reference": _block(_mapped("text; shows the tool that it names"), ("tool_result",), tool_name=_mapped()),
    "server_tool_use": _block(
        _mapped("rendered as text"), _MESSAGES, id=_silent(), name=_mapped(), input=_mapped(), caller=_CALLER
    ),
    "mcp_tool_use": _block(
        _mapped("rendered as text"), _MESSAGES, id=_silent(), name=_mapped(), input=_mapped(), server_name=_silent()
    ),
    "web_search_tool_result": _result(),
    "web_fetch_tool_result": _result(),
    "code_execution_tool_result": _result(),
    "bash_code_execution_tool_result": _result(),
    "text_editor_code_execution_tool_result": _result(),
    "advisor_tool_result": _result(),
    "mcp_tool_result": _result(),
    "tool_search_tool_result": _result("rendered as text; shows the tools that it names"),
    "compaction": _block(
        _mapped("text: the summary"),
        ("assistant",),
        content=_mapped(),
        encrypted_content=_silent(),
        signature=_silent(),
        tool_changes=_dropped(),
    ),
    "mcp_tool_listing": _block(
        _silent("nothing for the model to read"), _MESSAGES, mcp_server_name=_silent(), tools=_silent()
    ),
    "fallback": Block(
        _silent("nothing for the model to read"),
        _MESSAGES,
        Table(type=_TYPE, **{"from": _silent()}, to=_silent(), trigger=_silent()),
    ),
    "tool_addition": _block(_NO_CHANGES, (), tool=_mapped()),
    "tool_removal": _block(_NO_CHANGES, (), tool=_mapped()),
    "container_upload": _block(_NO_CONTAINER, (), file_id=_mapped()),
    "browser_state": _block(_refused("are not supported"), (), tabs=_mapped(), state_changes=_mapped()),
}

TABLES: Mapping[str, Table] = {
    "": REQUEST,
    "thinking": THINKING,
    "output_config": OUTPUT_CONFIG,
    "output_config.format": FORMAT,
    "output_format": FORMAT,
    "metadata": METADATA,
    "tool_choice": TOOL_CHOICE,
    "messages.*": MESSAGE,
    "tools.*": TOOL,
}
"""By the path of the object that has these fields; those of blocks are in ``BLOCKS``."""
