"""Names for groups of texts, from the texts' own words: phrases frequent in the group and rare outside it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from everyturn.intents.grid import Labels
from everyturn.intents.words import is_content, stem, tokens

_TEXTS = 400  # of a group that are read for phrases
_PHRASES = 6
_WORDS = 4  # at most, of a phrase
_LONGER = (0.0, 1.0, 1.7, 1.9, 1.9)  # what a phrase's length is worth: two words say more than one, four hardly more
_PRIOR = 0.01  # share of other texts a phrase is taken to be in before any is seen
_MORE = 0.25  # of the texts without the first phrase, how many a second must be in to stand in the label
_DROPPED = frozenset("a an the my our your their his her its this that these those some any der die das ein eine le la les un "
                     "une el los las o os as um uma il lo i gli de het een".split())


@dataclass(frozen=True, slots=True)
class Name:
    """What a group is called: a label unlike the others', a line saying what people write, and the phrases behind both."""

    label: str
    description: str
    phrases: tuple[str, ...]


def name_groups(
    texts: Sequence[str], labels: Labels, users: Sequence[frozenset[str]] | None = None, *, minimum_users: int = 1
) -> list[Name]:
    """A name for each of the groups 0, 1, … in `labels` (-1 belongs to none).

    `texts` are distinct, the most telling of each group first; `users` says who sent each, and a phrase that fewer than
    `minimum_users` of them used is never shown. No phrase holds a number, an address or a masked place.

    Method: class-based TF-IDF (Grootendorst 2022) over phrases of 1-4 words that begin and end with a word of substance,
    counted by their stems and shown as most people wrote them.

    >>> texts = ["refund my order", "order refund please", "I want a refund", "reset my password", "password reset"]
    >>> [name.label for name in name_groups(texts, np.array([0, 0, 0, 1, 1]))]
    ['refund', 'reset password']
    """
    groups = int(labels.max(initial=-1)) + 1
    counted = [_Phrases(minimum_users) for _ in range(groups)]
    for row in range(len(texts)):
        group = int(labels[row])
        if group >= 0 and counted[group].texts < _TEXTS:
            counted[group].read(texts[row], row if users is None else users[row])
    everywhere: Counter[tuple[str, ...]] = Counter()
    for phrases in counted:
        # by share, so that a large group does not decide alone what is common
        everywhere.update({key: len(rows) / phrases.texts for key, rows in phrases.rows.items()})
    taken: set[str] = set()
    return [phrases.name(everywhere, groups, taken) for phrases in counted]


class _Phrases:
    """The phrases of one group: in which of its texts each is, who used it, and how it was written."""

    def __init__(self, minimum_users: int) -> None:
        self.texts = 0
        self.rows: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
        self._users: defaultdict[tuple[str, ...], set[object]] = defaultdict(set)
        self._forms: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        self._minimum_users = minimum_users

    def read(self, text: str, users: frozenset[str] | int) -> None:
        words = tokens(text)
        content = [i for i, word in enumerate(words) if is_content(word)]
        stems = {i: stem(words[i]) for i in content}
        for first, start in enumerate(content):
            for last in range(first, min(first + _WORDS, len(content))):
                end = content[last]
                between = words[start : end + 1]
                # a gap of two words is one phrase, a longer one or a masked place is not
                if end - start > (last - first) + 2 or "0" in between:
                    break
                key = tuple(stems[i] for i in content[first : last + 1])
                self.rows[key].add(self.texts)
                self._users[key].update(users if isinstance(users, frozenset) else (users,))
                self._forms[key][" ".join(w for w in between if w not in _DROPPED)] += 1
        self.texts += 1

    def name(self, everywhere: Counter[tuple[str, ...]], groups: int, taken: set[str]) -> Name:
        """The name of this group; its label is added to `taken`."""
        scores: dict[tuple[str, ...], float] = {}
        for key, rows in self.rows.items():
            if len(self._users[key]) < self._minimum_users or len(set(key)) < len(key):
                continue
            share = len(rows) / self.texts
            elsewhere = (everywhere[key] - share) / max(groups - 1, 1)
            distinct = np.log((share + _PRIOR) / (elsewhere + _PRIOR))
            scores[key] = round(float(share * distinct * _LONGER[len(key)]), 6)
        best = sorted((key for key in scores if scores[key] > 0), key=lambda key: (-scores[key], key))
        chosen: list[tuple[str, ...]] = []
        for key in best:
            # neither a part of a phrase already chosen nor an extension of it
            if not any(_within(key, other) or _within(other, key) for other in chosen):
                chosen.append(key)
            if len(chosen) == _PHRASES:
                break
        shown = [max(self._forms[key].items(), key=lambda item: (item[1], item[0]))[0] for key in chosen]
        if not shown:
            label = _unlike("other requests", [], taken)
            return Name(label, "No phrase is used by enough people to be shown.", ())
        parts = shown[:1]
        covered = self.rows[chosen[0]]
        for key, form in zip(chosen[1:], shown[1:], strict=True):
            left = self.texts - len(covered)
            if len(covered) < 0.5 * self.texts and len(self.rows[key] - covered) >= _MORE * left and not set(key) & set(chosen[0]):
                parts.append(form)
                break
        label = _unlike(" / ".join(parts), [form for form in shown if form not in parts], taken)
        quoted = [f"“{form}”" for form in shown[:3]]
        listed = quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
        return Name(label, f"Requests that speak of {listed}.", tuple(shown))


def _within(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    return set(part) <= set(whole)


def _unlike(label: str, more: list[str], taken: set[str]) -> str:
    """The label, made unlike those taken by further phrases, or by a number when they run out."""
    candidate, number = label, 2
    while candidate in taken:
        if more:
            candidate = f"{candidate} / {more.pop(0)}"
        else:
            candidate, number = f"{label} ({number})", number + 1
    taken.add(candidate)
    return candidate
