"""The verbs, and the one place that wires the parts together.

    bytes -> readers -> redact -> engines (stored) -> assemble -> signals, intents -> engines (summed) -> stats, analysis -> results

Every verb gives a `Result`: a dict of the shape that `--json` prints, which also knows how to show itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import pyarrow as pa

from everyturn.analysis.checks import VERDICTS, sum_up
from everyturn.analysis.trust import cohort_trust
from everyturn.config import FILE, read_config
from everyturn.engines import metrics
from everyturn.engines.link_traces import Threads
from everyturn.engines.loading import Loading
from everyturn.engines.local import Database
from everyturn.errors import InputError, NoUserIds, UnknownName
from everyturn.readers import KINDS, Kind
from everyturn.signals import Signal
from everyturn.stats import Summary
from everyturn.workspace import covering, exporting, showing
from everyturn.workspace.checking import COMPARED, check_budgets, check_changes, compare_sets
from everyturn.workspace.cohorts import cohorts_of
from everyturn.workspace.discovering import (
    Wishes,
    discover_intents,
    discovered_json,
    ensure_intents,
    intent_rows,
    known,
    read_taxonomy,
    taxonomy_text,
)
from everyturn.workspace.forgetting import forget_user
from everyturn.workspace.hearing import marks_of
from everyturn.workspace.ledger import Ledger, size_of
from everyturn.workspace.looking import BUDGET, coverage_of, findings_of, gap_of, panel_of
from everyturn.workspace.marking import add_mark
from everyturn.workspace.observing import how_texts_match, observe, signals, silent_signals
from everyturn.workspace.page import build
from everyturn.workspace.repositories import read_history
from everyturn.workspace.result import Progress, Result, no_progress, plain
from everyturn.workspace.separating import SEPARATED, contexts_of
from everyturn.workspace.verifying import SUCCESS, UNVERIFIED, WITH_INTENTS, register, registered

__all__ = ["Progress", "Result", "Workspace", "list_plugins", "signals"]


class Workspace:
    """One workspace file and the verbs on it.

    >>> with Workspace(":memory:") as ws:
    ...     ws.measure("acceptance")["rows"]
    [{'group': {}, 'not_enough': {'users': 0, 'needed': 10}}]
    """

    def __init__(self, path: str | Path = "everyturn.db", *, progress: Progress = no_progress) -> None:
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
        git: str | Path | None = None,
        days: int = 7,
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
        changes nothing. `git`, with `as_="actions"`, is a git repository: what its commits added since the first conversation, and
        what `days` days left of it.
        """
        from everyturn.assemble import assemble, link, merge_spans, trace_conversations, trace_ends
        from everyturn.readers import ReadOptions
        from everyturn.readers.driver import read_paths
        from everyturn.workspace.staging import stage_batch

        if as_ not in KINDS:
            raise UnknownName.among("kind of data", as_, KINDS, example="--as {}")
        salt = self.database.meta("salt") or ""
        loading = Loading(self.database)
        ledger = Ledger()
        options = ReadOptions(user_id=user_id, conversation_id=conversation_id, on_bad=on_bad)
        total = sum(size_of(Path(p)) for p in paths)
        now = now or datetime.now(UTC)
        read = read_paths(paths, kind=as_, format=format, now=now, options=options)
        for batch in chain(read, read_history(self.database, git, as_, days=days, now=now) if git is not None else ()):
            ledger.add(batch)
            stage_batch(loading, batch, salt=salt, keep_personal_data=keep_personal_data)
            self.progress("reading", ledger.bytes_read, total)
        self.progress("storing", 0, None)
        merged = loading.merge(
            merge=merge_spans,
            resolve=trace_conversations,
            assemble=assemble,
            threads=Threads(trace_ends, link),
            matching=how_texts_match(),
        )
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
            model_calls=merged.model_calls,
            without_content=merged.without_content,
            without_conversation_id=merged.without_id,
            without_user_id=self.database.scalar("SELECT count(*) FROM conversations WHERE user_id IS NULL"),
            **silent_signals(self.database),
        )

    def pull(
        self,
        vendor: str,
        *,
        since: str | date | None = None,
        environment: Mapping[str, str] | None = None,
        user_id: str | None = None,
        conversation_id: str | None = None,
        keep_personal_data: bool = False,
        now: datetime | None = None,
    ) -> Result:
        """Reads what is new from a vendor's API: langfuse, langsmith, braintrust, datadog or phoenix.

        The first time needs `since`, a day or so long ago ("7d"); after that each pull goes on where the last one ended, whether it
        came to its end or not. Keys are read from `environment` (the process's own) under the vendor's own names. Gives the ledger
        as `load` does, with the `requests` it took.
        """
        from everyturn.readers import ReadOptions
        from everyturn.workspace.pulling import pull_into

        ledger, found = pull_into(
            self.database,
            vendor,
            since=since,
            environment=os.environ if environment is None else environment,
            progress=self.progress,
            options=ReadOptions(user_id=user_id, conversation_id=conversation_id),
            keep_personal_data=keep_personal_data,
            now=now or datetime.now(UTC),
        )
        self._note_load(ledger, "conversations")
        return Result(schema="everyturn/1", verb="pull", **found, **silent_signals(self.database))

    def _note_load(self, ledger: Ledger, kind: str) -> None:
        """Keeps the ledger of each file beside the data."""
        rows = [
            {"loaded_at": datetime.now(UTC), "kind": kind, "path": f.path, "format": f.format, "records": f.records,
             "rejected": f.rejected, "skipped": sum(f.skipped.values()), "bytes": f.bytes_read}
            for f in ledger.files.values()
        ]  # fmt: skip
        if rows:
            self.database.insert("loads", pa.Table.from_pylist(rows))

    def divide_by(self, attribute: str) -> None:
        """Names the attribute that divides users into cohorts; without it the first usual one present does."""
        self.database.set_meta("cohort_attribute", attribute)

    def _refresh(self) -> None:
        observe(self.database, progress=self.progress)

    def _ensure_intents(self) -> None:
        if Path(FILE).exists():
            register(self.database, read_config(Path(FILE)).successes)
        ensure_intents(self.database, progress=self.progress)

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
        if signal in WITH_INTENTS or "intent" in groups or "intent_id" in groups or (where and "intent" in where):
            self._ensure_intents()
        table = metrics.summarise(self.database, signal, by=groups, where=where, unit=unit)
        rows = []
        without_user = 0
        for row in table.to_pylist():
            without_user += row["without_user"]
            estimate = rate(summary_of(row))
            rows.append({"group": {name: plain(row[name]) for name in groups}, **estimate.to_json()})
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
        note = {"note": UNVERIFIED} if signal == SUCCESS and not registered(self.database) else {}
        return Result(schema="everyturn/1", verb="measure", signal=signal, by=groups, where=where, rows=rows,
                      without_user=without_user, **note)  # fmt: skip

    def compare(self, signal: str, *, current: str, baseline: str) -> Result:
        """How far a signal lies apart between two sets of conversations, paired where the same users are in both.

        `current` and `baseline` are conditions as in `measure(where=…)`. `effect` is the whole difference, `mix` what another mix of
        intents explains of it, `within` the rest. `verdict` speaks of the rest: better, worse, no clear change or not enough data.
        `smallest_change` is what these two sets would have shown four times in five.
        """
        from everyturn.stats.intervals import rate

        found = self._signal(signal)
        self._ensure_intents()
        made = compare_sets(self.database, found, current=current, baseline=baseline)
        return Result(
            schema="everyturn/1",
            verb="compare",
            signal=signal,
            current={"where": current, **rate(made.current).to_json()},
            baseline={"where": baseline, **rate(made.baseline).to_json()},
            effect=made.effect.to_json(),
            mix=made.mix.to_json() if made.mix else None,
            within=made.within.to_json() if made.within else None,
            verdict=made.verdict,
            smallest_change=made.smallest_change,
            sentence=made.sentence,
        )

    def check(
        self,
        *,
        config: str | Path = FILE,
        worse: bool = False,
        current: str | None = None,
        baseline: str | None = None,
    ) -> Result:
        """Whether the budgets of `config` hold and, with `worse`, whether any signal of theirs is worse than it was.

        `current` and `baseline` are conditions as in `compare`; without them the last 7 days stand against the 28 before. With no
        budget all of acceptance, complaint, edits and rework are compared. `verdict` is failed where one check failed,
        passed where at least one passed and none failed, unclear or not enough data otherwise.
        """
        settings = read_config(Path(config))
        register(self.database, settings.successes)
        if settings.cohort:
            self.divide_by(settings.cohort)
        for budget in settings.budgets:
            self._signal(budget.signal)
        self._ensure_intents()
        checks = list(check_budgets(self.database, settings.budgets))
        if worse or not settings.budgets:
            names = dict.fromkeys(budget.signal for budget in settings.budgets) or COMPARED
            asked = {name: self._signal(name) for name in names}
            checks += check_changes(self.database, asked, current=current, baseline=baseline)
        verdict, sentence = sum_up(checks)
        return Result(
            schema="everyturn/1",
            verb="check",
            config=str(config),
            verdict=verdict,
            sentence=sentence,
            checks=[check.to_json() for check in sorted(checks, key=lambda c: VERDICTS.index(c.verdict))],
        )

    # --- discover -----------------------------------------------------------------------------------------------

    def discover(
        self,
        *,
        embedder: str | None = None,
        taxonomy: str | Path | None = None,
        names: str | None = None,
        seed: int = 7,
    ) -> Result:
        """Finds what users ask for in every conversation, and gives each request its intent or leaves it unclear.

        Re-runs keep the ids of the intents there are; `events` says which were born, grew, split, merged or faded, and how
        likely so much is by chance. `embedder` is a name of `intents.embedders` (else the one used before, or the default);
        `taxonomy` a YAML file of what people say about intents (`intents.taxonomy`), which holds from then on; `names` the address of a language model, `https://HOST/v1#MODEL`, that names intents.
        """
        wishes = Wishes(embedder, read_taxonomy(taxonomy), names, seed)
        made = discover_intents(self.database, wishes, progress=self.progress)
        return Result(schema="everyturn/1", verb="discover", **discovered_json(self.database, made))

    def fit(self) -> Result:
        """Fits the words to what users of this deployment did and rated, and says whether that beats the word rule.

        The comparison is made on the same quarter of the users every time, which the fit has not seen. Where it is clearly better, the
        outputs nobody acted on get a `rejection_risk`, to be measured like any signal; else nothing changes. `rule` and `fitted`
        are areas under the ROC curve there, `gain` their difference with a 90 % range. New data want a new fit.
        """
        from everyturn.workspace.fitting import fit_words

        self._refresh()
        self.progress("fitting", 0, None)
        made = fit_words(self.database)
        found = made.fitted
        sentence = (
            f"Fitted to {found.rows:,} labelled outputs, and better than the rule on the part held back: {made.predicted:,} outputs have a"
            " rejection_risk."
            if found.predict
            else f"The word rule stays: {found.why}."
        )
        names = ("method", "rows", "rarer", "rule", "fitted", "gain", "low", "high", "folds")
        return Result(
            schema="everyturn/1",
            verb="fit",
            sentence=sentence,
            labelled=made.labelled,
            predicted=made.predicted,
            **{name: getattr(found, name) for name in names},
        )

    # --- watch, gap, cover --------------------------------------------------------------------------------------

    def watch(self, *, until: str | date | None = None, budget: float = BUDGET) -> Result:
        """What changed, for whom, since when, the most telling first; each finding with conversations to read.

        `budget` is how many false alarms a year to expect at most when nothing ever changes, however often one looks. `until`
        replays the past: what would have been told by the end of that day, with today's intents.
        """
        try:
            day = date.fromisoformat(until[:10]) if isinstance(until, str) else until
        except ValueError:
            raise InputError("this is no date", where="until", expected="a day", try_="--until 2026-10-19") from None
        self._ensure_intents()
        self.progress("looking for changes", 0, None)
        seen = findings_of(self.database, until=day, budget=budget)
        return Result(schema="everyturn/1", verb="watch", until=plain(day), budget=budget, **seen.to_json())

    def _told(self) -> list[dict[str, Any]]:
        """Every finding of both tiers."""
        seen = self.watch()
        return [*seen["findings"], *seen["watch_list"]]

    def cohorts(self) -> Result:
        """Who the users are: groups by how they use the product, found anew with ids kept, and the declared cohorts.

        `divide_by("behaviour")` then watches and reports by these groups.
        """
        self._ensure_intents()
        self.progress("grouping users", 0, None)
        return Result(schema="everyturn/1", verb="cohorts", **cohorts_of(self.database))

    def mark(self, kind: str | None = None, what: str | None = None, *, remove: bool = False) -> Result:
        """Tells `watch` what people know, and gives all marks.

        Kinds: `release` DAY (a change may begin with it, so that day weighs a week), `holiday` DAY (left out of what is watched),
        `mute` FINDING (not told again), `normal` FINDING (its level is learnt anew within days). `remove` takes a mark away.
        """
        if kind is not None:
            if what is None:
                raise InputError(
                    "a mark of what?", expected="a day or the id of a finding", try_="everyturn mark release 2026-10-19"
                )
            add_mark(self.database, kind, what, findings=self._told, remove=remove)
        return Result(schema="everyturn/1", verb="mark", **marks_of(self.database).to_json())

    def gap(self) -> Result:
        """Evals beside users, per intent, the widest distance first; intents no case tests by how little users accept."""
        self._ensure_intents()
        return Result(schema="everyturn/1", verb="gap", **gap_of(self.database, panel_of(self.database)).to_json())

    def cover(
        self,
        *suites: str | Path,
        write: str | Path | None = None,
        to: str = "jsonl",
        count: int = 50,
        upload: str | None = None,
    ) -> Result:
        """How much of what users ask the eval cases test, by traffic, failures and intents; what they miss; what is wrong with them.

        The cases are those already loaded and those of `suites`, which are loaded first. With `write`, a file, or `upload`, a
        dataset's name, the next `count` cases that close most of the gap are made of real conversations, masked, and written in
        the form `to`: braintrust, jsonl, langfuse, langsmith, openai-evals or ragas. `predicted` is the coverage with them.
        """
        from everyturn.outputs.cases import named, upload_cases, write_cases

        if write is not None or upload is not None:
            named(to)
        if count < 1:
            raise InputError("no cases are asked for", where="-n", expected="a number from 1", try_="-n 50")
        if suites:
            covering.require_inputs(self.database, self.load(*suites, as_="evals"), suites)
        self._ensure_intents()
        db, panel = self.database, panel_of(self.database)
        inspected, words, requests = covering.inspect_suites(db)
        result = Result(schema="everyturn/1", verb="cover", **coverage_of(db, panel).to_json(), **inspected.to_json())
        if write is None and upload is None:
            return result
        self.progress("choosing cases", 0, None)
        proposals, notes = covering.propose(db, requests, words, count=count)
        cases = covering.make_cases(db, proposals)
        result["proposed"] = [
            {"case_id": c.case_id, "conversation_id": p.conversation_id, "turn": p.turn, "intent": p.intent,
             "intent_id": p.intent_id, "gain": round(p.gain, 6), "rubric": p.rubric, "has_expected": c.expected is not None}
            for p, c in zip(proposals, cases, strict=True)
        ]  # fmt: skip
        result["predicted"] = covering.coverage_with(db, panel, proposals).to_json()
        result["notes"] = notes
        if write is not None:
            files = write_cases(cases, write, to=to)
            result["written"] = {"file": str(write), "to": to, "cases": len(cases), "files": [str(f) for f in files]}
        if upload is not None:
            result["uploaded"] = {"dataset": upload, "to": to, "cases": upload_cases(cases, upload, to=to)}
        return result

    # --- show, report -------------------------------------------------------------------------------------------

    def show(self, *what: str, where: str | None = None, limit: int = 5) -> Result:
        """What is behind a number: `show("conversation", ID)`, `show("intent", ID or name)`, `show(SIGNAL)`, `show(FINDING)`.

        For a signal, `where` narrows to the conversations that meet the condition, and those where the answer was bad come first.
        """
        db = self.database
        self._refresh()
        if what[0] == "conversation" and len(what) == 2:
            return Result(schema="everyturn/1", verb="show", **showing.conversation(db, what[1]))
        self._ensure_intents()
        if what[0] == "intent" and len(what) >= 2:
            return Result(schema="everyturn/1", verb="show", **showing.intent(db, " ".join(what[1:]), limit=limit))
        if len(what) == 1 and what[0] in signals():
            opened = showing.signal(db, self._signal(what[0]), where=where, limit=limit)
            return Result(schema="everyturn/1", verb="show", **opened)
        findings = {f["id"]: f for f in self._told()} if len(what) == 1 else {}
        if len(what) == 1 and what[0] in findings:
            found = findings[what[0]]
            read = showing.conversations(db, found["conversations"][:limit])
            return Result(schema="everyturn/1", verb="show", finding=found, conversations=read)
        raise UnknownName.among(
            "finding or signal", " ".join(what), [*signals(), *findings], example="everyturn show {}"
        )

    def report(self, file: str | Path | None = None, *, title: str = "Your agent") -> Result:
        """Everything on one page: evals beside users, findings, intents, trust, coverage, and the conversations behind them.

        Writes one self-contained HTML file where `file` is given; the result is the object the page is drawn from.
        """
        db = self.database
        self._ensure_intents()
        panel = panel_of(db)
        found = known(db)
        self.progress("looking for changes", 0, None)
        report = build(
            db,
            title=title,
            panel=panel,
            gap=gap_of(db, panel),
            coverage=coverage_of(db, panel).to_json(),
            trust=cohort_trust(panel),
            watched=findings_of(db),
            contexts=[c for name in SEPARATED for c in contexts_of(db, self._signal(name))],
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

        Kinds: conversations (the form `load` reads back), actions, observations, intents, assignments, map (where each
        request stands), taxonomy (YAML, to be edited and given back to `discover`), summaries, findings.
        """
        from everyturn.outputs.tables import write_table, write_text

        db = self.database
        tables: dict[str, Callable[[], exporting.Exported]] = {
            "conversations": lambda: exporting.conversations(db),
            **{name: partial(exporting.queried, db, name) for name in exporting.QUERIES},
            "map": lambda: exporting.points(db),
            "summaries": lambda: exporting.summaries(db),
            "findings": lambda: exporting.findings(self._told()),
        }
        if kind not in exporting.KINDS:
            raise UnknownName.among("kind of export", kind, exporting.KINDS, example="everyturn export {} --to -")
        if kind not in {"conversations", "actions"}:
            self._refresh()
        if kind in {"intents", "assignments", "map", "taxonomy", "summaries"}:
            self._ensure_intents()
        if kind == "taxonomy":
            return write_text(taxonomy_text(db), to, count=len(intent_rows(db)))
        batches, schema = tables[kind]()
        return write_table(batches, schema, to)

    def forget(self, user: str) -> Result:
        """Deletes what one user said and did, and everything concluded from it. Intents and their ids stay."""
        owner, count = forget_user(self.database, user)
        return Result(schema="everyturn/1", verb="forget", user=owner, conversations=count)


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


def _names(by: str | Sequence[str]) -> list[str]:
    return [n.strip() for n in by.split(",") if n.strip()] if isinstance(by, str) else list(by)
