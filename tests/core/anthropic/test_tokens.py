import json

from texts import CODE, ENGLISH, JSON

from bridge.core.anthropic.request import parse_count_request
from bridge.core.anthropic.tokens import estimate_tokens


def count(messages="hello", **fields) -> int:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    return estimate_tokens(parse_count_request({"model": "m", "messages": messages, **fields}))


def test_each_part_of_a_request_counts():
    least = count()
    tool = {"name": "read", "description": "Reads a file.", "input_schema": json.loads(JSON)}
    turn = {"role": "user", "content": "hello"}
    image = {"type": "image", "source": {"type": "url", "url": "https://x/y"}}
    call = {"type": "tool_use", "id": "i", "name": "n", "input": {"code": CODE}}
    result = {"type": "tool_result", "tool_use_id": "i", "content": [{"type": "text", "text": CODE}, image]}
    assert 1 <= least < 20
    assert count(system=ENGLISH) > least + 50
    assert count(tools=[tool]) > least + 65
    assert count(output_format={"type": "json_schema", "schema": json.loads(JSON)}) > least + 50
    assert count([turn, {"role": "assistant", "content": [call]}]) > least + 80
    assert count([turn, {"role": "user", "content": [result]}]) > least + 1_580
    assert count([{"role": "user", "content": [image]}]) > 1_500


def test_documents_count_by_text_or_by_size():
    def document(**source):
        return count([{"role": "user", "content": [{"type": "document", "title": "T", "source": source}]}])

    pdf = {"type": "base64", "media_type": "application/pdf"}
    assert document(type="text", data=ENGLISH) < 100
    assert 3_000 <= document(**pdf, data="A" * 1_000) < 3_100
    assert document(**pdf, data="A" * 1_350_000) > 50_000
    assert document(type="url", url="https://x/y") > 3_000


def test_thinking_counts_only_since_the_last_question():
    def think(*after):
        thinking = {"type": "thinking", "thinking": ENGLISH, "signature": "s"}
        assistant = {"role": "assistant", "content": [thinking, {"type": "text", "text": "ok"}]}
        return count([{"role": "user", "content": "hello"}, assistant, *after])

    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "i", "content": "x"}]}
    assert think() > 60
    assert think(result) > 60
    assert think({"role": "user", "content": "next"}) < 30


def test_an_empty_message_is_no_trouble():
    assert count("") >= 1
