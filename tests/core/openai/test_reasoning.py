"""What a client says about reasoning, for routes that declare all, some or nothing of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from playbook import CONVERSATION, ROUTE

from bridge.core.conversation import ThinkingConfig
from bridge.core.losses import Loss
from bridge.core.openai.reasoning import nearest, reasoning_fields
from bridge.core.route import BodyPatch, Reasoning, Route

EFFORT, BUDGET, SWITCH = ("reasoning_effort",), ("thinking_token_budget",), ("chat_template_kwargs", "enable_thinking")
ALL = Reasoning(effort=EFFORT, budget=BUDGET, switch=SWITCH)
ENABLED = ThinkingConfig("enabled", 5_000)
ADAPTIVE = ThinkingConfig("adaptive")
DISABLED = ThinkingConfig("disabled")
UNSET = ThinkingConfig()


def fields(
    declared: Reasoning,
    thinking: ThinkingConfig = UNSET,
    effort: str = "",
    limit: int = 32_000,
    route: Route = ROUTE,
) -> tuple[dict[tuple[str, ...], object], list[str]]:
    warnings: list[Loss] = []
    asked = replace(CONVERSATION, thinking=thinking, effort=effort)
    found = dict(reasoning_fields(asked, replace(route, reasoning=declared), limit, warnings))
    return found, list(map(str, warnings))


@pytest.mark.parametrize(
    ("declared", "thinking", "effort", "sent"),
    [
        (ALL, UNSET, "", {}),
        (ALL, UNSET, "low", {EFFORT: "low"}),
        (ALL, ADAPTIVE, "high", {SWITCH: True, EFFORT: "high"}),
        (ALL, ENABLED, "", {SWITCH: True, BUDGET: 5_000}),
        (ALL, ThinkingConfig("adaptive", 2_000), "", {SWITCH: True, BUDGET: 2_000}),
        (ALL, DISABLED, "max", {SWITCH: False, EFFORT: "high"}),
        (replace(ALL, on="enabled", off="disabled"), ADAPTIVE, "", {SWITCH: "enabled"}),
        (replace(ALL, on="enabled", off="disabled"), DISABLED, "", {SWITCH: "disabled"}),
        (Reasoning(switch=SWITCH), ENABLED, "", {SWITCH: True}),
        (Reasoning(budget=BUDGET), ENABLED, "", {BUDGET: 5_000}),
        (Reasoning(budget=BUDGET), ADAPTIVE, "", {}),
        (Reasoning(effort=EFFORT), ADAPTIVE, "medium", {EFFORT: "medium"}),
        (Reasoning(effort=EFFORT), ADAPTIVE, "", {}),
        # The effort that the client names beats the one that its budget comes to.
        (Reasoning(effort=EFFORT), ENABLED, "low", {EFFORT: "low"}),
        (Reasoning(effort=EFFORT, efforts=("none", "low")), DISABLED, "high", {EFFORT: "none"}),
        (Reasoning(effort=EFFORT, efforts=("none", "low"), switch=SWITCH), DISABLED, "high", {SWITCH: False, EFFORT: "low"}),
    ],
)  # fmt: skip
def test_what_is_declared_is_sent(
    declared: Reasoning, thinking: ThinkingConfig, effort: str, sent: dict[Any, object]
) -> None:
    assert fields(declared, thinking, effort) == (sent, [])


@pytest.mark.parametrize(
    ("budget", "effort"),
    [(1, "low"), (4_095, "low"), (4_096, "medium"), (16_383, "medium"), (16_384, "high"), (500_000, "high")],
)
def test_a_budget_without_a_field_is_an_effort(budget: int, effort: str) -> None:
    thinking = ThinkingConfig("enabled", budget)
    assert fields(Reasoning(effort=EFFORT), thinking) == ({EFFORT: effort}, [])
    assert fields(Reasoning(effort=EFFORT, efforts=("medium",)), thinking) == ({EFFORT: "medium"}, [])
    assert fields(Reasoning(effort=EFFORT, budget=BUDGET), thinking)[0].keys() == {BUDGET}


@pytest.mark.parametrize(
    ("budget", "limit", "sent"),
    [(5_000, 5_001, 5_000), (5_000, 5_000, 4_999), (5_000, 2, 1), (5_000, 1, None), (5_000, 0, 5_000)],
)
def test_a_budget_stays_below_the_answer(budget: int, limit: int, sent: int | None) -> None:
    found, warnings = fields(Reasoning(budget=BUDGET), ThinkingConfig("enabled", budget), limit=limit)
    assert found.get(BUDGET) == sent
    assert not warnings


@pytest.mark.parametrize(
    ("effort", "known", "sent"),
    [
        ("max", ("low", "medium", "high"), "high"),
        ("xhigh", ("low", "high", "max"), "high"),
        ("medium", ("high", "low"), "low"),
        ("low", ("none", "high"), "high"),
        ("low", ("none",), "none"),
        ("low", ("minimal", "medium"), "minimal"),
        ("high", ("minimal", "low", "medium", "high", "xhigh"), "high"),
    ],
)
def test_the_nearest_effort(effort: str, known: tuple[str, ...], sent: str) -> None:
    assert nearest(effort, known) == sent


@pytest.mark.parametrize(
    ("declared", "thinking", "effort", "said"),
    [
        (Reasoning(), ADAPTIVE, "high", ["output_config.effort: not sent", "thinking: not sent"]),
        (Reasoning(), DISABLED, "", ["thinking: not sent, the route declares no `reasoning.switch` for it"]),
        (Reasoning(effort=EFFORT), DISABLED, "", ["thinking: not sent"]),
        (Reasoning(budget=BUDGET), DISABLED, "", ["thinking: not sent"]),
        (Reasoning(switch=SWITCH), ENABLED, "low", ["output_config.effort: not sent, the route declares no `reasoning.effort`"]),
        # "none" alone is no field to put it into.
        (Reasoning(efforts=("none",)), DISABLED, "", ["thinking: not sent"]),
    ],
)  # fmt: skip
def test_what_is_not_declared_is_said(
    declared: Reasoning, thinking: ThinkingConfig, effort: str, said: list[str]
) -> None:
    found, warnings = fields(declared, thinking, effort)
    assert not any(path in (EFFORT, BUDGET) for path in found)
    assert len(warnings) == len(said)
    for warning, start in zip(warnings, said, strict=True):
        assert warning.startswith(start)


def test_the_older_way_to_declare_an_effort() -> None:
    route = replace(ROUTE, request=BodyPatch(default={"reasoning_effort": "medium"}))
    assert fields(Reasoning(), UNSET, "xhigh", route=route) == ({EFFORT: "xhigh"}, [])
    assert fields(Reasoning(), UNSET, "max", route=route) == ({EFFORT: "high"}, [])
    assert fields(Reasoning(effort=("effort",)), UNSET, "max", route=route) == ({("effort",): "high"}, [])
    fixed = replace(ROUTE, request=BodyPatch(set={"reasoning_effort": "high"}))
    assert fields(Reasoning(), UNSET, "low", route=fixed) == ({}, [])
