"""A real model behind the proxy: it writes tool calls as text, in the layout that a grammar forces, token by token.

``make e2e-model`` runs these; the grammars are in ``grammars/FORMAT.gbnf``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import running
from anthropic import Anthropic, BadRequestError
from jsonschema import Draft202012Validator
from modelserver import ModelServer, model_server, until

pytestmark = pytest.mark.model

GRAMMARS = {
    path.stem: path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parent / "grammars").glob("*.gbnf"))
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
    },
    "required": ["city", "days", "unit"],
    "additionalProperties": False,
}
TOOL: Any = {"name": "get_weather", "description": "The forecast for a city.", "input_schema": SCHEMA}
QUESTION: Any = [{"role": "user", "content": "What will the weather be like in Paris?"}]


def routes(url: str) -> str:
    """A model per format, which differ only in the grammar that goes upstream, and one that writes freely."""
    text = (
        f'[upstreams.llama]\nbase_url = "{url}"\n[defaults]\nupstream = "llama"\nmodel = "smollm2"\ntools = "prompt"\n'
    )
    for name, grammar in GRAMMARS.items():
        literal = json.dumps(grammar, ensure_ascii=False)
        text += f'[models.{name}]\nparsers = ["{name}"]\nrequest.set = {{ grammar = {literal}, seed = 1 }}\n'
    return text + '[models.free]\nparsers = ["hermes"]\nrequest.set = { seed = 1 }\n'


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    with model_server(tmp_path_factory.mktemp("model")) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Running]:
    with running.serving(tmp_path_factory.mktemp("routes"), routes(model.url)) as process:
        yield process
        assert "Traceback" not in process.log()


@pytest.fixture(scope="module")
def sdk(proxy: running.Running) -> Iterator[Anthropic]:
    with Anthropic(base_url=proxy.url, api_key="x", max_retries=0, timeout=300) as client:
        yield client


def ask(sdk: Anthropic, stream: bool, **fields: Any) -> Any:
    asked: dict[str, Any] = {"max_tokens": 300, "messages": QUESTION, **fields}
    if not stream:
        return sdk.messages.create(**asked)
    with sdk.messages.stream(**asked) as events:
        return events.get_final_message()


@pytest.mark.parametrize("name", GRAMMARS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_calls(sdk: Anthropic, model: ModelServer, name: str, stream: bool) -> None:
    written = model.metric("tokens_predicted_total")
    message = ask(sdk, stream, model=name, tools=[TOOL])
    *before, call = message.content
    assert (call.type, call.name) == ("tool_use", "get_weather")
    Draft202012Validator(SCHEMA).validate(call.input)
    assert message.stop_reason == "tool_use"
    assert all(block.type in ("text", "thinking") for block in before)
    # Where the grammar has words, they are there, and nothing of the markup is.
    assert bool(before) == ("prose" in GRAMMARS[name])
    said = "".join(getattr(block, block.type) for block in before)
    assert not set("<>[]{}|｜") & set(said)
    # The model's own count of what it wrote, to the token.
    assert message.usage.output_tokens == model.metric("tokens_predicted_total") - written
    assert message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0) > 50


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_call_that_is_cut_is_not_shown(sdk: Anthropic, stream: bool) -> None:
    message = ask(sdk, stream, model="hermes", tools=[TOOL], max_tokens=12)
    assert message.stop_reason == "max_tokens"
    assert [block.text for block in message.content] == [""]
    assert message.usage.output_tokens == 12


def test_the_answer_to_a_result(sdk: Anthropic) -> None:
    call = ask(sdk, False, model="hermes", tools=[TOOL]).content[-1]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "Sunny, 24 degrees."}
    turns: Any = [
        *QUESTION,
        {"role": "assistant", "content": [call.model_dump()]},
        {"role": "user", "content": [result]},
    ]
    message = ask(sdk, True, model="free", tools=[TOOL], messages=turns, max_tokens=60)
    assert message.stop_reason in ("end_turn", "max_tokens")
    assert message.content[0].text.strip()


COUNTED: dict[str, Any] = {
    "words": {"messages": [{"role": "user", "content": "The quick brown fox jumps over the lazy dog. " * 20}]},
    "a tool": {"messages": QUESTION, "tools": [TOOL]},
    "scripts": {"messages": [{"role": "user", "content": "Zürich 🌦 数字 123456"}]},
}


@pytest.mark.parametrize("case", COUNTED)
def test_tokens_are_counted_as_the_model_counts(sdk: Anthropic, case: str) -> None:
    asked = {"model": "free", **COUNTED[case]}
    counted = sdk.messages.count_tokens(**asked).input_tokens
    usage = ask(sdk, False, **asked, max_tokens=1).usage
    assert counted == usage.input_tokens + (usage.cache_read_input_tokens or 0)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_prompt_that_does_not_fit(sdk: Anthropic, model: ModelServer, stream: bool) -> None:
    size = model.context()
    words: Any = [{"role": "user", "content": "word " * (size + 500)}]
    with pytest.raises(BadRequestError, match=rf"prompt is too long: \d{{4}} tokens > {size} maximum"):
        ask(sdk, stream, model="free", messages=words)


def test_a_client_that_leaves_frees_the_slot(sdk: Anthropic, model: ModelServer) -> None:
    story: Any = [{"role": "user", "content": "Tell me a very long story about a river."}]
    with sdk.messages.stream(model="free", max_tokens=1500, messages=story) as stream:
        assert next(iter(stream.text_stream))
        assert model.busy() == 1
    # To its end the story takes many times as long.
    until(lambda: model.busy() == 0, 2, "the slot is free")
