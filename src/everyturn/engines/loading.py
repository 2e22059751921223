"""From Arrow batches of records to stored conversations: batches are staged, then merged by natural key in one transaction.

Loading the same data again changes nothing. Late and partial records complete what is stored. A record that contradicts a stored one
under the same id is refused and reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from everyturn.engines.link_traces import Threads
from everyturn.engines.links import Matching, link_actions
from everyturn.engines.local import Database
from everyturn.engines.merge_messages import merge_messages, place_ratings
from everyturn.engines.merge_spans import Assemble, Merge, Resolve, merge_spans
from everyturn.engines.tables import NATURAL_KEYS
from everyturn.model import DEFAULT_SUITE, Rejected

_STAGED = {
    "messages": "in_messages",
    "spans": "in_spans",
    "ratings": "in_ratings",
    "actions": "in_actions",
    "eval_cases": "in_eval_cases",
    "eval_results": "in_eval_results",
    "outcomes": "in_outcomes",
}


@dataclass(slots=True)
class Merged:
    """What a load did: how many conversations and users its records belong to, and which records it refused.

    `model_calls` counts the model calls among its spans, `without_content` those recorded without input and output. `without_id` counts
    the conversations none of whose spans has a conversation id. `labels` counts the outcomes from a team's table whose conversations'
    messages are loaded.
    """

    conversations: int = 0
    users: int = 0
    model_calls: int = 0
    without_content: int = 0
    without_id: int = 0
    labels: int = 0
    rejected: list[Rejected] = field(default_factory=list)


class Loading:
    """One load: call `stage` for any number of batches, then `merge` once. Nothing is stored until `merge` returns."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._staged: set[str] = set()
        for name in _STAGED.values():
            database.run(f"DROP TABLE IF EXISTS temp.{name}")

    def stage(self, kind: str, table: pa.Table) -> None:
        """Stages a batch of one kind of record: messages, spans, feedback, actions, eval_cases, eval_results or outcomes."""
        if not table.num_rows:
            return
        kind = (
            "ratings" if kind == "feedback" else kind
        )  # `ratings` is feedback as it came, `feedback` what it was placed on
        name = _STAGED[kind]
        self.database.connection.register("arrow_data", table)
        verb = f"INSERT INTO temp.{name}" if kind in self._staged else f"CREATE TEMP TABLE {name} AS"
        columns = ", ".join(
            f'CAST("{f.name}" AS TIMESTAMP) AS "{f.name}"' if pa.types.is_timestamp(f.type) else f'"{f.name}"'
            for f in table.schema
        )
        self.database.run(f"{verb} SELECT {columns} FROM arrow_data")
        self.database.connection.unregister("arrow_data")
        self._staged.add(kind)

    def merge(
        self, *, merge: Merge, resolve: Resolve, assemble: Assemble, matching: Matching, threads: Threads
    ) -> Merged:
        """Stores what was staged and rebuilds the conversations it touches, in one transaction."""
        merged = Merged()
        with self.database.transaction():
            run = self.database.run
            run("CREATE OR REPLACE TEMP TABLE touched (conversation_id VARCHAR)")
            for kind in ("actions", "eval_results", "ratings"):
                if kind in self._staged:
                    self._upsert(kind)
            if "eval_cases" in self._staged:
                merged.rejected += self._merge_cases()
            if "messages" in self._staged:
                merged.rejected += merge_messages(self.database)
            if self._staged & {"spans", "ratings"}:
                merge_spans(
                    self.database, self._staged, merge=merge, resolve=resolve, assemble=assemble, threads=threads
                )
            if "ratings" in self._staged:
                place_ratings(self.database)
            if "outcomes" in self._staged:
                merged.labels = self._merge_outcomes()
            if self._staged & {"actions", "messages", "spans"}:
                link_actions(self.database, matching, staged="temp.in_actions" if "actions" in self._staged else None)
            self._mark_pending()
            merged.conversations = self.database.scalar(
                "SELECT count(*) FROM conversations WHERE conversation_id IN (SELECT conversation_id FROM touched)"
            )
            merged.users = self.database.scalar(
                "SELECT count(DISTINCT user_id) FROM conversations"
                " WHERE conversation_id IN (SELECT conversation_id FROM touched)"
            )
            self._count_gaps(merged)
            for kind in self._staged:
                run(f"DROP TABLE temp.{_STAGED[kind]}")
        self._staged.clear()
        return merged

    def _count_gaps(self, merged: Merged) -> None:
        """Counts what the staged spans lack, after all parts of a span have been merged."""
        if "spans" not in self._staged:
            return
        (counts,) = self.database.rows(
            "SELECT count(*), count(*) FILTER (input IS NULL AND output IS NULL) FROM spans"
            " WHERE operation = 'chat' AND (trace_id, span_id) IN (SELECT (trace_id, span_id) FROM temp.in_spans)"
        )
        merged.model_calls, merged.without_content = counts
        merged.without_id = self.database.scalar(
            "SELECT count(*) FROM conversations WHERE conversation_id IN (SELECT first_id FROM loose_traces"
            " WHERE trace_id IN (SELECT trace_id FROM temp.in_spans))"
        )

    # --- records with a natural key ---------------------------------------------------------------------------

    def _upsert(self, kind: str) -> None:
        """Stores the staged records; of several with the same key the last one read replaces the others."""
        keys = ", ".join(NATURAL_KEYS[kind])
        staged = f"temp.{_STAGED[kind]}"
        run = self.database.run
        run(f"DELETE FROM {kind} WHERE ({keys}) IN (SELECT ({keys}) FROM {staged})")
        run(
            f"INSERT INTO {kind} BY NAME SELECT * FROM {staged}"
            f" QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY rowid DESC) = 1"
        )
        if kind in {"eval_cases", "eval_results"}:
            self._name_suites()

    def _merge_cases(self) -> list[Rejected]:
        """Stores the staged eval cases; a field that the last record of a case leaves out keeps its value.

        A run's log, for example, has the question but no expected answer. If one load has two different inputs under one case id, two
        suites probably have the same name: the first is stored, the other refused and returned.
        """
        refused = [
            Rejected(
                f"suite {suite}, case {case_id}",
                "one input for each case of a suite",
                "another input: two suites of one name?",
            )
            for suite, case_id in self.database.rows(
                """
                DELETE FROM temp.in_eval_cases WHERE rowid IN (
                  SELECT rowid FROM (SELECT rowid, input <> first_value(input) OVER (
                    PARTITION BY suite, case_id ORDER BY rowid) AS is_other FROM temp.in_eval_cases) WHERE is_other)
                RETURNING suite, case_id
                """
            )
        ]
        self.database.run(
            """
            CREATE OR REPLACE TEMP TABLE merged_cases AS
            SELECT suite, case_id, arg_max(input, n) AS input, arg_max(expected, n) AS expected,
              coalesce(arg_max(nullif(attributes, '{}'), n), '{}') AS attributes
            FROM (
              SELECT *, rowid AS n FROM temp.in_eval_cases
              UNION ALL BY NAME SELECT *, -1 AS n FROM eval_cases
              WHERE (suite, case_id) IN (SELECT (suite, case_id) FROM temp.in_eval_cases))
            GROUP BY suite, case_id
            """
        )
        self.database.run(
            "DELETE FROM eval_cases WHERE (suite, case_id) IN (SELECT (suite, case_id) FROM merged_cases)"
        )
        self.database.run("INSERT INTO eval_cases BY NAME SELECT * FROM merged_cases")
        self.database.run("DROP TABLE merged_cases")
        return refused

    def _name_suites(self) -> None:
        """Moves results that do not name their suite to the suite that has a case of that id, if there is exactly one.

        Platforms record only the case beside a score; which suite it belongs to is in the dataset, which may be loaded before or after.
        """
        run = self.database.run
        run(
            """
            CREATE OR REPLACE TEMP TABLE named AS
            SELECT case_id, min(suite) AS suite FROM eval_cases
            WHERE case_id IN (SELECT case_id FROM eval_results WHERE suite = ?)
            GROUP BY case_id HAVING count(*) = 1 AND min(suite) <> ?
            """,
            [DEFAULT_SUITE, DEFAULT_SUITE],
        )
        run(
            """
            DELETE FROM eval_results WHERE (suite, case_id, run_id, metric) IN
              (SELECT (n.suite, r.case_id, r.run_id, r.metric) FROM eval_results r JOIN named n USING (case_id) WHERE r.suite = ?)
            """,
            [DEFAULT_SUITE],
        )
        run(
            "UPDATE eval_results SET suite = n.suite FROM named n"
            " WHERE eval_results.case_id = n.case_id AND eval_results.suite = ?",
            [DEFAULT_SUITE],
        )
        run("DROP TABLE named")

    # --- outcomes from a warehouse ------------------------------------------------------------------------------

    def _merge_outcomes(self) -> int:
        """Stores the rows of a team's own table of outcomes as conversations with observations; returns the number of labels.

        If a conversation's messages are loaded, its observations come from these and the row is kept only as a label.
        """
        run = self.database.run
        run("INSERT INTO touched SELECT DISTINCT conversation_id FROM temp.in_outcomes")
        ids = "(SELECT conversation_id FROM temp.in_outcomes)"
        run(f"DELETE FROM conversations WHERE origin = 'outcomes' AND conversation_id IN {ids}")
        run(f"DELETE FROM given_outcomes WHERE conversation_id IN {ids}")
        run(
            """
            INSERT INTO given_outcomes SELECT conversation_id, accepted FROM temp.in_outcomes
            QUALIFY row_number() OVER (PARTITION BY conversation_id ORDER BY rowid DESC) = 1 ORDER BY conversation_id
            """
        )
        run(
            """
            CREATE OR REPLACE TEMP TABLE last_outcomes AS SELECT * FROM temp.in_outcomes
            WHERE conversation_id NOT IN (SELECT conversation_id FROM conversations)
            QUALIFY row_number() OVER (PARTITION BY conversation_id ORDER BY rowid DESC) = 1
            """
        )
        run(
            """
            INSERT INTO conversations BY NAME
            SELECT conversation_id, user_id, started_at, started_at AS ended_at,
              CASE WHEN cohort IS NULL THEN attributes
                ELSE json_merge_patch(attributes, json_object('cohort', cohort))::VARCHAR END AS attributes,
              0 AS messages, 1 AS turns, 1 AS outputs, 'outcomes' AS origin
            FROM last_outcomes
            """
        )
        for name in ("observations", "assignments"):
            run(f"DELETE FROM {name} WHERE conversation_id IN (SELECT conversation_id FROM last_outcomes)")
        run(
            """
            INSERT INTO observations BY NAME
            SELECT conversation_id, 0 AS turn, signal, 0 AS version, value, label,
              CASE WHEN value IS NOT NULL AND known_at IS NOT NULL THEN greatest(known_at, started_at) END AS final_at FROM (
              SELECT conversation_id, 'acceptance' AS signal, accepted AS value,
                CASE accepted WHEN 1 THEN 'accepted' END AS label FROM last_outcomes
              UNION ALL SELECT conversation_id, 'edits', (edit_share > 0)::INT, NULL FROM last_outcomes
                WHERE accepted > 0 OR edit_share > 0
              UNION ALL SELECT conversation_id, 'edit_share', edit_share, NULL FROM last_outcomes WHERE edit_share IS NOT NULL
              UNION ALL SELECT conversation_id, 'rework', reworked, NULL FROM last_outcomes WHERE accepted > 0)
            JOIN (SELECT conversation_id, known_at, started_at FROM last_outcomes) USING (conversation_id)
            """
        )
        run(
            """
            INSERT INTO assignments BY NAME
            SELECT conversation_id, 0 AS request, 0 AS turn, intent AS intent_id, 1.0 AS confidence
            FROM last_outcomes
            """
        )
        run("DROP TABLE last_outcomes")
        labels: int = self.database.scalar(
            f"SELECT count(*) FROM conversations WHERE origin <> 'outcomes' AND conversation_id IN {ids}"
        )
        return labels

    # --- after any of these -------------------------------------------------------------------------------------

    def _mark_pending(self) -> None:
        run = self.database.run
        run(
            """
            INSERT INTO pending SELECT DISTINCT conversation_id FROM touched
            WHERE conversation_id NOT IN (SELECT conversation_id FROM pending)
            """
        )
        seen = self.database.scalar(
            'SELECT max("at")::VARCHAR FROM (SELECT max(ended_at) AS "at" FROM conversations UNION ALL SELECT max("at") FROM actions'
            " UNION ALL SELECT max(final_at) FROM observations WHERE version = 0)"
        )
        if seen:
            self.database.set_meta("seen_until", seen)
