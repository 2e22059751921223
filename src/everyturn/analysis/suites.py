"""Problems of the eval suites themselves: cases that test nothing users ask for, and cases that test the same thing twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

DUPLICATE = 0.9  # cosine of two cases' weighted words and word pairs
_BLOCK = 512  # cases compared with all others at once; bounds memory
_WORD = r"(?u)\b\w+\b"

NO_INPUT = "scores without an input"
FOREIGN = "no word of it occurs in what users ask: another language, or another product"
NO_INTENT = "inside no intent that users have"
NO_REQUEST = "nobody asked for its intent in the last weeks"


@dataclass(frozen=True, slots=True)
class SuiteCase:
    """One eval case: what it asks (`text`, None if not known) and the intent it tests (None if none)."""

    suite: str
    case_id: str
    text: str | None
    intent_id: str | None


@dataclass(frozen=True, slots=True)
class Suites:
    """`stale` are the cases that test nothing users ask for, with the reason; `duplicates` are groups of cases with nearly the same words."""

    stale: tuple[tuple[SuiteCase, str], ...]
    duplicates: tuple[tuple[SuiteCase, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """The fields as plain dicts."""
        return {
            "stale": [{"suite": case.suite, "case_id": case.case_id, "why": why} for case, why in self.stale],
            "duplicates": [[{"suite": c.suite, "case_id": c.case_id} for c in group] for group in self.duplicates],
        }


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of requests and cases as rows of unit length, of weighted words and word pairs that occur in requests."""

    requests: sparse.csr_matrix
    cases: sparse.csr_matrix


def read_words(requests: Sequence[str], cases: Sequence[str]) -> Words:
    """The words of both, weighted by their rarity among the requests (tf-idf of single words and word pairs)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    reader = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, dtype=np.float64, token_pattern=_WORD)
    try:
        learnt = reader.fit_transform(requests)
    except ValueError:  # no request has a word
        return Words(sparse.csr_matrix((len(requests), 1)), sparse.csr_matrix((len(cases), 1)))
    return Words(learnt, reader.transform(cases) if cases else sparse.csr_matrix((0, learnt.shape[1])))


def inspect(cases: Sequence[SuiteCase], requests: Iterable[str], recent: frozenset[str]) -> Suites:
    """The stale and the doubled cases; `requests` are what users ask, `recent` the intents with requests lately.

    A case that is inside no intent is not surely stale: about 3 in 100 texts of an intent fall outside it by design. Where no
    request is known, as with ready outcomes, only a missing input is told.
    """
    texts = iter(requests)
    first = next(texts, None)
    if first is None:
        return Suites(tuple((case, NO_INPUT) for case in cases if case.text is None), _duplicates(cases))
    foreign = _foreign(
        [case for case in cases if case.text is not None and case.intent_id is None], chain([first], texts)
    )
    stale = []
    for case in cases:
        if case.text is None:
            stale.append((case, NO_INPUT))
        elif case.intent_id is None:
            stale.append((case, FOREIGN if case in foreign else NO_INTENT))
        elif case.intent_id not in recent:
            stale.append((case, NO_REQUEST))
    return Suites(tuple(stale), _duplicates(cases))


def _foreign(cases: Sequence[SuiteCase], requests: Iterable[str]) -> set[SuiteCase]:
    """The cases none of whose words occurs in a request; requests are read until there is no such case left."""
    words = re.compile(_WORD)
    left = {case: frozenset(words.findall((case.text or "").lower())) for case in cases}
    for text in requests:
        if not left:
            break
        asked = words.findall(text.lower())
        left = {case: own for case, own in left.items() if own.isdisjoint(asked)}
    return {*left}


def _duplicates(cases: Sequence[SuiteCase]) -> tuple[tuple[SuiteCase, ...], ...]:
    """Groups of cases that are alike, each connected through its likest pairs; the texts' own vocabulary decides."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    with_text = [case for case in cases if case.text and case.text.strip()]
    if len(with_text) < 2:
        return ()
    reader = TfidfVectorizer(ngram_range=(1, 2), dtype=np.float64, token_pattern=_WORD)
    try:
        rows = reader.fit_transform([case.text for case in with_text])
    except ValueError:  # no case has a word
        return ()
    links = [_alike(rows[start : start + _BLOCK], rows) for start in range(0, len(with_text), _BLOCK)]
    count, group = connected_components(sparse.vstack(links), directed=False)
    sizes = np.bincount(group, minlength=count)
    found: dict[int, list[SuiteCase]] = {}
    for case, code in zip(with_text, group, strict=True):
        if sizes[code] > 1:
            found.setdefault(int(code), []).append(case)
    return tuple(tuple(members) for members in found.values())


def _alike(some: sparse.csr_matrix, all_: sparse.csr_matrix) -> sparse.csr_matrix:
    """Where a cosine is a near duplicate's."""
    return (some @ all_.T) >= DUPLICATE
