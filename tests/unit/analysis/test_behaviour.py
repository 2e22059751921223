import numpy as np
import pyarrow as pa
import pytest

from everyturn.analysis.behaviour import FEWEST_CONVERSATIONS, NEW, group_users

INTENTS = ("draft a text", "rewrite a text", "write code", "fix a bug", "find sources", "compare papers", "chart data", "query a table",
           "career advice", "health advice")  # fmt: skip
TOOLS = ("editor", "interpreter", "search", "spreadsheet")
# intents, tools, long conversations, work hours
WAYS = {
    "Writers": ((0.45, 0.45, 0.01, 0.01, 0.02, 0.01, 0.01, 0.01, 0.02, 0.01), (0.9, 0.02, 0.06, 0.02), 0.3, 0.7),
    "Code-first": ((0.02, 0.02, 0.45, 0.43, 0.01, 0.01, 0.02, 0.02, 0.01, 0.01), (0.03, 0.9, 0.05, 0.02), 0.7, 0.3),
    "Researchers": ((0.03, 0.02, 0.01, 0.01, 0.45, 0.42, 0.02, 0.02, 0.01, 0.01), (0.03, 0.02, 0.9, 0.05), 0.8, 0.6),
    "Analysts": ((0.02, 0.02, 0.03, 0.02, 0.02, 0.02, 0.43, 0.42, 0.01, 0.01), (0.02, 0.08, 0.05, 0.85), 0.4, 0.9),
    "Advice-seekers": ((0.02, 0.02, 0.01, 0.01, 0.02, 0.02, 0.01, 0.01, 0.44, 0.44), (0.3, 0.1, 0.5, 0.1), 0.5, 0.1),
    "Generalists": ((0.1,) * 10, (0.25,) * 4, 0.5, 0.5),
}


def counts(users):
    """Rows of (user, way, conversations) -> the table `group_users` reads."""
    rng = np.random.default_rng(sum(n for _, _, n in users))
    rows = []
    for user, way, n in users:
        intents, tools, long, work = WAYS[way] if isinstance(way, str) else way
        mix = rng.dirichlet(np.maximum(np.array(intents) * 25, 0.05))
        parts = {
            "intent": (INTENTS, rng.multinomial(n, mix)),
            "tool": (TOOLS, rng.multinomial(n, rng.dirichlet(np.array(tools) * 25))),
            "length": (("long", "short"), rng.multinomial(n, (long, 1 - long))),
            "hour": (("working hours", "evening"), rng.multinomial(n, (work, 1 - work))),
        }
        rows.append((user, "conversations", None, n))
        rows += [(user, k, v, int(m)) for k, (names, ms) in parts.items() for v, m in zip(names, ms, strict=True) if m]
    return pa.table(dict(zip(("user_id", "kind", "value", "n"), map(list, zip(*rows, strict=True)), strict=True)))


def people(seed, size=60, ways=tuple(WAYS)):
    rng = np.random.default_rng(seed)
    return [(f"{way[:2]}{i:03d}", way, int(rng.integers(8, 40))) for way in ways for i in range(size)]


def agreement(found, users):
    """The share of users whose group is the one most of their kind are in, and how many groups that are."""
    best = {}
    for way in {way for _, way, _ in users}:
        of = [found.members[u][0] for u, w, _ in users if w == way]
        best[way] = max(set(of), key=of.count)
    right = np.mean([found.members[u][0] == best[w] for u, w, _ in users])
    return right, len(set(best.values()))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_six_ways_come_out_by_themselves(seed):
    users = people(seed)
    found = group_users(counts(users))
    right, groups = agreement(found, users)
    assert len(found.groups) == groups == 6
    assert right >= 0.93
    assert {g.name for g in found.groups} >= {"a bit of everything"}
    writers = next(g for g in found.groups if "draft a text" in g.name)
    assert "rewrite a text" in writers.name
    assert any(a.startswith("use editor:") for a in writers.apart)
    assert sum(g.users for g in found.groups) == len(users)
    assert all(0.05 < g.firmness < 1 for g in found.groups)


@pytest.mark.parametrize("seed", range(5))
def test_one_cloud_of_users_is_no_group(seed):
    rng = np.random.default_rng(seed)
    users = [(f"u{i:03d}", "Generalists", int(rng.integers(8, 60))) for i in range(300)]
    assert group_users(counts(users)).groups == ()
    tilted = ((0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.03, 0.02, 0.01), (0.5, 0.3, 0.1, 0.1), 0.5, 0.6)
    users = [(f"u{i:03d}", tilted, int(rng.integers(8, 60))) for i in range(300)]
    assert group_users(counts(users)).groups == ()


def test_users_with_little_history_are_new():
    users = [*people(4, 30), *[(f"few{i}", "Writers", FEWEST_CONVERSATIONS - 1) for i in range(9)]]
    found = group_users(counts(users))
    assert found.new == 9
    assert all(found.members[f"few{i}"] == (NEW, 0.0) for i in range(9))
    assert len(found.groups) == 6


def test_ids_and_members_are_kept_from_week_to_week():
    users = people(5, 40)
    first = group_users(counts(users))
    known = {user: group for user, (group, _) in first.members.items()}
    rng = np.random.default_rng(9)
    later = [(u, w, n + int(rng.integers(0, 6))) for u, w, n in users[:-10]] + [
        (f"late{i}", "Analysts", 12) for i in range(15)
    ]
    second = group_users(counts(later), known=known)
    assert {g.group_id for g in second.groups} == {g.group_id for g in first.groups}
    same = [second.members[u][0] == first.members[u][0] for u, _, _ in users[:-10]]
    assert np.mean(same) >= 0.97


def test_fewer_than_ten_users_are_not_named():
    users = [*people(6, 60, ("Writers", "Code-first")), *people(6, 6, ("Analysts",))]
    found = group_users(counts(users))
    assert len(found.groups) == 2
    assert all(g.users >= 10 for g in found.groups)


def test_border_cases_belong_less_firmly():
    half = (
        tuple((np.array(WAYS["Writers"][0]) + np.array(WAYS["Code-first"][0])) / 2),
        (0.45, 0.45, 0.05, 0.05),
        0.5,
        0.5,
    )
    users = [*people(7, 60, ("Writers", "Code-first")), *[(f"mid{i}", half, 40) for i in range(5)]]
    found = group_users(counts(users))
    firm = lambda prefix: np.mean([f for u, (_, f) in found.members.items() if u.startswith(prefix)])  # noqa: E731
    assert firm("mid") < 0.5 * firm("Wr")


def test_nobody_is_no_group():
    assert group_users(counts([("one", "Writers", 20)])).groups == ()
    empty = counts([("one", "Writers", 20)]).slice(0, 0)
    assert group_users(empty).members == {}
