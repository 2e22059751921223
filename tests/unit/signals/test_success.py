"""A task is done when the team's own rule says so, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from everyturn.config import Success
from everyturn.model import Message, ToolCall
from everyturn.signals.success import verify

REFUND = Success("refund", action="refund_issued", within=timedelta(days=1))


def test_without_a_rule_it_is_not_verifiable_whatever_was_said(talk):
    said = verify(talk("Refund me", "Done, your refund is on its way.", "Thanks, perfect!"), [])
    assert (said.value, said.label, said.evidence) == (None, "not verifiable", None)


@pytest.mark.parametrize(
    ("kind", "after", "value"),
    [("refund_issued", 2, 1.0), ("Refund-Issued", 2, 1.0), ("refund_issued", 30, 0.0), ("copied", 2, 0.0)],
)
def test_an_action_in_time(talk, act, kind, after, value):
    plain = talk("Refund me", "It is on its way.")
    end = plain.messages[-1].at
    said = verify(replace(plain, actions=(act(kind, at=end + timedelta(hours=after)),)), [REFUND])
    assert said.value == value
    assert said.final_at == (end + timedelta(hours=after) if value else end + timedelta(days=1))


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (Success(None, tool="find_order"), 1.0),
        (Success(None, tool="find_order", result="Shipped"), 1.0),
        (Success(None, tool="find_order", result="lost"), 0.0),
        (Success(None, tool="cancel_order"), 0.0),
    ],
)
def test_a_tool_and_its_result(talk, rule, value):
    plain = talk("Where is it?", "On its way.")
    call = Message("assistant", None, tool_calls=(ToolCall("t1", "find_order", {}),))
    result = Message("tool", '{"status": "shipped"}', tool_call_id="t1")
    said = verify(replace(plain, messages=(plain.messages[0], call, result, plain.messages[1])), [rule])
    assert said.value == value


def test_one_rule_of_several_is_enough(talk, act):
    said = verify(talk("Refund me", "Ok.", actions=(act("refund_issued"),)), [Success(None, tool="x"), REFUND])
    assert said.value == 1.0
