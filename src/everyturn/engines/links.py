"""Links each action to the conversation it belongs to, at most one.

The first of these that applies decides:

1. the conversation it names;
2. for an action with a text: the output that the text came from, among those its user was given in the seven days before;
3. the conversation of the user's previous action on the same document;
4. for a ticket or mail: the conversation in which the user asked for most nearly the same;
5. for an action without a text, for a copied part and for a ticket that matches nothing: the user's latest conversation of the seven days before.

A text that came from no output and belongs to no known document is not linked, because it says nothing about an output. A draft that was
rewritten completely is therefore only recognised if an id connects the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from everyturn.engines.local import Database
from everyturn.model import NO_NOISE, NoiseFloor
from everyturn.model.kinds import ASIDE, HUMAN, quoted

# Takes outputs and artefacts (columns user, at in microseconds, text); returns a row per artefact: the row of the output it came from
# (-1 for none) and the share of that output found in it.
Match = Callable[[pa.Table, pa.Table], pa.Table]
MeasureNoise = Callable[[pa.Table, pa.Table], NoiseFloor]  # takes outputs and artefacts (columns user, text)

WINDOW_DAYS = 7
WINDOW = WINDOW_DAYS * 86_400_000_000
_LEAST = 0.1  # share above the noise floor from which a text is taken to come from an output
_TOGETHER = 8_000_000  # characters of outputs and artefacts matched at once; only bounds memory
_SAMPLE = 300  # texts of each side on which the noise floor is measured
_SAME_MATTER = 0.5  # share of the user's words that must come back in another channel to be the same matter, not just the same shop
_CHANNEL = "channel"  # the attribute that names a conversation's channel
_KEYS = pa.schema([("asked", pa.int64()), ("candidate", pa.int64())])
_DOCUMENT_NAMES = (
    "document_id",
    "draft_id",
    "ticket_id",
    "file_id",
    "object_id",
)  # attributes that identify the document an action was on
_HUMAN, _NO_ARTEFACT = quoted(HUMAN), quoted(ASIDE)

# The last agent message of each turn that calls no tool. Found by position first, because a window over the texts would hold them all.
_OUTPUTS = """
  SELECT c.user_id, m.conversation_id, m.turn, m.content AS text, coalesce(m."at", c.started_at) AS "at"
  FROM messages m JOIN (
    SELECT m.conversation_id, m.turn, max(m.position) AS position FROM messages m JOIN conversations c USING (conversation_id)
    WHERE m.role = 'assistant' AND m.turn IS NOT NULL AND coalesce(m.tool_calls, '[]') = '[]' AND {among}
    GROUP BY ALL) USING (conversation_id, turn, position)
  JOIN conversations c USING (conversation_id)
  WHERE m.content <> '' AND coalesce(m."at", c.started_at) IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Matching:
    """How texts are compared: `texts` finds the output a text came from, `words` the request a ticket repeats; `noise` is what unrelated texts share."""

    texts: Match
    words: Match
    noise: MeasureNoise


def noise_floor(database: Database) -> NoiseFloor:
    """The workspace's noise floor, as last measured."""
    stored = database.meta("noise_floor")
    return NoiseFloor(*(float(part) for part in stored.split())) if stored else NO_NOISE


def link_actions(database: Database, matching: Matching, *, staged: str | None) -> None:
    """Links the actions of all users whose conversations or actions changed, and finds their returns; adds what changed to `touched`.

    Runs inside the load's transaction, when `touched` holds the conversations loaded; `staged` is the table of the actions loaded, if
    there is one.
    """
    run = database.run
    is_new = _measure(database, matching.noise)
    run("CREATE OR REPLACE TEMP TABLE links_before AS SELECT * FROM action_links")
    run("CREATE OR REPLACE TEMP TABLE returns_before AS SELECT * FROM returns")
    run("CREATE OR REPLACE TEMP TABLE relinked AS SELECT DISTINCT user_id FROM conversations WHERE user_id IS NOT NULL"
        + ("" if is_new else " AND conversation_id IN (SELECT conversation_id FROM touched)"))  # fmt: skip
    if staged:
        run(
            f"INSERT INTO relinked SELECT DISTINCT user_id FROM {staged} WHERE user_id NOT IN (SELECT user_id FROM relinked)"
        )
    run(
        """
        DELETE FROM action_links WHERE action_id IN (SELECT action_id FROM actions
          WHERE conversation_id IS NOT NULL OR user_id IN (SELECT user_id FROM relinked))
        """
    )
    run(
        """
        INSERT INTO action_links SELECT action_id, conversation_id, NULL FROM actions
        WHERE conversation_id IN (SELECT conversation_id FROM conversations)
        """
    )
    run(
        f"""
        CREATE OR REPLACE TEMP TABLE unnamed AS
        SELECT action_id, user_id, "at", {_document("attributes")} AS document, CASE WHEN kind IN ({_HUMAN}) THEN 'ticket' WHEN kind IN ({_NO_ARTEFACT}) THEN 'part'
          ELSE 'artefact' END AS role, coalesce(before, artefact) AS text
        FROM actions WHERE conversation_id IS NULL AND user_id IN (SELECT user_id FROM relinked)
        """
    )
    _link_by_text(database, matching.texts)
    _link_by_document(database)
    _link_by_words(database, matching.words)
    _link_to_latest(database)
    run("DELETE FROM returns WHERE user_id IN (SELECT user_id FROM relinked)")
    _find_returns(database, matching.words)
    for now, before in (("action_links", "links_before"), ("returns", "returns_before")):
        run(
            f"""
            INSERT INTO touched SELECT conversation_id FROM (
              (SELECT * FROM {now} EXCEPT SELECT * FROM {before}) UNION ALL (SELECT * FROM {before} EXCEPT SELECT * FROM {now}))
            """
        )
    if is_new:  # every share that was kept depends on the noise floor
        run(
            """
            INSERT INTO touched SELECT l.conversation_id FROM action_links l JOIN actions USING (action_id)
            WHERE artefact IS NOT NULL
            """
        )
    if staged:
        run(f"INSERT INTO touched SELECT l.conversation_id FROM action_links l JOIN {staged} USING (action_id)")
    for name in ("links_before", "returns_before", "relinked", "unnamed"):
        run(f"DROP TABLE {name}")


def _measure(database: Database, measure: MeasureNoise) -> bool:
    """Measures the noise floor on a sample chosen by hashes of ids, so independent of the order of loading; says whether it changed."""
    # The sample is drawn before any text is read, so that a load does not read them all.
    artefacts = database.table(
        f"""
        SELECT coalesce(a.user_id, c.user_id) AS user, artefact AS text FROM actions a
        LEFT JOIN conversations c USING (conversation_id)
        WHERE artefact <> '' AND coalesce(a.user_id, c.user_id) IS NOT NULL AND action_id IN (
          SELECT action_id FROM actions WHERE artefact IS NOT NULL AND kind NOT IN ({_HUMAN}, {_NO_ARTEFACT})
          ORDER BY md5(action_id) LIMIT {_SAMPLE})
        """
    )
    found = NO_NOISE
    if artefacts.num_rows:
        outputs = database.table(
            f"""
            SELECT c.user_id AS user, content AS text FROM messages m JOIN conversations c USING (conversation_id)
            WHERE m.role = 'assistant' AND coalesce(m.tool_calls, '[]') = '[]' AND content <> '' AND conversation_id IN (
              SELECT conversation_id FROM conversations WHERE user_id IS NOT NULL ORDER BY md5(conversation_id) LIMIT {_SAMPLE})
            ORDER BY md5(content), content LIMIT {_SAMPLE}
            """
        )
        found = measure(outputs, artefacts)
    if found == noise_floor(database):
        return False
    database.set_meta("noise_floor", f"{found.prose} {found.code}")
    return True


# --- by text and by words -------------------------------------------------------------------------------------


def _link_by_text(database: Database, match: Match) -> None:
    """Links texts to the outputs they came from."""
    among = "c.user_id IN (SELECT user_id FROM unnamed WHERE role <> 'ticket' AND text <> '')"
    database.run(
        f"""
        CREATE OR REPLACE TEMP TABLE candidates AS {_OUTPUTS.format(among=among)}
        """
    )
    floor = noise_floor(database)
    noise = max(floor.prose, floor.code)
    _ask(database, "SELECT * FROM unnamed WHERE role <> 'ticket'")
    _match(database, match, least=noise + _LEAST * (1 - noise))
    _link_matched(database)


def _document(attributes: str) -> str:
    """An SQL expression for the document an action was on, NULL if its attributes do not name one."""
    return "coalesce(" + ", ".join(f"json_extract_string({attributes}, '$.{name}')" for name in _DOCUMENT_NAMES) + ")"


def _link_by_document(database: Database) -> None:
    """Links texts that match no output to the conversation of their user's previous action on the same document."""
    database.run(
        f"""
        INSERT INTO action_links
        SELECT u.action_id, b.conversation_id, b.turn FROM
          (SELECT * FROM unnamed WHERE document IS NOT NULL AND action_id NOT IN (SELECT action_id FROM action_links)) u
          ASOF JOIN (SELECT a.user_id, {_document("a.attributes")} AS document, a."at", max(l.conversation_id) AS conversation_id,
              max(coalesce(a.turn, l.turn)) AS turn
            FROM actions a JOIN action_links l USING (action_id) WHERE {_document("a.attributes")} IS NOT NULL GROUP BY ALL) b
          ON u.user_id = b.user_id AND u.document = b.document AND u."at" >= b."at"
        WHERE u."at" <= b."at" + INTERVAL {WINDOW_DAYS} DAY
        """
    )


def _link_by_words(database: Database, match: Match) -> None:
    """Links tickets and mails with a text to the conversation in which their user asked for most nearly the same."""
    _ask(database, "SELECT * FROM unnamed WHERE role = 'ticket'")
    _offer_requests(database)
    _match(database, match, least=0.0)
    _link_matched(database)


def _find_returns(database: Database, match: Match) -> None:
    """Finds users who came back with the same matter: a conversation whose most similar earlier one is in another channel."""
    channel = f"json_extract_string(c.attributes, '$.{_CHANNEL}')"
    # A microsecond before it began, because a conversation would otherwise be most similar to itself.
    _ask(
        database,
        f"""
        SELECT c.user_id, c.conversation_id AS by_conversation, c.started_at AS began, {channel} AS channel, m.content AS text,
          c.started_at - INTERVAL 1 MICROSECOND AS "at"
        FROM conversations c JOIN messages m USING (conversation_id)
        WHERE {channel} IS NOT NULL AND m.role = 'user' AND c.started_at IS NOT NULL AND c.user_id IN (
          SELECT c.user_id FROM conversations c JOIN relinked USING (user_id) GROUP BY ALL HAVING count(DISTINCT {channel}) > 1)
        QUALIFY row_number() OVER (PARTITION BY m.conversation_id ORDER BY m.position) = 1
        """,
    )
    _offer_requests(database)
    _match(database, match, least=_SAME_MATTER)
    database.run(
        f"""
        INSERT INTO returns SELECT x.conversation_id, x.by_conversation, x.user_id, x.began, x.channel
        FROM matched x JOIN conversations c ON c.conversation_id = x.conversation_id WHERE {channel} <> x.channel
        """
    )
    database.run("DROP TABLE matched")


def _ask(database: Database, sql: str) -> None:
    """Makes `asked`, the texts to be matched, from a query with the columns user_id, at, text and any others."""
    database.run(f"CREATE OR REPLACE TEMP TABLE asked AS SELECT * FROM ({sql}) WHERE text <> ''")


def _offer_requests(database: Database) -> None:
    """Makes `candidates` from what the users of `asked` said in each of their conversations."""
    database.run(
        """
        CREATE OR REPLACE TEMP TABLE candidates AS
        SELECT c.user_id, conversation_id, NULL::INTEGER AS turn, string_agg(m.content, ' ' ORDER BY m.position) AS text,
          any_value(c.started_at) AS "at"
        FROM messages m JOIN conversations c USING (conversation_id)
        WHERE m.role = 'user' AND m.content <> '' AND c.started_at IS NOT NULL AND c.user_id IN (SELECT user_id FROM asked)
        GROUP BY c.user_id, conversation_id
        """
    )


def _link_matched(database: Database) -> None:
    database.run("INSERT INTO action_links SELECT action_id, conversation_id, turn FROM matched")
    database.run("DROP TABLE matched")


def _match(database: Database, match: Match, *, least: float) -> None:
    """Makes `matched`: the rows of `asked` that have a match, with the conversation and turn of the best of `candidates`.

    A bounded number of characters is compared at a time.
    """
    run = database.run
    # Users are packed together up to a number of characters. A user with more is compared week by week, each with the week before.
    run(
        f"""
        CREATE OR REPLACE TEMP TABLE packs AS
        SELECT user_id, size > {_TOGETHER} AS is_heavy, (sum(size) OVER (ORDER BY user_id) // {_TOGETHER})::BIGINT AS pack FROM (
          SELECT user_id, sum(strlen(text)) AS size FROM (
            SELECT user_id, text FROM candidates UNION ALL SELECT user_id, text FROM asked)
          GROUP BY user_id)
        """
    )
    columns = 'rowid AS key, user_id, epoch_us("at") AS "at", text'
    rows = f"""
      SELECT pack, CASE WHEN is_heavy THEN x."at" // {WINDOW} + x.later ELSE 0 END AS week, x.* EXCLUDE (later) FROM (
        SELECT 0 AS side, 0 AS later, {columns} FROM candidates
        UNION ALL SELECT 0, 1, {columns} FROM candidates
        UNION ALL SELECT 1, 0, {columns} FROM asked) x
      JOIN packs USING (user_id) WHERE is_heavy OR x.later = 0
    """
    found = [
        _matched(group, match, least=least)
        for group in _groups(_own_batches(database, f"SELECT * FROM ({rows}) ORDER BY pack, week"))
    ]
    database.connection.register("arrow_data", pa.concat_tables(found) if found else _KEYS.empty_table())
    run(
        """
        CREATE OR REPLACE TEMP TABLE matched AS SELECT u.* EXCLUDE (text), c.conversation_id, c.turn
        FROM arrow_data d JOIN asked u ON u.rowid = d.asked JOIN candidates c ON c.rowid = d.candidate
        """
    )
    database.connection.unregister("arrow_data")
    for name in ("packs", "candidates", "asked"):
        run(f"DROP TABLE {name}")


def _groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows of each pack and week as one table."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        marks = [batch.column(name).to_numpy() for name in ("pack", "week")]
        bounds = np.flatnonzero(np.any([mark[1:] != mark[:-1] for mark in marks], axis=0)) + 1
        if held and any(held[-1].column(name)[-1] != batch.column(name)[0] for name in ("pack", "week")):
            yield pa.Table.from_batches(held)
            held = []
        start = 0
        for bound in bounds.tolist():
            yield pa.Table.from_batches([*held, batch.slice(start, bound - start)])
            held, start = [], bound
        held.append(batch.slice(start))
    if held:
        yield pa.Table.from_batches(held)


def _matched(group: pa.Table, match: Match, *, least: float) -> pa.Table:
    """The matches within a group, as pairs of keys: a text's and that of the candidate it came from."""
    users = group.column("user_id").combine_chunks().dictionary_encode().indices
    table = pa.table({"user": users, **{name: group.column(name) for name in ("side", "key", "at", "text")}})
    given, asked = (table.filter(pc.equal(table.column("side"), side)) for side in (0, 1))
    found = match(given, asked)
    output, share = (found.column(name).to_numpy() for name in ("output", "share"))
    good = np.flatnonzero((output >= 0) & (share >= least))
    keys = {"asked": asked.column("key").take(good), "candidate": given.column("key").take(output[good])}
    return pa.table(keys, schema=_KEYS)


def _own_batches(database: Database, sql: str) -> Iterator[pa.RecordBatch]:
    """A query's batches, streamed on the database's own connection, which sees the open transaction."""
    yield from database.connection.sql(sql).to_arrow_reader(10_000)


# --- by time --------------------------------------------------------------------------------------------------


def _link_to_latest(database: Database) -> None:
    """Links actions without a text, and parts and tickets without a match, to their user's latest conversation of the seven days before."""
    database.run(
        f"""
        INSERT INTO action_links
        SELECT action_id, c.conversation_id, NULL FROM
          (SELECT * FROM unnamed WHERE (role <> 'artefact' OR coalesce(text, '') = '')
            AND action_id NOT IN (SELECT action_id FROM action_links)) a
          ASOF JOIN (SELECT user_id, started_at, max(conversation_id) AS conversation_id, max(ended_at) AS ended_at
            FROM conversations WHERE started_at IS NOT NULL AND user_id IS NOT NULL GROUP BY user_id, started_at) c
          ON a.user_id = c.user_id AND a."at" >= c.started_at
        WHERE a."at" <= c.ended_at + INTERVAL {WINDOW_DAYS} DAY
        """
    )
