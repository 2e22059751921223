"""In what context each output was given, and the totals of a signal with and without each context.

A context is a yes or no about one output: an attribute of its conversation ("plan" is "pro"), a tool called for it, a tool that
gave an error, how far into the conversation it stood, and shapes of the user's message. It is read from what is stored; no
text leaves the database.
"""

from __future__ import annotations

import pyarrow as pa

from everyturn.engines.local import Database
from everyturn.engines.metrics import SCALE

# Shapes of the user's message, each a regular expression that also tells whether the message holds it. A table or column is
# what is written like_this or like.this_one; a number any run of digits, masked ones included.
SHAPES = {
    "identifier": r"[A-Za-z][A-Za-z0-9]*_[A-Za-z0-9_]+|\b[a-z]\w*\.[a-z]+_\w+",
    "number": r"\d",
    "code": r"```|;\s*$|\{\s*$|</\w+>",
    "link": r"https?://",
    "question mark": r"[?？]",
}
LONG = 600  # characters: more than anyone types into a chat at one go, so pasted
SHORT = 25  # characters
LATE = 3  # turns before it

_OUTPUTS = f"""
    SELECT conversation_id, coalesce(turn, 0) AS turn, user_id, intent_id, round(value * {SCALE})::HUGEINT AS value
    FROM facts WHERE signal = ? AND value IS NOT NULL AND user_id IS NOT NULL
"""
_TOOLS = """
    SELECT DISTINCT conversation_id, turn, unnest(json_extract_string(tool_calls, '$[*].name')) AS name FROM messages
    WHERE role = 'assistant' AND tool_calls IS NOT NULL
"""


def prepare(database: Database, signal: str, *, people: int) -> None:
    """Makes the tables `context_outputs` (what the signal says of each output), `contexts_named` and `context_of` (which each output has).

    Outputs and contexts go by numbers, the outputs of an intent one after the other: of tens of millions of rows a look at one
    intent reads that intent's alone.

    Attributes whose values are shared by fewer than `people` users are no contexts: ids, times, texts.
    """
    shapes = " UNION ALL ".join(
        f"SELECT 'message' AS kind, '{name}' AS name, conversation_id, turn FROM asked"
        f" WHERE regexp_matches(content, '{pattern}')"
        for name, pattern in SHAPES.items()
    )
    database.run(
        "CREATE OR REPLACE TEMP TABLE context_outputs AS SELECT *, row_number() OVER (ORDER BY intent_id) AS output"
        f" FROM ({_OUTPUTS}) ORDER BY intent_id",
        [signal],
    )
    database.run(
        f"""
        CREATE OR REPLACE TEMP TABLE context_rows AS
        WITH here AS (SELECT DISTINCT conversation_id, turn, user_id FROM context_outputs),
        asked AS (SELECT m.conversation_id, m.turn, m.content FROM messages m SEMI JOIN here USING (conversation_id, turn)
          WHERE m.role = 'user' AND m.content IS NOT NULL),
        attribute AS (SELECT c.conversation_id, c.user_id, e.key AS name, c.attributes ->> ('$."' || e.key || '"') AS value
          FROM conversations c, json_each(c.attributes) e WHERE c.conversation_id IN (SELECT conversation_id FROM here)),
        shared AS (SELECT name, value FROM attribute GROUP BY ALL HAVING count(DISTINCT user_id) >= {people:d}),
        called AS ({_TOOLS}),
        failed AS (SELECT DISTINCT a.conversation_id, a.turn, c.name FROM messages a
          JOIN (SELECT conversation_id, unnest(json_extract_string(tool_calls, '$[*].id')) AS id,
            unnest(json_extract_string(tool_calls, '$[*].name')) AS name FROM messages WHERE tool_calls IS NOT NULL) c ON c.conversation_id = a.conversation_id AND c.id = a.tool_call_id
          WHERE a.role = 'tool' AND starts_with(ltrim(a.content), '{{"error"'))
        SELECT kind, name, conversation_id, turn FROM (
          SELECT 'attribute' AS kind, name || ' = ' || value AS name, conversation_id, h.turn
          FROM attribute JOIN shared USING (name, value) JOIN here h USING (conversation_id)
          UNION ALL SELECT 'tool', name, conversation_id, turn FROM called
          UNION ALL SELECT 'tool error', name, conversation_id, turn FROM failed
          UNION ALL SELECT 'place', 'first', conversation_id, turn FROM here WHERE turn = 0
          UNION ALL SELECT 'place', 'late', conversation_id, turn FROM here WHERE turn >= {LATE}
          UNION ALL SELECT 'message', 'long', conversation_id, turn FROM asked WHERE length(content) > {LONG}
          UNION ALL SELECT 'message', 'short', conversation_id, turn FROM asked WHERE length(content) < {SHORT}
          UNION ALL {shapes}) SEMI JOIN here USING (conversation_id, turn)
        GROUP BY ALL
        """
    )
    database.run(
        "CREATE OR REPLACE TEMP TABLE contexts_named AS"
        " SELECT *, row_number() OVER (ORDER BY kind, name)::INTEGER AS context FROM (SELECT DISTINCT kind, name FROM context_rows)"
    )
    database.run(
        """
        CREATE OR REPLACE TEMP TABLE context_of AS SELECT o.output, n.context
        FROM context_rows r JOIN contexts_named n USING (kind, name) JOIN context_outputs o USING (conversation_id, turn)
        ORDER BY o.output
        """
    )
    database.run("DROP TABLE context_rows")


def totals(database: Database, *, intent_id: str | None = None, beside: tuple[str, str] | None = None) -> pa.Table:
    """The totals with and without each context by intent: one row an intent and context.

    Columns: intent_id (null where no intent fits), kind, name; users1, n1, y1, nn1, ny1, yy1 with the context; the same with 2
    without it; shared, nn, ny, yn, yy over the users in both. With `beside` (a kind and name) two rows a context: `held` true
    among the outputs that have that other context, false among those that lack it. `prepare` must have run.
    """
    only = "WHERE o.intent_id IS NOT DISTINCT FROM ?" if intent_id is not None else ""
    other = "false"
    parameters: list[str] = []
    if beside is not None:
        other = "b.output IS NOT NULL"
        parameters += list(beside)
    join = (
        "LEFT JOIN (SELECT output FROM context_of JOIN contexts_named USING (context) WHERE kind = ? AND name = ?) b"
        " ON b.output = o.output"
        if beside is not None
        else ""
    )
    if intent_id is not None:
        parameters.append(intent_id)
    row = "n{0}::DOUBLE AS n{0}, y{0}::DOUBLE / {1} AS y{0}, nn{0}::DOUBLE AS nn{0}, ny{0}::DOUBLE / {1} AS ny{0}, yy{0}::DOUBLE / {1} / {1} AS yy{0}"
    return database.table(
        f"""
        WITH outputs AS (SELECT o.*, {other} AS held FROM context_outputs o {join} {only}),
        people AS (SELECT intent_id, held, user_id, count(*)::HUGEINT AS n, sum(value)::HUGEINT AS y FROM outputs GROUP BY ALL),
        every AS (SELECT intent_id, held, count(*) AS users, sum(n) AS n, sum(y) AS y, sum(n * n) AS nn, sum(n * y) AS ny,
          sum(y * y) AS yy FROM people GROUP BY ALL),
        having_it AS (SELECT o.intent_id, o.held, c.context, o.user_id, count(*)::HUGEINT AS n1, sum(o.value)::HUGEINT AS y1
          FROM outputs o JOIN context_of c USING (output) GROUP BY ALL),
        sides AS (SELECT h.*, p.n, p.y, p.n - h.n1 AS n2, p.y - h.y1 AS y2 FROM having_it h JOIN people p
          ON p.intent_id IS NOT DISTINCT FROM h.intent_id AND p.held = h.held AND p.user_id = h.user_id),
        summed AS (SELECT intent_id, held, context, count(*) AS users1, sum(n1) AS n1, sum(y1) AS y1, sum(n1 * n1) AS nn1,
          sum(n1 * y1) AS ny1, sum(y1 * y1) AS yy1, count(*) FILTER (n2 = 0) AS only1,
          sum(n2 * n2 - n * n) AS nn2, sum(n2 * y2 - n * y) AS ny2, sum(y2 * y2 - y * y) AS yy2,
          count(*) FILTER (n2 > 0) AS shared, sum(n1 * n2) AS nn, sum(n1 * y2) AS ny, sum(y1 * n2) AS yn, sum(y1 * y2) AS yy
          FROM sides GROUP BY ALL),
        rows AS (SELECT s.* REPLACE (e.nn + s.nn2 AS nn2, e.ny + s.ny2 AS ny2, e.yy + s.yy2 AS yy2),
          e.users - s.only1 AS users2, e.n - s.n1 AS n2, e.y - s.y1 AS y2
          FROM summed s JOIN every e ON e.intent_id IS NOT DISTINCT FROM s.intent_id AND e.held = s.held)
        SELECT intent_id, held, kind, name, users1, {row.format(1, SCALE)}, users2, {row.format(2, SCALE)}, shared,
          nn::DOUBLE AS nn, ny::DOUBLE / {SCALE} AS ny, yn::DOUBLE / {SCALE} AS yn, yy::DOUBLE / {SCALE} / {SCALE} AS yy
        FROM rows JOIN contexts_named USING (context) ORDER BY ALL
        """,
        parameters,
    )


def examples(
    database: Database, *, intent_id: str | None, context: tuple[str, str], has: bool, worst: str, limit: int = 5
) -> list[str]:
    """Conversation ids of an intent that have (or lack) a context and where the signal answered badly, no two of one user.

    `worst` is "low" or "high": which answers are bad.
    """
    negate = "SEMI" if has else "ANTI"
    order = "min(value)" if worst == "low" else "max(value) DESC"
    return [
        row[0]
        for row in database.rows(
            f"""
            WITH found AS (SELECT o.* FROM context_outputs o {negate} JOIN
              (SELECT output FROM context_of JOIN contexts_named USING (context) WHERE kind = ? AND name = ?) c USING (output)
              WHERE o.intent_id IS NOT DISTINCT FROM ?)
            SELECT conversation_id FROM found GROUP BY conversation_id, user_id
            QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY {order}, conversation_id) = 1
            ORDER BY {order}, conversation_id LIMIT ?
            """,
            [*context, intent_id, limit],
        )
    ]
