"""Whether the user asked for a human: by words, by an action, or only the agent handed over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everyturn.model import Message, ToolCall
from everyturn.signals.escalation import SIGNAL


def observe(conversation):
    (said,) = SIGNAL.observe(conversation)
    return said


def test_asked_by_words_even_in_the_first_message(talk):
    said = observe(talk("I want to speak to a human", "Sure."))
    assert (said.value, said.label, said.evidence, said.detail) == (1.0, "asked", "words", "asked in turn 0")


@pytest.mark.parametrize("kind", ["ticket_opened", "human_requested", "called", "emailed"])
def test_asked_by_an_action(talk, act, kind):
    action = act(kind)
    said = observe(talk("Where is it?", "On its way.", actions=(action,)))
    assert (said.value, said.evidence, said.final_at, said.detail) == (1.0, "action", action.at, kind)


@pytest.mark.parametrize(
    "text",
    [
        "Are you a human?",
        "I don't want to talk to a person",
        "Who is the sales agent of record?",
        "human resources policy",
    ],
)
def test_not_asked(talk, text):
    said = observe(talk(text, "Hello, how are you?"))
    assert (said.value, said.label) == (0.0, "none")


def test_a_hand_over_nobody_asked_for_is_not_asked(talk):
    conversation = talk("Where is it and what do I owe?", "I have opened a ticket.")
    handing = Message("assistant", None, tool_calls=(ToolCall("t", "transfer_to_human_agents", {}),))
    said = observe(replace(conversation, messages=(conversation.messages[0], handing, conversation.messages[1])))
    assert (said.value, said.label) == (0.0, "handed_over")


@pytest.mark.parametrize("text", [None, "사람과 이야기하고 싶어요", "Voglio parlare con una persona vera, non con te"])
def test_what_cannot_be_read_is_unknown(talk, act, text):
    assert observe(talk(text, None)).value is None
    assert observe(talk(text, None, actions=(act("called"),))).value == 1.0


@pytest.mark.parametrize(
    ("output", "label"),
    [
        ("I can connect you with a human agent.", "offered"),
        ("Ich leite das an einen Mitarbeiter weiter.", "offered"),
        ("我可以为您转接人工客服。", "offered"),
        ("担当者におつなぎします。", "offered"),
        ("Our policy requires that a human agent reviews this.", "required"),
        ("It arrives on Friday.", "none"),
    ],
)
def test_whose_the_hand_over_was(talk, output, label):
    said = observe(talk("Where is it and what do I owe?", output))
    assert (said.value, said.label) == (0.0, label)


@pytest.mark.parametrize(
    "text", ["我要和人工客服说话", "オペレーターにつないでください", "Quiero hablar con una persona"]
)
def test_asked_in_other_languages(talk, text):
    assert observe(talk(text, None)).value == 1.0
