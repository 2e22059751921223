"""The verbs, and the one place that wires the parts together.

    bytes -> readers -> redact -> engines (stored) -> assemble -> signals, intents -> engines (summed) -> stats, analysis -> results

Every verb gives a `Result`: a dict of the shape that `--json` prints, which also knows how to show itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from everyturn import registry
from everyturn.analysis.coverage import Coverage, measure_coverage
from everyturn.analysis.evals import read_evals
from everyturn.analysis.findings import Watch
from everyturn.analysis.findings import watch as look
from everyturn.analysis.gap import Gap, intent_names, measure_gap
from everyturn.analysis.panel import Panel, read_panel
from everyturn.analysis.trust import cohort_trust
from everyturn.engines import evidence, inputs, metrics
from everyturn.engines.loading import Loading
from everyturn.engines.local import Database
from everyturn.errors import InputError, NoUserIds, UnknownName
from everyturn.intents import Discovery, assign, discover
from everyturn.model import REQUEST_SCHEMA, TIME, Conversation, Json
from everyturn.readers import KINDS, Kind
from everyturn.redact import pseudonym
from everyturn.signals import Signal
from everyturn.stats import Estimate, Summary
from everyturn.workspace.ledger import Ledger, size_of
from everyturn.workspace.page import build, intent_json, shown_conversation

Progress = Callable[[str, int, int | None], None]  # what is being done, how much of it, of how much (None: not known)

EXCHANGE_JSON = ("attributes", "messages", "feedback")
EXCHANGE_SCHEMA = pa.schema(
    [
        (name, pa.json_() if name in EXCHANGE_JSON else pa.string())
        for name in ("conversation_id", "user_id", "started_at", "attributes", "messages", "feedback")
    ]
)
FINDING_FIELDS = (
    "id", "kind", "signal", "cohort", "intent", "since", "found_at", "size", "low", "high", "sentence", "conversations",
)  # fmt: skip
_BY_CONVERSATION = (
    "messages", "feedback", "ratings", "observations", "requests", "assignments", "turn_intents", "trace_conversations",
    "pending", "conversations",
)  # fmt: skip
_BUDGET = 12.0  # false findings a year, at most, when looking every week and nothing ever changes
_BATCH = 5_000  # conversations in memory at once while signals run


def _no_progress(_stage: str, _done: int, _total: int | None) -> None:
    """Says nothing."""


class Result(dict[str, Json]):
    """What a verb gives: the JSON object, shown as text at a prompt and as a table or page in a notebook."""

    def __str__(self) -> str:
        """The same text the command line prints, without colour."""
        from everyturn.outputs.text import render

        return render(self, width=100, colour=False)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from everyturn.outputs.html import render_fragment

        return render_fragment(self)


class Workspace:
    """One workspace file and the verbs on it.

    >>> with Workspace(":memory:") as ws:
    ...     ws.measure("acceptance")["rows"]
    [{'group': {}, 'not_enough': {'users': 0, 'needed': 10}}]
    """

    def __init__(self, path: str | Path = "everyturn.db", *, progress: Progress = _no_progress) -> None:
        self.database = Database(path)
        self.progress = progress

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; further use is an error."""
        self.database.close()

    def __repr__(self) -> str:
        """The file and what is in it."""
        conversations, users = self.database.rows("SELECT count(*), count(DISTINCT user_id) FROM conversations")[0]
        return f"Workspace({self.database.path!r}: {conversations:,} conversations, {users:,} users)"

    # --- load ---------------------------------------------------------------------------------------------------

    def load(
        self,
        *paths: str | Path,
        as_: Kind = "conversations",
        format: str | None = None,  # noqa: A002 - the option's name, the same on the command line
        on_bad: Literal["collect", "stop"] = "collect",
        user_id: str | None = None,
        conversation_id: str | None = None,
        keep_personal_data: bool = False,
        now: datetime | None = None,
    ) -> Result:
        """Reads files and folders into the workspace and gives the ledger of what became of each record.

        `as_` is one of conversations, actions, evals, outcomes. `format` overrides what the content says. `user_id` and
        `conversation_id` name the field that holds the id where it is not a usual one ("metadata.user"). With
        `on_bad="stop"` the first bad record ends the load with an error and nothing is stored. Loading the same data again
        changes nothing.
        """
        from everyturn.assemble import assemble, merge_spans, trace_conversations
        from everyturn.readers import ReadOptions
        from everyturn.readers.driver import read_paths
        from everyturn.redact import redact

        if as_ not in KINDS:
            raise UnknownName.among("kind of data", as_, KINDS, example="--as {}")
        salt = self.database.meta("salt") or ""
        loading = Loading(self.database)
        ledger = Ledger()
        options = ReadOptions(user_id=user_id, conversation_id=conversation_id, on_bad=on_bad)
        total = sum(size_of(Path(p)) for p in paths)
        for batch in read_paths(paths, kind=as_, format=format, now=now or datetime.now(UTC), options=options):
            ledger.add(batch)
            for kind, table in batch.tables.items():
                # A team's own eval cases are no personal data of a user; all else is masked before it is stored.
                masked = table if keep_personal_data or kind.startswith("eval") else redact(table, salt=salt)
                loading.stage(kind, masked)
            self.progress("reading", ledger.bytes_read, total)
        self.progress("storing", 0, None)
        merged = loading.merge(merge=merge_spans, resolve=trace_conversations, assemble=assemble)
        self._note_load(ledger, as_)
        if as_ == "evals":
            self.database.set_meta("cases_changed", "yes")
        return Result(
            schema="everyturn/1",
            verb="load",
            kind=as_,
            **ledger.to_json(merged.rejected),
            conversations=merged.conversations,
            users=merged.users,
            **self._silent_signals(),
        )

    def _note_load(self, ledger: Ledger, kind: str) -> None:
        """Keeps the ledger of each file beside the data."""
        rows = [
            {"loaded_at": datetime.now(UTC), "kind": kind, "path": f.path, "format": f.format, "records": f.records,
             "rejected": f.rejected, "skipped": sum(f.skipped.values()), "bytes": f.bytes_read}
            for f in ledger.files.values()
        ]  # fmt: skip
        if rows:
            self.database.insert("loads", pa.Table.from_pylist(rows))

    def _needs_met(self) -> frozenset[str]:
        """Which kinds of data the workspace holds, by the names signals state their needs in."""
        present = self.database.rows(
            """
            SELECT 'messages' FROM conversations WHERE origin <> 'outcomes' HAVING count(*) > 0
            UNION ALL SELECT 'user_ids' FROM conversations WHERE user_id IS NOT NULL HAVING count(*) > 0
            UNION ALL SELECT 'feedback' FROM feedback WHERE source = 'user' HAVING count(*) > 0
            UNION ALL SELECT 'judge_scores' FROM feedback WHERE source = 'judge' HAVING count(*) > 0
            UNION ALL SELECT 'actions' FROM actions HAVING count(*) > 0
            UNION ALL SELECT 'artefacts' FROM actions WHERE artefact IS NOT NULL HAVING count(*) > 0
            """
        )
        return frozenset(row[0] for row in present)

    def _silent_signals(self) -> dict[str, Json]:
        """The signals that cannot say anything yet, and the data each lacks."""
        met = self._needs_met()
        observed = {row[0] for row in self.database.rows("SELECT DISTINCT signal FROM observations WHERE version = 0")}
        lacking = {
            name: sorted(signal.needs - met)
            for name, signal in signals().items()
            if signal.needs - met and name not in observed
        }
        return {"silent_signals": sorted(lacking), "silent_because": lacking}

    def divide_by(self, attribute: str) -> None:
        """Names the attribute that divides users into cohorts; without it the first usual one present does."""
        self.database.set_meta("cohort_attribute", attribute)

    # --- observe ------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Brings observations and requests up to date with what was loaded, for the conversations it touched."""
        from everyturn.intents.requests import extract
        from everyturn.signals.outcome import observe_all

        db = self.database
        met = self._needs_met()
        active = [s for s in signals().values() if s.needs <= met | {"user_ids"}]
        state = orjson.dumps({s.name: s.version for s in active}, option=orjson.OPT_SORT_KEYS).decode()
        if (
            db.meta("observed_signals") != state
        ):  # a signal became able to speak, or changed its meaning: ask it everywhere
            db.run("INSERT INTO pending SELECT conversation_id FROM conversations WHERE origin <> 'outcomes'")
        total: int = db.scalar("SELECT count(DISTINCT conversation_id) FROM pending")
        if not total:
            return
        db.run("CREATE OR REPLACE TABLE current AS SELECT DISTINCT conversation_id FROM pending")
        done = 0
        with db.transaction():
            for name in ("observations", "requests"):
                db.run(
                    f"DELETE FROM {name} WHERE conversation_id IN (SELECT conversation_id FROM current) AND conversation_id"
                    " NOT IN (SELECT conversation_id FROM conversations WHERE origin = 'outcomes')"
                )
            for conversations in _batched(evidence.stream(db, among="current"), _BATCH):
                db.insert("observations", observe_all(conversations, active))
                db.insert("requests", extract(conversations))
                done += len(conversations)
                self.progress("observing", done, total)
            db.run("DELETE FROM pending")
            db.set_meta("observed_signals", state)
            db.set_meta("requests_changed", "yes")
        db.run("DROP TABLE current")
        self.progress("observing", total, total)

    # --- measure ------------------------------------------------------------------------------------------------

    def _signal(self, name: str) -> Signal:
        known = signals()
        if name not in known:
            raise UnknownName.among("signal", name, known)
        return known[name]

    def sql(self, signal: str, *, by: str | Sequence[str] = (), where: str | None = None, unit: str = "user") -> str:
        """The query behind `measure`, in DuckDB's dialect; its one parameter is the signal's name."""
        self._signal(signal)
        return metrics.summary_sql(_names(by), metrics.dimensions(self.database), where=where, unit=unit)

    def measure(
        self, signal: str, *, by: str | Sequence[str] = (), where: str | None = None, unit: str = "user"
    ) -> Result:
        """A signal's rate by group, each with its range per user, or "not enough" with the users it has and needs.

        `by` names any of intent, cohort, week, day, month and the conversations' attributes; `where` is a condition over the
        same names. Conversations without a user id cannot give an honest range: they are counted in `without_user`, and
        where all lack one this is an error, unless `unit="conversation"` says that nobody appears twice.
        """
        from everyturn.stats.intervals import rate

        self._signal(signal)
        groups = _names(by)
        self._refresh()
        if "intent" in groups or "intent_id" in groups or (where and "intent" in where):
            self._ensure_intents()
        table = metrics.summarise(self.database, signal, by=groups, where=where, unit=unit)
        rows = []
        without_user = 0
        for row in table.to_pylist():
            without_user += row["without_user"]
            estimate = rate(summary_of(row))
            rows.append({"group": {name: _plain(row[name]) for name in groups}, **estimate.to_json()})
        if (
            rows
            and without_user
            and not any(row.get("users") or row.get("not_enough", {}).get("users") for row in rows)
        ):
            raise NoUserIds(
                "no user ids, so no honest range can be given",
                where=f"{without_user:,} answers, none with a user id",
                expected="an id per person: the same person twice must count once",
                try_="everyturn load … --user-id metadata.user, or --unit conversation if nobody appears twice",
            )
        return Result(schema="everyturn/1", verb="measure", signal=signal, by=groups, where=where, rows=rows,
                      without_user=without_user)  # fmt: skip

    def compare(self, signal: str, *, current: str, baseline: str) -> Result:
        """How far a signal lies apart between two sets of conversations, paired where the same users are in both.

        `current` and `baseline` are conditions as in `measure(where=…)`. `verdict` is better, worse, no clear change or not enough
        data; `smallest_change` is what this much data could have shown in four weeks.
        """
        from everyturn.stats.intervals import difference, rate, smallest_change
        from everyturn.stats.summaries import Joint

        found = self._signal(signal)
        self._refresh()
        if "intent" in current + baseline:
            self._ensure_intents()
        row = metrics.compare_totals(self.database, signal, current=current, baseline=baseline)
        now, then = (
            summary_of({n: row[f"{n}{i}"] for n in ("users", "n", "y", "nn", "ny", "yy", "unknown")}) for i in (1, 2)
        )
        joint = Joint(int(row["shared"]), row["nn"], row["ny"], row["yn"], row["yy"]) if row["shared"] else None
        change = difference(now, then, joint)
        verdict = "not enough data"
        if isinstance(change, Estimate):
            sign = 1 if found.better == "higher" else -1
            verdict = "better" if sign * change.low > 0 and sign * change.high > 0 else verdict
            verdict = "worse" if sign * change.low < 0 and sign * change.high < 0 else verdict
            verdict = verdict if verdict in {"better", "worse"} else "no clear change"
        least = smallest_change(then, weeks=4)
        return Result(
            schema="everyturn/1",
            verb="compare",
            signal=signal,
            current={"where": current, **rate(now).to_json()},
            baseline={"where": baseline, **rate(then).to_json()},
            effect=change.to_json(),
            verdict=verdict,
            smallest_change=least if isinstance(least, float) else None,
        )

    # --- discover -----------------------------------------------------------------------------------------------

    def discover(self, *, embedder: str | None = None, seed: int = 7) -> Result:
        """Finds what users ask for in every conversation, and gives each request its intent or leaves it unclear.

        Re-runs keep the ids of the intents there are; `events` says which were born, grew, split, merged or faded.
        """
        if embedder not in {None, "lexical"}:
            raise UnknownName.among("embedder", str(embedder), ["lexical"], example="--embedder {}")
        self._refresh()
        db = self.database
        requests = _zoned(db.table("SELECT * FROM requests ORDER BY conversation_id, request"))
        self.progress("discovering", 0, None)
        found = discover(requests, known=self._discovery(), seed=seed)
        self._store_discovery(found)
        unclear: int = db.scalar("SELECT count(*) FROM assignments WHERE intent_id IS NULL")
        return Result(
            schema="everyturn/1",
            verb="discover",
            embedder=found.embedder_name,
            seed=seed,
            requests=requests.num_rows,
            unclear=unclear,
            intents=self._intent_rows(),
            events=[
                {"kind": e.kind, "intent_id": e.intent_id, "at": _plain(e.at), "other": e.other} for e in found.events
            ],
            gathering=len(found.gatherings),
        )

    def _discovery(self) -> Discovery | None:
        """The intents known so far, None before the first discovery."""
        stored = self.database.rows("SELECT name, value FROM blobs WHERE name LIKE 'discovery.%'")
        if not stored:
            return None
        return Discovery.from_tables({name.partition(".")[2]: _from_ipc(value) for name, value in stored})

    def _store_discovery(self, found: Discovery) -> None:
        """Keeps a discovery: its state whole, its intents and assignments as tables, each turn and each eval case placed."""
        db = self.database
        with db.transaction():
            for name, table in found.to_tables().items():
                db.set_blob(f"discovery.{name}", _to_ipc(table))
            db.run("DELETE FROM intents")
            db.insert("intents", _intent_table(found))
            ready = "(SELECT conversation_id FROM conversations WHERE origin = 'outcomes')"
            db.run(f"DELETE FROM assignments WHERE conversation_id NOT IN {ready}")
            db.insert("assignments", found.assignments)
            self._place_turns()
            self._place_cases(found)
            db.set_meta("requests_changed", "no")

    def _place_turns(self) -> None:
        """Each turn belongs to the latest request at or before it; what came before the first request belongs to the first."""
        self.database.run("DELETE FROM turn_intents")
        self.database.run(
            """
            INSERT INTO turn_intents
            SELECT t.conversation_id, t.turn, arg_max_null(a.intent_id, a.request) FROM (
              SELECT DISTINCT conversation_id, turn FROM messages WHERE turn IS NOT NULL
              UNION SELECT conversation_id, 0 FROM conversations WHERE origin = 'outcomes') t
            JOIN assignments a ON a.conversation_id = t.conversation_id
              AND (a.request = 0 OR a.turn <= t.turn)
            GROUP BY ALL
            """
        )

    def _place_cases(self, found: Discovery) -> None:
        """Each eval case under the intent it is inside of, by the rule the requests follow; null where it is inside none."""
        db = self.database
        db.run("DELETE FROM case_intents")
        cases = db.table("SELECT suite, case_id, input FROM eval_cases ORDER BY suite, case_id")
        if not cases.num_rows:
            return
        ids, confidence = assign(cases["input"].to_pylist(), found)
        placed = cases.drop_columns(["input"]).append_column("intent_id", pa.array(ids, pa.string()))
        db.insert("case_intents", placed.append_column("confidence", pa.array(confidence, pa.float64())))

    def _ensure_intents(self) -> None:
        """Discovers where that was never done, and places what was loaded since under the intents there are."""
        self._refresh()
        db = self.database
        if not db.scalar("SELECT count(*) FROM requests"):
            self._place_turns()
            return
        found = self._discovery()
        if found is None or db.meta("requests_changed") == "yes":
            self.discover()
        elif db.meta("cases_changed") == "yes":
            with db.transaction():
                self._place_cases(found)
        db.set_meta("cases_changed", "no")

    def _intent_rows(self) -> list[dict[str, Json]]:
        """The intents as `discover` shows them, the largest first."""
        return [
            {**row, "phrases": orjson.loads(row["phrases"]), "first_seen": _plain(row["first_seen"])}
            for row in self.database.table(
                """
                SELECT i.intent_id, label AS intent, description, phrases, count(DISTINCT a.conversation_id) AS volume, users,
                  first_seen::DATE AS first_seen
                FROM intents i LEFT JOIN assignments a USING (intent_id) GROUP BY ALL ORDER BY volume DESC, intent_id
                """
            ).to_pylist()
        ]

    # --- watch, gap, cover --------------------------------------------------------------------------------------

    def _panel(self) -> Panel:
        """The per-user totals that analyses see."""
        self._ensure_intents()
        return read_panel(metrics.cells(self.database), metrics.last_complete_week(self.database))

    def _watch(self, *, until: date | None = None, budget: float = _BUDGET) -> Watch:
        """The findings, each with conversations to read, and one sentence on all of them."""
        self._ensure_intents()
        db = self.database
        complete = metrics.last_complete_week(db)
        tables = {"cells": metrics.cells(db), "tickets": inputs.tickets(db), "days": inputs.days(db)}
        if until is not None:
            monday = until - timedelta(days=until.weekday())
            complete = min(complete, monday - timedelta(days=7)) if complete else None
            past = {"cells": pc.field("week") < pa.scalar(monday), "tickets": pc.field("week") < pa.scalar(monday),
                    "days": pc.field("day") <= pa.scalar(until)}  # fmt: skip
            tables = {name: table.filter(past[name]) for name, table in tables.items()}
        self.progress("looking for changes", 0, None)
        seen = look(
            tables["cells"],
            inputs.intents(db),
            inputs.evals(db),
            tables["tickets"],
            weeks_complete=complete,
            days=tables["days"],
            budget=budget,
        )
        shown = [replace(f, conversations=tuple(evidence.examples(db, dict(f.where)))) for f in seen.findings]
        return replace(seen, findings=tuple(shown))

    def watch(self, *, until: str | date | None = None, budget: float = _BUDGET) -> Result:
        """What changed, for whom, since when, the most telling first; each finding with conversations to read.

        `budget` is how many false findings a year to expect at most when looking every week. `until` replays the past: only
        the weeks that were over by that day are looked at, with today's intents.
        """
        try:
            day = date.fromisoformat(until[:10]) if isinstance(until, str) else until
        except ValueError:
            raise InputError("this is no date", where="until", expected="a day", try_="--until 2026-10-19") from None
        seen = self._watch(until=day, budget=budget)
        return Result(schema="everyturn/1", verb="watch", until=_plain(day), budget=budget, **seen.to_json())

    def gap(self) -> Result:
        """Evals beside users, per intent, the widest distance first; intents no case tests by how little users accept."""
        return Result(schema="everyturn/1", verb="gap", **self._gap(self._panel()).to_json())

    def _gap(self, panel: Panel) -> Gap:
        evals = read_evals(inputs.evals(self.database))
        return measure_gap(panel, evals, intent_names(inputs.intents(self.database)))

    def cover(self, *suites: str | Path) -> Result:
        """The share of what users ask whose intent has an eval case, and the intents that have none, the largest first.

        The cases are those already loaded and those of `suites`, which are loaded first.
        """
        if suites:
            self.load(*suites, as_="evals")
        panel = self._panel()
        return Result(schema="everyturn/1", verb="cover", **self._coverage(panel).to_json())

    def _coverage(self, panel: Panel) -> Coverage:
        evals = read_evals(inputs.evals(self.database))
        return measure_coverage(panel, evals, intent_names(inputs.intents(self.database)))

    # --- show, report -------------------------------------------------------------------------------------------

    def show(self, *what: str, where: str | None = None, limit: int = 5) -> Result:
        """What is behind a number: `show("conversation", ID)`, `show("intent", ID or name)`, `show(SIGNAL)`, `show(FINDING)`.

        For a signal, `where` narrows to the conversations that meet the condition, and those where the answer was bad come first.
        """
        if what[0] == "conversation" and len(what) == 2:
            return self._show_conversation(what[1])
        if what[0] == "intent" and len(what) >= 2:
            return self._show_intent(" ".join(what[1:]), limit=limit)
        if len(what) == 1 and what[0] in signals():
            return self._show_signal(what[0], where=where, limit=limit)
        findings = {f["id"]: f for f in self.watch()["findings"]} if len(what) == 1 else {}
        if len(what) == 1 and what[0] in findings:
            found = findings[what[0]]
            return Result(
                schema="everyturn/1",
                verb="show",
                finding=found,
                conversations=self._shown(found["conversations"][:limit]),
            )
        raise UnknownName.among(
            "finding or signal", " ".join(what), [*signals(), *findings], example="everyturn show {}"
        )

    def _shown(self, ids: Iterable[str]) -> list[dict[str, Json]]:
        shown = (shown_conversation(self.database, conversation_id) for conversation_id in ids)
        return [conversation for conversation in shown if conversation is not None]

    def _show_conversation(self, conversation_id: str) -> Result:
        self._refresh()
        shown = shown_conversation(self.database, conversation_id)
        if shown is None:
            raise UnknownName(
                "no conversation of that id",
                where=f"an id of {len(conversation_id)} characters",
                expected="an id as `export conversations` writes it",
                try_="everyturn show acceptance",
            )
        return Result(schema="everyturn/1", verb="show", conversation=shown)

    def _show_intent(self, name: str, *, limit: int) -> Result:
        panel = self._panel()
        rows = {row.intent_id: row for row in self._gap(panel).rows}
        found = next((r for r in rows.values() if name in {r.intent_id, r.intent}), None)
        if found is None:
            raise UnknownName.among(
                "intent", name, [r.intent for r in rows.values()], example='everyturn show intent "{}"'
            )
        ids = evidence.examples(self.database, {"intent_id": found.intent_id, "signal": "acceptance"}, limit=limit)
        return Result(
            schema="everyturn/1",
            verb="show",
            intent=intent_json(self.database, found),
            conversations=self._shown(ids),
        )

    def _show_signal(self, name: str, *, where: str | None, limit: int) -> Result:
        signal = self._signal(name)
        self._ensure_intents()
        ids = metrics.answered_badly(self.database, name, better=signal.better, where=where, limit=limit)
        return Result(
            schema="everyturn/1",
            verb="show",
            signal={"signal": name, "question": signal.question, "better": signal.better, "version": signal.version},
            conversations=self._shown(ids),
        )

    def report(self, file: str | Path | None = None, *, title: str = "Your agent") -> Result:
        """Everything on one page: evals beside users, findings, intents, trust, coverage, and the conversations behind them.

        Writes one self-contained HTML file where `file` is given; the result is the object the page is drawn from.
        """
        panel = self._panel()
        gap = self._gap(panel)
        found = self._discovery()
        report = build(
            self.database,
            title=title,
            panel=panel,
            gap=gap,
            coverage=self._coverage(panel).to_json(),
            trust=cohort_trust(panel),
            watched=self._watch(),
            provenance={
                "embedder": found.embedder_name if found else None,
                "signals": {name: signal.version for name, signal in signals().items()},
            },
        )
        result = Result(schema="everyturn/1", verb="report", **report)
        if file is not None:
            from everyturn.outputs.html import render_html

            Path(file).write_text(render_html(result), encoding="utf-8")
        return result

    # --- export, forget -----------------------------------------------------------------------------------------

    def export(self, kind: str, *, to: str | Path) -> int:
        """Writes one kind of thing to a .jsonl, .parquet or .csv file, or as JSON Lines to stdout for "-"; gives the row count.

        Kinds: conversations (the form `load` reads back), actions, observations, intents, assignments, summaries, findings.
        """
        from everyturn.outputs.tables import write_table

        tables: dict[str, Callable[[], tuple[Iterable[pa.RecordBatch], pa.Schema]]] = {
            "conversations": self._export_conversations,
            "actions": lambda: self._exported(
                'SELECT action_id, "at", user_id, kind, conversation_id, turn, artefact, before, attributes FROM actions'
                ' ORDER BY "at", action_id'
            ),
            "observations": lambda: self._exported(
                "SELECT o.*, c.user_id FROM observations o JOIN conversations c USING (conversation_id)"
                " ORDER BY conversation_id, signal, turn"
            ),
            "intents": lambda: self._exported("SELECT * FROM intents ORDER BY size DESC, intent_id"),
            "assignments": lambda: self._exported(
                "SELECT a.conversation_id, a.request, a.intent_id, coalesce(i.label, a.intent_id) AS intent, a.confidence"
                " FROM assignments a LEFT JOIN intents i USING (intent_id) ORDER BY a.conversation_id, a.request"
            ),
            "summaries": self._export_summaries,
            "findings": self._export_findings,
        }
        if kind not in tables:
            raise UnknownName.among("kind of export", kind, tables, example="everyturn export {} --to -")
        if kind not in {"conversations", "actions"}:
            self._refresh()
        if kind in {"intents", "assignments"}:
            self._ensure_intents()
        batches, schema = tables[kind]()
        return write_table(batches, schema, to)

    def _exported(self, sql: str) -> tuple[Iterable[pa.RecordBatch], pa.Schema]:
        """A query's batches, with stored JSON as JSON and stored times as the instants they are."""
        schema = pa.schema([_export_field(f) for f in self.database.table(f"SELECT * FROM ({sql}) LIMIT 0").schema])
        batches = (
            pa.RecordBatch.from_arrays(
                [_export_column(c, f.type) for c, f in zip(b.columns, schema, strict=True)], schema=schema
            )
            for b in self.database.batches(sql)
        )
        return batches, schema

    def _export_conversations(self) -> tuple[Iterable[pa.RecordBatch], pa.Schema]:
        def batches() -> Iterator[pa.RecordBatch]:
            for conversations in _batched(evidence.stream(self.database), _BATCH):
                rows = [evidence.conversation_json(c) for c in conversations]
                yield pa.RecordBatch.from_pydict(
                    {
                        name: [orjson.dumps(r[name]).decode() if name in EXCHANGE_JSON else r[name] for r in rows]
                        for name in EXCHANGE_SCHEMA.names
                    },
                    schema=EXCHANGE_SCHEMA,
                )

        return batches(), EXCHANGE_SCHEMA

    def _export_summaries(self) -> tuple[Iterable[pa.RecordBatch], pa.Schema]:
        self._ensure_intents()
        table = metrics.all_summaries(self.database)
        return table.to_batches(), table.schema

    def _export_findings(self) -> tuple[Iterable[pa.RecordBatch], pa.Schema]:
        findings = self.watch()["findings"]
        schema = pa.schema([(n, pa.float64() if n in {"size", "low", "high"} else pa.string()) for n in FINDING_FIELDS])
        rows = [
            {n: orjson.dumps(f[n]).decode() if n == "conversations" else f[n] for n in FINDING_FIELDS} for f in findings
        ]
        return pa.Table.from_pylist(rows, schema).to_batches(), schema

    def forget(self, user: str) -> Result:
        """Deletes what one user said and did, and everything concluded from it. Intents and their ids stay."""
        db = self.database
        owner = pseudonym(user, salt=db.meta("salt") or "")
        with db.transaction():
            db.run(
                "CREATE OR REPLACE TEMP TABLE gone AS SELECT conversation_id FROM conversations WHERE user_id = ?",
                [owner],
            )
            count: int = db.scalar("SELECT count(*) FROM gone")
            traces = (
                "(SELECT trace_id FROM trace_conversations WHERE conversation_id IN (SELECT conversation_id FROM gone))"
            )
            db.run(f"DELETE FROM spans WHERE trace_id IN {traces} OR user_id = ?", [owner])
            db.run(f"DELETE FROM ratings WHERE trace_id IN {traces}")
            db.run(
                "DELETE FROM actions WHERE user_id = ? OR conversation_id IN (SELECT conversation_id FROM gone)",
                [owner],
            )
            db.run("DELETE FROM action_links WHERE action_id NOT IN (SELECT action_id FROM actions)")
            for name in _BY_CONVERSATION:
                db.run(f"DELETE FROM {name} WHERE conversation_id IN (SELECT conversation_id FROM gone)")
        db.run("CHECKPOINT")
        return Result(schema="everyturn/1", verb="forget", user=owner, conversations=count)


def signals() -> dict[str, Signal]:
    """The signals by name."""
    found: dict[str, Signal] = registry.find("signals", "SIGNAL")
    return found


def list_plugins(kind: Literal["signals", "formats"]) -> Result:
    """The signals there are, or the formats that are read."""
    from everyturn.readers.recognise import readers

    rows = (
        [{"signal": s.name, "question": s.question, "unit": s.unit, "version": s.version} for s in signals().values()]
        if kind == "signals"
        else [{"format": name, "kind": r.kind, "description": r.description} for name, r in readers().items()]
    )
    return Result(schema="everyturn/1", verb="list", **{kind: rows})


def summary_of(row: dict[str, Any]) -> Summary:
    """The totals of one row of `metrics.summarise`."""
    return Summary(row["users"], row["n"], row["y"], row["nn"], row["ny"], row["yy"], row["unknown"])


def _zoned(requests: pa.Table) -> pa.Table:
    """Stored requests as REQUEST_SCHEMA: their times are the instants they are."""
    at = requests.column("at").cast(pa.timestamp("us")).cast(TIME)
    return requests.set_column(requests.schema.get_field_index("at"), "at", at).cast(REQUEST_SCHEMA)


def _to_ipc(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def _from_ipc(value: bytes) -> pa.Table:
    return pa.ipc.open_stream(value).read_all()


def _intent_table(found: Discovery) -> pa.Table:
    """The intents as the stored table shows them to people and queries."""
    return pa.Table.from_pylist(
        [
            {
                "intent_id": i.intent_id,
                "label": i.label,
                "description": i.description,
                "phrases": orjson.dumps(list(i.phrases)).decode(),
                "size": i.size,
                "users": i.users,
                "first_seen": i.first_seen,
                "last_seen": i.last_seen,
            }
            for i in found.intents
        ],
        pa.schema(
            [(n, pa.string()) for n in ("intent_id", "label", "description", "phrases")]
            + [(n, pa.int64()) for n in ("size", "users")]
            + [(n, TIME) for n in ("first_seen", "last_seen")]
        ),
    )


def _export_field(field: pa.Field) -> pa.Field:
    if pa.types.is_timestamp(field.type):
        return field.with_type(TIME)
    return field.with_type(pa.json_()) if field.name in {"attributes", "phrases"} else field


def _export_column(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us")).cast(kind)
    return pa.ExtensionArray.from_storage(kind, column) if isinstance(kind, pa.JsonType) else column


def _names(by: str | Sequence[str]) -> list[str]:
    return [n.strip() for n in by.split(",") if n.strip()] if isinstance(by, str) else list(by)


def _plain(value: Json) -> Json:
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def _batched(values: Iterable[Conversation], size: int) -> Iterator[list[Conversation]]:
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch
