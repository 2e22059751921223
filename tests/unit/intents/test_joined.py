"""What counts for how much where two embedders stand side by side."""

from __future__ import annotations

import numpy as np
import pytest

from everyturn.intents.embedders.joined import Joined
from everyturn.intents.embedders.lexical import Lexical
from everyturn.intents.embedders.token_table import TokenTable
from everyturn.intents.words import normal

TEXTS = ["cancel my order", "cancel the order now", "reset my password", "the password is lost", "where is my parcel"]


class OneMeaning:
    """A sentence model to which all texts mean the same."""

    name = "one/1"

    def fit(self, texts):
        """Has nothing to learn."""

    def encode(self, texts):
        return np.tile(np.array([0.6, 0.8], np.float32), (len(texts), 1))

    def familiar(self, texts):
        return np.ones(len(texts), np.float32)

    def to_bytes(self):
        return b""


@pytest.mark.parametrize(("meaning", "times"), [(TokenTable(), 1.5), (OneMeaning(), 3.0)])
def test_the_cosine_is_the_mean_of_both_and_meaning_counts_for_more(meaning, times) -> None:
    """By the square of its length: 2.25 to 1 for the table, 9 to 1 for a sentence model."""
    words = Lexical()
    joined = Joined(meaning, words)
    joined.fit(TEXTS)
    given = [normal(text) for text in TEXTS]
    first = meaning.encode(given if isinstance(meaning, TokenTable) else TEXTS)
    second = words.encode(given)
    rows = joined.encode(TEXTS)
    expected = (times**2 * first @ first.T + second @ second.T) / (times**2 + 1)
    assert np.allclose(rows @ rows.T, expected, atol=2e-3)
