"""The Arrow schemas of the tables that move between stages."""

from __future__ import annotations

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
_ATTRIBUTES = ("attributes", pa.string())  # a JSON object of strings

SPAN_SCHEMA = pa.schema(
    [
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("parent_id", pa.string()),
        ("conversation_id", pa.string()),
        ("user_id", pa.string()),
        ("operation", pa.string()),
        ("name", pa.string()),
        ("started_at", TIME),
        ("ended_at", TIME),
        ("input", pa.string()),  # JSON list of messages
        ("output", pa.string()),
        ("tool_call", pa.string()),  # JSON object
        ("tool_result", pa.string()),
        ("error", pa.string()),
        ("response_id", pa.string()),
        _ATTRIBUTES,
        ("is_evaluation", pa.bool_()),
    ]
)
MESSAGE_SCHEMA = pa.schema(
    [
        ("conversation_id", pa.string()),
        ("user_id", pa.string()),
        ("position", pa.int32()),
        ("message_id", pa.string()),
        ("role", pa.string()),
        ("content", pa.string()),
        ("at", TIME),
        ("tool_calls", pa.string()),  # JSON list
        ("tool_call_id", pa.string()),
        ("name", pa.string()),
        _ATTRIBUTES,
        ("record", pa.int64()),
        ("where", pa.string()),
    ]
)
FEEDBACK_SCHEMA = pa.schema(
    [
        ("feedback_id", pa.string()),
        ("conversation_id", pa.string()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("response_id", pa.string()),
        ("turn", pa.int32()),
        ("name", pa.string()),
        ("value", pa.float64()),
        ("label", pa.string()),
        ("comment", pa.string()),
        ("source", pa.string()),
        ("at", TIME),
    ]
)
ACTION_SCHEMA = pa.schema(
    [
        ("action_id", pa.string()),
        ("at", TIME),
        ("user_id", pa.string()),
        ("kind", pa.string()),
        ("conversation_id", pa.string()),
        ("turn", pa.int32()),
        ("artefact", pa.string()),
        ("before", pa.string()),
        _ATTRIBUTES,
    ]
)
EVAL_CASE_SCHEMA = pa.schema(
    [
        ("suite", pa.string()),
        ("case_id", pa.string()),
        ("input", pa.string()),
        ("expected", pa.string()),
        _ATTRIBUTES,
    ]
)
EVAL_RESULT_SCHEMA = pa.schema(
    [
        ("suite", pa.string()),
        ("case_id", pa.string()),
        ("run_id", pa.string()),
        ("metric", pa.string()),
        ("score", pa.float64()),
        ("at", TIME),
    ]
)
OUTCOME_SCHEMA = pa.schema(
    [
        ("conversation_id", pa.string()),
        ("user_id", pa.string()),
        ("started_at", TIME),
        ("cohort", pa.string()),
        ("intent", pa.string()),
        ("accepted", pa.float64()),
        ("edit_share", pa.float64()),
        ("reworked", pa.float64()),
        ("known_at", TIME),
        _ATTRIBUTES,
    ]
)
OBSERVATION_SCHEMA = pa.schema(
    [
        ("conversation_id", pa.string()),
        ("turn", pa.int32()),
        ("signal", pa.string()),
        ("version", pa.int32()),
        ("value", pa.float64()),
        ("label", pa.string()),
        ("evidence", pa.string()),
        ("final_at", TIME),
        ("detail", pa.string()),
    ]
)
REQUEST_SCHEMA = pa.schema(
    [
        ("conversation_id", pa.string()),
        ("request", pa.int32()),  # 0, 1, … within the conversation
        ("turn", pa.int32()),  # the turn the request begins at
        ("user_id", pa.string()),
        ("at", TIME),
        ("text", pa.string()),
    ]
)
ASSIGNMENT_SCHEMA = pa.schema(
    [
        ("conversation_id", pa.string()),
        ("request", pa.int32()),
        ("turn", pa.int32()),
        ("intent_id", pa.string()),  # null = unclear
        ("confidence", pa.float64()),
    ]
)
