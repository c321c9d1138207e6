import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.anthropic.request import parse_count_request, parse_request
from bridge.core.conversation import Conversation, Text, ThinkingConfig, Tool, Turn
from bridge.core.jsontext import loads
from bridge.errors import RequestError

HELLO = {"model": "claude-x", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}


def parse(**fields) -> Conversation:
    return parse_request({**HELLO, **fields})


def refusal(body: object, read=parse_request) -> str:
    with pytest.raises(RequestError) as caught:
        read(body)
    assert caught.value.fault.kind == "invalid_request"
    return caught.value.fault.message


def test_the_least_request():
    assert parse() == Conversation("claude-x", 100, (Turn("user", (Text("hello"),)),))


def test_everything_that_is_honoured():
    conversation = parse(
        system="be brief",
        tools=[{"name": "f", "description": "d", "input_schema": {"type": "object"}}],
        thinking={"type": "enabled", "budget_tokens": 2048},
        output_config={"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        stop_sequences=["END", "\n\n"],
        temperature=1,
        top_p=0.5,
        top_k=40,
        metadata={"user_id": "u"},
        stream=True,
        cache_control={"type": "ephemeral"},
    )
    assert conversation == Conversation(
        "claude-x",
        100,
        (Turn("user", (Text("hello"),)),),
        system=(Text("be brief"),),
        tools=(Tool("f", "d", {"type": "object"}),),
        thinking=ThinkingConfig("enabled", 2048),
        effort="high",
        output_schema={"type": "object"},
        stop_sequences=("END", "\n\n"),
        temperature=1.0,
        top_p=0.5,
        top_k=40,
        user_id="u",
        stream=True,
    )


def test_what_claude_code_sends():
    conversation = parse(
        system=[
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2; cch=1;"},
            {"type": "text", "text": "You are", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "an agent.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ],
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]},
            {"role": "system", "content": "remember"},
            {"role": "assistant", "content": "ok"},
            {"role": "system", "content": [{"type": "text", "text": "again"}]},
        ],
        thinking={"type": "adaptive"},
        output_config={"effort": "high"},
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    )
    assert conversation.system == (Text("You are"), Text("an agent."))
    assert [turn.role for turn in conversation.turns] == ["user", "system", "assistant", "system"]
    assert conversation.thinking == ThinkingConfig("adaptive")
    assert [*map(str, conversation.warnings)] == ["context_management: not supported, dropped"]


def test_null_is_the_same_as_nothing():
    optional = ("system", "tools", "tool_choice", "thinking", "output_config", "output_format", "stop_sequences")
    more = ("temperature", "top_p", "top_k", "metadata", "stream", "thread", "container", "service_tier")
    assert parse(**dict.fromkeys(optional + more)) == parse()


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        ({"type": "disabled"}, ThinkingConfig("disabled")),
        ({"type": "adaptive", "display": "omitted"}, ThinkingConfig("adaptive", shown=False)),
        ({"type": "enabled", "budget_tokens": 1024, "display": "summarized"}, ThinkingConfig("enabled", 1024)),
        ({"type": "between_tools"}, ThinkingConfig()),
    ],
)
def test_thinking(thinking, expected):
    assert parse(thinking=thinking).thinking == expected


def test_output_format_is_the_older_place_of_the_schema():
    old = {"type": "json_schema", "schema": {"title": "old"}}
    new = {"type": "json_schema", "schema": {"title": "new"}}
    assert parse(output_format=old).output_schema == {"title": "old"}
    assert parse(output_format=old, output_config={"format": new}).output_schema == {"title": "new"}


@pytest.mark.parametrize(
    ("field", "warning"),
    [
        ({"speed": "fast"}, "speed"),
        ({"service_tier": "auto"}, "service_tier"),
        ({"inference_geo": "us"}, "inference_geo"),
        ({"never_heard_of": 1}, "never_heard_of"),
        ({"output_config": {"task_budget": {}}}, "output_config.task_budget"),
        ({"metadata": {"tag": "x"}}, "metadata.tag"),
        ({"a\r\nx-evil: 1": 1}, '"a\\r\\nx-evil: 1"'),
        ({"é" * 100: 1}, '"' + "\\xe9" * 14 + "\\xe..."),
        ({"thinking": {"type": "new"}}, '"thinking.type new"'),
        ({"thinking": {"type": "adaptive", "block_binding": {}}}, "thinking.block_binding"),
        ({"thinking": {"type": "adaptive", "depth": 3}}, "thinking.depth"),
        ({"diagnostics": {}}, "diagnostics"),
        ({"billing_policy": {"type": "billing_policy"}}, "billing_policy"),
        ({"user_profile_id": "u"}, "user_profile_id"),
        ({"workspace_id": "w"}, "workspace_id"),
        ({"safeguards": {}}, "safeguards"),
        ({"betas": ["b"]}, "betas"),
        ({"system": [{"type": "text", "text": "a", "x": 1}]}, "system.*.x"),
        ({"output_config": {"format": {"type": "json_schema", "schema": {}, "name": "n"}}}, "format.name"),
        ({"messages": [{"role": "user", "content": "a", "name": "n"}]}, "messages.*.name"),
    ],
)
def test_what_is_dropped_is_named_in_a_way_that_a_header_can_hold(field, warning):
    assert [*map(str, parse(**field).warnings)] == [f"{warning}: not supported, dropped"]


def test_a_flood_of_unknown_fields_gives_a_bounded_list():
    warnings = parse(**{f"x{n}": n for n in range(1000)}).warnings
    assert len(warnings) == 33
    assert str(warnings[-1]) == "and 968 more fields: not supported, dropped"


def test_hints_that_change_nothing_are_lost_in_silence():
    assert parse(cache_control={"type": "ephemeral"}).warnings == ()


def test_a_system_message_may_go_away_or_hold_no_text():
    system = {"role": "system", "content": "now"}
    user = {"role": "user", "content": "hi"}
    cleared = {**system, "clear_at": "next_user_message"}
    roles = [turn.role for turn in parse(messages=[user, cleared, user, cleared]).turns]
    assert roles == ["user", "user", "system"]
    assert len(parse(messages=[user, {**system, "clear_at": "never"}, user]).turns) == 3
    conversation = parse(messages=[user, {"role": "system", "output_config": {"effort": "low"}}])
    assert conversation.turns[1] == Turn("system", ())
    assert [loss.field for loss in conversation.warnings] == ["messages.*.output_config"]


def test_a_tool_that_is_forced_is_shown():
    tools = [{"name": name, "input_schema": {}, "defer_loading": True} for name in ("a", "b")]
    conversation = parse(tools=tools, tool_choice={"type": "tool", "name": "b"})
    assert [tool.name for tool in conversation.tools] == ["b"]
    assert [tool.name for tool in conversation.hidden] == ["a"]


def test_thread_is_refused_in_the_way_that_makes_the_sdk_send_everything():
    with pytest.raises(RequestError) as caught:
        parse(thread={"type": "create"})
    fault = caught.value.fault
    assert fault.details == {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": None}, "model: Field required"),
        ({"model": ""}, "model: String should have at least 1 character"),
        ({"model": 3}, "model: Input should be a string"),
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
        ({"max_tokens": True}, "max_tokens: Input should be an integer"),
        ({"max_tokens": 1.5}, "max_tokens: Input should be an integer"),
        ({"max_tokens": 0}, "max_tokens: 0 (filling the cache, no answer) is not supported; ask for at least 1"),
        ({"messages": None}, "messages: Field required"),
        ({"messages": []}, "messages: At least one message is required"),
        ({"messages": {}}, "messages: Input should be a list"),
        (
            {"messages": [{"role": "user", "content": ""}, {"role": "user", "content": []}]},
            "messages: At least one message must have content that is not empty",
        ),
        ({"messages": ["x"]}, "messages.0: Input should be an object"),
        ({"messages": [{"content": "x"}]}, "messages.0.role: Field required"),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content: Input should be a list"),
        (
            {"messages": [{"role": "bot", "content": "x"}]},
            "messages.0.role: Input should be 'user', 'assistant' or 'system', not \"bot\"",
        ),
        ({"system": 1}, "system: Input should be a list"),
        ({"system": [1]}, "system.0: Input should be an object"),
        ({"system": [{"type": "text"}]}, "system.0.text: Field required"),
        ({"system": [{"type": "image"}]}, "system.0.type: Input should be 'text'"),
        ({"thinking": "on"}, "thinking: Input should be an object"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens: Field required"),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 0}},
            "thinking.budget_tokens: Input should be greater than or equal to 1",
        ),
        (
            {"output_config": {"effort": "huge"}},
            'output_config.effort: Input should be one of low, medium, high, xhigh, max, not "huge"',
        ),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema: Field required"),
        ({"output_format": {"type": "xml"}}, "output_format.type: Input should be 'json_schema', not \"xml\""),
        ({"stop_sequences": "x"}, "stop_sequences: Input should be a list"),
        ({"stop_sequences": ["a", 1]}, "stop_sequences.1: Input should be a string"),
        ({"stop_sequences": [""]}, "stop_sequences.0: String should have at least 1 character"),
        ({"temperature": "1"}, "temperature: Input should be a number"),
        ({"temperature": True}, "temperature: Input should be a number"),
        ({"temperature": 1.1}, "temperature: Input should be between 0 and 1"),
        ({"temperature": float("nan")}, "temperature: Input should be between 0 and 1"),
        ({"top_p": -0.1}, "top_p: Input should be between 0 and 1"),
        ({"top_k": -1}, "top_k: Input should be greater than or equal to 0"),
        ({"metadata": {"user_id": 1}}, "metadata.user_id: Input should be a string"),
        ({"stream": "yes"}, "stream: Input should be true or false"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(change, message):
    assert refusal({**HELLO, **change}) == message


@pytest.mark.parametrize("key", ["container", "mcp_servers", "compaction", "fallbacks", "fallback_credit_token"])
def test_what_would_change_the_answer_is_refused(key):
    assert refusal({**HELLO, key: ["x"]}).startswith(f"{key}: ")
    assert parse(**{key: []}).warnings == ()


@pytest.mark.parametrize("body", [None, [], "x", 1, True])
def test_a_body_that_is_no_object(body):
    assert refusal(body) == "body: Input should be a JSON object"


def test_counting_needs_no_max_tokens():
    body = {key: value for key, value in HELLO.items() if key != "max_tokens"}
    assert parse_count_request(body).max_tokens == 0
    assert parse_count_request(HELLO).max_tokens == 100
    assert refusal({**body, "messages": []}, parse_count_request) == "messages: At least one message is required"


@pytest.mark.parametrize("key", ["system", "tools", "messages", "metadata", "unknown"])
def test_deep_nesting_is_refused(key):
    nested = loads("[" * 500 + "]" * 500)
    assert "levels deep" in refusal({**HELLO, key: nested})
    assert "levels deep" in refusal({**HELLO, key: loads('{"a":' * 500 + "1" + "}" * 500)})


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
WORDS = """
    type text role content source id name input tool_use_id tool_name data url title citations schema format
    text image document tool_use tool_result thinking search_result tool_reference redacted_thinking
    user assistant system base64 enabled json_schema any tool media_type web_search_tool_result server_tool_use
"""
FIELDS = """
    model messages max_tokens system tools tool_choice thinking output_config output_format stop_sequences
    temperature top_p top_k metadata stream thread
"""
words = st.sampled_from(WORDS.split())
junk = st.recursive(
    scalars | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner | words, max_size=6),
    max_leaves=25,
)
fields = st.sampled_from(FIELDS.split())
blocks = st.lists(st.fixed_dictionaries({"role": words, "content": junk}), max_size=3)


@settings(max_examples=250, deadline=None)
@given(st.dictionaries(fields, junk, max_size=3), blocks | junk)
def test_whatever_comes_is_read_or_refused(change, messages):
    body = {**HELLO, "messages": messages, **change}
    try:
        conversation = parse_request(body)
    except RequestError:
        message = refusal(body)
        assert 0 < message.index(":") < len(message) < 600
    else:
        assert isinstance(conversation, Conversation)
