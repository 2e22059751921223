"""What other tools, as they come, say of the same products: weekly z-tests, Evidently, NannyML and river's ADWIN.

    python3 -m venv /tmp/evidently && /tmp/evidently/bin/pip install -r benchmarks/monitoring/peers-evidently.txt
    /tmp/evidently/bin/python benchmarks/monitoring/peers.py evidently null --per-week 2000 --runs 1
    /tmp/evidently/bin/python benchmarks/monitoring/peers.py evidently ramp --per-week 2000 --runs 10

`peers-nannyml.txt` and `peers-river.txt` are the other two; the z-test needs none of them. All settings are the defaults of each tool. What
was before the onset (8 weeks, the new intent's 5) is the reference; then every week is looked at. In a product where nothing changes every
alarm of the whole, the cohorts, the intents and the cells is false, those of one stream in weeks on end counted once; a stream takes part in
weeks with 5 answers. Where a change was planted, the tool looks at that one place: told where to look, and no false alarm can find it by chance
elsewhere. `streams` is a checksum of the products played: the same in two environments means the same data.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from truth import SIGNALS, Place, planted
from world import SCENARIOS, WORLDS, World

FEWEST, FEWEST_BEFORE = 5, 20  # answers in the week looked at, and in the reference
SHARE = "share"
MONDAY = np.datetime64("2026-01-05", "us")
os.environ |= {
    "NML_DISABLE_USAGE_LOGGING": "1",
    "DO_NOT_TRACK": "1",
}  # two of the tools report their use to their makers


@dataclass
class Stream:
    """One signal's answers in one place, in the order of time; `share` holds the intents asked for, as words."""

    place: Place
    time: np.ndarray
    value: np.ndarray

    def weeks(self, reference: int, last: int) -> Iterator[tuple[int, np.ndarray]]:
        """The weeks to be looked at, and which answers are theirs."""
        week = (self.time // 7).astype(int)
        if np.count_nonzero(week < reference) >= FEWEST_BEFORE:
            for t in range(reference, last):
                if np.count_nonzero(week == t) >= FEWEST:
                    yield t, week == t


def streams(world: World, made: dict[str, np.ndarray], places: list[Place] | None) -> Iterator[Stream]:
    """The streams of a product, or those of some places alone."""
    cohorts, intents = [None, *range(world.cohorts)], [None, *range(world.intents)]
    for c in cohorts:
        for k in intents:
            here = np.ones(len(made["time"]), bool) if c is None else made["cohort"] == c
            here &= True if k is None else made["intent"] == k
            name = (None if c is None else world.names[c], None if k is None else f"i{k:02d}")
            for signal in (*SIGNALS, *([SHARE] if k is None else [])):
                if places is not None and Place(signal, *name) not in places:
                    continue
                value = np.char.add("i", made["intent"].astype(str)) if signal == SHARE else made[signal]
                at = here if signal == SHARE else here & ~np.isnan(value)
                yield Stream(Place(signal, *name), made["time"][at], value[at])


# --- the tools: each tells the days after which it rang -----------------------------------------------------------


def z_test(stream: Stream, reference: int, last: int) -> Iterator[float]:
    """This week against all before, p < .05, answers as independent."""
    if stream.place.signal == SHARE:
        return
    for t, now in stream.weeks(reference, last):
        old, new = stream.value[stream.time < 7 * t], stream.value[now]
        spread = max(old.var() * (1 / len(old) + 1 / len(new)), 1e-9)
        if abs(new.mean() - old.mean()) > 1.96 * spread**0.5:
            yield 7.0 * (t + 1)


def adwin(stream: Stream, reference: int, last: int) -> Iterator[float]:
    """river's ADWIN, answer by answer from the first on."""
    from river.drift import ADWIN

    if stream.place.signal == SHARE:
        return
    detector = ADWIN()
    for at, value in zip(stream.time.tolist(), stream.value.tolist(), strict=True):
        detector.update(value)
        if detector.drift_detected and 7 * reference <= at < 7 * last:
            yield at


def evidently(stream: Stream, reference: int, last: int) -> Iterator[float]:
    """The metric of Evidently's DataDriftPreset, a column at a time: which test and which threshold is its own choice."""
    import pandas as pd
    from evidently import Report
    from evidently.metrics import ValueDrift

    before = pd.DataFrame({"value": stream.value[stream.time < 7 * reference]})
    for t, now in stream.weeks(reference, last):
        run = Report([ValueDrift(column="value")], include_tests=True).run(
            pd.DataFrame({"value": stream.value[now]}), before
        )
        if any(test["status"] == "FAIL" for test in run.dict()["tests"]):
            yield 7.0 * (t + 1)


def nannyml_drift(stream: Stream, reference: int, last: int) -> Iterator[float]:
    """NannyML's univariate drift: Jensen-Shannon distance a week, beyond three standard deviations of the reference's weeks."""
    from nannyml import UnivariateDriftCalculator

    kinds = {"treat_as_categorical": ["value"]} if stream.place.signal != "edit_share" else {}
    yield from _nannyml(UnivariateDriftCalculator, stream, reference, last, "jensen_shannon", **kinds)


def nannyml_mean(stream: Stream, reference: int, last: int) -> Iterator[float]:
    """NannyML's mean a week, beyond three standard deviations of the reference's weeks."""
    from nannyml import SummaryStatsAvgCalculator

    if stream.place.signal != SHARE:
        yield from _nannyml(SummaryStatsAvgCalculator, stream, reference, last)


def _nannyml(
    made: Callable, stream: Stream, reference: int, last: int, *method: str, **kinds: object
) -> Iterator[float]:
    import pandas as pd

    looked_at = {t for t, _ in stream.weeks(reference, last)}
    if not looked_at:
        return
    at = MONDAY + (stream.time * 86_400e6).astype("timedelta64[us]")
    rows = pd.DataFrame({"value": stream.value, "at": at})
    calculator = made(column_names=["value"], timestamp_column_name="at", chunk_period="W", **kinds)
    calculator.fit(rows[stream.time < 7 * reference])
    told = calculator.calculate(rows[stream.time >= 7 * reference]).filter(period="analysis").to_df()
    start = told[("chunk", "chunk", "start_date") if method else ("chunk", "start_date")].to_numpy("datetime64[D]")
    weeks = (start - MONDAY.astype("datetime64[D]")).astype(int) // 7
    for t in weeks[told[("value", *method, "alert")].to_numpy(bool)].tolist():
        if t in looked_at:
            yield 7.0 * (t + 1)


TOOLS = {
    "z": z_test,
    "evidently": evidently,
    "nannyml-drift": nannyml_drift,
    "nannyml-mean": nannyml_mean,
    "adwin": adwin,
}


def run(tool: str, world: World) -> dict:
    """What a tool says of one product: how often it rings for nothing, or how long after the onset it rings where it should."""
    made = world.play()
    reference, what = world.onset // 7, planted(world.scenario, world.truth)
    places = None
    if what is not None:
        places = [Place(SHARE) if what.signal == SHARE else what._replace(direction=0)]
    alarms: Counter[str] = Counter()
    first = []
    for stream in streams(world, made, places):
        rang, place = -99.0, stream.place
        for day in TOOLS[tool](stream, reference, world.weeks):
            level = 0 + (place.cohort is not None) + 2 * (place.intent is not None)
            alarms[f"{'share' if place.signal == SHARE else 'rate'} {level}"] += day - rang > 7
            rang = day
            first.append(day - world.onset)
    drawn = zlib.crc32(b"".join(np.ascontiguousarray(made[name]).tobytes() for name in ("time", *SIGNALS)))
    return {"seed": world.seed, "alarms": dict(alarms), "delay": min(first, default=None), "streams": drawn}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--per-week", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--weeks", type=int)
    parser.add_argument("--world", choices=WORLDS, default="plain")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # of the tools, about small samples
    weeks, rows = given.weeks or (56 if given.scenario == "null" else 16), []
    for seed in range(given.first, given.first + given.runs):
        world = World(given.per_week, weeks, seed, given.scenario, **WORLDS[given.world])
        rows.append(run(given.tool, world))
        print(json.dumps(rows[-1]), flush=True)
    total = sum((Counter(r["alarms"]) for r in rows), Counter())
    result = {"summary": f"{given.tool} {given.scenario} {given.per_week} world {given.world}", "runs": len(rows)}
    if planted(given.scenario, world.truth) is None:
        years = len(rows) * (weeks - world.onset // 7) * 7 / 365
        result |= {
            "years": round(years, 2),
            "false_a_year": {name: round(n / years, 1) for name, n in sorted(total.items())},
        }
        result |= {"false_a_year_in_all": round(total.total() / years, 1)}
    else:
        delays = [float("inf") if r["delay"] is None else r["delay"] for r in rows]
        middle = statistics.median(delays)
        result |= {
            "found": sum(d < float("inf") for d in delays),
            "median_days": None if middle == float("inf") else round(middle, 1),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
