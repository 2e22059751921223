"""In what context each output was given, and the totals of a signal with and without each context.

A context is a yes or no about one output: an attribute of its conversation ("plan" is "pro"), a tool called for it, a tool that
gave an error, how far into the conversation it stood, and shapes of the user's message. It is read from what is stored; no
text leaves the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from everyturn.engines.local import Database
from everyturn.engines.metrics import SCALE
from everyturn.stats.summaries import Codes, Floats, distinct, sum_by

Mask = NDArray[np.bool_]

# Shapes of the user's message, each a regular expression that also tells whether the message holds it. A table or column is
# what is written like_this or like.this_one; a number any run of digits, masked ones included.
SHAPES = {
    "identifier": r"[A-Za-z][A-Za-z0-9]*_[A-Za-z0-9_]+|\b[a-z]\w*\.[a-z]+_\w+",
    "number": r"\d",
    "code": r"```|;\s*$|\{\s*$|</\w+>",
    "link": r"https?://",
    "question mark": r"[?？]",
}
LONG = 600  # characters, from which a message is taken to be pasted: few people type so much at one go
SHORT = 25  # characters, below which a message is short
LATE = 3  # turns of the conversation, after which an output comes late

_MESSAGE = {"long": f"length(content) > {LONG}", "short": f"length(content) < {SHORT}"} | {
    name: f"regexp_matches(content, '{pattern}')" for name, pattern in SHAPES.items()
}
_PLACE = {"first": "turn = 0", "late": f"turn >= {LATE}"}

# Numbers the outputs, those of one intent together and in the order of their conversations' ids, and the people of each intent.
_OUTPUTS = f"""
    CREATE OR REPLACE TEMP TABLE context_outputs AS
    WITH outputs AS (
      SELECT conversation_id, coalesce(turn, 0) AS turn, user_id, intent_id, round(value * {SCALE})::DOUBLE AS value
      FROM facts WHERE signal = ? AND value IS NOT NULL AND user_id IS NOT NULL),
    people AS (SELECT *, row_number() OVER () - 1 AS person FROM (SELECT DISTINCT intent_id, user_id FROM outputs)),
    intents AS (SELECT *, row_number() OVER (ORDER BY intent_id) - 1 AS intent FROM (SELECT DISTINCT intent_id FROM outputs))
    SELECT o.*, intent, person, row_number() OVER (ORDER BY intent, conversation_id, turn) - 1 AS output
    FROM outputs o JOIN people p ON p.user_id = o.user_id AND p.intent_id IS NOT DISTINCT FROM o.intent_id
    JOIN intents i ON i.intent_id IS NOT DISTINCT FROM o.intent_id
"""
_ROWS = f"""
    CREATE OR REPLACE TEMP TABLE context_rows AS
    WITH texts AS (
      SELECT attributes, e.key || ' = ' || (attributes ->> ('$."' || e.key || '"')) AS name
      FROM (SELECT DISTINCT attributes FROM conversations) c, json_each(c.attributes) e),
    here AS (SELECT output, user_id, attributes FROM context_outputs JOIN (SELECT conversation_id, attributes FROM conversations) USING (conversation_id)),
    shared AS (
      SELECT name FROM texts JOIN (SELECT DISTINCT attributes, user_id FROM here) USING (attributes)
      GROUP BY name HAVING count(DISTINCT user_id) >= ?),
    calls AS (
      SELECT conversation_id, turn, role, unnest(json_extract_string(tool_calls, '$[*].id')) AS id,
        unnest(json_extract_string(tool_calls, '$[*].name')) AS name FROM messages WHERE tool_calls IS NOT NULL),
    said AS (
      SELECT output, unnest([{", ".join(f"CASE WHEN {test} THEN '{name}' END" for name, test in _MESSAGE.items())}]) AS name
      FROM messages m JOIN context_outputs USING (conversation_id, turn) WHERE m.role = 'user' AND m.content IS NOT NULL),
    stood AS (
      SELECT output, unnest([{", ".join(f"CASE WHEN {test} THEN '{name}' END" for name, test in _PLACE.items())}]) AS name
      FROM context_outputs)
    SELECT 'attribute' AS kind, name, output FROM here JOIN texts USING (attributes) SEMI JOIN shared USING (name)
    UNION ALL SELECT DISTINCT 'tool', name, output FROM calls JOIN context_outputs USING (conversation_id, turn)
      WHERE role = 'assistant'
    UNION ALL SELECT DISTINCT 'tool error', c.name, o.output FROM messages a
      JOIN calls c ON c.conversation_id = a.conversation_id AND c.id = a.tool_call_id
      JOIN context_outputs o ON o.conversation_id = a.conversation_id AND o.turn = a.turn
      WHERE a.role = 'tool' AND starts_with(ltrim(a.content), '{{"error"')
    UNION ALL SELECT 'place', name, output FROM stood
    UNION ALL SELECT DISTINCT 'message', name, output FROM said
"""
_NAMED = """
    CREATE OR REPLACE TEMP TABLE contexts_named AS
    SELECT kind, name, row_number() OVER (ORDER BY kind, name) - 1 AS context
    FROM (SELECT DISTINCT kind, name FROM context_rows WHERE name IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Contexts:
    """What a signal says of each output, and the contexts of each output. Sorted by intent, so that one intent is a slice.

    One entry per output: `intent` (its place in `intents`), `person` (numbered within each intent), `value` (in millionths) and
    `conversation`. One entry per output and context it has, sorted by `pair` and then `who`: `output` (its number), `pair`
    (intent * len(named) + the context's place in `named`) and `who` (the output's `person`). `named` holds (kind, name).
    """

    intents: list[str | None]
    named: list[tuple[str, str]]
    intent: Codes
    person: Codes
    value: Floats
    conversation: pa.ChunkedArray
    output: Codes
    pair: Codes
    who: Codes

    def totals(self) -> pa.Table:
        """The totals with and without each context, by intent: one row per intent and context.

        Columns: intent_id (null if no intent fits), kind, name; users1, n1, y1, nn1, ny1, yy1 with the context; the same ending in 2
        without it; shared, nn, ny, yn, yy over the users in both; held, which is always false here.
        """
        return self._table({False: self._summed(slice(0, len(self.intent)), slice(0, len(self.pair)), None)})

    def within(self, intent_id: str | None, beside: tuple[str, str]) -> pa.Table:
        """The totals of one intent, two rows per context: `held` is true for the outputs that have the context `beside`, false for the rest."""
        own, pairs = self._of(intent_id)
        held = self._having(own, pairs, beside)
        return self._table({is_held: self._summed(own, pairs, held == is_held) for is_held in (False, True)})

    def examples(
        self, intent_id: str | None, context: tuple[str, str], *, has: bool, worst: str, limit: int = 5
    ) -> list[str]:
        """The ids of up to `limit` conversations of an intent with (or without) a context where the signal is worst, one per user.

        `worst` says which values are bad: "low" or "high".
        """
        own, pairs = self._of(intent_id)
        value = self.value[own] if worst == "low" else -self.value[own]
        chosen = np.flatnonzero(self._having(own, pairs, context) == has)
        # Stable, so that equal values stay in the order of their conversations' ids.
        chosen = chosen[np.argsort(value[chosen], kind="stable")]
        _, first = np.unique(self.person[own][chosen], return_index=True)
        ids: list[str] = self.conversation.take(pa.array(own.start + chosen[np.sort(first)[:limit]])).to_pylist()
        return ids

    def _of(self, intent_id: str | None) -> tuple[slice, slice]:
        """The slices of an intent: of the outputs, and of `pair`."""
        code, size = self.intents.index(intent_id), len(self.named)
        outputs = np.searchsorted(self.intent, [code, code + 1])
        pairs = np.searchsorted(self.pair, [code * size, (code + 1) * size])
        return slice(*outputs.tolist()), slice(*pairs.tolist())

    def _having(self, own: slice, pairs: slice, context: tuple[str, str]) -> Mask:
        """Which of these outputs have a context."""
        has = np.zeros(own.stop - own.start, dtype=bool)
        has[self.output[pairs][self.pair[pairs] % len(self.named) == self.named.index(context)] - own.start] = True
        return has

    def _summed(self, own: slice, pairs: slice, keep: Mask | None) -> dict[str, Codes | Floats]:
        """The totals of each pair, only over the outputs for which `keep` is true."""
        size = len(self.named)
        person, value, intent = self.person[own], self.value[own], self.intent[own]
        output, pair, who = self.output[pairs], self.pair[pairs], self.who[pairs]
        if keep is not None:
            person, value, intent = person[keep], value[keep], intent[keep]
            output, pair, who = (each[keep[output - own.start]] for each in (output, pair, who))
        # First every person's sums in an intent and, over people, the intent's; then the same for outputs with the context.
        people, at = distinct(person)
        n, y = sum_by(at, np.ones(len(at)), len(people)), sum_by(at, value, len(people))
        of = np.zeros(len(people), dtype=np.int64)
        of[at] = intent
        every = [sum_by(of, v, len(self.intents)) for v in (np.ones(len(n)), n, y, n * n, n * y, y * y)]
        starts = np.flatnonzero(np.r_[True, (pair[1:] != pair[:-1]) | (who[1:] != who[:-1])][: len(pair)])
        n1 = np.diff(np.r_[starts, len(pair)]).astype(float)
        y1 = np.add.reduceat(self.value[output], starts) if len(starts) else n1
        places = np.searchsorted(people, who[starts])
        n, y = n[places], y[places]
        n2, y2 = n - n1, y - y1
        found, at = distinct(pair[starts])

        def total(values: Floats) -> Floats:
            return sum_by(at, values, len(found))

        users, all_n, all_y, all_nn, all_ny, all_yy = (each[found // size] for each in every)
        return {
            "pair": found,
            "users1": total(np.ones(len(n1))),
            "n1": total(n1),
            "y1": total(y1) / SCALE,
            "nn1": total(n1 * n1),
            "ny1": total(n1 * y1) / SCALE,
            "yy1": total(y1 * y1) / SCALE / SCALE,
            "users2": users - total(n2 == 0),
            "n2": all_n - total(n1),
            "y2": (all_y - total(y1)) / SCALE,
            "nn2": all_nn + total(n2 * n2 - n * n),
            "ny2": (all_ny + total(n2 * y2 - n * y)) / SCALE,
            "yy2": (all_yy + total(y2 * y2 - y * y)) / SCALE / SCALE,
            "shared": total(n2 > 0),
            "nn": total(n1 * n2),
            "ny": total(n1 * y2) / SCALE,
            "yn": total(y1 * n2) / SCALE,
            "yy": total(y1 * y2) / SCALE / SCALE,
        }

    def _table(self, summed: Mapping[bool, dict[str, Codes | Floats]]) -> pa.Table:
        """The totals with the names of what they are of."""
        parts = []
        for held, columns in summed.items():
            intent, context = np.divmod(columns.pop("pair"), len(self.named) or 1)
            kinds, names = zip(*(self.named[c] for c in context.tolist()), strict=True) if len(context) else ((), ())
            texts = {"intent_id": [self.intents[i] for i in intent.tolist()], "kind": kinds, "name": names}
            parts.append(
                pa.table(
                    {name: pa.array(values, pa.string()) for name, values in texts.items()}
                    | {"held": np.full(len(context), held)}
                    | columns
                )
            )
        return pa.concat_tables(parts)


def read_contexts(database: Database, signal: str, *, people: int) -> Contexts:
    """What a signal says of each output, and the contexts each output was given in.

    An attribute's value that fewer than `people` users share is no context: that leaves out ids, times and texts.
    """
    database.run(_OUTPUTS, [signal])
    database.run(_ROWS, [people])
    database.run(_NAMED)
    outputs = database.table("SELECT intent, person, value, conversation_id FROM context_outputs ORDER BY output")
    rows = database.table("SELECT output, context FROM context_rows JOIN contexts_named USING (kind, name)")
    intents = database.rows("SELECT DISTINCT intent_id, intent FROM context_outputs ORDER BY intent")
    named = database.rows("SELECT kind, name FROM contexts_named ORDER BY context")
    for name in ("context_outputs", "context_rows", "contexts_named"):
        database.run(f"DROP TABLE {name}")
    intent, person, value = (outputs[name].to_numpy() for name in ("intent", "person", "value"))
    output = rows["output"].to_numpy()
    pair, who = intent[output] * len(named) + rows["context"].to_numpy(), person[output]
    order = np.lexsort((output, who, pair))
    return Contexts(
        [intent_id for intent_id, _ in intents],
        [(kind, name) for kind, name in named],
        intent,
        person,
        value,
        outputs["conversation_id"],
        output[order],
        pair[order],
        who[order],
    )
