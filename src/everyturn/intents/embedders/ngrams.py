"""Words and in-word character 3-5-grams as numbers, counted text by text and weighed.

An n-gram's number comes from its code points alone. Words are looked at once, however many texts say them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from everyturn.intents.embedders.worded import Worded
from everyturn.intents.grid import Doubles, Floats, Labels

Numbers: TypeAlias = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Counted:
    """How often each text holds each n-gram of one kind, the n-grams being those numbered `ids`.

    `texts` has a row a text and a column a word, `words` a row a word and a column an n-gram, and `said` is their product: the
    counts. A row keeps the order of the text, so that its sums depend on the text alone.
    """

    ids: Numbers
    texts: sp.csr_matrix
    words: sp.csr_matrix
    said: sp.csr_matrix

    @classmethod
    def of(cls, said: Worded, word: Labels, ids: npt.NDArray[np.uint64]) -> Counted:
        """From the word that each n-gram is in, ascending, and the n-gram's number."""
        encoded = pa.array(ids.astype(np.uint32)).dictionary_encode()
        texts, ends = said.matrix(), np.searchsorted(word, np.arange(len(said.words) + 1))
        shape = (len(said.words), len(encoded.dictionary))
        words = sp.csr_matrix((np.ones(len(word)), encoded.indices.to_numpy(), ends), shape=shape)
        return cls(encoded.dictionary.to_numpy(), texts, words, texts @ words)


def count_words(said: Worded) -> Counted:
    """Single words."""
    ids = _mix(_numbers_of_words(_Characters(said.words))) >> np.uint64(32)
    return Counted.of(said, np.arange(len(ids)), ids)


def count_letters(said: Worded) -> Counted:
    """Three to five letters in a row: they know their word's edges and never cross them."""
    chars = _Characters(said.words)
    spaces = np.concatenate([[0], np.cumsum(chars.is_space)])
    words, ids = [np.empty(0, np.int64)], [np.empty(0, np.uint64)]
    for n in (3, 4, 5):
        last = max(len(chars.codes) - n + 1, 0)
        # the ends may be spaces, the inside may not
        at = np.flatnonzero(spaces[n - 1 : last + n - 1] == spaces[1 : last + 1])
        value = np.full(len(at), n, np.uint64)
        for offset in range(n):
            value = value * _BASE + chars.codes[at + offset]
        words.append(chars.word[at])
        ids.append(_mix(value) >> np.uint64(32))
    word = np.concatenate(words)
    order = np.argsort(word, kind="stable")
    return Counted.of(said, word[order], np.concatenate(ids)[order])


Count: TypeAlias = Callable[[Worded], Counted]


class Weighed:
    """TF-IDF of one kind of n-gram, a text's known ones at length 1; the second of the same counts less, the third still less.

    `ids` are the n-grams known, ascending, and `weights` theirs; all others weigh `unknown`.
    """

    def __init__(self, counted: Counted, ids: Numbers, weights: Floats, unknown: float) -> None:
        self._counted, self._n_known = counted, len(ids)
        self._column = np.minimum(np.searchsorted(ids, counted.ids), max(len(ids) - 1, 0))
        self._is_known = ids[self._column] == counted.ids if len(ids) else np.zeros(len(counted.ids), bool)
        self._weight = np.where(self._is_known, weights[self._column] if len(ids) else 0.0, unknown)
        said = counted.said
        self._again = np.flatnonzero(said.data > 1)
        damped = said.data.copy()
        damped[self._again] = 1 + np.log(damped[self._again])
        self._value = damped * self._weight[said.indices]
        square = sp.csr_matrix((self._value**2, said.indices, said.indptr), shape=said.shape)
        self._square, self._known_square = square @ np.ones(said.shape[1]), square @ self._is_known.astype(np.float64)
        self._length = np.sqrt(np.where(self._known_square > 0, self._known_square, 1))[:, None]

    def share(self) -> Doubles:
        """The share of each text's squared weight that is in known n-grams."""
        return cast("Doubles", self._known_square / np.where(self._square > 0, self._square, 1))

    def matrix(self) -> sp.csr_matrix:
        """A row a text, a column a known n-gram."""
        known = self._known(self._counted.said, self._value, np.arange(len(self._value)))
        return sp.csr_matrix(known.multiply(1 / self._length))

    def image(self, components: Doubles) -> Doubles:
        """`matrix() @ components`, from the images of the words: these are few, and most n-grams are in a text once."""
        texts, words, said = self._counted.texts, self._counted.words, self._counted.said
        if words.nnz == words.shape[0]:  # each word is an n-gram: nothing would be shared
            sums = self._known(said, self._value, np.arange(len(self._value))) @ components
        else:
            once = self._weight[said.indices[self._again]] * said.data[self._again]
            more = np.zeros(len(self._value))
            more[self._again] = self._value[self._again] - once
            of_words = self._known(words, self._weight[words.indices], np.arange(words.nnz)) @ components
            sums = texts @ of_words + self._known(said, more, self._again) @ components
        return cast("Doubles", sums / self._length)

    def _known(self, matrix: sp.csr_matrix, value: Doubles, among: Labels) -> sp.csr_matrix:
        """Of the matrix's entries, in the places `among`, those that are known n-grams, in the columns these have."""
        place = among[self._is_known[matrix.indices[among]]]
        chosen = (value[place], self._column[matrix.indices[place]], np.searchsorted(place, matrix.indptr))
        return sp.csr_matrix(chosen, shape=(matrix.shape[0], self._n_known))


class _Characters:
    """The code points of words one after another, a space before and after each, and the word each belongs to."""

    def __init__(self, words: Sequence[str]) -> None:
        joined = "".join(f" {word} " for word in words)
        self.codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
        self.length = np.array([len(word) for word in words], np.int64)
        self.word = np.repeat(np.arange(len(words)), self.length + 2)
        self.is_space = self.codes == ord(" ")


def _numbers_of_words(chars: _Characters) -> npt.NDArray[np.uint64]:
    if not len(chars.length):
        return np.empty(0, np.uint64)
    starts = np.cumsum(chars.length + 2) - chars.length - 2
    place = np.arange(len(chars.codes)) - starts[chars.word] - 1
    powers = np.where(chars.is_space, np.uint64(0), _POWERS[place % len(_POWERS)])
    return cast("npt.NDArray[np.uint64]", np.add.reduceat(chars.codes * powers, starts))


_BASE = np.uint64(0x9E3779B97F4A7C15)
_POWERS = np.cumprod(np.concatenate([[np.uint64(1)], np.full(63, _BASE)]), dtype=np.uint64)


def _mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread the bits: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
