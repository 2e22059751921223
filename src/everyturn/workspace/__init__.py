"""The verbs, and the one place that wires the parts together.

    bytes -> readers -> redact -> engines (stored) -> assemble -> signals, intents -> engines (summed) -> stats, analysis -> results

Every verb gives a `Result`: a dict of the shape that `--json` prints, which also knows how to show itself.
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
from everyturn.workspace.discovering import Wishes, discover_intents, discovered_json, ensure_intents, read_taxonomy
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
        """Closes the file; further use is an error."""
        self.database.close()

    def _result(self, verb: str, **fields: Any) -> Result:
        """The result of a verb, with the file it came from: the commands it tells ask the same one."""
        return Result.of(verb, workspace=str(self.database.path), **fields)

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
        """Reads what is new from a vendor's API: langfuse, langsmith, braintrust, datadog or phoenix.

        The first time needs `since`, a day or so long ago ("7d"); after that each pull goes on where the last one ended, whether it
        came to its end or not. Keys are read from `environment` (the process's own) under the vendor's own names. Gives the ledger
        as `load` does, with the `requests` it took.
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
        """Names the attribute that divides users into cohorts; without it the first usual one present does."""
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
        """The query behind `measure`, in DuckDB's dialect; its one parameter is the signal's name."""
        named_signal(signal)
        return metrics.summary_sql(group_names(by), metrics.dimensions(self.database), where=where, unit=unit)

    def measure(
        self, signal: str, *, by: str | Sequence[str] = (), where: str | None = None, unit: str = "user"
    ) -> Result:
        """A signal's rate by group, each with its range per user, or "not enough" with the users it has and needs.

        `by` names any of intent, cohort, week, day, month and the conversations' attributes; `where` is a condition over the
        same names. Conversations without a user id cannot give an honest range: they are counted in `without_user`, and
        where all lack one this is an error, unless `unit="conversation"` says that nobody appears twice.
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
        """How far a signal lies apart between two sets of conversations, paired where the same users are in both.

        `current` and `baseline` are conditions as in `measure(where=…)`. `effect` is the whole difference, `mix` what another mix of
        intents explains of it, `within` the rest. `verdict` speaks of the rest: better, worse, no clear change or not enough data.
        `smallest_change` is what these two sets would have shown four times in five.
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
        """Whether the budgets of `config` hold and, with `worse`, whether any signal of theirs is worse than it was.

        `current` and `baseline` are conditions as in `compare`; without them the last 7 days known stand against the 28 before. With no
        budget all of acceptance, complaint, edits and rework are compared. `verdict` is failed where one check failed,
        passed where at least one passed and none failed, unclear or not enough data otherwise.
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
        """Finds what users ask for in every conversation, and gives each request its intent or leaves it unclear.

        Re-runs keep the ids of the intents there are; `events` says which were born, grew, split, merged or faded, and how
        likely so much is by chance. `embedder` is a name of `intents.embedders` (else the one used before, or the default);
        `taxonomy` a YAML file of what people say about intents (`intents.taxonomy`), which holds from then on; `names` the address of a language model, `https://HOST/v1#MODEL`, that names intents.
        """
        wishes = Wishes(embedder, read_taxonomy(taxonomy), names, seed)
        made = discover_intents(self.database, wishes, progress=self.progress)
        return self._result("discover", **discovered_json(self.database, made))

    def fit(self) -> Result:
        """Fits the words to what users of this deployment did and rated, and says whether that beats the word rule.

        The comparison is made on the same quarter of the users every time, which the fit has not seen. Where it is clearly better, the
        outputs nobody acted on get a `rejection_risk`, to be measured like any signal; else nothing changes. `rule` and `fitted`
        are areas under the ROC curve there, `gain` their difference with a 90% range. New data want a new fit.
        """
        from everyturn.workspace.fitting import fit_words, fitted_json

        self._refresh()
        self.progress("fitting", 0, None)
        return self._result("fit", **fitted_json(fit_words(self.database)))

    # --- watch, gap, cover --------------------------------------------------------------------------------------

    def watch(self, *, until: str | date | None = None, budget: float = BUDGET) -> Result:
        """What changed, for whom, since when, the most telling first; each finding with conversations to read.

        `budget` is how many false alarms a year to expect at most when nothing ever changes, however often one looks. `until`
        replays the past: what would have been told by the end of that day, with today's intents.
        """
        if budget <= 0:
            raise InputError(
                "the budget of false alarms must be above 0", where="budget", expected="a number a year, such as 12"
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

    def _told(self) -> list[dict[str, Any]]:
        """Every finding of both tiers."""
        seen = self.watch()
        return [*seen["findings"], *seen["watch_list"]]

    def cohorts(self) -> Result:
        """Who the users are: groups by how they use the product, found anew with ids kept, and the declared cohorts.

        `divide_by("behaviour")` then watches and reports by these groups.
        """
        require_users(self.database)
        self._ensure_intents()
        self.progress("grouping users", 0, None)
        return self._result("cohorts", **cohorts_of(self.database))

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
            add_mark(self.database, kind, what, told=self._told, remove=remove)
        return self._result("mark", **marks_of(self.database).to_json())

    def gap(self) -> Result:
        """Evals beside users, per intent, the widest distance first; intents no case tests by how little users accept."""
        require_users(self.database)
        self._ensure_intents()
        return self._result("gap", **gap_of(self.database).to_json())

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

        For a signal, `where` narrows to the conversations that meet the condition, and those where the answer was bad come first.
        """
        if showing.is_conversation(what):
            self._refresh()
        else:
            self._ensure_intents()
        opened = showing.opened(self.database, what, where=where, limit=limit, told=self._told)
        return self._result("show", limit=limit, **opened)

    def report(self, file: str | Path | None = None, *, title: str = "Your agent") -> Result:
        """Everything on one page: evals beside users, findings, intents, trust, coverage, and the conversations behind them.

        Writes one self-contained HTML file where `file` is given; the result is the object the page is drawn from.
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
        """Writes one kind of thing to a .jsonl, .parquet or .csv file, or as JSON Lines to stdout for "-"; gives the row count.

        Kinds: conversations (the form `load` reads back), actions, observations, intents, assignments, map (where each
        request stands), taxonomy (YAML, to be edited and given back to `discover`), summaries, findings.
        """
        exporting.require_kind(kind)
        if kind not in exporting.AS_LOADED:
            self._refresh()
        if kind in exporting.WITH_INTENTS:
            self._ensure_intents()
        return exporting.write(self.database, kind, to, told=self._told)

    def forget(self, user: str) -> Result:
        """Deletes what one user said and did, and everything concluded from it. Intents and their ids stay.

        An error where nobody of that id is there.
        """
        owner, count = forget_user(self.database, user)
        return self._result("forget", user=owner, conversations=count)
