"""The walk through every verb runs as it stands, and leaves none out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from everyturn.cli import cli

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "verbs.md").read_text()
LINES = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]


def test_no_verb_is_left_out():
    assert set(cli.commands) - {line.split()[1] for line in LINES} == {"pull"}  # which needs a vendor; tests/unit/pulls
    assert "everyturn pull" in PAGE


@pytest.mark.e2e
def test_every_line_runs(tmp_path):
    script = "set -euo pipefail\n" + "".join(f"echo '>>> {i}' >&2\n{line}\n" for i, line in enumerate(LINES))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=540, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    assert (tmp_path / "page.html").stat().st_size > 100_000
    assert len((tmp_path / "missing.jsonl").read_text().splitlines()) == 10
    assert (tmp_path / "findings.csv").read_text().count("\n") > 4
