"""One discovery, step by step: vectors, groups, ids, names, dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from everyturn.intents import Discovery, Gathering, Intent, certainty
from everyturn.intents.cluster import cluster, extend
from everyturn.intents.corpus import Corpus
from everyturn.intents.described import Description
from everyturn.intents.edits import Edited, edit, keep_held
from everyturn.intents.embedders import Embedder, VectorStore, encoded, named, stored
from everyturn.intents.grid import Doubles, Labels, members
from everyturn.intents.identify import Event, Life, lived, match, restructured
from everyturn.intents.membership import Learnt, Membership, Odds, learn, standing
from everyturn.intents.taxonomy import Taxonomy
from everyturn.model import digest
from everyturn.model.schemas import ASSIGNMENT_SCHEMA

_EXAMPLES = 5  # conversations told of a gathering
_AT_ONCE = 65_536  # texts whose confidence is worked out together
_GATHERING = 3  # requests that make a gathering worth telling of
_NOTHING = Discovery((), ASSIGNMENT_SCHEMA.empty_table(), (), (), "", b"", "", 0)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a discovery is told beside its requests (see `everyturn.intents.discover`)."""

    embedder: Embedder | None
    store: VectorStore | None
    taxonomy: Taxonomy | None
    seed: int
    minimum_users: int


def run(requests: pa.Table, *, known: Discovery | None, settings: Settings) -> Discovery:
    """See `everyturn.intents.discover`."""
    corpus = Corpus.of(requests)
    known = known or _NOTHING
    embedder, seed = _embedder(known, settings), settings.seed
    taxonomy = settings.taxonomy if settings.taxonomy is not None else Taxonomy.parse(known.taxonomy)
    said = taxonomy.to_yaml() if taxonomy.words else ""
    fingerprint = digest(corpus.fingerprint, embedder.name, str(seed), str(settings.minimum_users), said)
    if known.fingerprint == fingerprint:
        return known
    if not corpus.texts:
        unclear = _assignments(corpus, np.full(len(corpus.text), -1), np.zeros(0), [])
        return Discovery((), unclear, known.events, (), embedder.name, b"", fingerprint, 0, taxonomy=said)
    old, sure = _old(corpus, known, settings.store)
    embedder.fit(corpus.texts)
    # what people drew comes first: from here on the intents known are those they see
    edited = edit(taxonomy, known, corpus.of_texts(old, old >= 0, -1), corpus.texts, embedder)
    held = edited.labels
    afresh = embedder.name != known.embedder_name or len(corpus.texts) >= 2 * known.compared
    knows_odds = any(intent.firmness is not None for intent in known.intents)
    confidence = corpus.of_texts(sure if knows_odds else np.full_like(sure, np.nan), old >= 0, np.nan)
    is_placed = (held >= 0) & ~np.isnan(confidence) & (not afresh)
    rows = _looked_at(held, is_placed, seed)
    texts = [corpus.texts[row] for row in rows.tolist()]
    vectors, familiar = encoded(embedder, texts), embedder.familiar(texts)
    if afresh:
        labels = keep_held(cluster(vectors, seed=seed), edited, vectors, seed=seed)
        held = np.where(labels >= 0, held, -1) if edited.held.any() else np.full(len(held), -1)
    else:
        labels = held.copy()
        labels[rows] = extend(vectors, held[rows], sizes=np.bincount(held[held >= 0]), seed=seed)
    learnt = learn(vectors, labels[rows], familiar, seed=seed)
    labels[rows] = _without_outsiders(learnt, labels[rows], held[rows] < 0)
    labels, numbers, gatherings = _shared_by_enough(corpus, labels, settings.minimum_users)
    groups = corpus.groups(labels)
    codes = edited.codes(old, corpus.groups(edited.labels))
    overlap = _overlap(groups, codes, len(numbers), len(edited.ids))
    continues = _continued(edited, numbers, overlap, groups, codes, afresh=afresh)
    before = [edited.ids[i] if i >= 0 else None for i in continues]
    if knows_odds and not afresh:
        odds = _odds_known(known, before)
    else:
        odds = certainty.odds(vectors, labels[rows], familiar, seed=seed)
    learnt = learn(vectors, labels[rows], familiar, seed=seed).sure(odds)
    new = np.flatnonzero(~is_placed[rows])
    for start in range(0, len(new), _AT_ONCE):  # all their vectors once more would be the most that memory ever holds
        some = new[start : start + _AT_ONCE]
        confidence[rows[some]], _, _ = learnt.membership.confidence(
            vectors[some], labels[rows[some]], familiar[some], itself=learnt.itself[some]
        )
    intents = Description(
        corpus, rows, vectors, labels, learnt=learnt, minimum_users=settings.minimum_users, taxonomy=taxonomy
    ).intents(before, known, keeps_labels=not afresh)
    return Discovery(
        tuple(intents),
        _assignments(corpus, labels, confidence, [intent.intent_id for intent in intents]),
        _events(known, intents, (edited, continues, overlap), (groups, codes), corpus),
        gatherings,
        embedder.name,
        embedder.to_bytes(),
        fingerprint,
        len(corpus.texts) if afresh else known.compared,
        (learnt.membership.odds.middle, learnt.membership.odds.slope),
        said,
    )


def _embedder(known: Discovery, settings: Settings) -> Embedder:
    if settings.embedder is not None:
        return settings.embedder
    if known.embedder_name and known.embedder_state:
        return stored(known.embedder_name, known.embedder_state, settings.store)
    return named("default", settings.store)


def _continued(
    edited: Edited, numbers: Labels, overlap: Labels, groups: Labels, codes: Labels, *, afresh: bool
) -> Labels:
    """For each group the number of the intent it continues, -1 for a new one."""
    n_known = len(edited.ids)
    if not afresh:
        return np.where(numbers < n_known, numbers, -1)
    sizes = np.bincount(groups[(groups >= 0) & (codes > -2)], minlength=len(numbers))
    is_held = (
        (numbers < n_known) & edited.held[np.minimum(numbers, n_known - 1)] if n_known else np.zeros(len(numbers), bool)
    )
    free = overlap.copy()
    free[is_held] = 0
    free[:, edited.held] = 0
    matched = match(free, np.bincount(codes[codes >= 0], minlength=n_known), sizes)
    return np.where(is_held, numbers, matched)


def membership_of(discovery: Discovery) -> Membership:
    """What decides which of the discovery's intents a text is inside of; it must have intents."""
    intents = discovery.intents
    return Membership(
        np.concatenate([intent.prototypes for intent in intents]),
        np.repeat(np.arange(len(intents)), [len(intent.prototypes) for intent in intents]),
        np.array([intent.cut for intent in intents]),
        np.array([intent.typical for intent in intents]),
        Odds(*discovery.odds, np.array([intent.firmness or 0.0 for intent in intents])),
    )


# --- what was known ------------------------------------------------------------------------------------------


def _old(corpus: Corpus, known: Discovery, store: VectorStore | None) -> tuple[Labels, Doubles]:
    """The number of the known intent of each request, -1 for one that was unclear, -2 for a new one; and how sure that is."""
    codes, sure = corpus.codes(known.assignments, [intent.intent_id for intent in known.intents])
    assigned = len(known.assignments) - known.assignments["intent_id"].null_count
    if not known.intents or (codes >= 0).sum() >= 0.5 * assigned:
        return codes, sure
    # most of what was known is gone: the intents live on in their prototypes
    embedder = stored(known.embedder_name, known.embedder_state, store)
    inside, _ = membership_of(known).place(encoded(embedder, corpus.texts), embedder.familiar(corpus.texts))
    return corpus.groups(inside), np.full(len(codes), np.nan)


def _odds_known(known: Discovery, ids: Sequence[str | None]) -> Odds:
    """The odds of the intents known, for the groups that continue those of these ids; a new one is as firm as all."""
    firmness = {intent.intent_id: intent.firmness for intent in known.intents}
    return Odds(*known.odds, np.array([firmness.get(one or "") or 0.0 for one in ids]))


def _looked_at(held: Labels, is_placed: npt.NDArray[np.bool_], seed: int) -> Labels:
    """The texts whose vectors are needed: all that are not placed yet, and those that stand for what is."""
    chosen = ~is_placed
    chosen[standing(np.where(is_placed, held, -1), seed=seed)] = True
    return np.flatnonzero(chosen)


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
    # too few people make no intent, whatever anybody said
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
    known: Discovery,
    intents: Sequence[Intent],
    change: tuple[Edited, Labels, Labels],
    places: tuple[Labels, Labels],
    corpus: Corpus,
) -> tuple[Event, ...]:
    """What has happened so far: the events known and those since, in order of time."""
    edited, continues, overlap = change
    now = corpus.span(np.arange(len(corpus.text)))[1]
    ids = [intent.intent_id for intent in intents]
    events = [Event(kind, one, now, other) for kind, one, other in edited.changes]
    events += restructured(ids, continues, overlap, edited.ids, now)
    drawn = {one for kind, one, _ in edited.changes if kind == "split"}
    for intent, life in zip(intents, _lives(intents, continues, places, corpus), strict=True):
        if intent.intent_id not in drawn:
            events += lived(intent.intent_id, life, now=now)
    said = {(event.kind, event.intent_id, event.at) for event in known.events}
    new = [event for event in events if (event.kind, event.intent_id, event.at) not in said]
    new.sort(key=lambda event: (event.at is not None, event.at or 0, event.kind, event.intent_id))
    return (*known.events, *new)


def _lives(intents: Sequence[Intent], continues: Labels, places: tuple[Labels, Labels], corpus: Corpus) -> list[Life]:
    groups, codes = places
    times = corpus.times()
    is_new = codes == -2
    is_dated = times >= 0
    people = [len(np.unique(corpus.user[rows])) for rows in (~is_new, is_new)]
    days = float(np.ptp(times[is_dated])) / 86_400 if is_dated.any() else 0.0
    lives = []
    for intent, number, rows in zip(intents, continues.tolist(), members(groups), strict=True):
        begun = intent.first_seen.timestamp() if intent.first_seen else None
        early = rows[is_dated[rows] & (times[rows] < begun)] if begun is not None else rows[:0]
        lives.append(
            Life(
                intent.first_seen,
                intent.last_seen,
                number < 0,
                float((is_dated & (times < begun)).sum() / max(len(times), 1)) if begun is not None else 0.0,
                intent.users,
                len(np.unique(corpus.user[early])),
                len(np.unique(corpus.user[rows[~is_new[rows]]])),
                people[0],
                len(np.unique(corpus.user[rows[is_new[rows]]])),
                people[1],
                days,
            )
        )
    return lives
