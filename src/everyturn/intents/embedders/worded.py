"""Texts as the numbers of their words: each distinct word is looked at once, however often it is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from everyturn.intents.grid import Labels


@dataclass(frozen=True, slots=True)
class Worded:
    """The distinct `words` of some texts, the `numbers` of the words said, text after text, and where each text `ends`.

    `ends` begins with 0.
    """

    words: list[str]
    numbers: Labels
    ends: Labels

    @classmethod
    def of(cls, normalised: Sequence[str]) -> Worded:
        """Texts as `words.normal` gives them.

        >>> Worded.of(["my order", "", "my my"]).numbers.tolist()
        [0, 1, 0, 0]
        """
        said = " ".join(normalised).split()
        number = {word: i for i, word in enumerate(dict.fromkeys(said))}
        counts = [text.count(" ") + 1 if text else 0 for text in normalised]
        ends = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
        return cls(list(number), np.fromiter(map(number.__getitem__, said), np.int64, len(said)), ends)

    def matrix(self) -> sp.csr_matrix:
        """A row a text and a column a word: ones in the order the words are said, so that sums have one order."""
        shape = (len(self.ends) - 1, len(self.words))
        return sp.csr_matrix((np.ones(len(self.numbers)), self.numbers, self.ends), shape=shape)
