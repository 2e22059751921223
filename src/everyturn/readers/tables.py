"""Records -> Arrow tables by kind, with the checks that hold for every format: times in range, values that can be stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import orjson
import pyarrow as pa

from everyturn.model import (
    Action,
    Attributes,
    EvalCase,
    EvalResult,
    FeedbackRecord,
    Json,
    Message,
    MessageRecords,
    OutcomeRecord,
    Rejected,
    Span,
    schemas,
)
from everyturn.model.exchange import call_json, encode_messages_utf8
from everyturn.readers import BadRecord
from everyturn.readers.columns import MessageRows, Row, Rows
from everyturn.readers.fields import believable
from everyturn.readers.repeats import Encoded

SCHEMAS: Mapping[str, pa.Schema] = {
    "spans": schemas.SPAN_SCHEMA,
    "messages": schemas.MESSAGE_SCHEMA,
    "feedback": schemas.FEEDBACK_SCHEMA,
    "actions": schemas.ACTION_SCHEMA,
    "eval_cases": schemas.EVAL_CASE_SCHEMA,
    "eval_results": schemas.EVAL_RESULT_SCHEMA,
    "outcomes": schemas.OUTCOME_SCHEMA,
}

Stored: TypeAlias = "Span | MessageRecords | FeedbackRecord | Action | EvalCase | EvalResult | OutcomeRecord"


def row_of(record: Stored, where: str, latest: datetime) -> tuple[str, Row]:
    """The table a record belongs to and its row there; `BadRecord` where it cannot be stored."""
    kind, make = _ROWS[type(record)]
    try:
        return kind, make(record, where, latest)
    except orjson.JSONEncodeError:  # the one text that decodes and does not encode: orjson's limits are 1024 and 254
        raise BadRecord(expected="values nested up to 250 levels deep", found="deeper nesting") from None


def _checked(at: datetime | None, name: str, latest: datetime) -> datetime | None:
    return None if at is None else believable(at, name, latest)


def _json(value: Json) -> str:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS).decode()


def _attributes(attributes: Attributes) -> str:
    return _json(dict(attributes)) if attributes else "{}"


def _messages(records: MessageRecords, _where: str, latest: datetime) -> Row:
    for at in records.few.get("at", {}).values():
        _checked(at, "at", latest)
    return records, _attributes(records.attributes)


def _span(span: Span, _where: str, latest: datetime) -> Row:
    started_at, ended_at, given, made = span.started_at, span.ended_at, span.input, span.output
    return (
        span.trace_id,
        span.span_id,
        span.parent_id,
        span.conversation_id,
        span.user_id,
        span.operation,
        span.name,
        None if started_at is None else believable(started_at, "started_at", latest),
        None if ended_at is None else believable(ended_at, "ended_at", latest),
        None if given is None else _encoded(given),
        None if made is None else _encoded(made),
        None if span.tool_call is None else _json(call_json(span.tool_call)),
        span.tool_result,
        span.error,
        span.response_id,
        _attributes(span.attributes),
        span.is_evaluation,
    )


def _encoded(messages: tuple[Message, ...]) -> bytes:
    """The messages' text in UTF-8, as Arrow keeps it."""
    return messages.text if type(messages) is Encoded else encode_messages_utf8(messages)


def _feedback(record: FeedbackRecord, _where: str, latest: datetime) -> Row:
    feedback = record.feedback
    return (
        record.feedback_id,
        record.conversation_id,
        record.trace_id,
        record.span_id,
        record.response_id,
        feedback.turn,
        feedback.name,
        feedback.value,
        feedback.label,
        feedback.comment,
        feedback.source,
        _checked(feedback.at, "at", latest),
    )


def _action(action: Action, _where: str, latest: datetime) -> Row:
    return (
        action.action_id,
        _checked(action.at, "at", latest),
        action.user_id,
        action.kind,
        action.conversation_id,
        action.turn,
        action.artefact,
        action.before,
        _attributes(action.attributes),
    )


def _eval_case(case: EvalCase, _where: str, _latest: datetime) -> Row:
    return (case.suite, case.case_id, case.input, case.expected, _attributes(case.attributes))


def _eval_result(result: EvalResult, _where: str, latest: datetime) -> Row:
    if not 0 <= result.score <= 1:
        raise BadRecord(expected="score: a score from 0 to 1", found=f"{result.score:g}")
    at = _checked(result.at, "at", latest)
    return (result.suite, result.case_id, result.run_id, result.metric, result.score, at)


def _outcome(outcome: OutcomeRecord, _where: str, latest: datetime) -> Row:
    return (
        outcome.conversation_id,
        outcome.user_id,
        _checked(outcome.started_at, "started_at", latest),
        outcome.cohort,
        outcome.intent,
        outcome.accepted,
        outcome.edit_share,
        outcome.reworked,
        _checked(outcome.known_at, "known_at", latest),
        _attributes(outcome.attributes),
    )


_ROWS: Mapping[type, tuple[str, Callable[[Any, str, datetime], Row]]] = {
    Span: ("spans", _span),
    MessageRecords: ("messages", _messages),
    FeedbackRecord: ("feedback", _feedback),
    Action: ("actions", _action),
    EvalCase: ("eval_cases", _eval_case),
    EvalResult: ("eval_results", _eval_result),
    OutcomeRecord: ("outcomes", _outcome),
}


class Tables:
    """The rows of a batch, by their tables; `length` counts them."""

    def __init__(self) -> None:
        self.length = 0
        self._rows: dict[str, Rows | MessageRows] = {}

    def add(self, kind: str, row: Row, where: str) -> None:
        """Takes what `row_of` gave, and where it came from."""
        rows = self._rows.get(kind)
        if rows is None:
            rows = self._rows[kind] = _empty(kind)
        self.length += rows.add(row, where)

    def arrow(self) -> tuple[dict[str, pa.Table], list[Rejected]]:
        """The Arrow tables of the kinds that have rows, and the rows that Arrow refused, which only a mistake in a reader can make."""
        tables, rejected = {}, []
        for kind, rows in self._rows.items():
            try:
                tables[kind] = rows.table()
            except _REFUSALS:
                tables[kind], refused = _without_refused(kind, rows)
                rejected += refused
        return {kind: table for kind, table in tables.items() if table.num_rows}, rejected


_REFUSALS = (pa.ArrowException, TypeError, ValueError, OverflowError)


def _empty(kind: str) -> Rows | MessageRows:
    return MessageRows() if kind == "messages" else Rows(SCHEMAS[kind])


def _without_refused(kind: str, rows: Rows | MessageRows) -> tuple[pa.Table, list[Rejected]]:
    kept, rejected = _empty(kind), []
    for row, where in rows.one_by_one():
        alone = _empty(kind)
        alone.add(row, where)
        try:
            alone.table()
        except _REFUSALS as error:
            rejected.append(Rejected(where, "values of the table's types", f"reader failed ({type(error).__name__})"))
        else:
            kept.add(row, where)
    return kept.table(), rejected
