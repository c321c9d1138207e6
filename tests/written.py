"""What a model of each format writes when it calls tools: rendered by the format's own template."""

from __future__ import annotations

from functools import cache
from typing import Any

from bridge.config.document import Problems
from bridge.config.inputs import Inputs
from bridge.config.parsers import AvailableParser, ParserCache, load_parsers

MODELS = {
    "anthropic_xml": "local/claude-style-8b",
    "deepseek_v3": "deepseek-ai/DeepSeek-V3-0324",
    "deepseek_v3_1": "deepseek-ai/DeepSeek-V3.1",
    "deepseek_v3_2": "deepseek-ai/DeepSeek-V3.2",
    "glm": "zai-org/GLM-4.6",
    "hermes": "Qwen/Qwen3-8B",
    "kimi_k2": "moonshotai/Kimi-K2-Instruct",
    "llama3_json": "meta-llama/Llama-3.3-70B-Instruct",
    "minimax_m1": "MiniMaxAI/MiniMax-M1-80k",
    "minimax_m2": "MiniMaxAI/MiniMax-M2",
    "mistral": "mistralai/Devstral-Small-2507",
    "qwen3_coder": "Qwen/Qwen3-Coder-30B-A3B-Instruct",
}
"""An upstream's model id for each format, such as ``parsers = "auto"`` knows."""

# Without its token, this format's calls are the whole answer.
_PREFIX = {"llama3_json": "<|python_tag|>"}


@cache
def parsers() -> dict[str, AvailableParser]:
    """The bundled files; their examples are not run."""
    return load_parsers((), Inputs(), Problems(), ParserCache(check=lambda _: ()))


def written(name: str, before: str, *calls: tuple[str, dict[str, Any]], first: int = 0) -> str:
    """``before`` and then these calls, in this format; ``first`` is the number of calls made earlier."""
    prompt = parsers()[name].spec.prompt
    assert prompt
    listed = [
        {"id": f"functions.{tool}:{index}", "name": tool, "arguments": arguments, "index": index}
        for index, (tool, arguments) in enumerate(calls, first)
    ]
    return before + _PREFIX.get(name, "") + prompt.call(calls=listed)
