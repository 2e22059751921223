"""Users grouped by the shape of their conversations: what they ask for, with which tools, how long, when, in which language.

Groups are found where there are any and nowhere else: a cut through one cloud of users is no group. They keep their ids from look to
look by the users they share, and whoever has done too little to tell is "new".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.analysis.words import listed, percent, quoted
from everyturn.model import digest
from everyturn.model.languages import LANGUAGE_NAMES
from everyturn.stats.summaries import Codes, Floats

NEW = "new"
FEWEST_CONVERSATIONS = 8  # with fewer, a user's mix is mostly chance
SMALLEST_GROUP = 10  # distinct users, before a group is named
_MOST_GROUPS = 10
_REPRODUCED = 0.8  # of the pairs of users that one half of the users puts together, the other half must too
_WEIGHTS = {"intent": 1.0, "tool": 1.0, "length": 0.7, "hour": 0.7, "language": 0.7}
_STICKY = 0.9  # of the distance to the own group, before a user changes it: nobody flips at a border
_SEED = 20_260_105
_KINDS = {"intent": "ask for", "tool": "use", "length": "have", "hour": "come in the", "language": "write in"}


@dataclass(frozen=True, slots=True)
class Group:
    """One way of using the product: its id (kept), a name in plain words, what sets it apart, and how many users it has."""

    group_id: str
    name: str
    apart: tuple[str, ...]
    users: int
    firmness: float

    def to_json(self) -> dict[str, Any]:
        """The fields as a plain dict."""
        return {
            "group_id": self.group_id,
            "name": self.name,
            "apart": list(self.apart),
            "users": self.users,
            "firmness": round(self.firmness, 3),
        }


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The groups, largest first, and each user's: user id -> (group id, firmness 0 to 1); too little history is "new", 0."""

    groups: tuple[Group, ...]
    members: Mapping[str, tuple[str, float]]

    @property
    def new(self) -> int:
        """How many users have too little history to belong anywhere."""
        return sum(group == NEW for group, _ in self.members.values())


def group_users(
    counts: pa.Table, *, known: Mapping[str, str] | None = None, labels: Mapping[str, str] | None = None
) -> Behaviour:
    """The groups of users by the shape of their conversations.

    `counts` has user_id, kind (intent, tool, length, hour, language or conversations), value and n: how many of a user's
    conversations hold it; the kind `conversations` has their number. `known` maps users to the group ids of the last look, which
    are kept for groups that share most of their users. `labels` names intents.

    Where there are no groups all users with enough history are one, and `groups` is empty.

    Method: square roots of shrunk shares (Hellinger distance), k-means; the largest number of groups that half of the users predicts for the
    other half (prediction strength of Tibshirani & Walther 2005) and of which any two have a valley between them.
    """
    users, kinds, features = _features(counts)
    everyone = sorted(pc.unique(counts["user_id"]).drop_null().to_pylist())
    members = dict.fromkeys(everyone, (NEW, 0.0))
    if not len(users):
        return Behaviour((), members)
    best = _best_split(features)
    if best is None:
        return Behaviour((), {**members, **dict.fromkeys(users, ("all", 1.0))})
    label, centres = best
    ids = _kept_ids(users, label, known or {})
    label = _sticky(features, centres, label, [(known or {}).get(u) for u in users], ids)
    firmness = _firmness(features, centres, label)
    groups = [
        _describe(ids[g], features, kinds, label == g, firmness=float(firmness[label == g].mean()), labels=labels or {})
        for g in range(len(centres))
        if np.any(label == g)
    ]
    for user, group, firm in zip(users, label.tolist(), firmness.tolist(), strict=True):
        members[user] = (ids[group], round(firm, 4))
    return Behaviour(tuple(sorted(_told_apart(groups), key=lambda g: (-g.users, g.group_id))), members)


def _features(counts: pa.Table) -> tuple[list[str], list[tuple[str, str]], Floats]:
    """The users with enough history, the (kind, value) of each column, and the weighted square roots of their shares."""
    kinds, people = counts["kind"], counts["user_id"]
    is_enough = pc.and_(pc.equal(kinds, "conversations"), pc.greater_equal(counts["n"], FEWEST_CONVERSATIONS))
    users = sorted(pc.unique(people.filter(is_enough)).drop_null().to_pylist())
    is_told = pc.and_(pc.is_in(kinds, pa.array(_WEIGHTS)), pc.is_valid(counts["value"]))
    rows = counts.filter(pc.and_(is_told, pc.is_in(people, pa.array(users, pa.string()))))
    named = rows.group_by(["kind", "value"]).aggregate([])
    columns = sorted(zip(named["kind"].to_pylist(), named["value"].to_pylist(), strict=True))
    who = pc.index_in(rows["user_id"], pa.array(users, pa.string())).to_numpy()
    what = pc.index_in(
        _joined(rows["kind"], rows["value"]), pa.array(map("\x00".join, columns), pa.string())
    ).to_numpy()
    table = np.zeros((len(users), len(columns)))
    np.add.at(table, (who, what), rows["n"].to_numpy())
    for kind, weight in _WEIGHTS.items():
        own = [j for j, (k, _) in enumerate(columns) if k == kind]
        if not own:
            continue
        part = table[:, own]
        usual = part.sum(0) / max(part.sum(), 1e-300)
        # Two imagined conversations at everyone's mix: a user with few is drawn to the middle, not to a corner.
        share = (part + 2 * usual) / (part.sum(1, keepdims=True) + 2)
        table[:, own] = weight * np.sqrt(share)
    return users, columns, table


def _joined(kind: pa.ChunkedArray, value: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(kind, value, "\x00")


def _best_split(features: Floats) -> tuple[Codes, Floats] | None:
    """The largest number of groups that holds up, None where one cloud is all there is."""
    import sklearn.cluster  # noqa: F401 - before the limit, which holds for the libraries that are loaded
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # so few rows: threads would wait for each other more than they work
        return _search(features)


def _search(features: Floats) -> tuple[Codes, Floats] | None:
    from sklearn.cluster import KMeans

    for k in range(min(_MOST_GROUPS, len(features) // (2 * SMALLEST_GROUP)), 1, -1):
        made = KMeans(k, n_init=5, random_state=_SEED).fit(features)
        label = made.labels_.astype(np.int64)
        if np.bincount(label, minlength=k).min() < SMALLEST_GROUP or not _are_apart(
            features, label, made.cluster_centers_
        ):
            continue
        if _prediction_strength(features, k) >= _REPRODUCED:
            return label, made.cluster_centers_
    return None


def _are_apart(features: Floats, label: Codes, centres: Floats) -> bool:
    """Whether between any two groups there are fewer users than in either: along the line that joins them."""
    for a in range(len(centres)):
        for b in range(a):
            line = centres[a] - centres[b]
            length = float(np.linalg.norm(line))
            if length < 1e-9:
                return False
            both = (label == a) | (label == b)
            position = (features[both] - centres[b]) @ line / length**2  # 0 at b, 1 at a
            if not _has_valley(position, label[both] == a):
                return False
    return True


def _has_valley(position: Floats, is_a: np.ndarray) -> bool:
    """Whether the middle third of the way is much emptier than the ends, taking the groups as equally large.

    One normal cloud cut in two has 1.6 of its own standard deviations between the means and is densest in the middle.
    """
    weight = np.where(is_a, 0.5 / max(is_a.sum(), 1), 0.5 / max((~is_a).sum(), 1))
    middle = float(weight[(position > 1 / 3) & (position < 2 / 3)].sum())
    ends = (
        float(
            weight[(position > -1 / 6) & (position < 1 / 6)].sum()
            + weight[(position > 5 / 6) & (position < 7 / 6)].sum()
        )
        / 2
    )
    return middle < 0.4 * ends


def _prediction_strength(features: Floats, k: int) -> float:
    """How well groups found in one half of the users hold together in the other, at the worst of them; mean of three halvings."""
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(_SEED)
    found = []
    for _ in range(3):
        order = rng.permutation(len(features))
        first, second = features[order[::2]], features[order[1::2]]
        by_first = KMeans(k, n_init=3, random_state=_SEED).fit(first)
        by_second = KMeans(k, n_init=3, random_state=_SEED).fit(second)
        told = by_first.predict(second)
        worst = 1.0
        for g in range(k):
            own = told[by_second.labels_ == g]
            if len(own) > 1:
                sizes = np.bincount(own)
                worst = min(worst, float((sizes * (sizes - 1)).sum() / (len(own) * (len(own) - 1))))
        found.append(worst)
    return float(np.mean(found))


def _kept_ids(users: Sequence[str], label: Codes, known: Mapping[str, str]) -> list[str]:
    """An id per group: that of the earlier group that shares most users (a third of both at least), else a new one."""
    from scipy.optimize import linear_sum_assignment

    count = int(label.max()) + 1
    groups = [{u for u, g in zip(users, label, strict=True) if g == k} for k in range(count)]
    earlier: dict[str, set[str]] = {}
    for user, group in known.items():
        if group not in {NEW, "all"}:
            earlier.setdefault(group, set()).add(user)
    names = sorted(earlier)
    present = set(users)
    ids = ["" for _ in groups]
    if names:
        shared = np.array(
            [
                [len(g & earlier[n]) / max(len((g & set(known)) | (earlier[n] & present)), 1) for n in names]
                for g in groups
            ]
        )
        for g, n in zip(*linear_sum_assignment(-shared), strict=True):
            if shared[g, n] >= 1 / 3:
                ids[g] = names[n]
    return [i or f"g-{digest(*sorted(group))[:8]}" for i, group in zip(ids, groups, strict=True)]


def _sticky(features: Floats, centres: Floats, label: Codes, before: Sequence[str | None], ids: Sequence[str]) -> Codes:
    """The label of each user, the earlier one where the new group is not clearly nearer."""
    distance = _distances(features, centres)
    place = {group: g for g, group in enumerate(ids)}
    kept = label.copy()
    for i, group in enumerate(before):
        g = place.get(group or "")
        if g is not None and _STICKY * distance[i, g] <= distance[i, label[i]]:
            kept[i] = g
    return kept


def _distances(features: Floats, centres: Floats) -> Floats:
    """How far each user is from each group."""
    from scipy.spatial.distance import cdist

    found: Floats = cdist(features, centres)
    return found


def _firmness(features: Floats, centres: Floats, label: Codes) -> Floats:
    """How much nearer each user is to their own group than to the next one, 0 (on the border) to 1."""
    distance = _distances(features, centres)
    rows = np.arange(len(label))
    own = distance[rows, label]
    distance[rows, label] = np.inf
    firm: Floats = np.clip(1 - own / np.maximum(distance.min(1), 1e-12), 0.0, 1.0)
    return firm


def _describe(
    group_id: str,
    features: Floats,
    columns: Sequence[tuple[str, str]],
    own: np.ndarray,
    *,
    firmness: float,
    labels: Mapping[str, str],
) -> Group:
    """A group with what it does clearly more than the others."""
    marks: list[tuple[float, str, str, float, float]] = []
    for j, (kind, value) in enumerate(columns):
        mine, theirs = ((features[side, j] / _WEIGHTS[kind]) ** 2 for side in (own, ~own))
        share, rest = float(mine.mean()), float(theirs.mean())
        if share >= 0.15 and share - rest >= 0.08 and share >= 1.4 * rest:
            marks.append((-round((share - rest) * _WEIGHTS[kind], 9), kind, value, share, rest))
    marks.sort()
    apart = tuple(_say(kind, labels.get(value, value), share, rest) for _, kind, value, share, rest in marks[:4])
    return Group(group_id, _name(marks, labels), apart, int(own.sum()), firmness)


def _say(kind: str, value: str, share: float, rest: float) -> str:
    what = {"intent": quoted(value), "length": f"{value} conversations"}.get(kind, LANGUAGE_NAMES.get(value, value))
    return f"{_KINDS[kind]} {what}: {percent(share)}, others {percent(rest)}"


def _name(marks: Sequence[tuple[float, str, str, float, float]], labels: Mapping[str, str]) -> str:
    """A few plain words: what they mostly ask for, else with what, else when or how long."""
    if not marks:
        return "a bit of everything"
    first = marks[0][1]
    values = [labels.get(value, value) for _, kind, value, _, _ in marks if kind == first][:3]
    asked = sorted([labels.get(value, value) for _, kind, value, _, _ in marks if kind == "intent"][:2])
    if asked:
        return f"mostly {listed(asked)}"
    return {
        "tool": f"often with {listed(values)}",
        "hour": f"mostly in the {listed(values)}",
        "length": f"{values[0]} conversations",
        "language": f"in {listed([LANGUAGE_NAMES.get(v, v) for v in values])}",
    }[first]


def _told_apart(groups: Sequence[Group]) -> list[Group]:
    """The groups with names that differ: where two would be called the same, what else sets them apart is added."""
    names = [g.name for g in groups]
    return [
        Group(g.group_id, f"{g.name} ({g.group_id[2:6]})", g.apart, g.users, g.firmness)
        if names.count(g.name) > 1
        else g
        for g in groups
    ]
