"""The page on checks: its settings are read, and its workflow's steps run as they stand."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from everyturn.config import Budget, read_config

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "checks.md").read_text()


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def test_the_settings_on_the_page_are_read(tmp_path):
    path = tmp_path / "everyturn.toml"
    path.write_text(block("toml"))
    config = read_config(path)
    assert config.cohort == "plan"
    assert config.budgets == (
        Budget("acceptance", least=0.6, by=("intent",)),
        Budget("rework", most=0.2, where="channel = 'web'"),
    )


@pytest.mark.e2e
@pytest.mark.parametrize(("good", "status"), [(9, 0), (2, 1)])
def test_the_workflow_runs_as_it_stands(tmp_path, good, status):
    steps = {s["name"]: s["run"] for s in yaml.safe_load(block("yaml"))["jobs"]["check"]["steps"] if "run" in s}
    assert steps.pop("install") == "python -m pip install everyturn"  # the package under test is installed already
    for folder in ("traces", "evals"):
        (tmp_path / folder).mkdir()
    rows = []
    for i in range(400):
        said = "thanks, that is perfect" if i % 10 < good else "no, that is wrong"
        at = f"2026-09-{1 + i % 28:02d}T08:00:00Z"
        asked, thanked = {"role": "user", "content": "where is my parcel", "at": at}, {"role": "user", "content": said}
        messages = [asked, {"role": "assistant", "content": "On its way."}, thanked]
        rows.append({"conversation_id": f"c{i}", "user_id": f"u{i % 40}", "messages": messages})
    (tmp_path / "traces" / "day.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "evals" / "cases.jsonl").write_text(
        json.dumps({"suite": "s", "case_id": "1", "input": "where is my parcel"}) + "\n"
    )
    (tmp_path / "everyturn.toml").write_text('[[check]]\nsignal = "acceptance"\nmin = 0.6\n')
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "step-summary.md"),
    }
    statuses = {}
    for name, script in steps.items():
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            check=False,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        statuses[name] = done.returncode
        assert "Traceback" not in done.stderr
    assert statuses == {"load": 0, "check": status, "summary": 0}
    assert ("❌ failed" in (tmp_path / "step-summary.md").read_text()) == bool(status)
    assert "<testsuites>" in (tmp_path / "everyturn.xml").read_text()
