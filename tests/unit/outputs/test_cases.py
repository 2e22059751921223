"""Eval cases in each platform's form. The golden files were loaded by the platforms' own packages: scripts/check_vendors."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from everyturn.errors import InputError, MissingPackage, UnknownName
from everyturn.model import Message, ToolCall
from everyturn.outputs.cases import NewCase, formats, suite_name, upload_cases, write_cases
from everyturn.readers.driver import read_paths

GOLDEN = Path(__file__).parents[2] / "golden" / "cases"
NOW = datetime(2027, 1, 1, tzinfo=UTC)
ASKED = ["Can I return a worn shoe?", "Und wenn es regnet, während ich sie trage?", "Where is my parcel? It's “late”."]
CASES = [
    NewCase(
        "cover-1",
        (Message("user", ASKED[0]),),
        "No: only unworn shoes, within 30 days.",
        "A good answer can be used as it stands; here the user changed it first.",
        {"intent": "returns", "conversation_id": "c1", "turn": "0"},
    ),
    NewCase(
        "cover-2",
        (
            Message("system", "Be brief."),
            Message("user", ASKED[0]),
            Message("assistant", None, tool_calls=(ToolCall("t1", "search", {"q": "worn shoe"}),)),
            Message("tool", '{"found": 0}', tool_call_id="t1"),
            Message("assistant", "Please see our terms."),
            Message("user", ASKED[1]),
        ),
        None,
        "A good answer does what was asked; here the user objected.",
        {"intent": "returns", "conversation_id": "c1", "turn": "1"},
    ),
    NewCase("cover-3", (Message("user", ASKED[2]),), None, "A good answer says where the parcel is.", {}),
]
TARGETS = {
    "braintrust": "braintrust.jsonl",
    "jsonl": "jsonl.jsonl",
    "langfuse": "langfuse.jsonl",
    "langsmith": "langsmith.jsonl",
    "openai-evals": "openai-evals",
    "ragas": "ragas.jsonl",
}


def test_every_platform_has_a_golden_file():
    assert sorted(TARGETS) == list(formats())


@pytest.mark.parametrize(("to", "name"), TARGETS.items())
def test_the_files_are_those_the_platforms_loaded(to, name, tmp_path):
    made = write_cases(CASES, tmp_path / name, to=to)
    golden = sorted(p for p in [GOLDEN / name, *(GOLDEN / name).rglob("*")] if p.is_file())
    assert [p.relative_to(GOLDEN) for p in golden] == sorted(p.relative_to(tmp_path) for p in made)
    for path in made:
        assert path.read_bytes() == (GOLDEN / path.relative_to(tmp_path)).read_bytes()


def test_single_questions_make_a_single_turn_ragas_file(tmp_path):
    (path,) = write_cases(CASES[:1], tmp_path / "single.jsonl", to="ragas")
    assert path.read_bytes() == (GOLDEN / "ragas-single.jsonl").read_bytes()


@pytest.mark.parametrize(("to", "name"), TARGETS.items())
def test_what_was_written_is_read_back(to, name):
    cases, rejected = [], []
    for batch in read_paths([GOLDEN / name], kind="evals", now=NOW):
        rejected += batch.rejected
        cases += batch.tables["eval_cases"].to_pylist() if "eval_cases" in batch.tables else []
    assert rejected == []
    asked = [ASKED[0], ASKED[1], ASKED[2]]
    assert [c["input"] for c in cases] == asked
    assert (cases[0]["expected"] or "").endswith(CASES[0].expected) or to == "langsmith"
    assert cases[1]["expected"] is None
    assert len({(c["suite"], c["case_id"]) for c in cases}) == 3


def test_openai_samples_alone_where_a_file_is_named(tmp_path):
    (path,) = write_cases(CASES, tmp_path / "gaps.jsonl", to="openai-evals")
    assert path.read_bytes() == (GOLDEN / "openai-evals/data/openai-evals/samples.jsonl").read_bytes()


def test_nobody_is_sent_to_a_platform_that_is_none(tmp_path):
    with pytest.raises(UnknownName) as error:
        write_cases(CASES, tmp_path / "x.jsonl", to="langsmit")
    assert error.value.try_ == "--to langsmith"
    with pytest.raises(InputError) as error:
        upload_cases(CASES, "gaps", to="ragas")
    assert error.value.expected == "one of braintrust, langfuse, langsmith"


@pytest.mark.parametrize(
    ("to", "dataset", "names"),
    [
        ("braintrust", "shop/gaps", ["BRAINTRUST_API_KEY"]),
        ("langfuse", "gaps", ["LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"]),
        ("langsmith", "gaps", ["LANGSMITH_API_KEY"]),
    ],
)
def test_an_upload_says_what_it_lacks(to, dataset, names, monkeypatch):
    for name in names:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError) as error:
        upload_cases(CASES, dataset, to=to)
    assert error.value.expected == ", ".join(names)
    for name in names:
        monkeypatch.setenv(name, "x")
    monkeypatch.setitem(__import__("sys").modules, to, None)  # as where the package is not installed
    with pytest.raises(MissingPackage) as error:
        upload_cases(CASES, dataset, to=to)
    assert error.value.try_ == f"pip install 'everyturn[{to}]'"


def test_a_braintrust_dataset_stands_in_a_project(monkeypatch):
    monkeypatch.setenv("BRAINTRUST_API_KEY", "x")
    with pytest.raises(InputError, match="project"):
        upload_cases(CASES, "gaps", to="braintrust")


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        write_cases(CASES, tmp_path / "file" / "x.jsonl", to="jsonl")


def test_a_lone_tool_result_stays_out_of_ragas(tmp_path):
    odd = NewCase(
        "c", (Message("tool", "x"), Message("user", "a"), Message("tool", "y"), Message("user", "b")), None, "r"
    )
    (path,) = write_cases([odd], tmp_path / "x.jsonl", to="ragas")
    row = orjson.loads(path.read_bytes())
    assert [m["type"] for m in row["user_input"]] == ["human", "human"]


def test_a_suite_is_named_by_its_file():
    assert suite_name(Path("a/refund gaps.v2.jsonl")) == "refund-gaps"
