"""The verbs, and the only place where the parts of the program are connected.

    bytes -> readers -> redact -> engines (stored) -> assemble -> signals, intents -> engines (summed) -> stats, analysis -> results

Every verb returns a `Result`: a dict with the fields that `--json` prints, which can also show itself as text or HTML.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from everyturn.analysis.alarms import BUDGET, LIST, PAGE
from everyturn.config import FILE, read_config
from everyturn.engines import metrics
from everyturn.engines.local import Database
from everyturn.errors import InputError, UnknownName
from everyturn.outputs.places import require_place
from everyturn.readers import Kind, ReadOptions
from everyturn.workspace import exporting, showing
from everyturn.workspace.checking import check_all
from everyturn.workspace.cohorts import cohorts_of
from everyturn.workspace.comparing import compare_sets, compared_json
from everyturn.workspace.discovering import (
    DiscoveryOptions,
    discover_intents,
    discovered_json,
    ensure_intents,
    read_taxonomy,
)
from everyturn.workspace.forgetting import forget_user
from everyturn.workspace.hearing import marks_of
from everyturn.workspace.listing import list_plugins
from everyturn.workspace.looking import findings_of, gap_of, read_day
from everyturn.workspace.marking import add_mark
from everyturn.workspace.measuring import group_names, measure_rates, needs_intents, require_users
from everyturn.workspace.observing import named_signal, observe, signals
from everyturn.workspace.page import report_on
from everyturn.workspace.result import Progress, Result, no_progress, plain
from everyturn.workspace.verifying import register

__all__ = ["Progress", "Result", "Workspace", "list_plugins", "signals"]


class Workspace:
    """One workspace file and the verbs on it.

    >>> with Workspace(":memory:") as ws:
    ...     ws.measure("acceptance")["rows"][0]["not_enough"]
    {'users': 0, 'needed': 10}
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
        """Closes the file. The workspace cannot be used afterwards."""
        self.database.close()

    def _result(self, verb: str, **fields: Any) -> Result:
        """The result of a verb, with the file it came from: the commands it tells ask the same one."""
        return Result.of(verb, workspace=str(self.database.path), **fields)

    def __repr__(self) -> str:
        """The file's name and how much is in it."""
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
        """Loads files and folders into the workspace; the result says what became of each record.

        `as_` is one of conversations, actions, evals, outcomes. `format` is used instead of recognising the format by content. `user_id`
        and `conversation_id` name the field with the id if it is not one of the usual ones ("metadata.user"). With `on_bad="stop"` the
        first bad record ends the load with an error and nothing is stored. Loading the same data again changes nothing. `git`, together
        with `as_="actions"`, is a git repository: its commits since the first conversation are loaded, with how much of each survived
        after `days` days.
        """
        from everyturn.workspace.loading import load_paths

        loaded = load_paths(
            self.database,
            paths,
            kind=as_,
            format=format,
            git=git,
            days=days,
            options=ReadOptions(user_id=user_id, conversation_id=conversation_id, on_bad=on_bad),
            keep_personal_data=keep_personal_data,
            now=now or datetime.now(UTC),
            progress=self.progress,
        )
        return self._result("load", **loaded)

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
        """Loads what is new from a vendor's API: langfuse, langsmith, braintrust, datadog or phoenix.

        The first pull needs `since`, a day or a time ago ("7d"); each later one continues where the last one ended, even if that was
        interrupted. Keys are read from `environment` (by default the process's own) under the vendor's own names. The result is that of
        `load`, with the number of `requests` sent.
        """
        from everyturn.workspace.pulling import pull_into

        pulled = pull_into(
            self.database,
            vendor,
            since=since,
            environment=os.environ if environment is None else environment,
            progress=self.progress,
            options=ReadOptions(user_id=user_id, conversation_id=conversation_id),
            keep_personal_data=keep_personal_data,
            now=now or datetime.now(UTC),
        )
        return self._result("pull", **pulled)

    def divide_by(self, attribute: str) -> None:
        """Sets the attribute that divides users into cohorts; if none is set, the first usual one that is present does."""
        known = metrics.attribute_names(self.database)  # none yet: it may come with the first load
        if known and attribute not in {metrics.BEHAVIOUR, *known}:
            raise UnknownName.among("attribute", attribute, [metrics.BEHAVIOUR, *known], example="--divide-by {}")
        self.database.set_meta("cohort_attribute", attribute)

    def _refresh(self) -> None:
        observe(self.database, progress=self.progress)

    def _ensure_intents(self) -> None:
        if Path(FILE).exists():
            register(self.database, read_config(Path(FILE)).successes)
        ensure_intents(self.database, progress=self.progress)
        self.progress("adding up", 0, None)

    # --- measure ------------------------------------------------------------------------------------------------

    def sql(self, signal: str, *, by: str | Sequence[str] = (), where: str | None = None, unit: str = "user") -> str:
        """The SQL query behind `measure`, in DuckDB's dialect; its only parameter is the signal's name."""
        named_signal(signal)
        return metrics.summary_sql(group_names(by), metrics.dimensions(self.database), where=where, unit=unit)

    def measure(
        self, signal: str, *, by: str | Sequence[str] = (), where: str | None = None, unit: str = "user"
    ) -> Result:
        """A signal's rate by group, with a range that counts users, or `not_enough` with the number of users there are and needed.

        `by` names any of intent, cohort, week, day, month and the conversations' attributes; `where` is a condition over the same names.
        Answers without a user cannot have an honest range and are only counted, in `without_user`. If all lack one, NoUserIds is raised,
        unless `unit="conversation"` says that nobody appears twice.
        """
        named_signal(signal)
        groups = group_names(by)
        self._refresh()
        if needs_intents(signal, groups, where):
            self._ensure_intents()
        self.progress("adding up", 0, None)
        measured = measure_rates(self.database, signal, groups=groups, where=where, unit=unit)
        return self._result("measure", **measured)

    def compare(self, signal: str, *, current: str, baseline: str) -> Result:
        """The difference of a signal between two sets of conversations; users who are in both are paired with themselves.

        `current` and `baseline` are conditions as in `measure(where=…)`. `effect` is the whole difference, `mix` the part that comes from
        a different mix of intents, `within` the part at the same intents. `verdict` is about `within`: better, worse, no clear change or
        not enough data. `smallest_change` is the change that these two sets would have shown with a probability of 80%.
        """
        found = named_signal(signal)
        require_users(self.database)
        self._ensure_intents()
        made = compare_sets(self.database, found, current=current, baseline=baseline)
        compared = compared_json(made, current=current, baseline=baseline)
        return self._result("compare", signal=signal, **compared)

    def check(
        self,
        *,
        config: str | Path = FILE,
        worse: bool = False,
        current: str | None = None,
        baseline: str | None = None,
    ) -> Result:
        """Whether the budgets in the file `config` hold and, with `worse`, whether any of their signals is worse than before.

        `current` and `baseline` are conditions as in `compare`; by default the last 7 days with known answers are compared with the 28
        before. Without any budget, acceptance, complaint, edits and rework are compared. `verdict` is "failed" if one check failed,
        "passed" if at least one passed and none failed, and otherwise "unclear" or "not enough data".
        """
        settings = read_config(Path(config))
        register(self.database, settings.successes)
        if settings.cohort:
            self.divide_by(settings.cohort)
        for budget in settings.budgets:
            named_signal(budget.signal)
        require_users(self.database)
        self._ensure_intents()
        checked = check_all(self.database, settings.budgets, worse=worse, current=current, baseline=baseline)
        return self._result("check", config=str(config), **checked)

    # --- discover -----------------------------------------------------------------------------------------------

    def discover(
        self,
        *,
        embedder: str | None = None,
        taxonomy: str | Path | None = None,
        names: str | None = None,
        seed: int = 7,
    ) -> Result:
        """Finds what users ask for: assigns every request to an intent, or leaves it unclear.

        Running it again keeps the ids of known intents. `events` says which were born, grew, split, merged or faded, and how likely that
        is by chance. `embedder` is a name from `intents.embedders`; by default the one used before, or "default". `taxonomy` is a YAML
        file in which people say how intents are to be named and divided (`intents.taxonomy`); it applies from then on. `names` is the
        address of a language model that names intents, `https://HOST/v1#MODEL`.
        """
        options = DiscoveryOptions(embedder, read_taxonomy(taxonomy), names, seed)
        made = discover_intents(self.database, options, progress=self.progress)
        return self._result("discover", **discovered_json(self.database, made))

    def fit(self) -> Result:
        """Fits a model of users' words to what users of this deployment did and rated, and compares it with the general word rule.

        They are compared on a quarter of the users, always the same, that the model has not seen. If the model is clearly better, the
        outputs nobody acted on get a `rejection_risk`, which can be measured like any signal; otherwise nothing changes. `rule` and
        `fitted` are areas under the ROC curve, `gain` is their difference with a 90% range. Run it again when there are new data.
        """
        from everyturn.workspace.fitting import fit_words, fitted_json

        self._refresh()
        self.progress("fitting", 0, None)
        return self._result("fit", **fitted_json(fit_words(self.database)))

    # --- watch, gap, cover --------------------------------------------------------------------------------------

    def watch(self, *, until: str | date | None = None, budget: float = BUDGET) -> Result:
        """What changed, for whom and since when; the most important finding first, each with conversations to read.

        `budget` is the expected number of false alarms a year, at most, if nothing ever changes, however often one looks. `until` replays
        the past: what would have been reported at the end of that day, with today's intents.
        """
        if budget <= 0:
            raise InputError(
                "the budget of false alarms must be above 0",
                where=f"budget {budget:g}",
                expected="a number of false alarms a year",
                try_="everyturn watch --budget 12",
            )
        day = read_day(until)
        require_users(self.database)
        self._ensure_intents()
        self.progress("looking for changes", 0, None)
        seen = findings_of(self.database, until=day, budget=budget)
        tiers = {"findings": PAGE, "watch_list": LIST}
        told = {name: [f for f in seen["findings"] if f["tier"] == tier] for name, tier in tiers.items()}
        rest = {name: value for name, value in seen.items() if name not in told}
        return self._result("watch", until=plain(day), budget=budget, **told, **rest)

    def _all_findings(self) -> list[dict[str, Any]]:
        """The findings of `watch`, of both tiers."""
        seen = self.watch()
        return [*seen["findings"], *seen["watch_list"]]

    def cohorts(self) -> Result:
        """The groups of users by how they use the product, and the declared cohorts, each with its acceptance.

        The groups are found again each time; groups that continue keep their ids. After `divide_by("behaviour")`, the other verbs use them
        as cohorts.
        """
        require_users(self.database)
        self._ensure_intents()
        self.progress("grouping users", 0, None)
        return self._result("cohorts", **cohorts_of(self.database))

    def mark(self, kind: str | None = None, what: str | None = None, *, remove: bool = False) -> Result:
        """Adds a mark, which `watch` then takes into account; without arguments, lists all marks.

        Kinds are `release` DAY (changes are more likely to begin on that day), `holiday` DAY (the day is ignored), `mute` FINDING (it is not
        reported again) and `normal` FINDING (the new level is accepted as normal and learnt within days). `remove` removes the mark.
        """
        if kind is not None:
            if what is None:
                raise InputError(
                    "a mark of what?",
                    where=f"mark {kind}",
                    expected="a day or the id of a finding",
                    try_="everyturn mark release 2026-10-19",
                )
            add_mark(self.database, kind, what, findings=self._all_findings, remove=remove)
        return self._result("mark", **marks_of(self.database).to_json())

    def gap(self) -> Result:
        """Evals beside users, intent by intent; those that cost users most accepted answers come first."""
        require_users(self.database)
        self._ensure_intents()
        return self._result("gap", **gap_of(self.database))

    def cover(
        self,
        *suites: str | Path,
        write: str | Path | None = None,
        to: str = "jsonl",
        count: int = 50,
        upload: str | None = None,
    ) -> Result:
        """How much of what users ask for the eval cases test, what they miss, and which cases are stale or duplicates.

        The cases are those loaded before and those in the files `suites`, which are loaded first. With `write` (a file) or `upload` (the
        name of a dataset), up to `count` new cases are made from real conversations, masked, and written in the form `to`: braintrust,
        jsonl, langfuse, langsmith, openai-evals or ragas. They are chosen to raise coverage most; `predicted` is the coverage with them.
        """
        from everyturn.outputs.cases import named
        from everyturn.workspace import covering

        if write is not None or upload is not None:
            named(to)
        if count < 1:
            raise InputError("no cases are asked for", where="-n", expected="a number from 1", try_="-n 50")
        if suites:
            covering.require_inputs(self.database, self.load(*suites, as_="evals"), suites)
        self._ensure_intents()
        covered = covering.cover(self.database, write=write, to=to, count=count, upload=upload, progress=self.progress)
        return self._result("cover", **covered)

    # --- show, report -------------------------------------------------------------------------------------------

    def show(self, *what: str, where: str | None = None, limit: int = 5) -> Result:
        """What is behind a number: `show("conversation", ID)`, `show("intent", ID or name)`, `show("cohort", NAME)`, `show("user", ID)`, `show(SIGNAL)`, `show(FINDING)`, `show("trust")`.

        For a signal, `where` selects the conversations that meet a condition; those with the worst answers come first.
        """
        if showing.is_conversation(what):
            self._refresh()
        else:
            self._ensure_intents()
        opened = showing.opened(self.database, what, where=where, limit=limit, findings=self._all_findings)
        return self._result("show", limit=limit, **opened)

    def report(self, file: str | Path | None = None, *, title: str = "Your agent") -> Result:
        """Everything on one page: evals beside users, findings, intents, trust, coverage, and the conversations behind them.

        With `file`, writes the page as one self-contained HTML file. The result is the object from which the page is drawn.
        """
        if file is not None:
            require_place(file)
        self._ensure_intents()
        report = report_on(self.database, title=title, progress=self.progress)
        result = self._result("report", **report)
        if file is not None:
            from everyturn.outputs.html import render_html
            from everyturn.outputs.tables import write_text

            write_text(render_html(result), file)
        return result

    # --- export, forget -----------------------------------------------------------------------------------------

    def export(self, kind: str, *, to: str | Path) -> int:
        """Writes one kind of data to a .jsonl, .parquet or .csv file, or to stdout as JSON Lines for "-"; returns the number of rows.

        Kinds are conversations (which `load` can read), actions, observations, intents, assignments, map (the place of each request),
        taxonomy (YAML that can be edited and passed to `discover`), summaries and findings.
        """
        exporting.require_kind(kind)
        if kind not in exporting.AS_LOADED:
            self._refresh()
        if kind in exporting.WITH_INTENTS:
            self._ensure_intents()
        return exporting.write(self.database, kind, to, findings=self._all_findings)

    def forget(self, user: str) -> Result:
        """Deletes what a user said and did, and everything concluded from it. Intents and their ids stay.

        Raises UnknownName if there is no user of that id.
        """
        owner, count = forget_user(self.database, user)
        return self._result("forget", user=owner, conversations=count)
