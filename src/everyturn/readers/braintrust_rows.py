"""Braintrust's rows -> spans, ratings, eval cases and results; a row in parts gives parts that merge.

A row of type llm is a model call, of type tool a tool's step; tasks, functions and untyped rows are the application's. What Braintrust itself
ran on logs (scorers, classifiers, facets) counts as tool steps without a call. A later part of a row has no type: what it says fits whichever the row turns out to be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from everyturn.model import (
    COMMENT,
    DEFAULT_SUITE,
    EvalCase,
    EvalResult,
    Feedback,
    FeedbackRecord,
    Json,
    Message,
    Operation,
    Span,
    digest,
)
from everyturn.readers import BadRecord, ReadOptions, fields, steps
from everyturn.readers.attributes import attribute_text, is_plain, with_common
from everyturn.readers.eval_questions import last_question
from everyturn.readers.failures import failure
from everyturn.readers.feedback_names import source_of
from everyturn.readers.forms import as_openai, reply

_OPERATIONS: Mapping[str, Operation] = {
    "llm": "chat",
    "tool": "execute_tool",
    "score": "execute_tool",
    "automation": "execute_tool",
    "classifier": "execute_tool",
    "decision": "execute_tool",
    "facet": "execute_tool",
    "preprocessor": "execute_tool",
    "question": "execute_tool",
    "review": "execute_tool",
}
_IDS = frozenset({*fields.CONVERSATION_ID_NAMES, *fields.USER_ID_NAMES})
_TEXTS = ("input", "output", "expected")

Row = Mapping[str, Json]


def decoded(row: Row) -> Row:
    """The row with its values; exports to tables write each as JSON text, the text of a message too."""
    if not isinstance(row.get("span_attributes", row.get("metadata")), str):
        return row
    return {name: fields.decoded(value) if name in _TEXTS else fields.json_value(value) for name, value in row.items()}


def _object(row: Row, name: str) -> Row:
    found = row.get(name)
    if found is None or isinstance(found, dict):
        return found or {}
    raise BadRecord(expected=f"{name}: an object", found=fields.describe(found))


# --- spans ------------------------------------------------------------------------------------------------------


def read_span(row: Row, options: ReadOptions) -> Span:
    """The span of a row, or of what one part of a row says of it."""
    marks, metrics, metadata = (_object(row, name) for name in ("span_attributes", "metrics", "metadata"))
    kind = fields.text(marks.get("type"), "span_attributes.type")
    operation = "execute_tool" if marks.get("purpose") == "scorer" else _OPERATIONS.get(kind or "", "other")
    name = fields.text(marks.get("name"), "span_attributes.name")
    parents = fields.listed(row.get("span_parents"), "span_parents")
    given = made = None
    if operation == "chat":
        given, made = _given(row.get("input")), _reply(row.get("output"))
    elif operation == "other":
        given, made = _asked(row.get("input")), _answered(row.get("output"))
    is_tool = kind == "tool"
    return Span(
        trace_id=fields.required_id(row.get("root_span_id"), "root_span_id"),
        span_id=fields.required_id(row.get("span_id"), "span_id"),
        parent_id=fields.identifier(parents[0], "span_parents") if parents else None,
        conversation_id=_conversation_id(row, metadata, options),
        user_id=_user_id(row, metadata, options),
        operation=operation,
        name=name,
        started_at=_started_at(row, metrics),
        ended_at=fields.time(metrics.get("end"), "metrics.end"),
        input=given,
        output=made,
        tool_call=steps.step_call(name, row["input"]) if is_tool and name and row.get("input") is not None else None,
        tool_result=fields.text_of(row.get("output")) if is_tool or kind is None else None,
        error=failure(row.get("error")),
        response_id=fields.required_id(row.get("id"), "id"),  # feedback and comments name the row, not its span
        attributes=_attributes(row, metadata, is_call=operation == "chat"),
        is_evaluation=row.get("experiment_id") is not None or row.get("prompt_session_id") is not None,
    )


def _started_at(row: Row, metrics: Row) -> Json:
    start = fields.time(metrics.get("start"), "metrics.start")
    if start is None and not row.get("_is_merge"):
        return fields.time(row.get("created"), "created")
    return start


def _conversation_id(row: Row, metadata: Row, options: ReadOptions) -> str | None:
    if options.conversation_id is None:
        return fields.conversation_id(metadata, options)
    found = fields.at_path(row, options.conversation_id)
    return fields.identifier(found, options.conversation_id) or fields.conversation_id(metadata, options)


def _user_id(row: Row, metadata: Row, options: ReadOptions) -> str | None:
    if options.user_id is None:
        return fields.user_id(metadata, options)
    found = fields.at_path(row, options.user_id)
    return fields.identifier(found, options.user_id) or fields.user_id(metadata, options)


def _is_choices(output: Json) -> bool:
    return isinstance(output, list) and bool(output) and isinstance(output[0], dict) and "message" in output[0]


# A row holds JSON: a text in it is one, though it may look like JSON itself.


def _given(value: Json) -> tuple[Message, ...] | None:
    if isinstance(value, str):
        return (Message("user", value),)
    return steps.history(value) or steps.given(as_openai(value))


def _asked(value: Json) -> tuple[Message, ...] | None:
    return (Message("user", value),) if isinstance(value, str) else steps.asked(as_openai(value))


def _answered(value: Json) -> tuple[Message, ...] | None:
    if _is_choices(value):
        return _reply(value)
    return (Message("assistant", value),) if isinstance(value, str) else steps.answered(value)


def _reply(output: Json) -> tuple[Message, ...] | None:
    """What a model call gave: choices, a message, items of the Responses API or a text."""
    if isinstance(output, list):
        return steps.made({"choices": output} if _is_choices(output) else reply({"output": output}))
    return (Message("assistant", output),) if isinstance(output, str) else steps.made(reply(as_openai(output)))


def _attributes(row: Row, metadata: Row, *, is_call: bool) -> dict[str, str]:
    """The metadata without ids, of a model call (whose metadata are its settings) the model; the tags that are no ratings."""
    names = ("model",) if is_call else tuple(name for name in metadata if name not in _IDS)
    found = {str(name): attribute_text(metadata[name]) for name in names if is_plain(metadata.get(name))}
    return with_common(found, tags=[tag for tag in _tags(row) if _rating_tag(tag) is None])


def _tags(row: Row) -> list[str]:
    found = fields.listed(row.get("tags"), "tags")
    if not all(isinstance(tag, str) for tag in found):
        raise BadRecord(expected="tags: a list of texts", found=fields.describe(found))
    return found


# --- ratings ----------------------------------------------------------------------------------------------------


def read_ratings(row: Row) -> Iterator[FeedbackRecord]:
    """The scores of a row of the logs, and its tags that are ratings by category."""
    row_id = fields.required_id(row.get("id"), "id")
    is_feedback = "span_id" not in row
    has_user = is_feedback and fields.first(_object(row, "_audit_metadata"), fields.USER_ID_NAMES) is not None
    for name, value in _object(row, "scores").items():
        score = fields.number(value, "scores")
        if score is not None:
            yield _rating(row, row_id, Feedback(name, score, source=source_of(name, has_user=has_user)))
    for tag in _tags(row):
        rated = _rating_tag(tag)
        if rated is not None:
            yield _rating(row, row_id, Feedback(rated[0], label=rated[1]))
        elif is_feedback:
            yield _rating(row, digest(row_id, tag), Feedback("tag", label=tag), target=row_id)
    for comment in fields.listed(row.get("comments"), "comments"):
        if isinstance(comment, dict) and comment.get("comment") is not None:
            yield from read_comment(
                {"id": digest(row_id, fields.plain_text(comment)), **comment, "origin": {"id": row_id}}
            )
    if is_feedback and row.get("expected") is not None:
        yield _rating(row, row_id, Feedback("correction", comment=fields.plain_text(row["expected"])))


def _rating_tag(tag: str) -> tuple[str, str] | None:
    """The name and category of a tag such as "resolution:escalated", the only form in which a category can be given."""
    name, colon, label = tag.partition(":")
    return (name, label) if colon and label and source_of(name) == "user" else None


def _rating(row: Row, key: str, feedback: Feedback, *, target: str | None = None) -> FeedbackRecord:
    return FeedbackRecord(
        digest("braintrust", key, feedback.name),
        feedback,
        trace_id=fields.identifier(row.get("root_span_id"), "root_span_id"),
        span_id=fields.identifier(row.get("span_id"), "span_id"),
        response_id=target or key,
    )


def read_comment(row: Row) -> Iterator[FeedbackRecord]:
    """A comment, which is a row by itself and names the row it is about."""
    found = row["comment"]
    text = fields.text(found.get("text") if isinstance(found, dict) else found, "comment.text")
    if text is None:
        raise BadRecord(expected="comment.text: a text", found="nothing")
    yield FeedbackRecord(
        fields.required_id(row.get("id"), "id"),
        Feedback(COMMENT, comment=text, at=fields.time(row.get("created"), "created")),
        response_id=fields.required_id(_object(row, "origin").get("id"), "id"),
    )


# --- evals ------------------------------------------------------------------------------------------------------


def read_case(row: Row) -> Iterator[EvalCase]:
    """The eval case of a dataset's row."""
    suite = fields.identifier(row.get("dataset_id"), "dataset_id") or DEFAULT_SUITE
    yield _case(row, suite, fields.required_id(row.get("id"), "id"))


def read_experiment(row: Row) -> Iterator[EvalCase | EvalResult]:
    """The case that the root row of an experiment tested, and the scores that it or a scorer's row has."""
    marks = _object(row, "span_attributes")
    kind = marks.get("type")
    if kind == "score" or marks.get("purpose") == "scorer":
        asked = row.get("input")
        about: Row = asked if isinstance(asked, dict) else {}
        case_id, suite, case = fields.identifier(about.get("id"), "input.id"), DEFAULT_SUITE, about
    elif kind == "eval" or not row.get("span_parents"):
        origin = _object(row, "origin")
        is_item = origin.get("object_type") == "dataset"
        case_id = fields.identifier(origin.get("id"), "origin.id") if is_item else None
        suite = (fields.identifier(origin.get("object_id"), "origin.object_id") if is_item else None) or DEFAULT_SUITE
        case = row
    else:
        return
    if case.get("input") is None:
        return  # a part that says nothing of the case
    case_id = case_id or digest(last_question(case["input"]))[:16]
    if case is row:
        yield _case(row, suite, case_id)
    metrics = _object(row, "metrics")
    at = fields.time(metrics.get("end") or row.get("created"), "metrics.end")
    run_id = fields.identifier(row.get("experiment_id"), "experiment_id") or "default"
    for name, value in _object(row, "scores").items():
        score = fields.number(value, "scores")
        if score is not None:
            yield EvalResult(suite, case_id, run_id, name, score, at)


def _case(row: Row, suite: str, case_id: str) -> EvalCase:
    expected = row.get("expected")
    attributes = {str(k): fields.plain_text(v) for k, v in _object(row, "metadata").items() if v is not None}
    if tags := _tags(row):
        attributes.setdefault("tags", attribute_text(tags))
    text = last_question(row.get("input"))
    return EvalCase(suite, case_id, text, None if expected is None else fields.plain_text(expected), attributes)
