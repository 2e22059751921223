"""Fitting to one deployment's labels: when it is tried, when it is used, and that order and names do not matter."""

from __future__ import annotations

import random

import numpy as np
import pytest

from everyturn.model import Conversation, Message
from everyturn.signals.fitted import FEWEST, TEXTS, Row, fit, rows_of

WORDS = ("order", "invoice", "parcel", "number", "street", "colour", "delivery", "address", "account", "price")


def labelled(n: int, *, told_by: str, share: float = 0.4, seed: int = 3) -> tuple[list[Row], list[bool], list[str]]:
    """Outputs of which a share is rejected; a word of the reply (`told_by` "word"), or nothing, tells which."""
    draw = random.Random(seed)
    rows, rejected, groups = [], [], []
    for number in range(n):
        is_bad = draw.random() < share
        reply = " ".join(draw.choices(WORDS, k=6)) + (" warehouse" if told_by == "word" and is_bad else " garden")
        texts = (f"where is my {draw.choice(WORDS)}", f"The {draw.choice(WORDS)} is on its way.", reply, "thank you")
        messages = tuple(Message("assistant" if i % 2 else "user", text) for i, text in enumerate(texts))
        rows += list(rows_of(Conversation(f"c{number}", None, None, messages)))
        rejected.append(is_bad)
        groups.append(f"u{number // 3}")
    return rows, rejected, groups


def test_too_few_labels_leave_the_rule():
    rows, rejected, groups = labelled(40, told_by="word")
    found = fit(rows, rejected, groups)
    assert (found.method, found.predict, found.fitted) == ("rule", None, None)
    assert f"{FEWEST} are needed" in (found.why or "")


def test_what_one_deployment_says_is_learnt_and_reported():
    rows, rejected, groups = labelled(500, told_by="word")
    found = fit(rows, rejected, groups)
    assert found.rarer >= TEXTS
    assert found.method == "texts + cues"
    assert found.fitted > 0.95
    assert found.rule < 0.7
    assert found.low <= found.gain <= found.high
    fresh, truth, _ = labelled(60, told_by="word", seed=9)
    chance = found.predict(fresh)
    assert ((chance > 0.5) == np.array(truth)).mean() > 0.9
    assert ((chance >= 0) & (chance <= 1)).all()


@pytest.mark.parametrize("n", [150, 500])
def test_labels_that_nothing_predicts_leave_the_rule(n):
    found = fit(*labelled(n, told_by="nothing"))
    assert (found.method, found.predict) == ("rule", None)
    assert "held back" in (found.why or "")
    assert found.gain is not None


def test_order_does_not_matter():
    rows, rejected, groups = labelled(290, told_by="word")
    shuffled = list(range(290))
    random.Random(1).shuffle(shuffled)
    again = fit([rows[i] for i in shuffled], [rejected[i] for i in shuffled], [groups[i] for i in shuffled])
    first = fit(rows, rejected, groups)
    assert (again.gain, again.folds, again.fitted) == (first.gain, first.folds, first.fitted)
    np.testing.assert_allclose(again.predict(rows), first.predict(rows))


def test_only_replies_that_can_be_read_are_rows():
    said = (Message("user", "где заказ"), Message("assistant", "вот"), Message("user", "это не то, что я просил"))
    assert list(rows_of(Conversation("c", None, None, said))) == []
    assert list(rows_of(Conversation("c", None, None, said[:2]))) == []
