"""Applies people's edits (a taxonomy) to the known intents: mergers, splits, and intents that survive a fresh discovery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from everyturn.errors import InputError
from everyturn.intents import Discovery, membership
from everyturn.intents.embedders import Embedder
from everyturn.intents.grid import Labels, Vectors, members, on_grid
from everyturn.intents.taxonomy import Taxonomy, Word

Change: TypeAlias = tuple[Literal["split", "merged"], str, str]

_MOSTLY, _SOME = 0.5, 0.1  # of a fresh group's known rows, and of all, what held intents must have for it to be theirs


@dataclass(frozen=True, slots=True)
class Edited:
    """The known intents after people's edits.

    `ids` are those of `known`, followed by those of parts that people split off. `labels` is the number of each text's intent (-1 for none),
    `held` says which intents survive a discovery from scratch, and `changes` lists what was edited now, as (kind, id, other). `into` is the
    number of the intent to which each intent's requests go: its own unless it was merged.
    """

    ids: list[str]
    labels: Labels
    held: npt.NDArray[np.bool_]
    changes: list[Change]
    into: Labels

    def codes(self, old: Labels, texts: Labels) -> Labels:
        """The intent of each request after the edits: for requests that had one, that of their text."""
        moved = np.append(self.into, [-2, -1])[old]
        cut = self.into != np.arange(len(self.into))
        is_cut = np.append(cut, [False, False])[old]
        return np.where(is_cut & (texts >= 0), texts, moved)


def edit(taxonomy: Taxonomy, known: Discovery, labels: Labels, texts: Sequence[str], embedder: Embedder) -> Edited:
    """The known intents after the edits in `taxonomy`; `labels` is the intent in `known` of each of the `texts` (-1 for none).

    Raises InputError for an id that never existed. Edits of an intent that no longer exists have no effect.
    """
    ids = [intent.intent_id for intent in known.intents]
    _refuse_unknown(taxonomy, known)
    labels = labels.copy()
    changes: list[Change] = []
    parts = [(part.id_in(word.intent_id), word.intent_id) for word in taxonomy.words for part in word.parts]
    for one, parent in parts:
        if one not in ids:
            ids.append(one)
            changes.append(("split", one, parent))
    number = {one: i for i, one in enumerate(ids)}
    into = np.arange(len(ids))
    for word in taxonomy.words:
        here = number.get(word.intent_id)
        if here is None:
            continue
        for gone in (one for one in word.merged if one in number):
            labels[labels == number[gone]] = here
            into[number[gone]] = here
            changes.append(("merged", gone, word.intent_id))
        if word.parts:
            _divide(word, number, labels, texts, embedder)
            into[here] = number[word.parts[0].id_in(word.intent_id)]
    held = {one for one, _ in parts} | {word.intent_id for word in taxonomy.words if word.holds}
    return Edited(ids, labels, np.array([one in held for one in ids], bool), changes, into)


def _refuse_unknown(taxonomy: Taxonomy, known: Discovery) -> None:
    was = {intent.intent_id for intent in known.intents} | {event.intent_id for event in known.events}
    was |= {part.id_in(word.intent_id) for word in taxonomy.words for part in word.parts}
    for one in (one for word in taxonomy.words for one in (word.intent_id, *word.merged)):
        if one not in was:
            raise InputError(
                f"no intent has the id {one[:40]}",
                where="taxonomy",
                expected="an id of everyturn discover",
                try_="everyturn export taxonomy --to FILE",
            )


def _divide(word: Word, number: dict[str, int], labels: Labels, texts: Sequence[str], embedder: Embedder) -> None:
    """Assigns each text of the intent to the part whose examples it is most similar to."""
    rows = np.flatnonzero(labels == number.get(word.intent_id, -2))
    examples = [example for part in word.parts for example in part.like]
    of_part = np.repeat([number[part.id_in(word.intent_id)] for part in word.parts], [len(p.like) for p in word.parts])
    alike = on_grid(embedder.encode([texts[row] for row in rows.tolist()])) @ on_grid(embedder.encode(examples)).T
    labels[rows] = of_part[alike.argmax(axis=1)]


def keep_held(found: Labels, edited: Edited, vectors: Vectors, *, seed: int) -> Labels:
    """Combines fresh groups with the intents that people hold, which keep their texts and numbers; fresh ones get numbers after all known.

    A fresh group whose known texts mostly belong to held intents is not a new one: its other texts join the held intent they are inside
    of, or else the one that has most of the group.
    """
    if not edited.held.any():
        return np.where(found >= 0, found + len(edited.ids), -1)
    is_held = (edited.labels >= 0) & edited.held[edited.labels]
    numbers = np.flatnonzero(edited.held)
    theirs = np.where(is_held, np.searchsorted(numbers, edited.labels), -1)
    inside, _ = membership.learn(vectors, theirs, seed=seed).membership.place(vectors)
    labels = np.where(is_held, edited.labels, -1)
    for group, rows in enumerate(members(found)):
        free = rows[~is_held[rows]]
        labels[free] = len(edited.ids) + group
        known = int((edited.labels[rows] >= 0).sum())
        theirs_here = theirs[rows[is_held[rows]]]
        if len(theirs_here) and len(theirs_here) >= max(_MOSTLY * known, _SOME * len(rows)):
            mostly = int(np.bincount(theirs_here).argmax())
            labels[free] = numbers[np.where(inside[free] >= 0, inside[free], mostly)]
    return labels


def names_in(ids: Sequence[str], taxonomy: Taxonomy) -> dict[str, str]:
    """The names people gave, by id."""
    parts = {part.id_in(word.intent_id): part.name for word in taxonomy.words for part in word.parts}
    said = {word.intent_id: word.name for word in taxonomy.words if word.name}
    return {one: name for one, name in (parts | said).items() if one in set(ids)}
