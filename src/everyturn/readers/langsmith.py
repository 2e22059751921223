"""LangSmith: what its SDK sends, what its API gives and what it exports, LangGraph's own tracing included.

    {"id": "3f2a9d3e-58a7-4a5b-b1a7-6d2f0c1e9b11", "trace_id": "3f2a9d3e-58a7-4a5b-b1a7-6d2f0c1e9b11", "run_type": "llm", "name": "ChatOpenAI",
     "start_time": "2026-03-02T09:30:00Z", "end_time": "2026-03-02T09:30:02Z",
     "extra": {"metadata": {"thread_id": "c1", "user_id": "u0412", "plan": "pro"}},
     "inputs": {"messages": [{"role": "user", "content": "Where is my order?"}]},
     "outputs": {"choices": [{"message": {"role": "assistant", "content": "It arrives today."}}]}}

    {"id": "0b1c7e52-93a4-4f6e-8f6c-2f5a7d1e4c90", "run_id": "3f2a9d3e-58a7-4a5b-b1a7-6d2f0c1e9b11", "key": "user_feedback", "score": 1,
     "created_at": "2026-03-02T09:31:00Z", "feedback_source": {"type": "api"}}

A record is one of:

- a run, maybe with its `child_runs`; a page of runs; a batch of the older POST /runs/batch
- a piece of feedback
- a dataset's example, maybe with an experiment's `runs`; a row of evaluate() with its run, example and results
- a body of POST /runs/multipart or of examples, plain or packed, in which each run or piece of feedback is a record
- a row of the bulk export (Parquet): a run whose inputs, outputs and extra are JSON texts

Of the API are read as they come: POST /api/v2/runs/query and GET /api/v2/traces/{id}/runs (`items`), POST /runs/query (`runs`), GET
/runs/{id}, /feedback and /examples, POST /datasets/{id}/runs. Runs need id, trace_id, dotted_order, run_type, name, start_time, end_time,
error, inputs, outputs, tags, and extra or metadata; those of experiments reference_example_id, reference_dataset_id and feedback_stats too.

The conversation is the thread: `thread_id`, `session_id` or `conversation_id` in a run's metadata. The user is `user_id` there. The run's own
`session_id` is the project. A run that is posted and patched merges. Of a rating the value is the number the user gave, where feedback has
one in `value`, else the score.

Traces of experiments and evaluators never become conversations. The scores of evaluators are results of the example's case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import orjson

from everyturn.model import DEFAULT_SUITE, EvalCase, EvalResult, Feedback, FeedbackRecord, Json, Record
from everyturn.readers import BadRecord, Context, Reader, Records, Sample, Skipped, SkipRecord, fields
from everyturn.readers.attributes import object_attributes
from everyturn.readers.eval_questions import last_question
from everyturn.readers.feedback_names import Source, source_of
from everyturn.readers.langsmith_runs import read_run, run_results
from everyturn.readers.multipart import Part, is_multipart, parts

_PART = re.compile(r"(?:(post|patch|feedback|attachment)\.)?([0-9a-fA-F-]{32,36})(?:\.(.+))?$")
_RUN_PARTS = frozenset({"inputs", "outputs", "events", "extra", "error", "serialized"})
_EXAMPLE_PARTS = frozenset({"inputs", "outputs"})


def _read(record: Json, context: Context) -> Records:
    if isinstance(record, BadRecord | SkipRecord):
        raise record  # replaces a part of a request that could not be decoded, or need not be
    kind = _kind(record)
    if kind is None:
        raise BadRecord(expected="a LangSmith run, feedback or example", found=fields.describe(record))
    return _READERS[kind](record, context)


def _kind(record: Json) -> str | None:
    """The kind of a record, recognised by fields that no other kind has."""
    if isinstance(record, dict):
        for kind, is_kind in _KINDS:
            if is_kind(record):
                return kind
    return None


_RUN_FIELDS = frozenset({"dotted_order", "end_time", "parent_run_id", "session_name", "start_time", "trace_id"})
_FEEDBACK_FIELDS = frozenset({"comment", "correction", "feedback_source", "score", "value"})
_KINDS: tuple[tuple[str, Callable[[Mapping[str, Json]], bool]], ...] = (
    ("evaluated row", lambda r: isinstance(r.get("run"), dict) and isinstance(r.get("example"), dict)),
    ("run", lambda r: r.keys() >= {"id", "run_type"} and not r.keys().isdisjoint(_RUN_FIELDS)),
    ("feedback", lambda r: r.keys() >= {"key", "run_id"} and not r.keys().isdisjoint(_FEEDBACK_FIELDS)),
    ("example", lambda r: r.keys() >= {"id", "dataset_id", "inputs"}),
    ("page", lambda r: isinstance(r.get("runs"), list) and all(_kind(run) == "run" for run in r["runs"][:8])),
    ("batch", lambda r: any(_is_batch(r.get(verb)) for verb in ("post", "patch"))),
    ("part", lambda r: r.keys() >= {"name", "content_type", "value"} and _is_part_name(r["name"])),
)


def _is_batch(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) and "trace_id" in v for v in value)


def _is_part_name(value: Json) -> bool:
    return isinstance(value, str) and _PART.match(value) is not None


# --- runs -------------------------------------------------------------------------------------------------------


def _read_run(run: Mapping[str, Json], context: Context) -> Records:
    yield read_run(run, context.options)
    yield from run_results(run)
    if "child_runs" in run:
        yield from _read_runs(fields.listed(run["child_runs"], "child_runs"), context)


def _read_runs(runs: Json, context: Context) -> Records:
    def whole(run: Json) -> list[Record | Skipped]:
        if not isinstance(run, dict):
            raise BadRecord(expected="runs: objects with an id", found=fields.describe(run))
        return list(_read_run(run, context))  # all of a run or nothing

    return context.parts(runs, whole)


def _read_page(page: Mapping[str, Json], context: Context) -> Records:
    if not page["runs"]:
        raise SkipRecord("an empty page")
    yield from _read_runs(page["runs"], context)


def _read_batch(batch: Mapping[str, Json], context: Context) -> Records:
    for verb in ("post", "patch"):
        listed = batch.get(verb)
        yield from _read_runs(listed if isinstance(listed, list) else (), context)


# --- feedback ---------------------------------------------------------------------------------------------------


def _read_feedback(record: Mapping[str, Json], _context: Context) -> Records:
    run_id = fields.identifier(record.get("run_id"), "run_id")
    if run_id is None or record.get("error") is True:
        yield Skipped("feedback on a whole project" if run_id is None else "feedback of evaluators that failed")
        return
    feedback_id = fields.identifier(record.get("id"), "id")
    name = fields.text(record.get("key"), "key")
    if feedback_id is None or not name:
        raise BadRecord(
            expected="id and key: an id and the feedback's name",
            found=fields.describe(record.get("key" if feedback_id else "id")),
        )
    given, score = record.get("value"), fields.number(record.get("score"), "score")
    is_number = isinstance(given, int | float) and not (isinstance(given, bool) and score is not None)
    value = fields.number(given, "value") if is_number else score
    label = None if given is None or isinstance(given, int | float) else fields.plain_text(given) or None
    correction = record.get("correction")
    comment = fields.text(record.get("comment"), "comment")
    if comment is None and correction is not None:
        comment = fields.plain_text(correction)
    yield FeedbackRecord(
        feedback_id,
        Feedback(
            name,
            value,
            label,
            comment,
            source=_source(name, record.get("feedback_source")),
            at=fields.time(fields.first(record, ("modified_at", "created_at")), "modified_at"),
        ),
        trace_id=fields.identifier(record.get("trace_id"), "trace_id"),
        span_id=run_id,
        response_id=run_id,
    )


def _source(name: str, source: Json) -> Source:
    """Who gave the feedback. The source "model" is a machine; "api" and "app" only say how it came, so its name or a user decides."""
    found: Mapping[str, Json] = source if isinstance(source, dict) else {}
    mark = found.get("type")
    metadata = found.get("metadata")
    user = fields.first(metadata, fields.USER_ID_NAMES) if isinstance(metadata, dict) else None
    return source_of(name, mark=mark if isinstance(mark, str) else None, has_user=user is not None)


# --- datasets ---------------------------------------------------------------------------------------------------


def read_example(record: Mapping[str, Json], _context: Context) -> Iterator[EvalCase]:
    """The eval case of a dataset's example, whose outputs are what is expected."""
    case_id = fields.identifier(record.get("id"), "id")
    if case_id is None:
        raise BadRecord(expected="id: the example's id", found="nothing")
    suite = fields.identifier(record.get("dataset_id"), "dataset_id") or DEFAULT_SUITE
    expected = fields.json_value(record.get("outputs"))
    attributes = object_attributes(record.get("metadata"), "metadata")
    splits = fields.first(record, ("split", "splits"))
    if splits is not None:
        attributes.setdefault("dataset_split", fields.plain_text(splits if isinstance(splits, list) else [splits]))
    yield EvalCase(
        suite,
        case_id,
        last_question(record.get("inputs")),
        None if expected is None or expected == {} else fields.plain_text(expected),
        attributes,
    )


def read_evaluated(row: Mapping[str, Json], context: Context) -> Iterator[EvalCase | EvalResult]:
    """The case of a row of evaluate(), and its results."""
    run, example = row["run"], row["example"]
    case = next(read_example(example, context))
    yield case
    run_id = fields.identifier(fields.first(run, ("session_name", "session_id")), "session_name") or "default"
    at = fields.time(fields.first(run, ("end_time", "start_time")), "end_time")
    results = row.get("evaluation_results")
    if isinstance(results, dict):
        results = results.get("results")
    for result in results if isinstance(results, list) else ():
        key = result.get("key") if isinstance(result, dict) else None
        if not isinstance(key, str):
            raise BadRecord(expected="evaluation_results: objects with a key", found=fields.describe(result))
        score = fields.number(result.get("score"), "score")
        if score is not None:
            yield EvalResult(case.suite, case.case_id, run_id, key, score, at)


def _read_example(example: Mapping[str, Json], context: Context) -> Records:
    yield from read_example(example, context)
    for run in fields.listed(example.get("runs"), "runs"):
        if not isinstance(run, dict):
            raise BadRecord(expected="runs: a list of runs", found=fields.describe(run))
        about = {"reference_example_id": example.get("id"), "reference_dataset_id": example.get("dataset_id")}
        yield from _read_run({**run, **about}, context)


def _read_evaluated(row: Mapping[str, Json], context: Context) -> Records:
    yield from read_evaluated(row, context)
    yield read_run({**row["run"], "reference_example_id": row["example"].get("id")}, context.options)


def _read_part(_part: Mapping[str, Json], _context: Context) -> Records:
    raise SkipRecord("a part of a multipart request by itself; the request's body has it whole")


_READERS: Mapping[str, Callable[[Mapping[str, Json], Context], Records]] = {
    "run": _read_run,
    "feedback": _read_feedback,
    "example": _read_example,
    "evaluated row": _read_evaluated,
    "page": _read_page,
    "batch": _read_batch,
    "part": _read_part,
}


# --- multipart bodies -------------------------------------------------------------------------------------------


def _decode(body: bytes) -> Iterator[Json]:
    """The runs, feedback and examples of a multipart body, each with its parts put together."""
    whole: dict[str, dict[str, Json]] = {}
    bad: dict[str, BadRecord] = {}
    for part in parts(body):
        match = _PART.match(part.name)
        if match is None:
            yield BadRecord(expected="parts named post.<run>, patch.<run>, feedback.<id> or <example>", found="another")
            continue
        verb, item_id, name = match.groups()
        if verb == "attachment" or (name or "").startswith("attachment"):
            yield SkipRecord("attachments")
            continue
        key = f"{verb or 'example'}.{item_id}"
        try:
            value = _value(part, name)
        except BadRecord as error:
            bad.setdefault(key, error)
            continue
        known = _RUN_PARTS if verb in {"post", "patch"} else _EXAMPLE_PARTS if verb is None else frozenset()
        if name is None and isinstance(value, dict):
            item = whole.setdefault(key, {})
            item |= value if verb is not None else {"dataset_id": None, **value, "id": item_id}
        elif name in known:
            whole.setdefault(key, {})[name] = value
        else:
            bad.setdefault(key, BadRecord(expected=f"{verb or 'example'}: an object", found=fields.describe(value)))
    yield from bad.values()
    yield from (item for key, item in whole.items() if key not in bad)


def _value(part: Part, name: str | None) -> Json:
    named = f"part {name}" if name in _RUN_PARTS else "part"
    if not part.is_whole:
        raise BadRecord(expected=f"{named}: all of its bytes", found=f"{len(part.content):,} of them")
    try:
        return orjson.loads(part.content)
    except orjson.JSONDecodeError:
        raise BadRecord(expected=f"{named}: JSON", found=f"{len(part.content):,} bytes that are not") from None


def _looks_like(sample: Sample) -> float:
    """How many of the records are of a kind that LangSmith gives; or whether the bytes are a multipart body of such."""
    if sample.head and not sample.records:
        if not is_multipart(sample.head):
            return 0.0
        first = next(parts(sample.head), None)
        return 0.95 if first is not None and _is_part_name(first.name) else 0.0
    return 0.95 * sample.share(lambda record: _kind(record) is not None)


READER = Reader(
    name="langsmith",
    kind="conversations",
    description="LangSmith runs, feedback and examples: SDK requests, API pages, bulk export; LangGraph's tracing",
    looks_like=_looks_like,
    read=_read,
    decode=_decode,
)
