"""The tables of a workspace, and the version of their schema.

Raw records (spans, feedback, actions, evals) are stored under their natural keys, so that loading the same data again changes nothing.
Everything else is derived from them and can be computed again.
"""

from __future__ import annotations

SCHEMA_VERSION = 3

# Times are stored as TIMESTAMP, always in UTC.
TABLES: dict[str, str] = {
    "meta": "key VARCHAR PRIMARY KEY, value VARCHAR",
    "loads": (
        "load_id INTEGER, loaded_at TIMESTAMP, kind VARCHAR, path VARCHAR, format VARCHAR, records BIGINT, rejected BIGINT,"
        " skipped BIGINT, bytes BIGINT"
    ),
    # records as they were read
    "spans": (
        "trace_id VARCHAR, span_id VARCHAR, parent_id VARCHAR, conversation_id VARCHAR, user_id VARCHAR, operation VARCHAR,"
        " name VARCHAR, started_at TIMESTAMP, ended_at TIMESTAMP, input VARCHAR, output VARCHAR, tool_call VARCHAR,"
        " tool_result VARCHAR, error VARCHAR, response_id VARCHAR, attributes VARCHAR, is_evaluation BOOLEAN"
    ),
    "ratings": (  # feedback as it came, before it is known which turn it belongs to
        "feedback_id VARCHAR, conversation_id VARCHAR, trace_id VARCHAR, span_id VARCHAR, response_id VARCHAR, turn INTEGER,"
        ' name VARCHAR, value DOUBLE, label VARCHAR, comment VARCHAR, source VARCHAR, "at" TIMESTAMP'
    ),
    "actions": (
        'action_id VARCHAR, "at" TIMESTAMP, user_id VARCHAR, kind VARCHAR, conversation_id VARCHAR, turn INTEGER,'
        " artefact VARCHAR, before VARCHAR, attributes VARCHAR"
    ),
    "given_outcomes": "conversation_id VARCHAR, accepted DOUBLE",  # from a team's own table, also for conversations without messages
    "eval_cases": "suite VARCHAR, case_id VARCHAR, input VARCHAR, expected VARCHAR, attributes VARCHAR",
    "eval_results": 'suite VARCHAR, case_id VARCHAR, run_id VARCHAR, metric VARCHAR, score DOUBLE, "at" TIMESTAMP',
    # assembled from them
    "trace_conversations": "trace_id VARCHAR, conversation_id VARCHAR",
    "loose_traces": (  # traces without a conversation id: see `model.TraceEnds`; `first_id` is the trace their conversation began with
        "trace_id VARCHAR, user_id VARCHAR, started_at TIMESTAMP, ended_at TIMESTAMP, begins VARCHAR, ends VARCHAR,"
        " first_id VARCHAR"
    ),
    "conversations": (
        "conversation_id VARCHAR, user_id VARCHAR, started_at TIMESTAMP, ended_at TIMESTAMP, given_start TIMESTAMP,"
        " attributes VARCHAR, messages INTEGER, turns INTEGER, outputs INTEGER, origin VARCHAR"
    ),
    "messages": (
        'conversation_id VARCHAR, position INTEGER, turn INTEGER, role VARCHAR, content VARCHAR, "at" TIMESTAMP,'
        " tool_calls VARCHAR, tool_call_id VARCHAR, name VARCHAR, user_id VARCHAR, message_key VARCHAR, digest VARCHAR,"
        " given_position INTEGER, seq BIGINT"
    ),
    "feedback": (
        "conversation_id VARCHAR, turn INTEGER, name VARCHAR, value DOUBLE, label VARCHAR, comment VARCHAR, source VARCHAR,"
        ' "at" TIMESTAMP'
    ),
    "action_links": "action_id VARCHAR, conversation_id VARCHAR, turn INTEGER",  # turn: the one whose output the text came from
    # A user came back to `conversation_id` with the same matter in another channel: in `by_conversation`, at that time.
    "returns": 'conversation_id VARCHAR, by_conversation VARCHAR, user_id VARCHAR, "at" TIMESTAMP, channel VARCHAR',
    # concluded from conversations
    "pending": "conversation_id VARCHAR",  # conversations whose observations are out of date
    "observations": (
        "conversation_id VARCHAR, turn INTEGER, signal VARCHAR, version INTEGER, value DOUBLE, label VARCHAR,"
        " evidence VARCHAR, final_at TIMESTAMP, detail VARCHAR"
    ),
    "requests": (
        'conversation_id VARCHAR, request INTEGER, turn INTEGER, user_id VARCHAR, "at" TIMESTAMP, text VARCHAR'
    ),
    "assignments": ("conversation_id VARCHAR, request INTEGER, turn INTEGER, intent_id VARCHAR, confidence DOUBLE"),
    "intents": (
        "intent_id VARCHAR, label VARCHAR, description VARCHAR, phrases VARCHAR, size BIGINT, users BIGINT,"
        " first_seen TIMESTAMP, last_seen TIMESTAMP, path VARCHAR[], x DOUBLE, y DOUBLE"
    ),
    "intent_events": 'kind VARCHAR, intent_id VARCHAR, "at" TIMESTAMP, other VARCHAR, chance DOUBLE',
    "embeddings": "embedder VARCHAR, digest VARCHAR, vector BLOB, PRIMARY KEY (embedder, digest)",  # so that no text is embedded twice
    "turn_intents": "conversation_id VARCHAR, turn INTEGER, intent_id VARCHAR",  # the intent of the latest request up to each turn
    "timeouts": "intent_id VARCHAR, seconds DOUBLE, gaps BIGINT, users BIGINT",  # how long a silence must last to count as leaving
    "case_intents": "suite VARCHAR, case_id VARCHAR, intent_id VARCHAR, confidence DOUBLE",
    # Fitted states, Arrow IPC: packed already, and packed again they would all be unpacked to read one.
    "blobs": "name VARCHAR PRIMARY KEY, value BLOB USING COMPRESSION uncompressed",
}

NATURAL_KEYS: dict[str, tuple[str, ...]] = {
    "spans": ("trace_id", "span_id"),
    "ratings": ("feedback_id",),
    "actions": ("action_id",),
    "eval_cases": ("suite", "case_id"),
    "eval_results": ("suite", "case_id", "run_id", "metric"),
}

SEEN_UNTIL = "CROSS JOIN (SELECT max(value)::TIMESTAMP AS until FROM meta WHERE key = 'seen_until') s"
"""An SQL join that adds `s.until` to every row: the latest time in the workspace's data."""

VIEWS: dict[str, str] = {
    # One row per observation with everything it can be grouped by. An answer that is not final yet is unknown: the window in
    # which it could still change reaches beyond the latest time the workspace has seen. So is one of an output younger than its
    # signal's horizon: of such outputs those known are not like those still coming in (engines/horizons.py).
    "facts": f"""
        SELECT o.conversation_id, o.turn, o.signal, o.version, o.label, o.evidence,
          coalesce(greatest(o.final_at, c.started_at + to_days(h.days)) > s.until, false) AS is_coming,
          CASE WHEN NOT is_coming THEN o.value END AS value,
          coalesce(starts_with(o.detail, 'likely'), false) AS is_likely,
          c.user_id, c.started_at, c.attributes,
          date_trunc('week', c.started_at)::DATE AS week,
          t.intent_id, coalesce(i.label, t.intent_id) AS intent
        FROM observations o
        JOIN conversations c USING (conversation_id)
        LEFT JOIN turn_intents t ON t.conversation_id = o.conversation_id AND t.turn = coalesce(o.turn, 0)
        LEFT JOIN intents i ON i.intent_id = t.intent_id
        LEFT JOIN (SELECT substr(key, 9) AS signal, value::INTEGER AS days FROM meta WHERE key LIKE 'horizon.%') h
          ON h.signal = o.signal
        {SEEN_UNTIL}
    """,
}
