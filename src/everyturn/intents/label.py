"""Names for groups of texts, from the texts' own words: phrases frequent in the group and rare outside it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from everyturn.intents.grid import Labels
from everyturn.intents.words import ARTICLES, is_content, language, stem, tokens

Phrase: TypeAlias = tuple[str, ...]  # its words' stems, in no order: "reset my password" is "password reset"

TEXTS = 400  # of a group that are read for phrases
_PHRASES = 6  # shown for an intent at most
_WORDS = 3  # of substance at most, in a phrase
_LONGER = (0.0, 1.0, 1.6, 1.7)  # what a phrase's length is worth: two words say more than one, three hardly more
_LATER = 0.4  # what a phrase after the first sentence counts: people ask first and explain then
_PRIOR = 0.01  # share of other texts a phrase is taken to be in before any is seen
_RARE = 0.02  # share of a group's texts below which a phrase is chance
_TELLING = 0.5  # of the texts with a word, how many a longer phrase around it must be in to stand for it
_SECOND = 0.05  # share of texts a second phrase in the label must be in
_COVERED = 0.6  # share of texts from which one phrase is label enough
_SPOKEN = 0.1  # share of a group's texts that a language must be that of, to be one of its several
_KNOWN = 10  # texts of known language from which that is told
_LESS = 0.5  # how often a group of several holds the language most used elsewhere, as a part of how often all do
_SENTENCE_END = re.compile(r"[.!?\n]+(?:\s|$)")


@dataclass(frozen=True, slots=True)
class Name:
    """What a group is called: a label unlike the others', a line saying what people write, and the phrases behind both."""

    label: str
    description: str
    phrases: tuple[str, ...]


def name_groups(
    texts: Sequence[str],
    labels: Labels,
    users: Sequence[frozenset[int]] | None = None,
    *,
    minimum_users: int = 1,
    before: Mapping[int, str] | None = None,
) -> list[Name]:
    """A name for each of the groups 0, 1, … in `labels` (-1 belongs to none).

    `texts` are distinct, the most telling of each group first. `users` says who sent each,
    and a phrase that fewer than `minimum_users` of them used is never shown. No phrase holds a number, an address or a
    masked place. `before` holds the labels that some groups have and keep.

    Method: class-based TF-IDF (Grootendorst 2022) over phrases of one to three words of substance, counted by their stems
    and shown as most people wrote them.

    >>> texts = ["refund my order", "order refund please", "I want a refund", "reset my password", "password reset link"]
    >>> [name.label for name in name_groups(texts, np.array([0, 0, 0, 1, 1]))]
    ['refund order', 'password reset link']
    """
    groups = [_Group() for _ in range(int(labels.max(initial=-1)) + 1)]
    for row, text in enumerate(texts):
        if labels[row] >= 0 and groups[labels[row]].texts < TEXTS:
            groups[labels[row]].read(text, frozenset([row]) if users is None else users[row])
    everywhere: Counter[Phrase] = Counter()
    for group in groups:
        # by share, so that a large group does not decide alone what is common
        everywhere.update({phrase: weight / group.texts for phrase, weight in group.weight.items()})
    spoken = sum((group.languages for group in groups), Counter[str]())
    before = before or {}
    taken = set(before.values())
    names = []
    for number, group in enumerate(groups):
        scores = group.scores(everywhere, len(groups), minimum_users)
        name = _name(group, scores, taken, several=group.several(spoken))
        names.append(replace(name, label=before.get(number, name.label)))
        taken.add(names[-1].label)
    return names


@dataclass(slots=True)
class _Group:
    """The phrases of one group: in which of its texts each is, how much it counts there, who used it, how it was written."""

    texts: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    rows: defaultdict[Phrase, set[int]] = field(default_factory=lambda: defaultdict(set))
    weight: defaultdict[Phrase, float] = field(default_factory=lambda: defaultdict(float))
    users: defaultdict[Phrase, set[int]] = field(default_factory=lambda: defaultdict(set))
    forms: defaultdict[Phrase, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def read(self, text: str, users: frozenset[int]) -> None:
        importance = 1.0
        if spoken := language(tokens(text)):
            self.languages[spoken] += 1
        for sentence in _SENTENCE_END.split(text):
            found = dict(_phrases(tokens(sentence)))
            for phrase, form in found.items():
                if self.texts not in self.rows[phrase]:
                    self.rows[phrase].add(self.texts)
                    self.weight[phrase] += importance
                self.users[phrase].update(users)
                self.forms[phrase][form] += 1
            if found:
                importance = _LATER
        self.texts += 1

    def scores(self, everywhere: Mapping[Phrase, float], groups: int, minimum_users: int) -> dict[Phrase, float]:
        """How well each phrase tells this group from the others; only those above 0."""
        scores = {}
        least = max(1, _RARE * self.texts)
        for phrase, weight in self.weight.items():
            if len(self.rows[phrase]) < least or len(set(phrase)) < len(phrase):
                continue
            if len(self.users[phrase]) >= minimum_users:
                share = weight / self.texts
                elsewhere = (everywhere[phrase] - share) / max(groups - 1, 1)
                distinct = np.log((share + _PRIOR) / (elsewhere + _PRIOR))
                scores[phrase] = round(float(share * distinct * _LONGER[len(phrase)]), 6)
        return {phrase: score for phrase, score in scores.items() if score > 0}

    def several(self, everywhere: Counter[str]) -> str:
        """The languages of a group of several, the commonest first; empty where it is of one, or of those of all groups.

        A group is of several where it holds the language most used elsewhere less than half as often as all do.
        """
        known = self.languages.total()
        names = [name for name, texts in self.languages.most_common() if texts >= _SPOKEN * known]
        if known < _KNOWN or len(names) < 2:
            return ""
        main, texts = everywhere.most_common(1)[0]
        if self.languages[main] / known >= _LESS * texts / everywhere.total():
            return ""
        return f"{', '.join(names[:-1])} and {names[-1]}"

    def form(self, phrase: Phrase) -> str:
        """The phrase as most people wrote it."""
        return max(self.forms[phrase].items(), key=lambda item: (item[1], item[0]))[0]


def _phrases(words: list[str]) -> list[tuple[Phrase, str]]:
    content = [i for i, word in enumerate(words) if is_content(word)]
    stems = [stem(words[i]) for i in content]
    found = []
    for first, start in enumerate(content):
        for last in range(first, min(first + _WORDS, len(content))):
            between = words[start : content[last] + 1]
            # a gap of two words is one phrase, a longer one or a masked place is not
            if len(between) > (last - first) + 3 or "0" in between:
                break
            found.append((tuple(sorted(stems[first : last + 1])), " ".join(w for w in between if w not in ARTICLES)))
    return found


def _name(group: _Group, scores: Mapping[Phrase, float], taken: Collection[str], *, several: str) -> Name:
    best = sorted(scores, key=lambda phrase: (-scores[phrase], phrase))
    if not best:
        return Name(_unlike("other requests", [], taken), "No phrase is used by enough people to be shown.", ())
    chosen: list[Phrase] = []
    for phrase in best:
        # a word is shown in the phrase it mostly stands in
        around = [p for p in best if set(p) > set(phrase) and len(group.rows[p]) >= _TELLING * len(group.rows[phrase])]
        shown = around[0] if around else phrase
        if not any(set(shown) & set(other) for other in chosen):
            chosen.append(shown)
        if len(chosen) == _PHRASES:
            break
    forms = [group.form(phrase) for phrase in chosen]
    parts = forms[:1]
    # a phrase of several words that most texts hold is label enough; else the one that says most of the rest is added
    covered = group.rows[chosen[0]]
    if len(chosen[0]) == 1 or len(covered) < _COVERED * group.texts:
        told: set[int] = covered if len(covered) < _COVERED * group.texts else set()
        adds = {phrase: len(group.rows[phrase] - told) for phrase in chosen[1:]}
        second = max(adds, key=lambda phrase: (scores[phrase] * adds[phrase], phrase), default=None)
        if second is not None and adds[second] >= _SECOND * group.texts:
            parts.append(forms[chosen.index(second)])
    # its words alone would be read as a subject, where it may be the languages that its texts have in common
    label = _unlike(
        f"{several}: {' / '.join(parts)}" if several else " / ".join(parts),
        [form for form in forms if form not in parts],
        taken,
    )
    quoted = [f"“{form}”" for form in forms[:4]]
    listed = quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
    return Name(label, f"Requests{' in ' + several if several else ''} that speak of {listed}.", tuple(forms))


def _unlike(label: str, more: list[str], taken: Collection[str]) -> str:
    """The label, made unlike those taken by further phrases, or by a number when they run out."""
    candidate, number = label, 2
    while candidate in taken:
        if more:
            candidate = f"{candidate} / {more.pop(0)}"
        else:
            candidate, number = f"{label} ({number})", number + 1
    return candidate
