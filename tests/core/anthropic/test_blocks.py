from typing import get_args

import pytest

from bridge.core.anthropic.blocks import RULES, Block, BlockOrder
from bridge.core.events import Event, Fault, Finish, TextDelta, ToolCallAbort, ToolCallEnd, ToolCallStart


def test_the_table_knows_every_event():
    assert set(RULES) == set(get_args(Event))


def test_nothing_may_follow_the_end():
    assert all(Block.END not in rule.after for rule in RULES.values())


def test_every_block_has_a_way_to_the_end():
    for block in set(Block) - {Block.END}:
        assert any(block in rule.after and rule.then is Block.END for rule in RULES.values())


def test_a_refused_event_changes_nothing():
    order = BlockOrder()
    assert order.step(ToolCallStart(3, "t", "f")) is Block.CALL
    for event in (TextDelta("x"), ToolCallEnd(2), ToolCallStart(4, "u", "g"), Finish("end_turn")):
        with pytest.raises(ValueError, match="cannot follow"):
            order.step(event)
        assert order.block is Block.CALL
    assert order.step(ToolCallEnd(3)) is Block.NONE


def test_only_a_length_limit_ends_an_answer_inside_a_call():
    order = BlockOrder()
    order.step(ToolCallStart(0, "t", "f"))
    order.step(ToolCallAbort(0))
    assert isinstance(order.settle(Finish("end_turn")), Fault)
    assert order.settle(Finish("max_tokens")) == Finish("max_tokens")
