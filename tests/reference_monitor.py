"""The monitor of rates once more, one number at a time in plain Python: slow, obvious, and the judge of the fast one."""

from collections import defaultdict
from math import exp, inf, log

SIZES = (-0.8, -0.35, -0.15, 0.15, 0.35, 0.8)
ANCHORS = (1.0, 20.0, 20.0, 100.0, 300.0, 5.0, 9.0)
GOOD = {"acceptance": 1, "edit_share": -1, "edits": -1, "complaint": -1, "rework": -1}
WEIGHTS = {"acceptance": 0.35, "share": 0.25, "trust": 0.3}


class Reference:
    """Folds rows (block, signal, user, cohort, intent, n, y); `alarms` holds (block, level, signal, cohort, intent, tier)."""

    def __init__(self, worse, budget=12.0):
        self.worse, self.budget = worse, budget
        self.parts = [defaultdict(lambda: [0.0, 0.0]) for _ in ANCHORS]  # sum of answers, number of answers
        self.home = {}
        self.product = defaultdict(lambda: [0.0] * 6)
        self.last, self.first, self.answers = {}, {}, defaultdict(float)
        self.started, self.spread = {}, defaultdict(lambda: [1.0, 1.0])
        self.listed, self.alarms, self.bars = {}, [], {}
        self.week = self.month = None
        self.cohorts, self.intents = set(), set()

    def fold(self, rows):
        blocks = defaultdict(list)
        for row in sorted(rows, key=lambda r: (r[0], r[1], r[2], r[3], r[4] is None, r[4] or "")):
            blocks[row[0]].append(row[1:])
        for block in sorted(blocks):
            self.advance(block, blocks[block])

    def keys(self, block, signal, user, cohort, intent):
        day = (block // 4 + 3) % 7
        by_cohort = (signal, cohort)
        return (signal, by_cohort, (signal, intent), (signal, cohort, intent), (signal, day), by_cohort, (signal, user))

    def advance(self, block, rows):  # noqa: C901, PLR0912 - one block, in one order
        day, week = block // 4, block // 28
        if self.week is not None and week > self.week:
            for part in self.parts[:6]:
                for value in part.values():
                    value[0] *= (25 / 26) ** (week - self.week)
                    value[1] *= (25 / 26) ** (week - self.week)
        self.week = week
        for signal, *_ in rows:
            self.started.setdefault(signal, block)
            if signal in GOOD:
                self.started.setdefault("trust", block)
        known, learnt = [], []
        for signal, user, cohort, *_ in rows:  # people who moved keep what sets them apart from their cohort
            home = self.home.setdefault((signal, user), cohort)
            if home != cohort:
                mu = self.shift(0, signal, 0)
                old, new = (mu + self.shift(1, (signal, c), mu) for c in (home, cohort))
                old, new = (a + self.shift(5, (signal, c), a) for a, c in ((old, home), (new, cohort)))
                own = self.parts[6][signal, user]
                own[0] += own[1] * (new - old)
                self.home[signal, user] = cohort
        sent = defaultdict(float)
        for signal, user, _, _, n, _ in rows:
            sent[signal, user] += n
        for signal, user, cohort, intent, n, y in rows:
            keys = self.keys(block, signal, user, cohort, intent)
            mu = self.shift(0, keys[0], 0)
            a, b, g = (self.shift(i, keys[i], mu) for i in (1, 2, 4))
            d, f = self.shift(3, keys[3], mu + a + b), self.shift(5, keys[5], mu + a)
            u, answers = self.shift(6, keys[6], mu + a + f), self.parts[6][keys[6]][1]
            e = min(max(0.5 + mu + a + b + d + g + f + u, 0.005), 0.995)
            known.append((e, y - n * e, 1 / (10 + answers)))
            levels = (mu, mu + a, mu + b, mu + a + b + d, mu + g, mu + a + f, mu + a + f + u)
            as_one = 1 / (1 + (sent[signal, user] - 1) * known[-1][2])
            weights = [as_one] * 5 + [as_one * 10 / (10 + answers), 1]
            counts = [n * w for w in weights]
            counts[5] *= 9 / (9 + answers)
            sums = [w * (y - n * e) + c * level for w, c, level in zip(weights, counts, levels, strict=True)]
            learnt.append((keys, sums, counts))
        self.bet(block, day, rows, known)
        for (signal, *_, n, _), (e, missed, alike) in zip(rows, known, strict=True):
            self.spread[signal][0] += missed**2
            self.spread[signal][1] += n * e * (1 - e) * (1 + (n - 1) * alike)
        for keys, sums, counts in learnt:
            for part, key, total, n in zip(self.parts, keys, sums, counts, strict=True):
                part[key][0] += total
                part[key][1] += n
        for signal, _, cohort, intent, n, _ in rows:
            for node in self.nodes(signal, cohort, intent):
                self.first[node] = min(self.first.get(node, day), day)
                self.answers[node] += n
            self.cohorts.add(cohort)
            if intent is not None:
                self.intents.add(intent)

    def shift(self, part, key, above):
        total, n = self.parts[part][key]
        return (total - n * above) / (ANCHORS[part] + n)

    def nodes(self, signal, cohort, intent):
        return (
            (0, signal, None, None),
            (1, signal, cohort, None),
            (2, signal, None, intent),
            (3, signal, cohort, intent),
        )

    def levels(self):
        c, k = len(self.cohorts) > 1, len(self.intents) > 1
        return [level for level, used in enumerate((True, c, k, c and k)) if used]

    def old(self, node, day):
        return self.answers[node] >= 20 and self.first.get(node, inf) <= day - 14

    def bet(self, block, day, rows, known):
        units = defaultdict(list)
        for (signal, user, cohort, intent, n, _), found in zip(rows, known, strict=True):
            nodes = self.nodes(signal, cohort, intent)
            ready = block >= self.started[signal] + 112 and self.old(nodes[1], day)
            if not ready or not (intent is None or self.old(nodes[2], day)):
                continue
            for level in self.levels():
                if (level >= 2 and intent is None) or (level == 3 and not self.old(nodes[3], day)):
                    continue
                units[nodes[level], user].append((n, *found))
        won = defaultdict(lambda: [0.0] * 6)
        trust = defaultdict(lambda: [0.0] * 6)
        for (node, user), parts in units.items():
            count = sum(n for n, *_ in parts)
            e = sum(n * e for n, e, *_ in parts) / count
            missed = sum(m for _, _, m, _ in parts) / count
            likeness = sum(a for *_, a in parts) / len(parts)
            plain = sum(n * p * (1 - p) for n, p, *_ in parts) / count * (1 + (count - 1) * likeness) / count
            up, down = self.spread[node[1]]
            paid = self.pay(e, missed, up / down * plain)
            won[node] = [a + b for a, b in zip(won[node], paid, strict=True)]
            if node[0] == 1 and node[1] in GOOD:
                good = paid if GOOD[node[1]] > 0 else paid[::-1]
                trust[node[2], user] = [a + exp(b) - 1 for a, b in zip(trust[node[2], user], good, strict=True)]
        for (cohort, _), total in trust.items():
            node = (1, "trust", cohort, None)
            won[node] = [a + log(max(1 + 0.25 * b, 0.05)) for a, b in zip(won[node], total, strict=True)]
        for node, paid in won.items():
            begin = self.started[node[1]] // 4 + 27
            begin = max(begin, self.first[node] + 13) if node in self.first else begin
            days = day - self.last.get(node, begin)
            self.last[node] = day
            self.product[node] = [
                min((m + days) * exp(min(p, 60)), 1e30) for m, p in zip(self.product[node], paid, strict=True)
            ]
        if won:
            self.ring(block, won)

    @staticmethod
    def pay(e, missed, variance):
        paid = []
        for h in SIZES:
            odds = e / (1 - e) * exp(h)
            stake = (odds / (1 + odds) - e) / variance
            stake = min(max(stake, -0.75 / (1 - e), -2 / e), 0.75 / e, 2 / (1 - e))
            sign = 1 if h > 0 else -1
            paid.append(log(max(1 + stake * (missed - sign * 0.02 * e * (1 - e)), 0.05)))
        return paid

    def count(self, block):
        self.month = block // 112
        live = {n for n, a in self.answers.items() if a >= 20} | {n for n in self.last if n[1] == "trust"}
        present = {n[1] for n in live} | {"trust"}
        self.bars = {}
        for signal in present:
            for level in {1} & set(self.levels()) if signal == "trust" else self.levels():
                here = present - {"trust"} | ({"trust"} if level == 1 else {"share"} if level >= 2 else set())
                own = {n: w for n, w in WEIGHTS.items() if n in here}
                others = len(here) - len(own)
                scale = 1 if others else 1 / sum(own.values())
                part = own[signal] * scale if signal in own else (1 - sum(own.values())) / max(others, 1)
                streams = sum(n[:2] == (level, signal) for n in live)
                self.bars[level, signal] = 365 * max(streams, 1) / (self.budget * part / len(self.levels()))

    def ring(self, block, won):
        if block // 112 != self.month:
            self.count(block)
        for node in won:
            worse = -1 if node[1] == "trust" else self.worse[node[1]]
            weights = [(0.85 if (h > 0) == (worse > 0) else 0.15) / 3 for h in SIZES]
            evidence = sum(w * m for w, m in zip(weights, self.product[node], strict=True))
            bar = self.bars.get(node[:2], inf)
            listed = self.listed.get(node, False)
            if evidence >= bar:
                self.alarms.append((block, *node, "page"))
                self.product[node] = [0.0] * 6
                self.listed[node] = False
            elif evidence >= bar * 12 / 100:
                if not listed:
                    self.alarms.append((block, *node, "list"))
                self.listed[node] = True
            else:
                self.listed[node] = listed and evidence >= bar * 12 / 200
