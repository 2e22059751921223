"""OpenAI Evals: samples, the logs of `oaieval` runs, and registry entries, for `--as evals`.

    {"input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Can I return a worn shoe?"}], "ideal": "No."}
    {"input": "Where is my parcel?", "ideal": ["On its way", "On the way"]}

    {"spec": {"eval_name": "support.dev.v0", "base_eval": "support", "split": "dev", "run_id": "r1",
     "run_config": {"eval_spec": {"args": {"samples_jsonl": "support/samples.jsonl"}}}, "created_at": "2026-03-01 09:30:00.1"}}
    {"run_id": "r1", "event_id": 0, "sample_id": "support.dev.1", "type": "sampling",
     "data": {"prompt": [{"role": "user", "content": "Where is my parcel?"}], "sampled": ["On its way."]}}
    {"run_id": "r1", "event_id": 1, "sample_id": "support.dev.1", "type": "match",
     "data": {"correct": true, "expected": ["On its way", "On the way"]}, "created_at": "2026-03-01 09:30:01.2+00:00"}

A suite is named by its samples file as the registry names it (`registry/data/support/samples.jsonl` is "support/samples"), a case by its
place in that file, counted from 0 as `oaieval` counts. So the scores of a log meet the cases of the samples whichever is loaded first, and
two evals over one samples file are two metrics of the same cases. A log alone gives the cases too: what its first prompt of each sample asks.

- `match` events score `correct`.
- Of `metrics` events every number from 0 to 1 and every true or false is a score; another number is rejected with its name.
- A registry's YAML names samples and holds none: it is counted as skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from everyturn.model import EvalCase, EvalResult, Json, Rejected, digest
from everyturn.readers import BadRecord, Context, Reader, Sample, Skipped, SkipRecord, fields
from everyturn.readers.attributes import object_attributes, other_fields
from everyturn.readers.eval_questions import question

_NOT_ATTRIBUTES = frozenset({"input", "ideal", "metadata"})
_NAMED = frozenset({"suite", "dataset", "case_id", "scores", "score", "datasetName", "dataset_name"})
_EVENT = frozenset({"run_id", "event_id", "type", "data"})
_ENDING = re.compile(r"(\.(?:jsonl?|gz|zst|csv|ya?ml))+$")
_REGISTRY = re.compile(  # a top-level name and, indented under it, a class or the id of a version
    rb"^[\w.-]+:[ \t]*\n(?:[ \t].*\n)*?[ \t]+(?:class:[ \t]*[\w.]+:\w+|id:[ \t]*[\w-]+\.[\w-]+\.[\w-]+)", re.MULTILINE
)


def _read(record: Json, context: Context) -> Iterator[EvalCase | EvalResult | Rejected | Skipped]:
    if not isinstance(record, dict):
        raise BadRecord(expected="a sample, or a line of a run log", found=fields.describe(record))
    if "registry_entries" in record:
        raise SkipRecord("a registry entry: its cases stand in its samples file")
    if "spec" in record:
        raise SkipRecord("the description of a run")
    if "final_report" in record:
        raise SkipRecord("a run's totals, which its cases give")
    if record.keys() >= _EVENT:
        yield from _event(record, context)
        return
    text = question(record.get("input"))
    if not text:
        raise BadRecord(expected="input: a text or a list of messages", found=fields.describe(record.get("input")))
    attributes = {
        **other_fields(record, _NOT_ATTRIBUTES, context.options),
        **object_attributes(record.get("metadata"), "metadata"),
    }
    yield EvalCase(_suite(context.path), str(context.index), text, _ideal(record.get("ideal")), attributes)


def _ideal(value: Json) -> str | None:
    """One acceptable answer as it is, several as a JSON list."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return None if value is None or value == [] else fields.plain_text(value)


def _suite(path: str, *, is_registered: bool = False) -> str:
    """A samples file's name in its registry: what follows `data`, else its folder and name.

    >>> _suite("/srv/registry/data/support/samples.jsonl"), _suite("evals/support.jsonl.gz"), _suite("support.jsonl")
    ('support/samples', 'evals/support', 'support')
    """
    parts = [part for part in re.split(r"[/\\\\]", path) if part]
    if "data" in parts[:-1]:
        parts = parts[len(parts) - parts[::-1].index("data") :]
    elif not is_registered:
        parts = parts[-2:]
    return _ENDING.sub("", "/".join(parts)) or "samples"


# --- run logs ----------------------------------------------------------------------------------------------------


def _event(record: Mapping[str, Json], context: Context) -> Iterator[EvalCase | EvalResult | Rejected | Skipped]:
    run_id = fields.identifier(record["run_id"], "run_id")
    sample = fields.identifier(record.get("sample_id"), "sample_id")
    data = record["data"]
    if run_id is None or sample is None or not isinstance(data, dict):
        raise BadRecord(expected="run_id, sample_id and an object in data", found=fields.describe(record))
    base, _, number = sample.rpartition(".")
    suite = _suite_of_log(context.header) or base or "samples"
    case_id, at = number or sample, fields.time(record.get("created_at"), "created_at")
    if record["type"] == "sampling":
        if context.occurrence(digest(run_id, sample)):  # the grader's question, not the agent's
            raise SkipRecord("further prompts of a sample")
        text = question(data.get("prompt"))
        if not text:
            raise SkipRecord("prompts without a text")
        yield EvalCase(suite, case_id, text)
        return
    metric = base.partition(".")[0] or "score"
    if record["type"] == "match":
        score = fields.boolean(data.get("correct"), "data.correct")
        if score is not None:
            yield EvalResult(suite, case_id, run_id, metric, float(score), at)
            return
    elif record["type"] == "metrics":
        yield from _metrics(data, (suite, case_id, run_id, metric), at, context)
        return
    yield Skipped("events of a run that score nothing")


def _metrics(
    data: Mapping[str, Json], key: tuple[str, str, str, str], at: Json, context: Context
) -> Iterator[EvalResult | Rejected | Skipped]:
    suite, case_id, run_id, metric = key
    numbers = {name: value for name, value in data.items() if isinstance(value, bool | int | float)}
    if not numbers:
        yield Skipped("events of a run that score nothing")
    for name, value in numbers.items():
        named = f"data.{name}" if name.isidentifier() and len(name) < 40 else "data"
        if 0 <= value <= 1:
            yield EvalResult(
                suite, case_id, run_id, f"{metric}.{name}" if name != "score" else metric, float(value), at
            )
        else:
            yield Rejected(context.where, f"{named}: a score from 0 to 1", f"{value:g}")


def _suite_of_log(header: Json) -> str | None:
    """The suite of the samples a log's first line names, else the eval's own name; None without such a line."""
    spec = header.get("spec") if isinstance(header, dict) else None
    samples = fields.at_path(spec, "run_config.eval_spec.args.samples_jsonl")
    if isinstance(samples, str) and samples:
        return _suite(samples, is_registered=True)
    name = fields.at_path(spec, "base_eval")
    return name if isinstance(name, str) and name else None


# --- recognising -------------------------------------------------------------------------------------------------


def _decode(data: bytes) -> Iterable[Json]:
    yield {"registry_entries": len(_REGISTRY.findall(data))}


def _looks_like(sample: Sample) -> float:
    """How many of the records are samples or lines of a log; for a text without records, whether it is a registry."""
    if not sample.records:
        return 0.9 if _REGISTRY.search(sample.head) else 0.0
    return 0.95 * sample.share(_is_ours)


def _is_ours(record: Json) -> bool:
    if not isinstance(record, dict):
        return False
    if "input" in record:
        return not record.keys().isdisjoint({"ideal", "criteria"}) and record.keys().isdisjoint(_NAMED)
    spec = record.get("spec")
    return (
        (_EVENT | {"sample_id"} <= record.keys())
        or {"final_report", "run_id"} <= record.keys()
        or (isinstance(spec, dict) and "eval_name" in spec and "run_id" in spec)
    )


READER = Reader(
    name="openai-evals",
    kind="evals",
    description="OpenAI Evals: samples, run logs and registry entries",
    looks_like=_looks_like,
    read=_read,
    decode=_decode,
    is_text=True,
)
