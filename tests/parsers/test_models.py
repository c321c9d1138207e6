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
    "apertus": """
        swiss-ai/Apertus-8B-Instruct-2509 Apertus-70B-Instruct-2509-Q4_K_M.gguf
    """,
    "cohere2": """
        CohereLabs/c4ai-command-a-03-2025 CohereLabs/command-a-reasoning-08-2025 cohere/command-a command-a:111b
        CohereLabs/c4ai-command-r7b-12-2024 cohere/command-r7b-12-2024 command-r7b:7b cohere/command-4
    """,
    "command_r": """
        CohereLabs/c4ai-command-r-v01 cohere/command-r cohere/command-r-plus-08-2024 command-r:35b command-r-plus:104b
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
        deepseek/deepseek-chat-v3.1:free deepseek.v3-v1:0 deepseek-v3-1-250821 accounts/fireworks/models/deepseek-v3p1-terminus
        DeepSeek-V3.1-Q4_K_M-00001-of-00008.gguf deepseek-ai/DeepSeek-V3.2-Exp deepseek/deepseek-v3.2-exp
    """,
    "deepseek_v3_2": """
        deepseek-ai/DeepSeek-V3.2 deepseek/deepseek-v3.2 deepseek-v3.2:cloud deepseek-v3-2-251201
        accounts/fireworks/models/deepseek-v3p2
    """,
    "deepseek_v4": """
        deepseek-ai/DeepSeek-V4 deepseek-ai/DeepSeek-V4-Pro deepseek/deepseek-v4-flash deepseek-v4-flash:free deepseek-v4:cloud
        DeepSeek-V4-Flash-UD-Q2_K_XL.gguf accounts/fireworks/models/deepseek-v4-pro
    """,
    "deepseek_v4_1": """
        deepseek-ai/DeepSeek-V4.1-Flash deepseek/deepseek-v4.1 deepseek-v4-1-260901 accounts/fireworks/models/deepseek-v4p1
    """,
    "dots": """
        rednote-hilab/dots.llm1.inst dots-llm1-inst-Q4_K_M.gguf rednote-hilab/dots3-flash dots2
    """,
    "ernie45": """
        baidu/ERNIE-4.5-21B-A3B-Thinking baidu/ernie-4.5-300b-a47b ERNIE-4.5-21B-A3B-PT-Q4_K_M.gguf
    """,
    "fenced_json": """""",
    "function_call_tag": """
        glaiveai/glaive-function-calling-v1 fireworks-ai/firefunction-v1 accounts/fireworks/models/firefunction-v1
    """,
    "functionary_v3_1": """
        meetkai/functionary-small-v3.1 meetkai/functionary-medium-v3.1 functionary-small-v3.1.Q4_0.gguf
    """,
    "functionary_v3_2": """
        meetkai/functionary-small-v3.2 functionary-small-v3.2.Q4_0.gguf
    """,
    "functiongemma": """
        google/functiongemma-270m-it functiongemma:270m functiongemma-270m-it-BF16.gguf
    """,
    "functools": """
        microsoft/Phi-4-mini-instruct phi4-mini:3.8b Phi-4-mini-instruct-Q4_K_M.gguf fireworks-ai/llama-3-firefunction-v2 firefunction-v2:70b
    """,
    "gemma4": """
        google/gemma-4-31B-it google/gemma-4-26b-a4b-it:free gemma4:12b gemma-4-12B-it-Q4_K_M.gguf accounts/fireworks/models/gemma-4-31b-it
    """,
    "gigachat3": """
        ai-sage/GigaChat3-10B-A1.8B ai-sage/GigaChat3-702B-A36B-preview ai-sage/GigaChat3.1-10B-A1.8B
    """,
    "gigachat3_5": """
        ai-sage/GigaChat3.5-432B-A28B ai-sage/GigaChat3.5-432B-A28B-Reasoning gigachat-3.5
    """,
    "glm": """
        zai-org/GLM-4.5 zai-org/GLM-4.5V zai-org/GLM-4.6 glm4.7 zai-org/GLM-4.7-Flash zai-org/GLM-5 z-ai/glm-4.5-air z-ai/glm-4.6:exacto
        glm-4.6 glm-4.7:cloud glm-5.1 zai-glm-4.6 accounts/fireworks/models/glm-4p5 GLM-4.5-Air-UD-Q4_K_XL.gguf
        inclusionAI/Ling-3-mini Ling-3-mini-Q4_K_M.gguf poolside/laguna-xs.2 laguna-m.1 naver-hyperclovax/HyperCLOVAX-SEED-Think-32B
    """,
    "granite3": """
        ibm-granite/granite-3.3-8b-instruct ibm/granite-3-8b-instruct granite3.3:8b granite3-dense:8b granite-3.1-8b-instruct-Q4_K_M.gguf
    """,
    "granite_20b": """
        ibm-granite/granite-20b-functioncalling granite-20b-functioncalling-Q4_K_M.gguf
    """,
    "harmony": """
        openai/gpt-oss-120b openai/gpt-oss-20b:free gpt-oss:20b gpt-oss-20b-MXFP4.gguf openai.gpt-oss-120b-1:0
    """,
    "hermes": """
        Qwen/Qwen2.5-7B-Instruct qwen2.5-coder:7b qwen/qwen-2.5-72b-instruct Qwen2.5-Coder-32B-Instruct-Q4_K_M.gguf
        Qwen/Qwen3-8B qwen3 qwen3:8b qwen3-vl:32b qwen-3-32b qwen/qwen3-235b-a22b-2507 Qwen/Qwen3-Next-80B-A3B-Instruct
        Qwen3-8B-Q4_K_M.gguf /models/Qwen3-8B-Q4_K_M.gguf Qwen/QwQ-32B qwq:32b
        NousResearch/Hermes-2-Pro-Mistral-7B NousResearch/Hermes-3-Llama-3.1-8B NousResearch/Hermes-4-70B hermes3:8b
        LGAI-EXAONE/EXAONE-4.0-32B ibm-granite/granite-4.0-h-small ibm/granite-4-h-tiny granite4:micro
        granite-4.0-h-tiny-Q4_K_M.gguf HuggingFaceTB/SmolLM3-3B arcee-ai/trinity-mini arcee-ai/Trinity-Nano-Preview arcee-ai/trinity-large-preview:free
    """,
    "hunyuan_a13b": """
        tencent/Hunyuan-A13B-Instruct tencent/hunyuan-a13b-instruct:free Hunyuan-A13B-Instruct-Q4_K_M.gguf
    """,
    "hunyuan_v3": """
        tencent/Hy3-preview tencent/hy3-preview:free tencent/Hy4-preview tencent/hy3 hy3 hy3:295b tencent/hy3:free Hy3-preview-Q4_K_M.gguf
    """,
    "inkling": """
        thinkingmachines/Inkling thinkingmachines/Inkling-Small inkling inkling-small-NVFP4
    """,
    "internlm2": """
        internlm/internlm2_5-7b-chat internlm2:7b internlm/internlm3-8b-instruct internlm/Intern-S1-mini
    """,
    "jamba": """
        ai21labs/AI21-Jamba-1.5-Mini ai21/jamba-large-1.7 ai21/jamba-mini-1.7 jamba-1.5-large
    """,
    "k2_horizon": """
        LLM360/K2-Horizon-7B k2-horizon-7b-Q4_K_M.gguf
    """,
    "kimi_k2": """
        moonshotai/Kimi-K2-Instruct moonshotai/Kimi-K2-Instruct-0905 moonshotai/kimi-k2-thinking moonshotai/kimi-k2.5
        kimi-k2:1t-cloud kimi-k2-0905-preview accounts/fireworks/models/kimi-k2p5 Kimi-K2-Instruct-UD-Q2_K_XL.gguf
    """,
    "kimi_k3": """
        moonshotai/Kimi-K3 moonshotai/kimi-k3:free kimi-k3:cloud accounts/fireworks/models/kimi-k3
    """,
    "lfm2": """
        LiquidAI/LFM2-1.2B LiquidAI/LFM2.5-1.2B-Instruct liquid/lfm-2.2-6b LFM2-8B-A1B-Q4_K_M.gguf
    """,
    "llama3_json": """
        meta-llama/Llama-3.3-70B-Instruct meta-llama/Llama-3.1-8B-Instruct llama3.1:8b llama3.2:3b llama3.3
        meta-llama/llama-3.2-3b-instruct:free llama-3.3-70b-versatile meta.llama3-1-70b-instruct-v1:0
        accounts/fireworks/models/llama-v3p1-8b-instruct Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf
    """,
    "longcat": """
        meituan-longcat/LongCat-Flash-Chat meituan/longcat-flash-chat:free LongCat-Flash-Thinking-2601 LongCat-2.0
    """,
    "mimo": """
        XiaomiMiMo/MiMo-V2-Flash xiaomi/mimo-v2-flash:free xiaomi/mimo-v2.5-pro MiMo-V2-Flash-UD-Q2_K_XL.gguf
    """,
    "minicpm5": """
        openbmb/MiniCPM5-1B minicpm5:1b MiniCPM-5-8B-Q4_K_M.gguf
    """,
    "minimax_m1": """
        MiniMaxAI/MiniMax-M1-80k minimax/minimax-m1 MiniMaxAI/MiniMax-Text-01-hf
    """,
    "minimax_m2": """
        MiniMaxAI/MiniMax-M2 minimax/minimax-m2 minimax/minimax-m2:free MiniMaxAI/MiniMax-M2.5 minimax-m2.7:cloud
        minimax.minimax-m2 MiniMax-M2-UD-Q3_K_XL.gguf
    """,
    "minimax_m3": """
        MiniMaxAI/MiniMax-M3 minimax/minimax-m3:free minimax-m3:cloud minimax.minimax-m3 MiniMax-M3-UD-Q3_K_XL.gguf
    """,
    "mistral": """
        mistralai/Devstral-Small-2507 mistralai/Mistral-7B-Instruct-v0.3 mistralai/mistral-small-3.2-24b-instruct mistral:7b
        mistral-nemo mistral-large-latest mistralai/Magistral-Small-2506 ministral-3:8b devstral:24b codestral-latest
        mistralai/Mixtral-8x7B-Instruct-v0.1 mistralai/Pixtral-12B-2409 mistralai/Voxtral-Small-24B-2507 Devstral-Small-2507-Q4_K_M.gguf
    """,
    "muse": """
        meta/muse-glimmer-24b muse_glimmer-Q4_K_M.gguf meta/muse-spark-1.1
    """,
    "nemotron_nano": """
        nvidia/NVIDIA-Nemotron-Nano-9B-v2 nvidia/nemotron-nano-9b-v2:free nvidia/Llama-3.1-Nemotron-Nano-8B-v1
        nvidia/llama-3.3-nemotron-super-49b-v1.5 nvidia/Llama-3_3-Nemotron-Super-49B-v1_5 nvidia/Llama-3_1-Nemotron-Ultra-253B-v1
    """,
    "olmo3": """
        allenai/Olmo-3-7B-Instruct allenai/olmo-3.1-32b-think:free olmo-3:7b Olmo-3-7B-Instruct-Q4_K_M.gguf
    """,
    "pangu": """
        FreedomIntelligence/openPangu-Embedded-7B openPangu-Pro-MoE-72B
    """,
    "plamo3": """
        pfnet/plamo-3-nict-8b-base plamo-3.0-prime-beta
    """,
    "pythonic": """
        meta-llama/Llama-4-Scout-17B-16E-Instruct meta-llama/llama-4-maverick:free llama4:scout meta.llama4-scout-17b-instruct-v1:0
        Team-ACE/ToolACE-8B Team-ACE/ToolACE-2-Llama-3.1-8B watt-ai/watt-tool-8B
    """,
    "qwen3_coder": """
        Qwen/Qwen3-Coder-30B-A3B-Instruct Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8 qwen/qwen3-coder qwen/qwen3-coder:free
        qwen3-coder:30b qwen3-coder-plus qwen-3-coder-480b Qwen3-Coder-30B-A3B-Instruct-UD-Q4_K_XL.gguf Qwen/Qwen3-Coder-Next
        Qwen/Qwen3.5-397B-A17B qwen3.5:9b qwen/qwen3.6-plus qwen-3.5-397b nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16 nemotron-3-nano:30b
        nvidia/nemotron-3-super-120b-a12b nvidia/NVIDIA-Nemotron-3-Ultra-Preview stepfun-ai/Step-3.5-Flash
    """,
    "raw_json": """
        Salesforce/Llama-xLAM-2-8b-fc-r Salesforce/xLAM-7b-fc-r xLAM-2-3B-fc-r-Q4_K_M.gguf
    """,
    "react": """""",
    "seed_oss": """
        ByteDance-Seed/Seed-OSS-36B-Instruct bytedance/seed-oss-36b-instruct Seed-OSS-36B-Instruct-Q4_K_M.gguf
    """,
    "solar_open": """
        upstage/Solar-Open-100B upstage/solar-open-100b:free solar-open:100b Solar-Open-100B-Q4_K_M.gguf
    """,
    "solar_open2": """
        upstage/Solar-Open2-250B upstage/solar-open-2-250b upstage/solar-pro4 upstage/solar-pro-4-preview
    """,
    "step3": """
        stepfun-ai/step3 step3 stepfun-ai/step3-fp8 step-3 stepfun/step-3
    """,
    "tag_per_tool": """""",
    "tool_code": """
        google/gemma-3-27b-it google/gemma-3-12b-it:free google/gemma-3n-e4b-it gemma-3-27b-it google_gemma-3-27b-it-Q4_K_M.gguf gemma3 gemma3:27b gemma3n:e4b
        google/gemma-2-9b-it gemma-2-9b-it-Q4_K_M.gguf gemma2 gemma2:9b gemma2-9b-it
    """,
}
ALSO = {
    "pythonic": "meta-llama/Llama-3.2-3B-Instruct llama3.2:3b",
}
"""Ids that a file is armed for behind another."""
NONE = """
    gpt-4o gpt-5.3-codex-spark deepseek-chat deepseek-reasoner llama3:8b zai-org/GLM-4-9B-0414
    zai-org/GLM-4.1V-9B-Thinking SparkAudio/Spark-TTS-0.5B berkeley-nest/Starling-3-7B sterling-3b
    nvidia/nemotron-3-8b-chat-4k-sft inclusionAI/Ling-1T naver-hyperclovax/HyperCLOVAX-DASH vendor/a-model-of-tomorrow
    microsoft/phi-4 google/gemma-7b-it google/paligemma2-3b-pt-224 google/shieldgemma-2-4b-it google/medgemma-27b-it
    ibm-granite/granite-guardian-3.2-5b ibm-granite/granite-20b-code-instruct allenai/OLMo-2-1124-7B-Instruct
    cohere/command internlm/internlm-chat-7b ai21labs/Jamba-v0.1 meetkai/functionary-small-v2.5
    ai-sage/GigaChat-20B-A3B-instruct nemotron-mini:4b stepfun-ai/Step3-VL-10B LatitudeGames/Muse-12B
    XiaomiMiMo/MiMo-VL-7B-RL rednote-hilab/dots.ocr openbmb/MiniCPM-V-4_5 tencent/Hunyuan-4B-Instruct
    upstage/SOLAR-10.7B-Instruct-v1.0 meituan-longcat/LongCat-Video LLM360/K2-Think google/codegemma-7b
    google/medgemma-4b-it
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


@pytest.mark.parametrize(("name", "model"), [(name, model) for name, ids in ALSO.items() for model in ids.split()])
def test_auto_takes_other_formats_of_the_model_behind(name: str, model: str) -> None:
    assert name in [spec.name for spec in resolve_parsers("auto", model, SPECS)][1:]


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
    """Each glob of a file matches an id of the tables; what none needs goes."""
    ids = FIRST[name].split() + ALSO.get(name, "").split()
    spec = SPECS[name]
    assert [
        glob for glob in spec.models if not any(matching_glob(replace(spec, models=(glob,)), model) for model in ids)
    ] == []
