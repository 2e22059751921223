"""What is told of each intent: its name, examples, dates, themes and place, from its texts, most central first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from everyturn.intents import Discovery, Intent
from everyturn.intents.corpus import Corpus
from everyturn.intents.edits import names_in
from everyturn.intents.grid import GRID, Labels, Vectors, directions, group_sums, members, on_grid
from everyturn.intents.hierarchy import levels
from everyturn.intents.identify import new_ids
from everyturn.intents.label import TEXTS, Name, name_groups
from everyturn.intents.layout import places
from everyturn.intents.membership import Learnt
from everyturn.intents.novelty import first_weeks
from everyturn.intents.taxonomy import Taxonomy

_EXAMPLES = 5
_TRIED = 200  # of a group's most central texts, from which examples of different wording are chosen
_SAME_WORDING = 0.9
_BATCH = 65_536


class Description:
    """The intents that the groups in `labels` are.

    `labels` are those of all texts; `vectors` those of the texts `rows`, ascending, some of every group.
    """

    def __init__(
        self,
        corpus: Corpus,
        rows: Labels,
        vectors: Vectors,
        labels: Labels,
        *,
        learnt: Learnt,
        minimum_users: int,
        taxonomy: Taxonomy,
    ) -> None:
        self._corpus, self._rows, self._vectors, self._labels, self._learnt = corpus, rows, vectors, labels, learnt
        self._minimum_users, self._taxonomy = minimum_users, taxonomy
        own = labels[rows]
        self._centroids = directions(group_sums(vectors, own))
        inside = np.flatnonzero(own >= 0)
        near = np.zeros(len(own))
        for start in range(0, len(inside), _BATCH):
            some = inside[start : start + _BATCH]
            cosine = np.einsum("ij,ij->i", on_grid(vectors[some]), self._centroids[own[some]]) / GRID
            near[some] = np.round(cosine, 5)
        self._ranked = [rows[group[np.lexsort((group, -near[group]))]] for group in members(own)]
        self._sizes = np.bincount(labels[labels >= 0], minlength=len(self._ranked))

    def intents(self, before: Sequence[str | None], known: Discovery, *, keeps_labels: bool) -> list[Intent]:
        """One intent a group, under the id it had `before`, if any."""
        corpus = self._corpus
        old = {intent.intent_id: intent for intent in known.intents}
        used = old.keys() | {event.intent_id for event in known.events} | {one for one in before if one}
        fresh = [corpus.words[texts[0]] for texts, one in zip(self._ranked, before, strict=True) if not one]
        new = iter(new_ids(fresh, used))
        ids = [one or next(new) for one in before]
        kept = {i: old[one].found_label for i, one in enumerate(ids) if one in old and keeps_labels}
        names = self._names(kept)
        groups = corpus.groups(self._labels)
        users = corpus.users_of(groups)
        first_seen = first_weeks(groups, corpus.requests["at"])
        at = places(self._centroids, [old[one].place if one in old else None for one in ids])
        labels = self._labels_shown(ids, names)
        paths = self._paths(ids, old)
        membership = self._learnt.membership
        intents = []
        for group, requests in enumerate(members(groups)):
            said = self._taxonomy.of(ids[group])
            intents.append(
                Intent(
                    ids[group],
                    labels[group],
                    (said and said.description) or names[group].description,
                    names[group].phrases,
                    len(requests),
                    int(users[group]),
                    first_seen[group],
                    corpus.span(requests)[1],
                    self._examples(group, requests),
                    self._centroids[group],
                    membership.prototypes[membership.group == group],
                    float(membership.cut[group]),
                    float(membership.typical[group]),
                    names[group].label,
                    paths[group],
                    at[group],
                    float(membership.odds.firmness[group]),
                )
            )
        return intents

    def _labels_shown(self, ids: list[str], names: list[Name]) -> list[str]:
        """People's names where they gave one; a found name that people use for another intent gets its id beside it."""
        said = names_in(ids, self._taxonomy)
        taken = set(said.values())
        return [
            said.get(one) or (f"{name.label} ({one})" if name.label in taken else name.label)
            for one, name in zip(ids, names, strict=True)
        ]

    def _paths(self, ids: list[str], old: dict[str, Intent]) -> list[tuple[str, ...]]:
        """What each intent stands under, the widest first; a theme keeps the name that most of its requests had it under."""
        sizes = self._sizes
        paths: list[tuple[str, ...]] = [()] * len(ids)
        for depth, groups in enumerate(levels(self._centroids, sizes), start=1):
            weight: Counter[tuple[int, str]] = Counter()
            for group, one, size in zip(groups.tolist(), ids, sizes.tolist(), strict=True):
                path, word = (old[one].path if one in old else ()), self._taxonomy.of(one)
                if len(path) >= depth and not (word and word.under):
                    weight[group, path[-depth]] += size
            before: dict[int, str] = {}
            for (group, name), _ in sorted(weight.items(), key=lambda item: (-item[1], item[0])):
                if group not in before and name not in before.values():
                    before[group] = name
            of_text = np.append(groups, -1)[self._labels]
            names = self._named(of_text, before)
            paths = [(names[group].label, *path) for group, path in zip(groups.tolist(), paths, strict=True)]
        said = [self._taxonomy.of(one) for one in ids]
        return [(word.under,) if word and word.under else path for word, path in zip(said, paths, strict=True)]

    def _names(self, before: dict[int, str]) -> list[Name]:
        return self._named(self._labels, before)

    def _named(self, labels: Labels, before: dict[int, str]) -> list[Name]:
        """A name for each group in `labels`, from the most central texts of every intent."""
        read = np.concatenate([np.empty(0, np.int64), *(texts[:TEXTS] for texts in self._ranked)])
        senders = self._corpus.senders(read)
        return name_groups(
            [self._corpus.texts[text] for text in read.tolist()],
            labels[read],
            [senders[text] for text in read.tolist()],
            minimum_users=self._minimum_users,
            before=before,
        )

    def _examples(self, group: int, requests: Labels) -> tuple[tuple[str, int], ...]:
        """The most central requests that differ in wording and, while that is possible, in their user."""
        corpus = self._corpus
        tried = self._ranked[group][:_TRIED]
        own = requests[np.isin(corpus.text[requests], tried)]
        texts, first = np.unique(corpus.text[own], return_index=True)
        request_of = dict(zip(texts.tolist(), own[first].tolist(), strict=True))
        vector_of = dict(
            zip(tried.tolist(), on_grid(self._vectors[np.searchsorted(self._rows, tried)]) / GRID, strict=True)
        )
        chosen: list[int] = []
        for is_strict in (True, False):
            for text in tried.tolist():
                request = request_of[text]
                others = [int(corpus.text[other]) for other in chosen]
                if len(chosen) == _EXAMPLES or text in others:
                    continue
                alike = any(float(vector_of[other] @ vector_of[text]) > _SAME_WORDING for other in others)
                if is_strict and (alike or corpus.user[request] in corpus.user[chosen]):
                    continue
                chosen.append(request)
        return tuple(corpus.key(request) for request in chosen)
