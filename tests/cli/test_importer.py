"""Response templates in the shapes that published models use, imported and then used."""

from __future__ import annotations

import io
import itertools
import json
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bridge import cli
from bridge.cli.importer import converted
from bridge.config.parser_schema import ParserFile
from bridge.core.conversation import Tool
from bridge.core.parsing.engine import ParserEngine
from bridge.core.parsing.selftest import fold
from bridge.errors import ConfigError

FUNCTION = {"type": "function", "function": "{content}"}
NAMED = {"type": "function", "function": {"name": "{name}", "arguments": "{content}"}}
TOOLS = [Tool("f", schema={"type": "object", "properties": {"a": {"type": "string"}, "n": {"type": "integer"}}})]
CALLED = {"name": "f", "input": {"a": "x", "n": 1}}

THINK = {"open": "<think>", "close": "</think>", "content": "text"}
PLAIN = {"open": "<tool_call>", "close": "</tool_call>", "repeats": True, "content": "json", "transform": FUNCTION}
XML = {
    "tag_pattern": r"<parameter=(?P<key>\w+)>\s*(?P<value>.*?)\s*</parameter>",
    "value_parser": {"name": "json", "args": {"allow_non_json": True}},
}


def template(anchor: Any = "<|im_start|>assistant\n", **fields: Any) -> dict[str, Any]:
    return {"defaults": {"role": "assistant"}, "start_anchor": anchor, "fields": fields}


def calls(**changes: Any) -> dict[str, Any]:
    return template(tool_calls={key: value for key, value in (PLAIN | changes).items() if value is not None})


IMPORTED = {
    "a block each": (
        template(thinking=THINK, tool_calls=PLAIN, content={"close": "<|im_end|>"}),
        '<think>hm</think>Hi.\n<tool_call>{"name": "f", "arguments": {"a": "x", "n": 1}}</tool_call><|im_end|>',
        [{"thinking": "hm"}, {"text": "Hi."}, CALLED],
    ),
    "an array with keys of its own": (
        template(
            ["<|CHATBOT|>"],
            content={"open": "<|START_RESPONSE|>", "close": "<|END_RESPONSE|>"},
            thinking={"open": "<|START_THINKING|>", "close": "<|END_THINKING|>", "content_args": {"strip": False}},
            tool_calls={
                "open": "<|START_ACTION|>",
                "close": "<|END_ACTION|>",
                "content": "json",
                "transform_each": True,
                "transform": {"type": "function", "function": {"name": "{tool_name}", "arguments": "{parameters}"}},
            },
        ),
        "<|START_THINKING|>hm<|END_THINKING|><|START_ACTION|>"
        '[{"tool_call_id": "0", "tool_name": "f", "parameters": {"a": "x", "n": 1}}]<|END_ACTION|>',
        [{"thinking": "hm"}, CALLED],
    ),
    "reasoning that the prompt opened": (
        template(
            "Assistant:",
            thinking={"open_pattern": r"(?:^|<think>\s*)", "close": "</think>"},
            content={"open": "<response>\n", "close_pattern": r"\n?</response>"},
            tool_calls=PLAIN,
        ),
        "hm</think>\n<response>\nYes.\n</response>",
        [{"thinking": "hm"}, {"text": "Yes."}],
    ),
    "a name in the opener": (
        template(
            "<|start|>assistant",
            thinking={"open": "<|channel|>analysis<|message|>", "close": "<|end|>"},
            content={"open": "<|channel|>final<|message|>", "close": ["<|end|>", "<|return|>"]},
            tool_calls=PLAIN
            | {
                "open": None,
                "open_pattern": r"<\|channel\|>commentary to=functions\.(?P<name>\w+).*?<\|message\|>",
                "close": "<|call|>",
                "transform": NAMED,
            },
        ),
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant"
        '<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"a": "x", "n": 1}<|call|>',
        [{"thinking": "hm"}, CALLED],
    ),
    "tags in a section": (
        calls(
            open=None,
            open_pattern=r"<tool_call>\s*<function=(?P<name>\w+)>",
            content="xml-inline",
            content_args=XML,
            transform=NAMED,
        ),
        "<tool_call>\n<function=f>\n<parameter=a>\nx\n</parameter>\n<parameter=n>\n1\n</parameter>\n"
        "</function>\n</tool_call>",
        [CALLED],
    ),
    "pairs of tags": (
        calls(
            open=None,
            open_pattern=r"<tool_call>(?P<name>[^\n<]+)",
            content="xml-inline",
            content_args={
                "tag_pattern": r"<arg_key>(?P<key>.*?)</arg_key>\s*<arg_value>(?P<value>.*?)</arg_value>",
                "value_parser": {"name": "text"},
            },
            transform=NAMED,
        ),
        "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>x</arg_value>\n<arg_key>n</arg_key><arg_value>1</arg_value>"
        "</tool_call>",
        [CALLED],
    ),
    "delimiters of its own": (
        template(
            ["<|turn>model\n", "<tool_response|>"],
            tool_calls=PLAIN
            | {
                "open": None,
                "open_pattern": r"<\|tool_call>call:(?P<name>\w+)",
                "close": "<tool_call|>",
                "content_args": {"unquoted_keys": True, "string_delims": [['<|"|>', '<|"|>']]},
                "transform": NAMED,
            },
            content={"close": ["<turn|>", "<eos>"], "content_args": {"strip": False}},
        ),
        '<|tool_call>call:f{a:<|"|>x<|"|>,n:1}<tool_call|><turn|>',
        [CALLED],
    ),
    "keys below another": (
        calls(transform={"function": {"name": "{content.call.tool}", "arguments": "{content.call.args}"}}),
        '<tool_call>{"call": {"tool": "f", "args": {"a": "x", "n": 1}}}</tool_call>',
        [CALLED],
    ),
    "an older schema": (
        {
            "response_schema": {
                "type": "object",
                "properties": {
                    "role": {"const": "assistant"},
                    "content": {"x-regex": r"<\|START_RESPONSE\|>(.*?)(?:<\|END_RESPONSE\|>|$)"},
                    "thinking": {"x-regex": r"<\|START_THINKING\|>(.*?)<\|END_THINKING\|>"},
                    "tool_calls": {
                        "type": "array",
                        "x-regex": r"<\|START_ACTION\|>(.*?)<\|END_ACTION\|>",
                        "x-parser": "json",
                        "x-parser-args": {
                            "transform": "[*].{type: 'function', function: {name: tool_name, arguments: parameters}}"
                        },
                    },
                },
            }
        },
        '<|START_THINKING|>hm<|END_THINKING|><|START_ACTION|>[{"tool_name": "f", "parameters": {"a": "x", "n": 1}}]'
        "<|END_ACTION|>",
        [{"thinking": "hm"}, CALLED],
    ),
    "an older schema with tags": (
        {
            "properties": {
                "tool_calls": {
                    "x-regex-iterator": r"<tool_call>\s*(.+?)\s*</tool_call>",
                    "items": {
                        "properties": {
                            "type": {"const": "function"},
                            "function": {
                                "properties": {
                                    "name": {"x-regex": r"<function=([^\n>]+)>"},
                                    "arguments": {
                                        "x-regex-key-value": r"<parameter=(?P<key>[^>\n]+)>\n(?P<value>.*?)\n</parameter>",
                                        "additionalProperties": {"x-parser": "json"},
                                    },
                                }
                            },
                        }
                    },
                }
            }
        },
        "<tool_call>\n<function=f>\n<parameter=a>\nx\n</parameter>\n<parameter=n>\n1\n</parameter>\n</function></tool_call>",
        [CALLED],
    ),
}


@pytest.mark.parametrize("name", IMPORTED)
def test_what_was_imported_reads_the_format(name: str) -> None:
    source, raw, expected = IMPORTED[name]
    spec = ParserFile.model_validate(tomllib.loads(converted(source, "mine"))).value("mine", "", None)
    for size in (len(raw), 1):
        numbers = itertools.count()
        engine = ParserEngine([spec], TOOLS, lambda: f"c{next(numbers)}")  # noqa: B023
        events = [event for at in range(0, len(raw), size) for event in engine.feed(raw[at : at + size])]
        assert fold(events + engine.finish("stop")) == expected


REFUSED: list[tuple[Any, str]] = [
    ([], "the file: "),
    ({"chat_template": "x"}, "the file: "),
    (template(thinking=THINK), "fields: names no `tool_calls`"),
    (calls(content="kv-lines"), "fields.tool_calls.content: `kv-lines`"),
    (calls(content="text"), "fields.tool_calls.content: `text`"),
    (calls(open=None), "fields.tool_calls.open: "),
    (calls(open=None, open_pattern="^"), "fields.tool_calls.open: "),
    (calls(open=None, open_pattern=r"(?=<a>)"), "fields.tool_calls.open_pattern: `(?=<`"),
    (calls(open=None, open_pattern=r"(?:<a>)+"), "fields.tool_calls.open_pattern: `(?:<a>)+` repeats"),
    (calls(open=None, open_pattern=r"[^<]*<a>"), "fields.tool_calls.open_pattern: "),
    (calls(open=None, open_pattern=r"<a (?P<colour>\w+)>"), "the group `colour`"),
    (calls(open=None, open_pattern=r"(<a"), "`(` without `)`"),
    (calls(transform={"function": {"name": "f"}}), "fields.tool_calls.transform: "),
    (calls(transform={"extra": 1}), "fields.tool_calls.transform.extra: "),
    (calls(content_args={"lenient": True}), "fields.tool_calls.content_args.lenient: "),
    (calls(content_args={"string_delims": [["<", ">"]]}), "fields.tool_calls.content_args.string_delims: "),
    (calls(content="xml-inline", content_args=XML), "fields.tool_calls.transform: "),
    (template(tool_calls=PLAIN, citations=THINK), "fields.citations: "),
    (template(tool_calls=PLAIN, thinking={"open": "<think>"}), "fields.thinking.close: "),
    (template(tool_calls=PLAIN, thinking=THINK | {"content": "json"}), "fields.thinking.content: `json`"),
    (template(tool_calls=PLAIN) | {"version": 2}, "version: "),
    (template(tool_calls=PLAIN) | {"surprise": 2}, "surprise: "),
    (calls(surprise=1), "fields.tool_calls.surprise: "),
    ({"x-regex": "(.*)", "properties": {}}, "response_schema.x-regex: "),
    ({"properties": {"tool_calls": {"x-regex": "<a>(.*)", "x-parser": "json"}}}, "properties.tool_calls.x-regex: "),
    (
        {"properties": {"tool_calls": {"x-regex": "<a>(.*?)</a>", "x-parser": "yaml"}}},
        "properties.tool_calls.x-parser: `yaml`",
    ),
]


@pytest.mark.parametrize(("source", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_be_said_is_refused_under_its_key(source: Any, message: str) -> None:
    with pytest.raises(ConfigError) as problem:
        converted(source, "mine")
    assert message in str(problem.value)


def test_duplicate_keys_and_other_types_of_values() -> None:
    tags = dict(open=None, open_pattern=r"<f=(?P<name>\w+)>", content="xml-inline", transform=NAMED)
    for more, key in [({"merge_duplicates": True}, "merge_duplicates"), ({"value_parser": {"name": "int"}}, "int")]:
        with pytest.raises(ConfigError, match=key):
            converted(calls(**tags, content_args=XML | more), "mine")


def test_what_has_changed_is_said_in_comments() -> None:
    text = converted(template(tool_calls=PLAIN | {"optional": False}) | {"defaults": {"mood": "fine"}}, "mine")
    comments = [line for line in text.splitlines() if line.startswith("# - ")]
    assert any("`defaults`" in line for line in comments)
    assert any("optional = false" in line for line in comments)
    assert any("start_anchor" in line for line in comments)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("My-Model").mkdir()
    Path("My-Model/tokenizer_config.json").write_text(json.dumps({"response_template": calls(), "model_max_length": 9}))
    assert cli.main(["parsers", "import", "My-Model/tokenizer_config.json"]) == 0
    written = capsys.readouterr().out
    assert tomllib.loads(written)["name"] == "my_model"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(json.dumps(calls()).encode())))
    assert cli.main(["parsers", "import", "-", "--name", "mine"]) == 0
    Path("mine.toml").write_text(capsys.readouterr().out)
    assert cli.main(["parsers", "test", "mine.toml"]) == 0
    assert "has no examples" in capsys.readouterr().out


def test_a_refusal_is_no_crash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.json").write_text(json.dumps(calls(content="kv-lines")))
    assert cli.main(["parsers", "import", str(tmp_path / "t.json")]) == 1
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("error: fields.tool_calls.content: `kv-lines` cannot be said in a parser file")
    assert cli.main(["parsers", "import", str(tmp_path / "none.json")]) == 2
