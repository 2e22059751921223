"""One discovery, step by step: vectors, groups, ids, names, dates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from everyturn.intents import Discovery, Gathering, Intent
from everyturn.intents.cluster import cluster, extend
from everyturn.intents.corpus import Corpus
from everyturn.intents.embed import Embedder, Lexical, stored
from everyturn.intents.grid import Doubles, Floats, Labels, directions, group_sums, members, on_grid
from everyturn.intents.identify import Event, lived, match, new_ids, restructured
from everyturn.intents.label import TEXTS, Name, name_groups
from everyturn.intents.membership import Learnt, Membership, learn
from everyturn.intents.novelty import first_weeks
from everyturn.model import ASSIGNMENT_SCHEMA, digest

_EXAMPLES = 5
_TRIED = 200  # of a group's most central texts, from which examples of different wording are chosen
_SAME_WORDING = 0.9
_GATHERING = 3  # requests that make a gathering worth telling of
_NOTHING = Discovery((), ASSIGNMENT_SCHEMA.empty_table(), (), (), "", b"", "", 0)


def run(
    requests: pa.Table, *, known: Discovery | None, embedder: Embedder | None, seed: int, minimum_users: int
) -> Discovery:
    """See `everyturn.intents.discover`."""
    corpus = Corpus.of(requests)
    if embedder is None:
        embedder = stored(known.embedder_name, known.embedder_state) if known and known.embedder_name else Lexical()
    fingerprint = digest(corpus.fingerprint, embedder.name, str(seed), str(minimum_users))
    known = known or _NOTHING
    if known.fingerprint == fingerprint:
        return known
    if not corpus.texts:
        unclear = _assignments(corpus, np.full(len(corpus.text), -1), np.zeros(0), [])
        return Discovery((), unclear, known.events, (), embedder.name, b"", fingerprint, 0)
    old = _old(corpus, known)
    held = _of_texts(corpus, old)
    embedder.fit(corpus.texts)
    vectors, familiar = embedder.encode(corpus.texts), embedder.familiar(corpus.texts)
    afresh = embedder.name != known.embedder_name or len(corpus.texts) >= 2 * known.compared
    if afresh:
        labels, held = cluster(vectors, seed=seed), np.full(len(held), -1)
    else:
        labels = extend(vectors, held, seed=seed)
    labels = _without_outsiders(learn(vectors, labels, familiar, seed=seed), labels, held < 0)
    labels, numbers, gatherings = _shared_by_enough(corpus, labels, minimum_users)
    groups = corpus.groups(labels)
    overlap = _overlap(groups, old, len(numbers), len(known.intents))
    if afresh:
        sizes = np.bincount(groups[(groups >= 0) & (old > -2)], minlength=len(numbers))
        continues = match(overlap, np.bincount(old[old >= 0], minlength=len(known.intents)), sizes)
    else:
        continues = np.where(numbers < len(known.intents), numbers, -1)
    learnt = learn(vectors, labels, familiar, seed=seed)
    confidence, _, _ = learnt.membership.confidence(vectors, labels, familiar, itself=learnt.itself)
    before = [known.intents[i] if i >= 0 else None for i in continues]
    intents = _Description(corpus, vectors, labels, learnt, minimum_users).intents(
        before, known, keeps_labels=not afresh
    )
    return Discovery(
        tuple(intents),
        _assignments(corpus, labels, confidence, [intent.intent_id for intent in intents]),
        _events(known, intents, continues, overlap, corpus),
        gatherings,
        embedder.name,
        embedder.to_bytes(),
        fingerprint,
        len(corpus.texts) if afresh else known.compared,
    )


def membership_of(discovery: Discovery) -> Membership:
    """What decides which of the discovery's intents a text is inside of; it must have intents."""
    intents = discovery.intents
    return Membership(
        np.concatenate([intent.prototypes for intent in intents]),
        np.repeat(np.arange(len(intents)), [len(intent.prototypes) for intent in intents]),
        np.array([intent.cut for intent in intents]),
        np.array([intent.typical for intent in intents]),
    )


# --- what was known ------------------------------------------------------------------------------------------


def _old(corpus: Corpus, known: Discovery) -> Labels:
    """The number of the known intent of each request, -1 for one that was unclear, -2 for a new one."""
    codes = corpus.codes(known.assignments, [intent.intent_id for intent in known.intents])
    assigned = len(known.assignments) - known.assignments["intent_id"].null_count
    if not known.intents or (codes >= 0).sum() >= 0.5 * assigned:
        return codes
    # most of what was known is gone: the intents live on in their prototypes
    embedder = stored(known.embedder_name, known.embedder_state)
    inside, _ = membership_of(known).place(embedder.encode(corpus.texts), embedder.familiar(corpus.texts))
    return corpus.groups(inside)


def _of_texts(corpus: Corpus, codes: Labels) -> Labels:
    """The code of each text, given that of each request: that of its first request that has one, else -1."""
    rows = np.flatnonzero((codes >= 0) & (corpus.text >= 0))[::-1]
    of_texts = np.full(len(corpus.texts), -1)
    of_texts[corpus.text[rows]] = codes[rows]
    return of_texts


def _overlap(groups: Labels, old: Labels, n_groups: int, n_known: int) -> Labels:
    """How many requests are both in each group (rows) and of each known intent (columns)."""
    overlap = np.zeros((n_groups, n_known), np.int64)
    both = np.flatnonzero((groups >= 0) & (old >= 0))
    np.add.at(overlap, (groups[both], old[both]), 1)
    return overlap


# --- which groups are intents --------------------------------------------------------------------------------


def _without_outsiders(learnt: Learnt, labels: Labels, may_leave: npt.NDArray[np.bool_]) -> Labels:
    cut = np.append(learnt.membership.cut, -np.inf)[labels]
    # a score of -1: alone in its group, with nothing to be compared with
    return np.where(may_leave & (learnt.own > -1) & (learnt.own < cut), -1, labels)


def _shared_by_enough(
    corpus: Corpus, labels: Labels, minimum_users: int
) -> tuple[Labels, Labels, tuple[Gathering, ...]]:
    """The labels without groups of too few users, renumbered by size; the numbers they had; the gatherings the few are."""
    groups = corpus.groups(labels)
    users = corpus.users_of(groups)
    sizes = np.bincount(groups[groups >= 0], minlength=len(users))
    kept = np.flatnonzero((users >= minimum_users) & (sizes > 0))
    kept = kept[np.argsort(-sizes[kept], kind="stable")]
    renumbered = np.full(len(users) + 1, -1)
    renumbered[kept] = np.arange(len(kept))
    gatherings = []
    for group, requests in enumerate(members(groups)):
        if renumbered[group] < 0 and len(requests) >= _GATHERING:
            first, last = corpus.span(requests)
            examples = tuple(corpus.key(request) for request in requests[:_EXAMPLES].tolist())
            gatherings.append(Gathering(len(requests), int(users[group]), first, last, examples))
    gatherings.sort(key=lambda gathering: (-gathering.users, -gathering.size, gathering.examples))
    return renumbered[labels], kept, tuple(gatherings)


# --- what is told of them ------------------------------------------------------------------------------------


class _Description:
    """The intents that the groups in `labels` are, told from their texts, most central first."""

    def __init__(self, corpus: Corpus, vectors: Floats, labels: Labels, learnt: Learnt, minimum_users: int) -> None:
        self._corpus, self._vectors, self._labels, self._learnt = corpus, vectors, labels, learnt
        self._minimum_users = minimum_users
        self._centroids = directions(group_sums(on_grid(vectors), labels))
        texts = np.flatnonzero(labels >= 0)
        near = np.zeros(len(labels))
        near[texts] = np.round(np.einsum("ij,ij->i", vectors[texts], self._centroids[labels[texts]]), 5)
        self._ranked = [group[np.lexsort((group, -near[group]))] for group in members(labels)]

    def intents(self, before: Sequence[Intent | None], known: Discovery, *, keeps_labels: bool) -> list[Intent]:
        """One intent a group, under the id it had `before`, if any."""
        corpus = self._corpus
        used = {intent.intent_id for intent in known.intents} | {event.intent_id for event in known.events}
        new = iter(
            new_ids([corpus.words[texts[0]] for texts, old in zip(self._ranked, before, strict=True) if not old], used)
        )
        names = self._names({group: old.label for group, old in enumerate(before) if old and keeps_labels})
        groups = corpus.groups(self._labels)
        users = corpus.users_of(groups)
        first_seen = first_weeks(groups, corpus.requests["at"])
        membership = self._learnt.membership
        intents = []
        for group, requests in enumerate(members(groups)):
            old = before[group]
            intents.append(
                Intent(
                    old.intent_id if old else next(new),
                    names[group].label,
                    names[group].description,
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
                )
            )
        return intents

    def _names(self, before: dict[int, str]) -> list[Name]:
        read = np.concatenate([np.empty(0, np.int64), *(texts[:TEXTS] for texts in self._ranked)])
        senders = self._corpus.senders(read)
        return name_groups(
            [self._corpus.texts[text] for text in read.tolist()],
            self._labels[read],
            [senders[text] for text in read.tolist()],
            minimum_users=self._minimum_users,
            before=before,
        )

    def _examples(self, group: int, requests: Labels) -> tuple[tuple[str, int], ...]:
        """The most central requests that differ in wording and, while that is possible, in their user."""
        corpus = self._corpus
        by_text: dict[int, list[int]] = {}
        for request in requests.tolist():
            by_text.setdefault(int(corpus.text[request]), []).append(request)
        chosen: list[int] = []
        for is_strict in (True, False):
            for text in self._ranked[group][:_TRIED].tolist():
                request = by_text[text][0]
                others = [int(corpus.text[other]) for other in chosen]
                if len(chosen) == _EXAMPLES or text in others:
                    continue
                alike = bool(others) and float((self._vectors[others] @ self._vectors[text]).max()) > _SAME_WORDING
                if is_strict and (alike or corpus.user[request] in corpus.user[chosen]):
                    continue
                chosen.append(request)
        return tuple(corpus.key(request) for request in chosen)


def _assignments(corpus: Corpus, labels: Labels, confidence: Doubles, ids: list[str]) -> pa.Table:
    """The intent of each request, in the order the requests came in."""
    back = np.empty(len(corpus.order), np.int64)
    back[corpus.order] = np.arange(len(corpus.order))
    groups = np.append(labels, -1)[corpus.text][back] if len(corpus.texts) else np.full(len(back), -1)
    table = corpus.requests.select(["conversation_id", "request", "turn"]).take(pa.array(back))
    names = pa.array(ids, pa.string()).take(pa.array(groups, mask=groups < 0))
    sure = np.append(confidence, 0.0)[corpus.text][back]
    return table.append_column("intent_id", names).append_column("confidence", pa.array(sure)).cast(ASSIGNMENT_SCHEMA)


def _events(
    known: Discovery, intents: Sequence[Intent], continues: Labels, overlap: Labels, corpus: Corpus
) -> tuple[Event, ...]:
    """What has happened so far: the events known and those since, in order of time."""
    now = corpus.span(np.arange(len(corpus.text)))[1]
    ids = [intent.intent_id for intent in intents]
    events = restructured(ids, continues, overlap, [intent.intent_id for intent in known.intents], now)
    for intent, number in zip(intents, continues.tolist(), strict=True):
        events += lived(
            intent.intent_id,
            share=intent.size / max(len(corpus.text), 1),
            known_share=known.intents[number].size / max(len(known.assignments), 1) if number >= 0 else None,
            first_seen=intent.first_seen,
            last_seen=intent.last_seen,
            now=now,
        )
    said = set(known.events)
    new = [event for event in events if event not in said]
    new.sort(key=lambda event: (event.at is not None, event.at or 0, event.kind, event.intent_id))
    return (*known.events, *new)
