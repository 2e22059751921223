"""The queries behind the analyses and the page, besides the per-user totals of `metrics.cells`."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from everyturn.engines.horizons import horizon
from everyturn.engines.local import Database
from everyturn.engines.metrics import dimensions
from everyturn.model import Json
from everyturn.model.kinds import HUMAN, quoted


def intents(database: Database) -> pa.Table:
    """The intents: columns intent_id, intent (its name), first_seen (a date), users."""
    return database.table(
        "SELECT intent_id, label AS intent, first_seen::DATE AS first_seen, users FROM intents ORDER BY intent_id"
    )


def evals(database: Database) -> pa.Table:
    """Every eval case with each of its scores: columns suite, case_id, intent_id (null: it tests no intent), run_id, at, score.

    A case without a score has one row with a null score. If a run has several metrics, their mean is the score of a case.
    """
    return database.table(
        """
        WITH scores AS (
          SELECT suite, case_id, run_id, max("at") AS "at", avg(score) AS score FROM eval_results
          GROUP BY suite, case_id, run_id),
        cases AS (SELECT suite, case_id FROM eval_cases UNION SELECT suite, case_id FROM eval_results)
        SELECT c.suite, c.case_id, i.intent_id, s.run_id, s."at", s.score
        FROM cases c LEFT JOIN case_intents i USING (suite, case_id) LEFT JOIN scores s USING (suite, case_id)
        ORDER BY c.suite, c.case_id, s."at", s.run_id
        """
    )


def cases(database: Database) -> pa.Table:
    """Every eval case: columns suite, case_id, input (null: only its scores are known), intent_id (null: it tests no intent)."""
    return database.table(
        """
        SELECT c.suite, c.case_id, e.input, i.intent_id
        FROM (SELECT suite, case_id FROM eval_cases UNION SELECT suite, case_id FROM eval_results) c
        LEFT JOIN eval_cases e USING (suite, case_id) LEFT JOIN case_intents i USING (suite, case_id)
        ORDER BY c.suite, c.case_id
        """
    )


def requests(database: Database) -> pa.Table:
    """Every request that belongs to an intent, and the first of its answers that failed, if one did.

    Columns conversation_id, request, turn (where it begins), user_id, intent_id, text, day; failed_turn (the first output that was
    rejected, abandoned, edited or redone; null if none was) and that output's label, evidence, detail and reworked.
    """
    return database.table(
        """
        WITH spans AS (
          SELECT conversation_id, request, turn,
            lead(turn) OVER (PARTITION BY conversation_id ORDER BY request) AS next FROM requests),
        failed AS (
          SELECT s.conversation_id, s.request, min(o.turn) AS failed_turn,
            arg_min(o.label, o.turn) AS label, arg_min(o.evidence, o.turn) AS evidence, arg_min(o.detail, o.turn) AS detail,
            arg_min(coalesce(w.value >= 0.5, false), o.turn) AS reworked
          FROM spans s
          JOIN observations o ON o.conversation_id = s.conversation_id AND o.signal = 'acceptance'
            AND (o.turn >= s.turn OR s.request = 0) AND (s.next IS NULL OR o.turn < s.next)
          LEFT JOIN observations w ON w.conversation_id = o.conversation_id AND w.turn = o.turn AND w.signal = 'rework'
          WHERE o.label IN ('rejected', 'abandoned', 'edited') OR w.value >= 0.5
          GROUP BY s.conversation_id, s.request)
        SELECT r.conversation_id, r.request, r.turn, r.user_id, a.intent_id, r.text,
          coalesce(r."at", c.started_at)::DATE AS day, f.failed_turn, f.label, f.evidence, f.detail,
          coalesce(f.reworked, false) AS reworked
        FROM requests r JOIN assignments a USING (conversation_id, request) JOIN conversations c USING (conversation_id)
        LEFT JOIN failed f USING (conversation_id, request)
        WHERE a.intent_id IS NOT NULL ORDER BY r.conversation_id, r.request
        """
    )


def said(database: Database, wanted: pa.Table) -> pa.Table:
    """The rows of `wanted` with the user's message of that turn as `content`, in the order of `number` and `is_first`.

    `wanted` has the columns conversation_id, turn, number and is_first. Turns without a text are left out.
    """
    database.connection.register("wanted_turns", wanted)
    try:
        return database.table(
            """
            SELECT w.*, m.content FROM messages m JOIN wanted_turns w USING (conversation_id, turn)
            WHERE m.role = 'user' AND m.content <> '' ORDER BY w.number, w.is_first
            """
        )
    finally:
        database.connection.unregister("wanted_turns")


def tickets(database: Database) -> pa.Table:
    """How many matters were handed to people: columns week (Monday), intent_id (null: not known which), n."""
    return database.table(
        f"""
        SELECT date_trunc('week', a."at")::DATE AS week, i.intent_id, count(*)::BIGINT AS n
        FROM actions a LEFT JOIN action_links l USING (action_id)
        LEFT JOIN (SELECT conversation_id, arg_max_null(intent_id, turn) AS intent_id FROM turn_intents
          GROUP BY conversation_id) i ON i.conversation_id = l.conversation_id
        WHERE a.kind IN ({quoted(HUMAN)}) GROUP BY ALL ORDER BY ALL
        """
    )


def counts(database: Database) -> dict[str, Json]:
    """How many conversations, users, outputs and so on there are: the `counts` of the report."""
    names = ("conversations", "users", "actions", "eval_cases", "intents", "unclear_conversations")
    row = database.rows(
        """
        SELECT (SELECT count(*) FROM conversations), (SELECT count(DISTINCT user_id) FROM conversations),
          (SELECT count(*) FROM actions),
          (SELECT count(*) FROM (SELECT suite, case_id FROM eval_cases UNION SELECT suite, case_id FROM eval_results)),
          (SELECT count(*) FROM intents),
          (SELECT count(*) FROM (SELECT conversation_id FROM assignments GROUP BY conversation_id
            HAVING count(intent_id) = 0))
        """
    )[0]
    outputs, unknown, coming = database.rows(
        "SELECT count(*), count(*) - count(value), count_if(is_coming) FROM facts WHERE signal = 'acceptance'"
    )[0]
    checks = database.meta("success_checks") not in (None, "[]")
    return {
        **dict(zip(names, row, strict=True)),
        "outputs": outputs,
        "unknown_outputs": unknown,
        "coming_outputs": coming,
        "horizon_days": horizon(database, "acceptance"),
        "success_checks": checks,
    }


def cohorts(database: Database) -> list[dict[str, Any]]:
    """Each cohort with its users and conversations, the largest first."""
    cohort = dimensions(database)["cohort"]
    return [
        {"cohort": name, "users": users, "conversations": conversations}
        for name, users, conversations in database.rows(
            f"SELECT {cohort} AS cohort, count(DISTINCT user_id), count(*) FROM conversations GROUP BY ALL"
            " ORDER BY count(*) DESC, cohort"
        )
    ]


def dashboard(database: Database) -> dict[str, float | None]:
    """System health from the same data: mean seconds to an answer, the share of failed steps of how many, that of answered turns of how many."""
    latency, completion, turns = database.rows(
        """
        SELECT avg(seconds) FILTER (seconds > 0 AND seconds <= 600), avg(answered::INT), count(*) FROM (
          SELECT epoch(max("at") FILTER (role = 'assistant')) - epoch(min("at") FILTER (role = 'user')) AS seconds,
            bool_or(role = 'assistant') AS answered
          FROM messages WHERE turn IS NOT NULL GROUP BY conversation_id, turn)
        """
    )[0]
    errors, steps = database.rows("SELECT avg((error IS NOT NULL)::INT), count(*) FROM spans WHERE NOT is_evaluation")[
        0
    ]
    return {
        "latency_seconds": latency,
        "error_rate": errors,
        "steps": steps,
        "completion_rate": completion,
        "turns": turns,
    }
