"""Which file "auto" takes first for an upstream's model id, in the spellings of the places that serve it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bundledparsers import NAMES, SPECS

from bridge.config.parsers import matching_glob, resolve_parsers

FIRST = {
    "anthropic_xml": """
        anthropic/claude-sonnet-4.5 claude-3-7-sonnet-latest
    """,
    "deepseek_v3": """
        deepseek-ai/DeepSeek-V3 deepseek-ai/DeepSeek-V3-0324 deepseek-ai/DeepSeek-V3-Base deepseek-v3:671b deepseek-v3-1226 deepseek-v3-241226
        deepseek-v3-250324 deepseek/deepseek-chat-v3-0324 deepseek/deepseek-chat-v3-0324:free DeepSeek-V3-Q4_K_M.gguf
        DeepSeek-V3-0324-UD-Q2_K_XL.gguf mlx-community/DeepSeek-V3-4bit accounts/fireworks/models/deepseek-v3
        deepseek-r1 deepseek-r1:32b deepseek/deepseek-r1-0528:free deepseek-ai/DeepSeek-R1-Distill-Llama-70B
        deepseek-ai/DeepSeek-R1-0528-Qwen3-8B
    """,
    "deepseek_v3_1": """
        deepseek-ai/DeepSeek-V3.1 deepseek-ai/DeepSeek-V3.1-Terminus deepseek-v3.1:671b-cloud deepseek/deepseek-chat-v3.1
        deepseek/deepseek-chat-v3.1:free deepseek-v3-1-250821 accounts/fireworks/models/deepseek-v3p1-terminus
        DeepSeek-V3.1-Q4_K_M-00001-of-00008.gguf deepseek-ai/DeepSeek-V3.2-Exp deepseek/deepseek-v3.2-exp
    """,
    "deepseek_v3_2": """
        deepseek-ai/DeepSeek-V3.2 deepseek/deepseek-v3.2 deepseek-v3.2:cloud deepseek-v3-2-251201
        accounts/fireworks/models/deepseek-v3p2
    """,
    "glm": """
        zai-org/GLM-4.5 zai-org/GLM-4.5V zai-org/GLM-4.6 zai-org/GLM-4.7-Flash zai-org/GLM-5 z-ai/glm-4.5-air z-ai/glm-4.6:exacto
        glm-4.6 glm-4.7:cloud glm-5.1 zai-glm-4.6 accounts/fireworks/models/glm-4p5 GLM-4.5-Air-UD-Q4_K_XL.gguf
        inclusionAI/Ling-3-mini Ling-3-mini-Q4_K_M.gguf poolside/laguna-xs.2 laguna-m.1 naver-hyperclovax/HyperCLOVAX-SEED-Think-32B
    """,
    "hermes": """
        Qwen/Qwen2.5-7B-Instruct qwen2.5-coder:7b qwen/qwen-2.5-72b-instruct Qwen2.5-Coder-32B-Instruct-Q4_K_M.gguf
        Qwen/Qwen3-8B qwen3 qwen3:8b qwen3-vl:32b qwen-3-32b qwen/qwen3-235b-a22b-2507 Qwen/Qwen3-Next-80B-A3B-Instruct
        Qwen3-8B-Q4_K_M.gguf /models/Qwen3-8B-Q4_K_M.gguf Qwen/QwQ-32B qwq:32b
        NousResearch/Hermes-2-Pro-Mistral-7B NousResearch/Hermes-3-Llama-3.1-8B NousResearch/Hermes-4-70B hermes3:8b
        LGAI-EXAONE/EXAONE-4.0-32B ibm-granite/granite-4.0-h-small ibm/granite-4-h-tiny granite4:micro
        granite-4.0-h-tiny-Q4_K_M.gguf HuggingFaceTB/SmolLM3-3B arcee-ai/trinity-mini arcee-ai/Trinity-Nano-Preview arcee-ai/trinity-large-preview:free
    """,
    "kimi_k2": """
        moonshotai/Kimi-K2-Instruct moonshotai/Kimi-K2-Instruct-0905 moonshotai/kimi-k2-thinking moonshotai/kimi-k2.5
        kimi-k2:1t-cloud kimi-k2-0905-preview accounts/fireworks/models/kimi-k2p5 Kimi-K2-Instruct-UD-Q2_K_XL.gguf
    """,
    "llama3_json": """
        meta-llama/Llama-3.3-70B-Instruct meta-llama/Llama-3.1-8B-Instruct llama3.1:8b llama3.2:3b llama3.3
        meta-llama/llama-3.2-3b-instruct:free llama-3.3-70b-versatile meta.llama3-1-70b-instruct-v1:0
        accounts/fireworks/models/llama-v3p1-8b-instruct Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf
    """,
    "minimax_m1": """
        MiniMaxAI/MiniMax-M1-80k minimax/minimax-m1 MiniMaxAI/MiniMax-Text-01-hf
    """,
    "minimax_m2": """
        MiniMaxAI/MiniMax-M2 minimax/minimax-m2 minimax/minimax-m2:free MiniMaxAI/MiniMax-M2.5 minimax-m2.7:cloud
        minimax.minimax-m2 MiniMax-M2-UD-Q3_K_XL.gguf
    """,
    "mistral": """
        mistralai/Devstral-Small-2507 mistralai/Mistral-7B-Instruct-v0.3 mistralai/mistral-small-3.2-24b-instruct mistral:7b
        mistral-nemo mistral-large-latest mistralai/Magistral-Small-2506 ministral-3:8b devstral:24b codestral-latest
        mistralai/Mixtral-8x7B-Instruct-v0.1 mistralai/Pixtral-12B-2409 mistralai/Voxtral-Small-24B-2507 Devstral-Small-2507-Q4_K_M.gguf
    """,
    "qwen3_coder": """
        Qwen/Qwen3-Coder-30B-A3B-Instruct Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8 qwen/qwen3-coder qwen/qwen3-coder:free
        qwen3-coder:30b qwen3-coder-plus qwen-3-coder-480b Qwen3-Coder-30B-A3B-Instruct-UD-Q4_K_XL.gguf Qwen/Qwen3-Coder-Next
        Qwen/Qwen3.5-397B-A17B qwen3.5:9b qwen/qwen3.6-plus qwen-3.5-397b nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16 nemotron-3-nano:30b
        nvidia/nemotron-3-super-120b-a12b nvidia/NVIDIA-Nemotron-3-Ultra-Preview stepfun-ai/Step-3.5-Flash
    """,
}
NONE = """
    gpt-4o gpt-5.3-codex-spark deepseek-chat deepseek-reasoner llama3:8b zai-org/GLM-4-9B-0414 zai-org/GLM-4.1V-9B-Thinking
    SparkAudio/Spark-TTS-0.5B berkeley-nest/Starling-3-7B sterling-3b nvidia/nemotron-3-8b-chat-4k-sft inclusionAI/Ling-1T
    naver-hyperclovax/HyperCLOVAX-DASH vendor/a-model-of-tomorrow
"""
# Relatives that write another format.
OTHERS = {
    "deepseek_v3": "deepseek-ai/DeepSeek-V4 deepseek/deepseek-v4-flash",
    "deepseek_v3_1": "deepseek-ai/DeepSeek-V4",
    "deepseek_v3_2": "deepseek-ai/DeepSeek-V4 deepseek-ai/DeepSeek-V3.1",
    "hermes": "ibm-granite/granite-3.3-8b-instruct Qwen/Qwen3.5-397B-A17B",
    "kimi_k2": "moonshotai/Kimi-K3",
    "llama3_json": "meta-llama/Llama-4-Scout-17B-16E-Instruct",
    "minimax_m1": "MiniMaxAI/MiniMax-M2",
    "minimax_m2": "MiniMaxAI/MiniMax-M3 MiniMaxAI/MiniMax-M1-80k",
    "qwen3_coder": "stepfun-ai/step3 Qwen/Qwen3-8B",
}
CASES = [(model, name) for name, ids in FIRST.items() for model in ids.split()]


@pytest.mark.parametrize(("model", "name"), CASES)
def test_auto_takes_the_format_of_the_model_first(model: str, name: str) -> None:
    assert resolve_parsers("auto", model, SPECS)[0].name == name


@pytest.mark.parametrize("model", NONE.split())
def test_a_model_that_no_file_names_gets_every_distinctive_file(model: str) -> None:
    assert [name for name in NAMES if matching_glob(SPECS[name], model)] == []
    assert [spec.name for spec in resolve_parsers("auto", model, SPECS)] == [n for n in NAMES if SPECS[n].distinctive]


@pytest.mark.parametrize("model", [model for model, _ in CASES])
def test_case_does_not_matter(model: str) -> None:
    assert resolve_parsers("auto", model.upper(), SPECS) == resolve_parsers("auto", model.lower(), SPECS)


def test_every_file_is_in_the_table() -> None:
    assert sorted(FIRST) == NAMES


@pytest.mark.parametrize("model", FIRST["deepseek_v3_1"].split() + FIRST["deepseek_v3_2"].split())
def test_the_first_v3_claims_no_later_one(model: str) -> None:
    assert matching_glob(SPECS["deepseek_v3"], model) is None


@pytest.mark.parametrize(("name", "model"), [(name, model) for name, ids in OTHERS.items() for model in ids.split()])
def test_a_file_leaves_relatives_alone(name: str, model: str) -> None:
    assert matching_glob(SPECS[name], model) is None


@pytest.mark.parametrize("name", FIRST)
def test_every_glob_is_of_use(name: str) -> None:
    """Each glob of a file matches an id of the table; what none needs goes."""
    ids = FIRST[name].split()
    spec = SPECS[name]
    assert [
        glob for glob in spec.models if not any(matching_glob(replace(spec, models=(glob,)), model) for model in ids)
    ] == []
