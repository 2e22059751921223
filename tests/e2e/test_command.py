"""The installed command as a user meets it: results, ledgers, errors and exit statuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

SECRET = "the parcel from Leipzig never came"  # a message text that no error may repeat


def everyturn(*arguments, cwd, check=None, env=None):
    command = [str(Path(sys.executable).parent / "everyturn"), *map(str, arguments)]
    environment = {**os.environ, "NO_COLOR": "1", **(env or {})}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    assert SECRET not in done.stderr
    if check is not None:
        assert done.returncode == check, done.stdout + done.stderr
    return done


def chat(path, count=30, **more):
    """A small file of conversations: most end in thanks, some in a complaint."""
    lines = []
    for i in range(count):
        reply = "thank you, that is perfect" if i % 3 else "no, that is not what I asked"
        lines.append(
            {
                "conversation_id": f"c{i}",
                "user_id": f"u{i % 15}",
                "metadata": {"plan": ["free", "pro"][i % 2]},
                "messages": [
                    {"role": "user", "content": SECRET, "at": f"2026-09-{1 + i % 28:02d}T10:00:00Z"},
                    {
                        "role": "assistant",
                        "content": "It arrives on Friday.",
                        "at": f"2026-09-{1 + i % 28:02d}T10:00:02Z",
                    },
                    {"role": "user", "content": reply, "at": f"2026-09-{1 + i % 28:02d}T10:01:00Z"},
                    {"role": "assistant", "content": "You are welcome.", "at": f"2026-09-{1 + i % 28:02d}T10:01:02Z"},
                ],
                **more,
            }
        )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_load_prints_the_ledger_and_measure_the_rate(tmp_path):
    chat(tmp_path / "day.jsonl")
    done = everyturn("load", "day.jsonl", "--json", cwd=tmp_path, check=0)
    ledger = json.loads(done.stdout)
    assert (ledger["schema"], ledger["verb"]) == ("everyturn/1", "load")
    assert (ledger["records"], ledger["conversations"], ledger["users"], ledger["rejected"]) == (30, 30, 15, [])
    assert "rework" in ledger["silent_signals"]
    again = json.loads(everyturn("load", "day.jsonl", "--json", cwd=tmp_path, check=0).stdout)
    assert (again["conversations"], again["rejected"]) == (30, [])
    done = everyturn("measure", "acceptance", "--json", cwd=tmp_path, check=0)
    (row,) = json.loads(done.stdout)["rows"]
    assert set(row) == {
        "group", "value", "low", "high", "level", "users", "n", "unknown", "method", "smallest_change", "coming"
    }  # fmt: skip
    assert (row["n"], row["users"]) == (30, 15)
    assert row["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert row["low"] < row["value"] < row["high"]
    assert "67%" in everyturn("measure", "acceptance", cwd=tmp_path, check=0).stdout


def test_too_few_users_is_status_3_and_says_how_many_are_needed(tmp_path):
    chat(tmp_path / "day.jsonl", count=4)
    everyturn("load", "day.jsonl", cwd=tmp_path, check=0)
    done = everyturn("measure", "acceptance", "--json", cwd=tmp_path, check=3)
    assert json.loads(done.stdout)["rows"] == [
        {"group": {}, "not_enough": {"users": 4, "needed": 10}, "smallest_change": None, "coming": 4}
    ]


def test_an_error_has_four_parts_on_stderr_and_status_2(tmp_path):
    chat(tmp_path / "day.jsonl")
    everyturn("load", "day.jsonl", cwd=tmp_path, check=0)
    done = everyturn("measure", "acceptence", cwd=tmp_path, check=2)
    assert done.stdout == ""
    assert done.stderr.splitlines()[0] == 'no signal named "acceptence"'
    assert '  try      "acceptance"' in done.stderr
    done = everyturn("measure", "acceptence", "--json", cwd=tmp_path, check=2)
    assert json.loads(done.stdout)["error"]["try"] == '"acceptance"'


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("empty.jsonl", b"", "empty"),
        ("prose.txt", b"Dear diary, nothing here is a record.\n" * 3, "cannot tell what format"),
        ("missing.jsonl", None, "missing.jsonl"),
        ("bomb.json", b"[" * 200_000, ""),
    ],
)
def test_a_file_that_gives_nothing_is_status_2(tmp_path, name, content, what):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = everyturn("load", name, cwd=tmp_path, check=2)
    assert what in done.stderr + done.stdout
    assert name in done.stderr + done.stdout


def test_good_records_load_beside_bad_ones_and_each_bad_one_is_named(tmp_path):
    path = chat(tmp_path / "day.jsonl", count=12)
    future = json.dumps(
        {
            "conversation_id": "late",
            "user_id": "u",
            "messages": [{"role": "user", "content": SECRET, "at": "2999-01-01T00:00:00Z"}],
        }
    )
    other = json.dumps(
        {"conversation_id": "c1", "user_id": "u1", "messages": [{"role": "user", "content": "something else"}]}
    )
    bad = [
        b'{"conversation_id": "half',
        b"\xff\xfe\xfd",
        b"[" * 5000,
        future.encode(),
        other.encode(),
        b'{"messages": []}',
    ]
    with path.open("ab") as file:
        for line in bad:
            file.write(line + b"\n")
    done = everyturn("load", "day.jsonl", "--json", "--rejected", "bad.csv", cwd=tmp_path, check=0)
    ledger = json.loads(done.stdout)
    assert (ledger["records"], ledger["conversations"]) == (18, 12)
    assert sorted(int(r["where"].rsplit(":", 1)[1].split()[0]) for r in ledger["rejected"]) == [13, 14, 15, 16, 17, 18]
    assert all(r["expected"] for r in ledger["rejected"])
    rejected = (tmp_path / "bad.csv").read_text()
    assert len(rejected.splitlines()) == 7
    assert SECRET not in rejected + done.stdout


def test_on_bad_stop_stores_nothing(tmp_path):
    path = chat(tmp_path / "day.jsonl", count=12)
    with path.open("a") as file:
        file.write("{broken\n")
    done = everyturn("load", "day.jsonl", "--on-bad", "stop", cwd=tmp_path, check=2)
    assert "day.jsonl:13" in done.stderr
    ledger = json.loads(everyturn("load", "day.jsonl", "--json", cwd=tmp_path, check=0).stdout)
    assert ledger["conversations"] == 12


def test_conversations_without_users_give_no_range_but_a_remedy(tmp_path):
    chat(tmp_path / "day.jsonl", user_id=None, metadata={"owner": "x"})
    everyturn("load", "day.jsonl", cwd=tmp_path, check=0)
    done = everyturn("measure", "acceptance", cwd=tmp_path, check=2)
    assert "no user ids" in done.stderr
    assert "--user-id" in done.stderr
    everyturn("measure", "acceptance", "--unit", "conversation", cwd=tmp_path, check=0)


def test_export_and_load_is_the_identity(tmp_path):
    chat(tmp_path / "day.jsonl", feedback=[{"name": "thumb", "value": 1, "label": "up", "comment": None, "turn": 0}])
    everyturn("load", "day.jsonl", cwd=tmp_path, check=0)
    everyturn("export", "conversations", "--to", "first.jsonl", cwd=tmp_path, check=0)
    everyturn("--db", "second.db", "load", "first.jsonl", cwd=tmp_path, check=0)
    everyturn("--db", "second.db", "export", "conversations", "--to", "second.jsonl", cwd=tmp_path, check=0)
    first = (tmp_path / "first.jsonl").read_text()
    assert first == (tmp_path / "second.jsonl").read_text()
    line = json.loads(first.splitlines()[0])
    assert list(line) == ["conversation_id", "user_id", "started_at", "attributes", "messages", "feedback"]
    assert line["feedback"] == [{"name": "thumb", "value": 1.0, "label": "up", "comment": None, "turn": 0}]
    assert everyturn("export", "conversations", "--to", "-", cwd=tmp_path, check=0).stdout == first


def test_outcomes_of_a_warehouse_are_measured_directly(tmp_path):
    rows = ["conversation_id,user_id,started_at,cohort,intent,accepted,edit_share,reworked"]
    rows += [
        f"c{i},u{i % 20},2026-09-{1 + i % 28:02d}T08:00:00Z,{'ab'[i % 2]},refund,{i % 2},,{0 if i % 2 else ''}"
        for i in range(60)
    ]
    (tmp_path / "outcomes.csv").write_text("\n".join(rows) + "\n")
    everyturn("load", "--as", "outcomes", "outcomes.csv", cwd=tmp_path, check=0)
    done = everyturn("measure", "acceptance", "--by", "intent,cohort", "--json", cwd=tmp_path, check=0)
    assert {(r["group"]["intent"], r["group"]["cohort"]): r["value"] for r in json.loads(done.stdout)["rows"]} == {
        ("refund", "a"): 0.0,
        ("refund", "b"): 1.0,
    }


def test_forgetting_a_user_leaves_nothing_of_them(tmp_path):
    chat(tmp_path / "day.jsonl")
    everyturn("load", "day.jsonl", cwd=tmp_path, check=0)
    done = everyturn("forget", "u3", "--json", cwd=tmp_path, check=0)
    assert json.loads(done.stdout)["conversations"] == 2
    everyturn("export", "conversations", "--to", "rest.jsonl", cwd=tmp_path, check=0)
    assert '"u3"' not in (tmp_path / "rest.jsonl").read_text()


def test_help_imports_nothing_heavy(tmp_path):
    command = [sys.executable, "-X", "importtime", str(Path(sys.executable).parent / "everyturn"), "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"duckdb", "pyarrow", "numpy", "sklearn", "rich", "jinja2", "sqlglot", "scipy"}


def test_a_workspace_of_another_version_is_refused(tmp_path):
    import duckdb

    chat(tmp_path / "day.jsonl")
    everyturn("load", "day.jsonl", cwd=tmp_path, check=0)
    with duckdb.connect(tmp_path / "everyturn.db") as connection:
        connection.execute("UPDATE meta SET value = '999' WHERE key = 'schema_version'")
    assert "schema version 999" in everyturn("measure", "acceptance", cwd=tmp_path, check=2).stderr


def test_a_file_that_is_no_workspace_is_refused_and_left_alone(tmp_path):
    path = chat(tmp_path / "day.jsonl")
    before = path.read_bytes()
    assert "not a workspace" in everyturn("--db", "day.jsonl", "measure", "acceptance", cwd=tmp_path, check=2).stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("everyturn mea", ["measure"]),
        ("everyturn measure acc", ["acceptance"]),
        ("everyturn measure acceptance --w", ["--where"]),
        ("everyturn export conv", ["conversations"]),
        ("everyturn show rew", ["rework"]),
        ("everyturn show con", ["conversation", "confusion"]),
        ("everyturn cover --to lang", ["langfuse", "langsmith"]),
        ("everyturn load --as ev", ["evals"]),
    ],
)
def test_the_shell_completes_commands_names_and_options(tmp_path, line, offered):
    words = line.split()
    script = f"""
        PATH={Path(sys.executable).parent}:$PATH
        eval "$(everyturn completion bash)"
        COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}
        _everyturn_completion everyturn
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == offered
